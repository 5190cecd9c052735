/**
 * What a server makes of a client's certificate, without a handshake. The judgement is the gateway's own
 * (`security/client-certificate.ts`); only the walk up to a trusted authority, which BoringSSL does in a handshake, is
 * repeated here. Revocation lists are not consulted, and the explanation says so.
 */
import { X509Certificate } from "node:crypto"
import type { FilterChain, HttpFilterChain } from "../compile/snapshot.ts"
import type { CheckedCredentials } from "../security/check-credentials.ts"
import { type ClientVerdict, judgeClient, refusalTexts } from "../security/client-certificate.ts"
import { forwardedClientCert } from "../security/forwarded-client-cert.ts"

/** Certificates between a client's own and an authority. */
const chainLengthMax = 10

/** What the TLS servers of a snapshot are served with, as far as it is known. */
export type KnownCredentials = ReadonlyMap<FilterChain, CheckedCredentials>

export interface ExplainedClient {
  /** null = no certificate is asked for. */
  readonly verdict: ClientVerdict | null
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
  if (tls === null) return known(null)
  if (credentials !== undefined && credentials.material === null) {
    const [finding] = credentials.findings.filter(({ isFatal }) => isFatal)
    return {
      ...known(null),
      isConnectionClosed: true,
      notes: [`the connection is closed: ${finding?.message ?? "there is no certificate to serve with"}`],
    }
  }
  const policy = tls.clientCertificates
  if (policy === null) return known(null)
  const material = credentials?.material ?? null
  const [certificate = null] = shown
  const verificationError = certificate === null ? "" : whyUnverified(shown, material?.authoritiesPem ?? [])
  const handshake = { alpnProtocol: "", peerCertificate: certificate, verificationError }
  const verdict = judgeClient(handshake, policy, tls.mode === "mutual", nowUnixMs)
  switch (verdict.kind) {
    case "anonymous":
      return known(verdict)
    case "accepted": {
      const value = forwardedClientCert(verdict.certificate, verdict.names, material?.serverUris ?? [])
      const hasLists = (material?.revocationListsPem.length ?? 0) > 0
      return { ...known(verdict, value), notes: hasLists ? ["revocation lists were not consulted"] : [] }
    }
    case "refused": {
      const isConnectionClosed = policy.rejection === "handshake"
      const what = isConnectionClosed ? "the handshake fails" : "nothing is routed"
      return { ...known(verdict), isConnectionClosed, notes: [`${what}: ${refusalTexts[verdict.reason]}`] }
    }
  }
}

function known(verdict: ClientVerdict | null, forwarded = ""): ExplainedClient {
  return { verdict, forwardedClientCert: forwarded, isConnectionClosed: false, notes: [] }
}

/** BoringSSL's name of what is wrong; "" = the chain ends at one of the authorities. */
function whyUnverified(shown: readonly X509Certificate[], authoritiesPem: readonly string[]): string {
  const authorities = authoritiesPem.flatMap((pem) => {
    const read = readCertificates(pem)
    return "error" in read ? [] : read
  })
  let current = shown[0]
  for (let length = 0; current !== undefined && length < chainLengthMax; length++) {
    const subject: X509Certificate = current
    if (authorities.some((authority) => isIssuedBy(subject, authority))) return ""
    current = shown.find((candidate) => candidate !== subject && isIssuedBy(subject, candidate))
  }
  return "UNABLE_TO_GET_ISSUER_CERT_LOCALLY"
}

function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey)
}
