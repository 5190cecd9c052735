/**
 * `x-forwarded-client-cert`: what an upstream learns of the client's certificate, at Istio's gateway default of
 * SANITIZE_SET (Istio semantics sheet 4.2; Envoy `ConnectionManagerUtility::mutateXfccRequestHeader`).
 */
import type { X509Certificate } from "node:crypto"
import type { CertificateNames } from "./certificate-names.ts"
import { certificateHash } from "./client-certificate.ts"

/**
 * The header's value: one element. Made once per connection.
 * @param gatewayUris URI names in the gateway's own certificate
 */
export function forwardedClientCert(
  certificate: X509Certificate,
  names: CertificateNames,
  gatewayUris: readonly string[],
): string {
  const uris = names.uris.length === 0 ? [""] : names.uris
  return [
    ...gatewayUris.map((uri) => `By=${quoted(uri)}`),
    `Hash=${certificateHash(certificate)}`,
    `Cert="${encodedPem(certificate)}"`,
    // RFC 2253 has escaped quotes already.
    `Subject="${names.subject}"`,
    ...uris.map((uri) => `URI=${quoted(uri)}`),
    ...names.dnsNames.map((name) => `DNS=${quoted(name)}`),
  ].join(";")
}

/**
 * Envoy's documentation has values with `,` or `;` in double quotes; its code trusts that names have none. A name that
 * could forge a further pair or another header line is not left to trust here.
 */
function quoted(value: string): string {
  const printable = value.replace(/[^\x20-\x7e]/g, (character) => encodeURIComponent(character))
  return /[,;"]/.test(printable) ? `"${printable.replace(/["\\]/g, "\\$&")}"` : printable
}

/** With the line feeds OpenSSL writes, the last one too. */
function encodedPem(certificate: X509Certificate): string {
  const base64 = certificate.raw.toString("base64").replace(/(.{64})(?=.)/g, "$1\n")
  const pem = `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`
  return pem.replace(/[\n +/=]/g, (character) => encodeURIComponent(character))
}
