/**
 * A gateway for one test: real configuration, real sockets, ports that the system chooses.
 *
 * `startGateway` runs it in this process, where a test can look at what it logs and counts. `startServingGateway` gives
 * only what a user has; with PORTCULLIS_BINARY set it is that program in a process of its own, and the `smoke` tests are
 * those that need nothing more.
 */
import { compile } from "../../src/compile/compile.ts"
import type { Snapshot } from "../../src/compile/snapshot.ts"
import { type Diagnostic, hasErrors } from "../../src/config/diagnostics.ts"
import { parseResources } from "../../src/config/parse-resources.ts"
import { renderDiagnostics } from "../../src/config/render-diagnostics.ts"
import type { Resource } from "../../src/config/resources.ts"
import { runAtOnce, type Steps } from "../../src/config/steps.ts"
import type { DemoService } from "../../src/demo/demo.ts"
import { DEFAULT_HTTP_LIMITS, type HttpLimits } from "../../src/http/limits.ts"
import type { SharedPorts } from "../../src/net/shared-ports.ts"
import { DEFAULT_TLS_LIMITS, type TlsLimits } from "../../src/net/tls-limits.ts"
import { Gateway, type RunSteps } from "../../src/proxy/gateway.ts"
import { type LoadedCredentials, loadCredentials } from "../../src/security/load-credentials.ts"
import { Secrets } from "../../src/security/secrets.ts"
import { Counters } from "../../src/telemetry/counters.ts"
import { createLog } from "../../src/telemetry/log.ts"
import { copyRecord, type RecordedExchange } from "./recorded-exchange.ts"
import { SpawnedGateway } from "./spawned-gateway.ts"
import { waitUntil } from "./wait-until.ts"

export interface ServingGateway extends AsyncDisposable {
  /** The port really bound for a Gateway's port number. */
  port(declared: number): number
  /** Replaces the configuration; resolves when new requests see it. */
  apply(yaml: string): Promise<void>
  /** Stops accepting and lets what is under way finish, for this long. */
  drain(drainMs: number): Promise<void>
  /** Stops at once. Every test must: `await using` does it. */
  stop(): Promise<void>
}

export interface GatewayUnderTestOptions {
  /** Those not given are the defaults. */
  readonly limits?: Partial<HttpLimits>
  /** Default: on, into `records`. */
  readonly accessLog?: boolean
  /** As with `--demo`. */
  readonly demoServices?: readonly DemoService[]
  /** Default: off, so that a destination that no resource defines is 503 NC. */
  readonly dnsFallback?: boolean
  /** As with `--secrets`; default: none. */
  readonly secretsFolder?: string
  /** Those not given are the defaults. */
  readonly tlsLimits?: Partial<TlsLimits>
  /** Default: 127.0.0.1. */
  readonly bindAddresses?: readonly string[]
  /** Serves a configuration with errors too, as Istio would: to see what becomes of a name that nobody defines. */
  readonly acceptsErrors?: boolean
  /** As with `--reuse-port`; default: the ports are its own. */
  readonly sharedPorts?: SharedPorts
}

export class GatewayUnderTest implements ServingGateway {
  readonly counters = new Counters()
  /** The access log, oldest first. */
  readonly records: RecordedExchange[] = []
  /** What the gateway says of itself; an internal error is here and fails `stop`. */
  readonly logLines: string[] = []
  readonly gateway: Gateway
  readonly #options: GatewayUnderTestOptions
  /** What was found in the configuration that was applied last. */
  diagnostics: readonly Diagnostic[] = []
  #snapshot: Snapshot | null = null
  #isStopped = false

  constructor(options: GatewayUnderTestOptions) {
    this.#options = options
    const { records } = this
    this.gateway = new Gateway({
      bindAddresses: options.bindAddresses ?? ["127.0.0.1"],
      accessLog: options.accessLog === false ? null : { write: (record) => records.push(copyRecord(record)) },
      log: createLog({ level: "warn", format: "text", write: (line) => this.logLines.push(line) }),
      counters: this.counters,
      limits: { ...DEFAULT_HTTP_LIMITS, ...options.limits },
      tlsLimits: { ...DEFAULT_TLS_LIMITS, ...options.tlsLimits },
      sharedPorts: options.sharedPorts ?? null,
    })
  }

