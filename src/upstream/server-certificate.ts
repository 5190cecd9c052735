/**
 * Whether a server's certificate is good enough for a DestinationRule's `tls` (Istio semantics sheet 6.7), and how Envoy
 * would word it when it is not.
 */
import type { X509Certificate } from "node:crypto"
import { isIP } from "node:net"
import type { UpstreamTls } from "../compile/cluster-policies.ts"
import type { ServerHandshake } from "../net/tls-client.ts"

/** BoringSSL's packed code of CERTIFICATE_VERIFY_FAILED: library 16, reason 125. */
const verifyFailed = "268435581:SSL routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED"

/**
 * @param host of the request, without its port
 * @returns the transport failure reason; "" = requests may be sent.
 */
export function judgeHandshake(tls: UpstreamTls, handshake: ServerHandshake, host: string): string {
  if (handshake.kind === "failed") return connectionReason(handshake.text)
  if (tls.insecureSkipVerify) return ""
  if (handshake.chainProblem !== "") {
    return reasonText(
      `${verifyFailed}:verify cert failed: X509_verify_cert: certificate verification error: ${handshake.chainProblem}`,
    )
  }
  const wanted = tls.verifiesHost ? [host] : tls.subjectAltNames
  if (wanted.length === 0 || wanted.some((name) => hasName(handshake.certificate, name))) return ""
  return reasonText(`${verifyFailed}:verify cert failed: verify SAN list`)
}

/** `TLS_error:|CODE:…:TLS_error_end`, CODE in decimal as Envoy prints it. */
function reasonText(text: string): string {
  return `TLS_error:|${text}:TLS_error_end`
}

/** @param text BoringSSL's `error:HEX:library:function:reason`; "" = the server closed the connection. */
function connectionReason(text: string): string {
  const [, hex, rest] = /^error:([0-9a-f]+):(.*)$/.exec(text) ?? []
  if (hex === undefined || rest === undefined) return reasonText("connection closed during the handshake")
  return reasonText(`${Number.parseInt(hex, 16)}:${rest}`)
}

/** What could be a DNS name: anything else would make `checkHost` throw, or mean a whole domain to it (`.example`). */
const dnsName = /^[A-Za-z0-9_-][A-Za-z0-9._-]*$/

/** Whether one of the certificate's names of any type is `wanted`; the common name is not a name (RFC 9525 section 2). */
function hasName(certificate: X509Certificate, wanted: string): boolean {
  if (isIP(wanted) !== 0) return certificate.checkIP(wanted) !== undefined
  if (dnsName.test(wanted)) return certificate.checkHost(wanted, { subject: "never" }) !== undefined
  return otherNames(certificate).includes(wanted)
}

/** URIs and email addresses. A value that could be taken for more than one name is quoted in the list, so never equal. */
function otherNames(certificate: X509Certificate): readonly string[] {
  return (certificate.subjectAltName ?? "").split(", ").flatMap((name) => /^(?:URI|email):(.+)$/s.exec(name)?.[1] ?? [])
}
