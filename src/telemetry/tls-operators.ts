/**
 * Operators for what the client's TLS handshake came to: how it is protected, and who showed a certificate, accepted or
 * not. Where the gateway terminates no TLS there is nothing (Envoy `access_log/usage.rst`, `%DOWNSTREAM_TLS_…%` and
 * `%DOWNSTREAM_PEER_…%`).
 */
import type { LoggedCertificate, ReadValue } from "./access-log-record.ts"
import { compileTime } from "./start-time.ts"

type ReadCertificate = (certificate: LoggedCertificate) => string

export const tlsOperators: ReadonlyMap<string, ReadValue> = new Map<string, ReadValue>([
  ["DOWNSTREAM_TLS_VERSION", (record) => record.downstreamTls?.version ?? null],
  ["DOWNSTREAM_TLS_CIPHER", (record) => record.downstreamTls?.cipherSuite ?? null],
  ["DOWNSTREAM_PEER_SUBJECT", ofCertificate(({ subject }) => subject)],
  ["DOWNSTREAM_PEER_ISSUER", ofCertificate(({ issuer }) => issuer)],
  ["DOWNSTREAM_PEER_SERIAL", ofCertificate(({ serialNumber }) => serialNumber)],
  ["DOWNSTREAM_PEER_FINGERPRINT_256", ofCertificate(({ fingerprint256 }) => fingerprint256)],
  ["DOWNSTREAM_PEER_URI_SAN", ofCertificate(({ uris }) => uris.join(","))],
  ["DOWNSTREAM_PEER_DNS_SAN", ofCertificate(({ dnsNames }) => dnsNames.join(","))],
])

/** Those that take a format of time, as `%START_TIME%` does. */
export const certificateTimeOperators: ReadonlyMap<string, (certificate: LoggedCertificate) => number> = new Map([
  ["DOWNSTREAM_PEER_CERT_V_START", ({ notBeforeUnixMs }: LoggedCertificate) => notBeforeUnixMs],
  ["DOWNSTREAM_PEER_CERT_V_END", ({ notAfterUnixMs }: LoggedCertificate) => notAfterUnixMs],
])

export function compileCertificateTime(
  readTime: (certificate: LoggedCertificate) => number,
  format: string,
): ReadValue | { readonly error: string } {
  const time = compileTime(format)
  if (typeof time !== "function") return time
  return ofCertificate((certificate) => time(readTime(certificate)))
}

function ofCertificate(read: ReadCertificate): ReadValue {
  return (record) => {
    const certificate = record.downstreamTls?.peerCertificate ?? null
    const value = certificate === null ? "" : read(certificate)
    return value === "" ? null : value
  }
}