  port(declared: number): number {
    const listener = this.#snapshot?.listeners.find(({ declaredPort }) => declaredPort === declared)
    const bound = this.gateway.boundListeners.find(({ name }) => name === listener?.name)
    if (bound === undefined) throw new Error(`no listener is bound for port ${declared}`)
    return bound.port
  }

  /** @param runSteps absent = the long part is done at once */
  async apply(yaml: string, runSteps: RunSteps | null = null): Promise<void> {
    const { snapshot, resources, diagnostics } = compileYaml(yaml, this.#options)
    const failures = await this.gateway.apply(snapshot, this.#credentialsOf(snapshot, resources), runSteps)
    if (failures.length > 0) throw new Error(failures.join("\n"))
    this.#snapshot = snapshot
    this.diagnostics = diagnostics
  }

  /** Certificates alone change, as when a file in the secrets folder does. @param yaml the `Secret` resources there are now */
  applySecrets(yaml: string): void {
    runAtOnce(this.applyingSecrets(yaml))
  }

  /** The same in steps of one server each. */
  applyingSecrets(yaml: string): Steps<void> {
    if (this.#snapshot === null) throw new Error("nothing is served yet")
    const resources = parseResources([{ path: "secrets.yaml", text: yaml }]).value
    return this.gateway.applyingCredentials(this.#snapshot, this.#credentialsOf(this.#snapshot, resources))
  }

  #credentialsOf(snapshot: Snapshot, resources: readonly Resource[]): LoadedCredentials["byChain"] {
    const secrets = new Secrets(
      resources.filter((resource) => resource.kind === "Secret"),
      this.#options.secretsFolder ?? "/nonexistent",
    )
    return loadCredentials(snapshot, secrets, Date.now()).byChain
  }

  /** The access log record of exchange number `index`, from 0; waits for it. */
  async record(index: number): Promise<RecordedExchange> {
    await waitUntil(() => this.records.length > index, `access log record ${index}`)
    const record = this.records[index]
    if (record === undefined) throw new Error("no such record")
    return record
  }

  drain(drainMs: number): Promise<void> {
    this.#isStopped = true
    return this.gateway.drain(drainMs)
  }

  async stop(): Promise<void> {
    if (!this.#isStopped) await this.drain(0)
    if (this.counters.invariantErrors > 0) throw new Error(`internal errors:\n${this.logLines.join("")}`)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }
}

/** Starts a gateway in this process. Throws the rendered diagnostics when the configuration has an error. */
export async function startGateway(yaml: string, options: GatewayUnderTestOptions = {}): Promise<GatewayUnderTest> {
  const gateway = new GatewayUnderTest(options)
  await gateway.apply(yaml)
  return gateway
}

const { PORTCULLIS_BINARY: binary = "" } = process.env

/** Starts the program that PORTCULLIS_BINARY names, else a gateway in this process. */
export async function startServingGateway(yaml: string): Promise<ServingGateway> {
  return binary === "" ? await startGateway(yaml) : await SpawnedGateway.start(binary, yaml)
}

interface CompiledYaml {
  readonly snapshot: Snapshot
  readonly resources: readonly Resource[]
  readonly diagnostics: readonly Diagnostic[]
}

function compileYaml(yaml: string, options: GatewayUnderTestOptions): CompiledYaml {
  const files = [{ path: "test.yaml", text: yaml }]
  const parsed = parseResources(files)
  const ports = parsed.value.flatMap((resource) =>
    resource.kind === "Gateway" ? (resource.spec.servers ?? []).map(({ port }) => port.number) : [],
  )
  const compiled = compile(parsed.value, {
    portMap: new Map(ports.map((port) => [port, 0])),
    dnsFallback: options.dnsFallback ?? false,
    demoServices: options.demoServices ?? [],
    selector: null,
  })
  const diagnostics = [...parsed.diagnostics, ...compiled.diagnostics]
  if (options.acceptsErrors !== true && hasErrors(diagnostics))
    throw new Error(renderDiagnostics(diagnostics, files, { format: "text", color: false }))
  return { snapshot: compiled.value, resources: parsed.value, diagnostics }
}
