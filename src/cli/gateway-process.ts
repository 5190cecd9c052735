/**
 * The running gateway as one thing: its configuration, its state and its reloads. Signals, the file watcher and the
 * admin interface all come here; none of them knows of the others.
 *
 *   INITIALIZING --start()--> LIVE --beginDrain()--> DRAINING
 */
import type {
  BoundListener,
  ClusterView,
  ReloadOutcome,
  RunningGateway,
  ServerState,
  TlsServerView,
} from "../admin/running-gateway.ts"
import type { Snapshot } from "../compile/snapshot.ts"
import { renderingText, summarizeDiagnostics } from "../config/render-diagnostics.ts"
import type { Steps } from "../config/steps.ts"
import { runInSlices } from "../config/time-slices.ts"
import type { LoadedCredentials } from "../security/load-credentials.ts"
import type { Counters } from "../telemetry/counters.ts"
import type { NamedListenerStats } from "../telemetry/envoy-metrics.ts"
import type { Log } from "../telemetry/log.ts"
import type { LoadedConfiguration } from "./load-snapshot.ts"
import { portcullisVersion } from "./version.ts"

/** The part of the data path that is driven from here; `proxy/gateway.ts` fulfils it. */
export interface Engine {
  /** @returns the failures to bind, as text. */
  apply(
    snapshot: Snapshot,
    credentials: LoadedCredentials["byChain"],
    runSteps: typeof runInSlices,
  ): Promise<readonly string[]>
  /** New certificates for the snapshot that is applied, in steps of one server each. */
  applyingCredentials(snapshot: Snapshot, credentials: LoadedCredentials["byChain"]): Steps<void>
  readonly tlsServers: readonly TlsServerView[]
  readonly boundListeners: readonly BoundListener[]
  readonly listenerStats: readonly NamedListenerStats[]
  readonly clusters: readonly ClusterView[]
}

export interface GatewayProcessOptions {
  readonly engine: Engine
  readonly load: () => Promise<LoadedConfiguration>
  readonly loadCredentials: (snapshot: Snapshot) => Promise<LoadedCredentials>
  /** Called after every snapshot that is served. @param readUnixMs when its files, and its certificates, began to be read */
  readonly onServed: (snapshot: Snapshot, readUnixMs: number) => void
  readonly counters: Counters
  readonly log: Log
  /** Diagnostics as text, for people. */
  readonly print: (text: string) => Promise<void>
  /** Asked to end, by the admin interface. */
  readonly onQuit: () => void
  readonly commandLineOptions: Readonly<Record<string, string>>
  readonly useColor: boolean
}

export class GatewayProcess implements RunningGateway {
  readonly version = portcullisVersion
  readonly startedAtUnixMs = Date.now()
  readonly counters: Counters
  readonly log: Log
  readonly commandLineOptions: Readonly<Record<string, string>>
  readonly #options: GatewayProcessOptions
  #snapshot: Snapshot = emptySnapshot
  #state: ServerState = "INITIALIZING"
  #isEveryListenerBound = false
  #isFailedByHand = false
  #lastReload: ReloadOutcome | null = null
  /** The start, a reload of everything or of the certificates: one at a time. */
  #running: Promise<unknown> | null = null
  #waiting: Promise<ReloadOutcome> | null = null
  #credentialsWaiting: Promise<void> | null = null

  constructor(options: GatewayProcessOptions) {
    this.#options = options
    this.counters = options.counters
    this.log = options.log
    this.commandLineOptions = options.commandLineOptions
  }

  get snapshot(): Snapshot {
    return this.#snapshot
  }

  get boundListeners(): readonly BoundListener[] {
    return this.#options.engine.boundListeners
  }

  get listenerStats(): readonly NamedListenerStats[] {
    return this.#options.engine.listenerStats
  }

  get clusters(): readonly ClusterView[] {
    return this.#options.engine.clusters
  }

  get tlsServers(): readonly TlsServerView[] {
    return this.#options.engine.tlsServers
  }

  /** As Envoy: a server whose health check was failed by hand says DRAINING. */
  get state(): ServerState {
    return this.#state === "LIVE" && this.#isFailedByHand ? "DRAINING" : this.#state
  }

  get isReady(): boolean {
    return this.state === "LIVE" && this.#isEveryListenerBound
  }

  get lastReload(): ReloadOutcome | null {
    return this.#lastReload
  }

  /** Loads and serves for the first time. @returns false = it cannot; what is wrong has been printed. */
  start(): Promise<boolean> {
    return this.#runAlone(() => this.#startOnce())
  }

  async #startOnce(): Promise<boolean> {
    const readUnixMs = Date.now()
    const loaded = await this.#options.load()
    await this.#options.print(await this.#render(loaded, this.#options.useColor))
    if (loaded.snapshot === null) {
      await this.#options.print(`portcullis: not started: ${summarizeDiagnostics(loaded.diagnostics)}\n`)
      return false
    }
    const failures = (await this.#serve(loaded.snapshot, loaded.credentials, readUnixMs)) ?? []
    if (failures.length > 0) {
      await this.#options.print(failures.map((failure) => `portcullis: ${failure}\n`).join(""))
      return false
    }
    if (this.#state === "INITIALIZING") this.#state = "LIVE"
    return true
  }

  /**
   * Loads anew. A configuration with errors never replaces the one that runs. Calls that come during the start or while a
   * reload runs share the next one.
   */
  reload(): Promise<ReloadOutcome> {
    if (this.#running === null) return this.#runAlone(() => this.#reloadOnce())
    this.#waiting ??= this.#running.then(() => {
      this.#waiting = null
      return this.reload()
    })
    return this.#waiting
  }

