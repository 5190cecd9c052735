/**
 * Certificates and keys for TLS to the upstreams: read from files or from a secret, made into a context once, and again
 * when they change. A missing or broken one fails the connection, never the process, and never falls back to plaintext.
 */
import { readFileSync } from "node:fs"
import { getCACertificates } from "node:tls"
import type { UpstreamTls } from "../compile/cluster-policies.ts"
import { createTlsContext, type TlsContext } from "../net/tls-context.ts"

/** PEM texts; "" = there is none. */
export interface SecretMaterial {
  readonly certificatePem: string
  readonly privateKeyPem: string
  readonly authoritiesPem: string
  readonly revocationListPem: string
}

/** @returns null when there is no such secret. */
export type FindSecret = (credentialName: string, namespace: string) => SecretMaterial | null

/** Envoy's words for a secret that has not come (yet). */
const secretMissing = "TLS error: Secret is not supplied by SDS"
/** Changed files are seen this much later at most. */
const recheckMs = 1_000

export class UpstreamTlsContext {
  readonly #tls: UpstreamTls
  readonly #findSecret: FindSecret
  #material: SecretMaterial | null = null
  #context: TlsContext | string = secretMissing
  #checkedAtMs = Number.NEGATIVE_INFINITY

  constructor(tls: UpstreamTls, findSecret: FindSecret) {
    this.#tls = tls
    this.#findSecret = findSecret
  }

  /** @returns the transport failure reason instead of a context. */
  get(nowMs: number): TlsContext | string {
    if (nowMs - this.#checkedAtMs < recheckMs) return this.#context
    this.#checkedAtMs = nowMs
    const material = this.#readMaterial()
    if (typeof material === "string") {
      // What was good before goes on serving: files are replaced one by one.
      if (this.#material === null) this.#context = material
      return this.#context
    }
    if (this.#material !== null && isSame(this.#material, material)) return this.#context
    const context = this.#createContext(material)
    if (typeof context === "string" && this.#material !== null) return this.#context
    if (typeof context !== "string") this.#material = material
    this.#context = context
    return context
  }

  #createContext(material: SecretMaterial): TlsContext | string {
    const { certificatePem, privateKeyPem } = material
    const authoritiesPem = authoritiesOf(material.authoritiesPem)
    // With none BoringSSL would trust whatever it trusts by itself.
    if (material.authoritiesPem !== "" && authoritiesPem.length === 0)
      return "TLS error: no certificate in the authorities"
    const context = createTlsContext({
      certificates: this.#tls.isMutual ? [{ certificatePem, privateKeyPem }] : [],
      authoritiesPem,
      revocationListsPem: pemBlocks(material.revocationListPem),
      versionMin: "TLSv1.2",
      versionMax: "TLSv1.3",
      cipherSuites: "",
      curves: "",
    })
    return typeof context === "string" ? `TLS error: ${context}` : context
  }

  #readMaterial(): SecretMaterial | string {
    const tls = this.#tls
    const material = tls.credentialName === "" ? readFiles(tls) : this.#findSecret(tls.credentialName, tls.namespace)
    if (material === null) return secretMissing
    if (typeof material === "string") return material
    return tls.isMutual && (material.certificatePem === "" || material.privateKeyPem === "") ? secretMissing : material
  }
}

function readFiles(tls: UpstreamTls): SecretMaterial | string {
  const texts: string[] = []
  for (const path of [tls.clientCertificateFile, tls.privateKeyFile, tls.caCertificatesFile, tls.caCrlFile]) {
    const text = path === "" ? "" : readText(path)
    if (text === null) return `TLS error: cannot read ${path}`
    texts.push(text)
  }
  const [certificatePem = "", privateKeyPem = "", authoritiesPem = "", revocationListPem = ""] = texts
  return { certificatePem, privateKeyPem, authoritiesPem, revocationListPem }
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, "utf8")
  } catch {
    // The caller says which file; the system's word for it adds nothing that a look at the file would not.
    return null
  }
}

/** The system's roots where nothing else is given; those that Bun carries where the system has none. */
function authoritiesOf(pem: string): readonly string[] {
  return pem === "" ? getCACertificates("system") : pemBlocks(pem)
}

function pemBlocks(pem: string): readonly string[] {
  return pem.match(/-----BEGIN [^-]+-----[^-]+-----END [^-]+-----/g) ?? []
}

function isSame(left: SecretMaterial, right: SecretMaterial): boolean {
  return (
    left.certificatePem === right.certificatePem &&
    left.privateKeyPem === right.privateKeyPem &&
    left.authoritiesPem === right.authoritiesPem &&
    left.revocationListPem === right.revocationListPem
  )
}
