/** A connection's handshake as the access log (and `%OPERATORS%` in header values) sees it. */
import type { X509Certificate } from "node:crypto"
import type { Handshake } from "../http/stream.ts"
import { certificateNames } from "../security/certificate-names.ts"
import { certificateHash } from "../security/client-certificate.ts"
import type { LoggedCertificate, LoggedTls } from "../telemetry/access-log-record.ts"

/** A connection's requests ask for the same. */
const logged = new WeakMap<Handshake, LoggedTls>()

export function loggedTls(handshake: Handshake): LoggedTls {
  const known = logged.get(handshake)
  if (known !== undefined) return known
  const { version, cipherSuite, peerCertificate } = handshake
  const facts = {
    version,
    cipherSuite,
    peerCertificate: peerCertificate === null ? null : loggedCertificate(peerCertificate),
  }
  logged.set(handshake, facts)
  return facts
}

function loggedCertificate(certificate: X509Certificate): LoggedCertificate {
  return {
    ...certificateNames(certificate.raw),
    serialNumber: certificate.serialNumber.toLowerCase(),
    fingerprint256: certificateHash(certificate),
    notBeforeUnixMs: Date.parse(certificate.validFrom),
    notAfterUnixMs: Date.parse(certificate.validTo),
  }
}
