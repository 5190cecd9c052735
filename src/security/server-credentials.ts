/**
 * The credentials one server serves with, over its life: new ones take over for new handshakes, broken new ones leave
 * the old ones serving (Istio semantics sheet 1.11). Connections keep the context they were made with.
 */
import type { DownstreamTls } from "../compile/snapshot.ts"
import { createTlsContext, type TlsContext } from "../net/tls-context.ts"
import type { CertificateSummary, CheckedCredentials, CredentialMaterial } from "./check-credentials.ts"

export class ServerCredentials {
  readonly tls: DownstreamTls
  /** null = there is nothing to serve with: connections are closed. */
  context: TlsContext | null = null
  /** URI names of the certificate in service. */
  serverUris: readonly string[] = []
  /** Those in service. */
  certificates: readonly CertificateSummary[] = []
  /** What is wrong with the newest ones; "" = they are in service. */
  problem = ""
  #inService: CredentialMaterial | null = null
  #fingerprint = ""

  constructor(tls: DownstreamTls) {
    this.tls = tls
  }

  /** @returns whether anything changed that is worth a line in the log. */
  update(checked: CheckedCredentials): boolean {
    const { material } = checked
    if (material === null) {
      const problem = checked.findings
        .filter(({ isFatal }) => isFatal)
        .map(({ message }) => message)
        .join("; ")
      return this.#fail(problem)
    }
    // The same material keeps its context, and with it the tickets that clients hold.
    if (material === this.#inService) return this.#succeed(checked, material)
    const fingerprint = JSON.stringify(material)
    if (fingerprint === this.#fingerprint) return this.#succeed(checked, material)
    const { versionMin, versionMax, cipherSuites, curves } = this.tls
    const context = createTlsContext({ ...material, versionMin, versionMax, cipherSuites, curves })
    if (typeof context === "string") return this.#fail(context)
    this.context = context
    this.#fingerprint = fingerprint
    this.#succeed(checked, material)
    return true
  }

  #succeed({ certificates }: CheckedCredentials, material: CredentialMaterial): boolean {
    this.#inService = material
    const hadProblem = this.problem !== ""
    this.problem = ""
    this.certificates = certificates
    this.serverUris = material.serverUris
    return hadProblem
  }

  #fail(problem: string): boolean {
    const isNews = problem !== this.problem
    this.problem = problem
    return isNews
  }
}
