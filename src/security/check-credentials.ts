/**
 * Whether credentials can serve, looked at when they are loaded and not when the first client comes: PEM that parses, a
 * key that fits, a chain in order, dates, and names that cover the server's hosts. Pure but for parsing.
 */
import { createPrivateKey, X509Certificate } from "node:crypto"
import { covers } from "../compile/host-names.ts"
import type { TlsContextOptions } from "../net/tls-context.ts"
import { certificateNames } from "./certificate-names.ts"
import type { ReadAuthorities, ReadCertificate, ReadCredentials } from "./read-credentials.ts"

export type CredentialFindingCode =
  /** A secret or file is not there. */
  | "P4001"
  /** It is there and cannot be used. */
  | "P4002"
  /** Expired or not yet valid. */
  | "P4003"
  | "P4004"
  /** A host of the server is not among the certificate's names. */
  | "P4005"
  /** The chain is not in order. */
  | "P4006"

export interface CredentialFinding {
  readonly code: CredentialFindingCode
  readonly message: string
  /** The server cannot be served with these credentials. */
  readonly isFatal: boolean
}

/** What `/certs` shows of one certificate. */
export interface CertificateSummary {
  readonly origin: string
  readonly use: "server" | "authority"
  readonly subject: string
  readonly subjectAltNames: readonly string[]
  readonly serialNumber: string
  readonly validFromUnixMs: number
  readonly validToUnixMs: number
  readonly certificatePem: string
}

export interface CheckedCredentials {
  /** null = cannot be served: a finding says why. */
  readonly material: CredentialMaterial | null
  readonly certificates: readonly CertificateSummary[]
  readonly findings: readonly CredentialFinding[]
}

export interface CredentialMaterial
  extends Pick<TlsContextOptions, "certificates" | "authoritiesPem" | "revocationListsPem"> {
  /** URI names in the server's own certificates, for `x-forwarded-client-cert`. */
  readonly serverUris: readonly string[]
}

const DAY_MS = 86_400_000
const EXPIRES_SOON_MS = 30 * DAY_MS

/** @param hosts of the server, `*` and `*.suffix` among them */
export function checkCredentials(
  read: ReadCredentials,
  hosts: readonly string[],
  nowUnixMs: number,
): CheckedCredentials {
  const findings: CredentialFinding[] = read.problems.map((message) => ({ code: "P4001", message, isFatal: true }))
  const certificates: CertificateSummary[] = []
  const serverUris: string[] = []
  const dnsNames: string[] = []
  for (const certificate of read.certificates) {
    const chain = checkServerCertificate(certificate, nowUnixMs, findings)
    const [leaf] = chain
    if (leaf === undefined) continue
    const names = certificateNames(leaf.raw)
    serverUris.push(...names.uris)
    dnsNames.push(...names.dnsNames, ...names.ipAddresses)
    certificates.push(...chain.map((each) => summarize(each, certificate.origin, "server")))
  }
  if (certificates.length > 0) checkHosts(hosts, dnsNames, findings)
  const { authorities } = read
  const bundle = authorities === null ? null : checkAuthorities(authorities, nowUnixMs, findings)
  if (authorities !== null && bundle !== null) {
    certificates.push(...bundle.certificates.map((each) => summarize(each, authorities.origin, "authority")))
  }
  const isUsable = findings.every(({ isFatal }) => !isFatal)
  return {
    material: isUsable
      ? {
          certificates: read.certificates,
          authoritiesPem: bundle?.authoritiesPem ?? [],
          revocationListsPem: bundle?.revocationListsPem ?? [],
          serverUris,
        }
      : null,
    certificates,
    findings,
  }
}

/** @returns the chain, the server's own certificate first; empty when it does not parse. */
function checkServerCertificate(
  { certificatePem, privateKeyPem, origin }: ReadCertificate,
  nowUnixMs: number,
  findings: CredentialFinding[],
): readonly X509Certificate[] {
  const broken = (message: string): void => {
    findings.push({ code: "P4002", message: `${origin}: ${message}`, isFatal: true })
  }
  const chain = parseCertificates(certificatePem)
  const [leaf] = typeof chain === "string" ? [] : chain
  if (typeof chain === "string" || leaf === undefined) {
    broken(typeof chain === "string" ? `the certificate ${chain}` : "holds no certificate")
    return []
  }
  const key = parsePrivateKey(privateKeyPem)
  if (key === null) broken("the private key does not parse as PEM")
  else if (!leaf.checkPrivateKey(key)) broken("the private key does not belong to the certificate")
  for (const [index, certificate] of chain.entries()) {
    const issuer = chain[index + 1]
    if (issuer !== undefined && !certificate.checkIssued(issuer)) {
      const message = `certificate ${index + 2} of the chain did not issue certificate ${index + 1}: clients may not trust it`
      findings.push({ code: "P4006", message: `${origin}: ${message}`, isFatal: false })
    }
    checkDates(certificate, `${origin}: ${index === 0 ? "the certificate" : "an intermediate"}`, nowUnixMs, findings)
  }
  return chain
}

