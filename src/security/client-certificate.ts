/**
 * Whether a client's certificate lets it in: what BoringSSL found, and what only the Gateway's own lists decide
 * (Istio semantics sheet 1.1, 1.8; Envoy `source/common/tls/cert_validator/default_validator.cc`).
 *
 * Judged once per handshake, on resumed sessions too: a ticket must not outlive the certificate it stands for.
 */
import { createHash, type X509Certificate } from "node:crypto"
import type { ClientCertificatePolicy, NamePattern } from "../compile/snapshot.ts"
import type { HandshakeResult } from "../net/tls-upgrade.ts"
import { type CertificateNames, certificateNames } from "./certificate-names.ts"

/** Why a client is not let in; the names are those of the counter. */
export type RefusalReason =
  | "none-presented"
  | "unknown-issuer"
  | "expired"
  | "not-yet-valid"
  | "revoked"
  | "revocation-unknown"
  | "wrong-purpose"
  | "name-not-allowed"
  | "certificate-not-listed"
  | "not-verified"

/** For the person who is refused. */
export const refusalTexts: Readonly<Record<RefusalReason, string>> = Object.freeze({
  "none-presented": "no client certificate was presented",
  "unknown-issuer": "the client certificate was not issued by an authority that is trusted here",
  expired: "the client certificate has expired",
  "not-yet-valid": "the client certificate is not valid yet",
  revoked: "the client certificate has been revoked",
  "revocation-unknown": "no revocation list covers the issuer of the client certificate",
  "wrong-purpose": "the client certificate was not issued for client authentication",
  "name-not-allowed": "no name in the client certificate is allowed here",
  "certificate-not-listed": "neither the client certificate nor its key is one of those listed here",
  "not-verified": "the client certificate could not be verified",
})

export type ClientVerdict =
  | { readonly kind: "anonymous" }
  | { readonly kind: "accepted"; readonly certificate: X509Certificate; readonly names: CertificateNames }
  | { readonly kind: "refused"; readonly reason: RefusalReason }

const ANONYMOUS: ClientVerdict = Object.freeze({ kind: "anonymous" })

/** BoringSSL's X509_V_ERR names, as Bun spells them. Others are "not-verified". */
const reasonsOfErrors: Readonly<Record<string, RefusalReason>> = Object.freeze({
  UNABLE_TO_GET_ISSUER_CERT: "unknown-issuer",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "unknown-issuer",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "unknown-issuer",
  DEPTH_ZERO_SELF_SIGNED_CERT: "unknown-issuer",
  SELF_SIGNED_CERT_IN_CHAIN: "unknown-issuer",
  CERT_UNTRUSTED: "unknown-issuer",
  CERT_SIGNATURE_FAILURE: "unknown-issuer",
  CERT_HAS_EXPIRED: "expired",
  CERT_NOT_YET_VALID: "not-yet-valid",
  CERT_REVOKED: "revoked",
  UNABLE_TO_GET_CRL: "revocation-unknown",
  CRL_HAS_EXPIRED: "revocation-unknown",
  CRL_NOT_YET_VALID: "revocation-unknown",
  CRL_SIGNATURE_FAILURE: "revocation-unknown",
  INVALID_PURPOSE: "wrong-purpose",
  INVALID_CA: "unknown-issuer",
})

/**
 * @param isRequired the server's mode is MUTUAL; with OPTIONAL_MUTUAL a client may come without a certificate, but not
 *   with a wrong one
 */
export function judgeClient(
  handshake: HandshakeResult,
  policy: ClientCertificatePolicy,
  isRequired: boolean,
  nowUnixMs: number,
): ClientVerdict {
  const { peerCertificate: certificate, verificationError } = handshake
  if (certificate === null) return isRequired ? refused("none-presented") : ANONYMOUS
  const names = certificateNames(certificate.raw)
  const accepted: ClientVerdict = { kind: "accepted", certificate, names }
  if (policy.insecureSkipVerify) return accepted
  if (verificationError !== "") return refused(reasonsOfErrors[verificationError] ?? "not-verified")
  // Again, because a resumed session is not verified anew.
  if (Date.parse(certificate.validTo) < nowUnixMs) return refused("expired")
  if (Date.parse(certificate.validFrom) > nowUnixMs) return refused("not-yet-valid")
  if (!isListed(certificate, policy)) return refused("certificate-not-listed")
  if (!hasAllowedName(names, policy.subjectAltNames)) return refused("name-not-allowed")
  return accepted
}

function refused(reason: RefusalReason): ClientVerdict {
  return { kind: "refused", reason }
}

/** With both lists a match in either suffices. */
function isListed(certificate: X509Certificate, policy: ClientCertificatePolicy): boolean {
  const { certificateHashes, publicKeyHashes } = policy
  if (certificateHashes.length === 0 && publicKeyHashes.length === 0) return true
  if (certificateHashes.length > 0 && certificateHashes.includes(certificateHash(certificate))) return true
  return publicKeyHashes.length > 0 && publicKeyHashes.includes(publicKeyHash(certificate))
}

/** Lower-case hex SHA-256 of the DER. */
export function certificateHash(certificate: X509Certificate): string {
  return certificate.fingerprint256.replaceAll(":", "").toLowerCase()
}

/** Base64 SHA-256 of the SubjectPublicKeyInfo. */
export function publicKeyHash(certificate: X509Certificate): string {
  const spki = certificate.publicKey.export({ type: "spki", format: "der" })
  return createHash("sha256").update(spki).digest("base64")
}

/** Any name of any type may match, as Istio's untyped list means it. DNS names fold case. */
function hasAllowedName(names: CertificateNames, patterns: readonly NamePattern[]): boolean {
  if (patterns.length === 0) return true
  const exactCase = [...names.uris, ...names.emails, ...names.ipAddresses]
  return patterns.some((pattern) => {
    const folded: NamePattern = { kind: pattern.kind, value: pattern.value.toLowerCase() }
    return (
      exactCase.some((name) => matchesPattern(name, pattern)) ||
      names.dnsNames.some((name) => matchesPattern(name.toLowerCase(), folded))
    )
  })
}

function matchesPattern(name: string, pattern: NamePattern): boolean {
  switch (pattern.kind) {
    case "exact":
      return name === pattern.value
    case "prefix":
      return name.startsWith(pattern.value)
    case "suffix":
      return name.endsWith(pattern.value)
  }
}
