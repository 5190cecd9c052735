/**
 * What a server's handshakes are made with, once per server and reused for every connection: certificates and keys,
 * trusted authorities, versions, ciphers. Session tickets are sealed with a key of the context, so none can be resumed
 * with another server.
 */
import { createSecureContext, type SecureContextOptions, type SecureVersion } from "node:tls"

export interface CertificateWithKey {
  /** The server's own certificate, then its intermediates. */
  readonly certificatePem: string
  readonly privateKeyPem: string
}

export interface TlsContextOptions {
  /** At least one; with an RSA and an ECDSA one the client's abilities decide. */
  readonly certificates: readonly CertificateWithKey[]
  /** What client certificates are verified against, one PEM block each; empty where none are asked for. */
  readonly authoritiesPem: readonly string[]
  /** One PEM block each. With any, a certificate without a list of its issuer does not verify. */
  readonly revocationListsPem: readonly string[]
  readonly versionMin: SecureVersion
  readonly versionMax: SecureVersion
  /** TLS 1.2 and below, as BoringSSL writes them; "" = its own. */
  readonly cipherSuites: string
  /** Key exchange groups; "" = BoringSSL's own. */
  readonly curves: string
}

/** Only this room looks inside. */
export interface TlsContext {
  readonly native: object
}

/** @returns what BoringSSL says is wrong, as text, instead of a context. */
export function createTlsContext(options: TlsContextOptions): TlsContext | string {
  const { certificates, authoritiesPem, revocationListsPem, cipherSuites, curves } = options
  const given: SecureContextOptions = {
    key: certificates.map(({ privateKeyPem }) => privateKeyPem),
    cert: certificates.map(({ certificatePem }) => certificatePem),
    minVersion: options.versionMin,
    maxVersion: options.versionMax,
    // As Envoy does: otherwise the order of `cipherSuites` says nothing.
    honorCipherOrder: true,
    ...(authoritiesPem.length === 0 ? {} : { ca: [...authoritiesPem] }),
    ...(revocationListsPem.length === 0 ? {} : { crl: [...revocationListsPem] }),
    ...(cipherSuites === "" ? {} : { ciphers: cipherSuites }),
    ...(curves === "" ? {} : { ecdhCurve: curves }),
  }
  try {
    const { context } = createSecureContext(given)
    return typeof context === "object" && context !== null ? { native: context } : "this Bun makes no secure contexts"
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