  /**
   * Certificates changed: new handshakes get the new ones, and nothing else changes. What is wrong with them is in the
   * log and leaves the old ones serving. A reload that is under way may have read them before they changed: calls that
   * come meanwhile share one look at them after it.
   */
  reloadCredentials(): Promise<void> {
    if (this.#running === null) return this.#runAlone(() => this.#reloadCredentialsOnce())
    this.#credentialsWaiting ??= this.#running.then(() => {
      this.#credentialsWaiting = null
      return this.reloadCredentials()
    })
    return this.#credentialsWaiting
  }

  failHealthcheck(): void {
    this.#isFailedByHand = true
    this.log.info("health check failed by hand")
  }

  passHealthcheck(): void {
    this.#isFailedByHand = false
    this.log.info("health check passes again")
  }

  quit(): void {
    this.#options.onQuit()
  }

  /** From now on not ready, and no reload starts. */
  beginDrain(): void {
    this.#state = "DRAINING"
  }

  #runAlone<Result>(work: () => Promise<Result>): Promise<Result> {
    const running = work().finally(() => {
      this.#running = null
    })
    this.#running = running
    return running
  }

  async #reloadOnce(): Promise<ReloadOutcome> {
    if (this.#state !== "LIVE") return this.#refuseReload()
    try {
      return await this.#replaceConfiguration()
    } catch (error) {
      this.#reportBug("configuration not reloaded: internal error", error)
      return this.#finishReload({ ok: false, isInForce: false, problems: "portcullis: internal error, see the log\n" })
    }
  }

  async #reloadCredentialsOnce(): Promise<void> {
    if (this.#state !== "LIVE") return
    try {
      const { byChain, diagnostics } = await this.#options.loadCredentials(this.#snapshot)
      for (const { code, message, resource } of diagnostics) this.log.warn(message, { code, resource })
      if (this.#state === "LIVE") await runInSlices(this.#options.engine.applyingCredentials(this.#snapshot, byChain))
    } catch (error) {
      this.#reportBug("certificates not reloaded: internal error", error)
    }
  }

  /** A bug of ours, met on what is new, must not take down what serves the old. */
  #reportBug(message: string, error: unknown): void {
    this.counters.invariantErrors += 1
    const reason = error instanceof Error ? (error.stack ?? error.message) : String(error)
    this.log.error(message, { reason })
  }

  async #replaceConfiguration(): Promise<ReloadOutcome> {
    const startedAtMs = performance.now()
    const readUnixMs = Date.now()
    const loaded = await this.#options.load()
    const { useColor } = this.#options
    // For the admin interface, which is no terminal.
    const diagnostics = await this.#render(loaded, false)
    await this.#options.print(useColor ? await this.#render(loaded, true) : diagnostics)
    if (loaded.snapshot === null) {
      this.log.error(
        `configuration not reloaded, the old one keeps serving: ${summarizeDiagnostics(loaded.diagnostics)}`,
      )
      return this.#finishReload({ ok: false, isInForce: false, problems: diagnostics })
    }
    // Asked to end while it loaded: ports that were given up must not be bound again.
    if (this.#state !== "LIVE") return this.#refuseReload()
    const failures = await this.#serve(loaded.snapshot, loaded.credentials, readUnixMs)
    if (failures === null) return this.#refuseReload()
    for (const failure of failures) this.log.error("listener not bound", { reason: failure })
    this.log.info("configuration reloaded", {
      listeners: loaded.snapshot.listeners.length,
      virtualHosts: loaded.snapshot.virtualHostCount,
      routes: loaded.snapshot.routeCount,
      ms: Math.round(performance.now() - startedAtMs),
    })
    const problems = diagnostics + failures.map((failure) => `${failure}\n`).join("")
    return this.#finishReload({ ok: failures.length === 0, isInForce: true, problems })
  }

  #refuseReload(): ReloadOutcome {
    const problems = `portcullis: no reload while ${this.#state}\n`
    return { atUnixMs: Date.now(), ok: false, isInForce: false, problems }
  }

  #finishReload(outcome: Omit<ReloadOutcome, "atUnixMs">): ReloadOutcome {
    if (outcome.ok) this.counters.configReloads += 1
    else this.counters.configReloadFailures += 1
    this.#lastReload = { atUnixMs: Date.now(), ...outcome }
    return this.#lastReload
  }

  /** @returns the failures to bind, as text; null = asked to end before it was in force */
  async #serve(
    snapshot: Snapshot,
    credentials: LoadedCredentials["byChain"],
    readUnixMs: number,
  ): Promise<readonly string[] | null> {
    const failures = await this.#options.engine.apply(snapshot, credentials, runInSlices)
    if (this.#state === "DRAINING") return null
    await runInSlices(this.counters.routes.adopting(this.#snapshot, snapshot))
    this.#snapshot = snapshot
    this.#options.onServed(snapshot, readUnixMs)
    this.#isEveryListenerBound = failures.length === 0
    this.counters.configLoadedUnixMs = Date.now()
    return failures
  }

  #render(loaded: LoadedConfiguration, color: boolean): Promise<string> {
    return runInSlices(renderingText(loaded.diagnostics, loaded.files, color))
  }
}

const emptySnapshot: Snapshot = { listeners: [], clusters: [], virtualHostCount: 0, routeCount: 0 }
