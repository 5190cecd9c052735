/**
 * What a server makes of a client's certificate, without a handshake. The judgement is the gateway's own
 * (`security/client-certificate.ts`); only the walk up to a trusted authority, which BoringSSL does in a handshake, is
 * repeated here. Revocation lists are not consulted, and the explanation says so.
 */
import { X509Certificate } from "node:crypto"
import type { FilterChain, HttpFilterChain } from "../compile/snapshot.ts"
import type { HandshakeResult } from "../net/tls-upgrade.ts"
import type { CheckedCredentials } from "../security/check-credentials.ts"
import { type ClientVerdict, judgeClient, refusalTexts } from "../security/client-certificate.ts"
import { forwardedClientCert } from "../security/forwarded-client-cert.ts"

/** Certificates between a client's own and an authority. */
const chainLengthMax = 10
/** `id-kp-clientAuth` */
const clientAuthenticationOid = "1.3.6.1.5.5.7.3.2"

/** What the TLS servers of a snapshot are served with, as far as it is known. */
export type KnownCredentials = ReadonlyMap<FilterChain, CheckedCredentials>

export interface ExplainedClient {
  /** null = no certificate is asked for. */
  readonly verdict: ClientVerdict | null
  /** null = there is no TLS. */
  readonly handshake: HandshakeResult | null
  /** Value of `x-forwarded-client-cert`; "" = none. */
  readonly forwardedClientCert: string
  /** Whether the handshake fails, so that no request comes through. */
  readonly isConnectionClosed: boolean
  readonly notes: readonly string[]
}

/** @returns the client's own certificate first, as in a file that a client would be given. */
export function readCertificates(pem: string): readonly X509Certificate[] | { readonly error: string } {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? []
  if (blocks.length === 0) return { error: "there is no certificate in it" }
  try {
    return blocks.map((block) => new X509Certificate(block))
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) }
  }
}

/**
 * @param shown the client's certificate and those between it and an authority; empty = none
 * @param credentials undefined = not known here
 */
export function explainClient(
  chain: HttpFilterChain,
  shown: readonly X509Certificate[],
  credentials: CheckedCredentials | undefined,
  nowUnixMs: number,
): ExplainedClient {
  const { tls } = chain
  if (tls === null) return unasked(shown, "there is no TLS here")
  if (credentials !== undefined && credentials.material === null) {
    const [finding] = credentials.findings.filter(({ isFatal }) => isFatal)
    return {
      ...known(null),
      isConnectionClosed: true,
      notes: [`the connection is closed: ${finding?.message ?? "there is no certificate to serve with"}`],
    }
  }
  const policy = tls.clientCertificates
  if (policy === null) return { ...unasked(shown, "this server asks for none"), handshake: ANONYMOUS_HANDSHAKE }
  const material = credentials?.material ?? null
  const [certificate = null] = shown
  const verificationError = certificate === null ? "" : whyUnverified(shown, material?.authoritiesPem ?? [], nowUnixMs)
  const handshake = { ...ANONYMOUS_HANDSHAKE, peerCertificate: certificate, verificationError }
  const verdict = judgeClient(handshake, policy, tls.mode === "mutual", nowUnixMs)
  switch (verdict.kind) {
    case "anonymous":
      return { ...known(verdict), handshake }
    case "accepted": {
      const value = forwardedClientCert(verdict.certificate, verdict.names, material?.serverUris ?? [])
      const hasLists = (material?.revocationListsPem.length ?? 0) > 0
      return { ...known(verdict, value), handshake, notes: hasLists ? ["revocation lists were not consulted"] : [] }
    }
    case "refused": {
      const isConnectionClosed = policy.rejection === "handshake"
      const what = isConnectionClosed ? "the handshake fails" : "nothing is routed"
      return { ...known(verdict), handshake, isConnectionClosed, notes: [`${what}: ${refusalTexts[verdict.reason]}`] }
    }
  }
}

/** A client never sends a certificate unasked: who gave one here may have meant another server. */
function unasked(shown: readonly X509Certificate[], why: string): ExplainedClient {
  return shown.length === 0 ? known(null) : { ...known(null), notes: [`the client certificate is not sent: ${why}`] }
}

function known(verdict: ClientVerdict | null, forwarded = ""): ExplainedClient {
  return { verdict, handshake: null, forwardedClientCert: forwarded, isConnectionClosed: false, notes: [] }
}

/** What would be agreed on is for the client to say. */
const ANONYMOUS_HANDSHAKE: HandshakeResult = Object.freeze({
  alpnProtocol: "",
  peerCertificate: null,
  verificationError: "",
  version: "",
  cipherSuite: "",
})

/** BoringSSL's name of what is wrong, found in its order: whether there is a chain, what it is for, its time; "" = nothing. */
function whyUnverified(
  shown: readonly X509Certificate[],
  authoritiesPem: readonly string[],
  nowUnixMs: number,
): string {
  const chain = chainOf(shown, authoritiesPem)
  if (chain === null) return "UNABLE_TO_GET_ISSUER_CERT_LOCALLY"
  if (!chain.every(mayIdentifyClients)) return "INVALID_PURPOSE"
  if (chain.some(({ validFrom }) => Date.parse(validFrom) > nowUnixMs)) return "CERT_NOT_YET_VALID"
  if (chain.some(({ validTo }) => Date.parse(validTo) < nowUnixMs)) return "CERT_HAS_EXPIRED"
  return ""
}

/** From the client's own certificate to an authority; null = it does not lead to one. */
function chainOf(
  shown: readonly X509Certificate[],
  authoritiesPem: readonly string[],
): readonly X509Certificate[] | null {
  const authorities = authoritiesPem.flatMap((pem) => {
    const read = readCertificates(pem)
    return "error" in read ? [] : read
  })
  const chain: X509Certificate[] = []
  let current = shown[0]
  while (current !== undefined && chain.length < chainLengthMax) {
    const subject: X509Certificate = current
    chain.push(subject)
    const authority = authorities.find((candidate) => isIssuedBy(subject, candidate))
    if (authority !== undefined) return [...chain, authority]
    current = shown.find((candidate) => candidate !== subject && isIssuedBy(subject, candidate))
  }
  return null
}

/** RFC 5280 section 4.2.1.12: without the extension a certificate is for everything; of authorities it says the same. */
function mayIdentifyClients(certificate: X509Certificate): boolean {
  const purposes: readonly string[] | undefined = certificate.keyUsage
  return purposes === undefined || purposes.includes(clientAuthenticationOid)
}

function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey)
}