interface AuthorityBundle {
  readonly certificates: readonly X509Certificate[]
  readonly authoritiesPem: readonly string[]
  readonly revocationListsPem: readonly string[]
}

function checkAuthorities(
  { authoritiesPem, revocationListsPem, origin }: ReadAuthorities,
  nowUnixMs: number,
  findings: CredentialFinding[],
): AuthorityBundle | null {
  const broken = (message: string): null => {
    findings.push({ code: "P4002", message: `${origin}: ${message}`, isFatal: true })
    return null
  }
  const certificates = parseCertificates(authoritiesPem)
  if (typeof certificates === "string") return broken(`an authority's certificate ${certificates}`)
  if (certificates.length === 0) return broken("holds no authority's certificate")
  const lists = pemBlocks(revocationListsPem, "X509 CRL")
  if (revocationListsPem.trim() !== "" && lists.length === 0) return broken("the revocation list is not PEM")
  for (const certificate of certificates) checkDates(certificate, `${origin}: an authority`, nowUnixMs, findings)
  return { certificates, authoritiesPem: pemBlocks(authoritiesPem, "CERTIFICATE"), revocationListsPem: lists }
}

/** As Istio: told, and served all the same. */
function checkDates(
  certificate: X509Certificate,
  what: string,
  nowUnixMs: number,
  findings: CredentialFinding[],
): void {
  const validToUnixMs = Date.parse(certificate.validTo)
  const day = Number.isFinite(validToUnixMs) ? new Date(validToUnixMs).toISOString().slice(0, 10) : certificate.validTo
  const add = (code: "P4003" | "P4004", message: string): void => {
    findings.push({ code, message: `${what} ${message}`, isFatal: false })
  }
  if (validToUnixMs < nowUnixMs) add("P4003", `expired on ${day}`)
  else if (Date.parse(certificate.validFrom) > nowUnixMs) add("P4003", `is valid from ${certificate.validFrom} only`)
  else if (validToUnixMs < nowUnixMs + EXPIRES_SOON_MS) {
    add("P4004", `expires on ${day}, in ${Math.floor((validToUnixMs - nowUnixMs) / DAY_MS)} days`)
  }
}

function checkHosts(hosts: readonly string[], names: readonly string[], findings: CredentialFinding[]): void {
  const folded = names.map((name) => name.toLowerCase())
  const uncovered = hosts.filter((host) => host !== "*" && !folded.some((name) => certifies(name, host)))
  if (uncovered.length === 0) return
  const has = names.length === 0 ? "none" : names.join(", ")
  const message = `no certificate of this server has the name ${uncovered.join(", ")} (it has ${has}): clients will refuse it`
  findings.push({ code: "P4005", message, isFatal: false })
}

/** RFC 6125: a certificate's wildcard stands for one label; a server's for any depth, so it is covered by its equal. */
function certifies(name: string, host: string): boolean {
  if (name === host) return true
  if (!name.startsWith("*.") || host.startsWith("*")) return false
  return covers(name, host) && !host.slice(0, host.length - name.length + 1).includes(".")
}

function summarize(certificate: X509Certificate, origin: string, use: CertificateSummary["use"]): CertificateSummary {
  const names = certificateNames(certificate.raw)
  return {
    origin,
    use,
    subject: names.subject,
    subjectAltNames: [...names.dnsNames, ...names.uris, ...names.ipAddresses, ...names.emails],
    serialNumber: certificate.serialNumber.toLowerCase(),
    validFromUnixMs: Date.parse(certificate.validFrom),
    validToUnixMs: Date.parse(certificate.validTo),
    certificatePem: certificate.toString(),
  }
}

/** @returns the end of a sentence about what is wrong, instead. */
function parseCertificates(pem: string): readonly X509Certificate[] | string {
  const blocks = pemBlocks(pem, "CERTIFICATE")
  if (blocks.length === 0) return "is not PEM"
  try {
    return blocks.map((block) => new X509Certificate(block))
  } catch {
    // BoringSSL's own words say nothing that helps here.
    return "is PEM, but not a certificate"
  }
}

function parsePrivateKey(pem: string): ReturnType<typeof createPrivateKey> | null {
  try {
    return createPrivateKey(pem)
  } catch {
    // Encrypted keys too: there is nobody to ask for a passphrase.
    return null
  }
}

/** The blocks of one label, in order. */
function pemBlocks(text: string, label: string): readonly string[] {
  const begin = `-----BEGIN ${label}-----`
  const end = `-----END ${label}-----`
  const blocks: string[] = []
  for (let start = text.indexOf(begin); start >= 0; start = text.indexOf(begin, start + 1)) {
    const stop = text.indexOf(end, start)
    if (stop < 0) break
    blocks.push(`${text.slice(start, stop)}${end}\n`)
  }
  return blocks
}
