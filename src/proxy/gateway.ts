/**
 * The data path as one thing: listeners, clusters, clock. `apply` makes a snapshot the one in force; everything else
 * happens in socket events.
 */
import type { FilterChain, Listener, Snapshot } from "../compile/snapshot.ts"
import { DEFAULT_HTTP_LIMITS, type HttpLimits } from "../http/limits.ts"
import type { SharedPorts } from "../net/shared-ports.ts"
import { ownerHandlers } from "../net/socket.ts"
import { TimerWheel } from "../net/timer-wheel.ts"
import { tlsClientHandlers } from "../net/tls-client.ts"
import { DEFAULT_TLS_LIMITS, type TlsLimits } from "../net/tls-limits.ts"
import { tlsHandlers } from "../net/tls-upgrade.ts"
import type { CertificateSummary, CheckedCredentials } from "../security/check-credentials.ts"
import type { AccessLogSink } from "../telemetry/access-log-record.ts"
import type { Counters } from "../telemetry/counters.ts"
import type { NamedListenerStats } from "../telemetry/envoy-metrics.ts"
import type { Log } from "../telemetry/log.ts"
import type { Tracer } from "../telemetry/tracing/tracer.ts"
import type { Cluster } from "../upstream/cluster.ts"
import { ClusterManager } from "../upstream/cluster-manager.ts"
import { httpPoolCreator } from "../upstream/create-http-pool.ts"
import { resolveBySystem } from "../upstream/dns.ts"
import { probeByHttp } from "../upstream/http-health-probe.ts"
import type { HttpPool } from "../upstream/http-pool.ts"
import { systemScheduler } from "../upstream/scheduler.ts"
import type { FindSecret } from "../upstream/tls-material.ts"
import type { SharedEnvironment } from "./filter-chain.ts"
import { GatewayClock } from "./gateway-clock.ts"
import { GatewayListener } from "./listener.ts"

export interface GatewayOptions {
  /** For listeners whose Gateway does not say `bind`. */
  readonly bindAddresses: readonly string[]
  readonly accessLog: AccessLogSink | null
  /** Absent = nothing is traced. */
  readonly tracer?: Tracer | null
  readonly log: Log
  readonly counters: Counters
  readonly limits?: HttpLimits
  /** Where a DestinationRule's `credentialName` is looked up; absent = there are no secrets. */
  readonly findSecret?: FindSecret
  readonly tlsLimits?: TlsLimits
  /** Absent = nobody else listens on the ports. */
  readonly sharedPorts?: SharedPorts | null
}

/** What the TLS servers of a snapshot are served with, by their filter chains. */
export type Credentials = ReadonlyMap<FilterChain, CheckedCredentials>

/** Does long work a piece at a time. */
export type RunSteps = <Result>(steps: Generator<void, Result>) => Promise<Result>

/** One TLS server, for the admin interface. */
export interface TlsServerView {
  readonly listener: string
  readonly gateway: string
  readonly serverNames: readonly string[]
  readonly mode: "simple" | "mutual" | "optional-mutual"
  /** Whether there is a certificate to serve with. */
  readonly isServing: boolean
  /** What is wrong with the newest credentials; "" = nothing. */
  readonly problem: string
  /** Those in service. */
  readonly certificates: readonly CertificateSummary[]
}

export interface BoundListener {
  readonly name: string
  readonly address: string
  readonly port: number
}

/** New clusters may wait this long for their first DNS answers before the snapshot is served without them. */
const WARM_MS = 2_000
const POOL_SWEEP_MS = 5_000
const DRAIN_POLL_MS = 20

export class Gateway {
  readonly #options: GatewayOptions
  readonly #clock = new GatewayClock()
  readonly #wheel: TimerWheel
  readonly #environment: SharedEnvironment
  readonly #clusters: ClusterManager<HttpPool>
  /** By what is bound: a listener that stays bound stays the same object. */
  #listeners: ReadonlyMap<string, GatewayListener> = new Map()
  /** No longer in the snapshot, with connections that still finish. */
  readonly #leaving = new Set<GatewayListener>()
  #poolsSweptAtMs = 0
  #isDraining = false

  constructor(options: GatewayOptions) {
    this.#options = options
    const { log, counters } = options
    const limits = options.limits ?? DEFAULT_HTTP_LIMITS
    const onInvariantError = (error: unknown): void => {
      counters.invariantErrors++
      log.error("internal error, the connection is closed", {
        error: error instanceof Error ? (error.stack ?? error.message) : String(error),
      })
    }
    const handlers = ownerHandlers(onInvariantError)
    const clock = this.#clock
    const wheel = new TimerWheel(() => performance.now(), onInvariantError)
    this.#wheel = wheel
    const pools = {
      limits,
      wheel,
      handlers,
      tlsHandlers: tlsClientHandlers(onInvariantError),
      findSecret: options.findSecret ?? (() => null),
      get coarseNowMs() {
        return clock.coarseNowMs
      },
    }
    this.#environment = {
      limits,
      tlsLimits: options.tlsLimits ?? DEFAULT_TLS_LIMITS,
      counters,
      accessLog: options.accessLog,
      tracer: options.tracer ?? null,
      wheel,
      clock,
      handlers,
      upstream: pools,
      tlsHandlers: tlsHandlers(onInvariantError, () => counters.downstreamTlsBroken++),
    }
    this.#clusters = new ClusterManager<HttpPool>({
      createPool: httpPoolCreator(pools),
      probe: probeByHttp,
      resolve: resolveBySystem,
      scheduler: systemScheduler,
      random: Math.random,
    })
  }

  /**
   * Binds new listeners, lets vanished ones finish, swaps the routing.
   *
   * @param runSteps how the long part is done beside traffic; absent = at once.
   * @returns the failures to bind, as text.
   */
  async apply(
    snapshot: Snapshot,
    credentials: Credentials = new Map(),
    runSteps: RunSteps | null = null,
  ): Promise<readonly string[]> {
    this.#clock.start((nowMs) => this.#tick(nowMs))
    const clusters =
      runSteps === null ? this.#clusters.adopt(snapshot) : await runSteps(this.#clusters.adopting(snapshot))
    await this.#clusters.warm(WARM_MS)
    // What servers that stay are served with is not left to the swap, which is one step.
    if (runSteps !== null) await runSteps(this.applyingCredentials(snapshot, credentials))
    // Asked to end meanwhile: nothing is bound any more.
    if (this.#isDraining) return []

    const failures: string[] = []
    const next = new Map<string, GatewayListener>()
    const unbound: [string, Listener, GatewayListener][] = []
    for (const listener of snapshot.listeners) {
      const key = listenerKey(listener)
      const known = this.#listeners.get(key)
      const live = known ?? new GatewayListener(listener.name, this.#environment, this.#options.sharedPorts ?? null)
      live.adopt(listener, clusters)
      for (const chain of listener.filterChains) this.#adoptCredentials(live, chain, credentials)
      if (known === undefined) unbound.push([key, listener, live])
      else next.set(key, live)
    }
    // Before binding: a port may pass from one listener to another.
    for (const [key, listener] of this.#listeners) if (!next.has(key)) this.#leave(listener)
    for (const [key, listener, live] of unbound) {
      const addresses = listener.bindAddress === null ? this.#options.bindAddresses : [listener.bindAddress]
      const failure = live.bind(addresses, listener.boundPort)
      if (failure === "") {
        next.set(key, live)
        continue
      }
      failures.push(failure)
      this.#leave(live)
    }
    this.#listeners = next
    this.#countServersWithoutCertificate()
    return failures
  }

  /**
   * New certificates for the servers in force: for new handshakes, in steps of one server each. Broken ones leave the old
   * ones serving. One at a time, and not while a snapshot is applied.
   */
  *applyingCredentials(snapshot: Snapshot, credentials: Credentials): Generator<void, void> {
    for (const listener of snapshot.listeners) {
      const live = this.#listeners.get(listenerKey(listener))
      if (live === undefined) continue
      for (const chain of listener.filterChains) {
        yield
        // Asked to end meanwhile: no handshakes are to come.
        if (this.#isDraining) return
        this.#adoptCredentials(live, chain, credentials)
      }
    }
    this.#countServersWithoutCertificate()
  }

  #adoptCredentials(live: GatewayListener, chain: FilterChain, credentials: Credentials): void {
    const { log } = this.#options
    const server = live.chainOf(chain)?.credentials
    const checked = credentials.get(chain)
    if (server === null || server === undefined || checked === undefined) return
    if (!server.update(checked)) return
    const fields = { listener: live.name, serverNames: chain.serverNames.join(",") || "*" }
    if (server.problem === "") log.info("certificates in service", fields)
    else if (server.context === null) log.error("server not served", { ...fields, reason: server.problem })
    else log.error("new certificates refused, the old ones keep serving", { ...fields, reason: server.problem })
  }

  #countServersWithoutCertificate(): void {
    this.#options.counters.tlsServersWithoutCertificateActive = this.tlsServers.filter((each) => !each.isServing).length
  }

  get tlsServers(): readonly TlsServerView[] {
    return [...this.#listeners.values()].flatMap((listener) =>
      [...listener.chains].flatMap(({ credentials, gateway, serverNames }) =>
        credentials === null
          ? []
          : [
              {
                listener: listener.name,
                gateway: `${gateway.name}.${gateway.namespace}`,
                serverNames,
                mode: credentials.tls.mode,
                isServing: credentials.context !== null,
                problem: credentials.problem,
                certificates: credentials.certificates,
              },
            ],
      ),
    )
  }

  #leave(listener: GatewayListener): void {
    listener.drain()
    this.#leaving.add(listener)
  }

  /** What each listener has seen. */
  get listenerStats(): readonly NamedListenerStats[] {
    return [...this.#listeners.values()].map(({ name, environment }) => ({ name, stats: environment.listenerStats }))
  }

  get boundListeners(): readonly BoundListener[] {
    return [...this.#listeners.values()].flatMap(({ name, sockets }) =>
      sockets.map(({ address, port }) => ({ name, address, port })),
    )
  }

  get clusters(): readonly Cluster<HttpPool>[] {
    return this.#clusters.clusters()
  }

  /**
   * Stops accepting (ports that are shared are handed over first), ends connections after their exchanges, cuts what is
   * left after `drainMs`.
   */
  async drain(drainMs: number): Promise<void> {
    this.#isDraining = true
    const deadlineMs = performance.now() + drainMs
    for (const listener of this.#listeners.values()) this.#leave(listener)
    this.#listeners = new Map()
    const all = [...this.#leaving]
    // Until the clients have closed too: cutting a connection would take back what they have not read yet.
    while (performance.now() < deadlineMs && !all.every((listener) => listener.isEmpty)) await Bun.sleep(DRAIN_POLL_MS)
    for (const listener of all) listener.terminate()
    this.#clusters.stop()
    this.#clock.stop()
    this.#wheel.stop()
  }

  #tick(nowMs: number): void {
    for (const listener of this.#listeners.values()) listener.checkTimeouts(nowMs)
    for (const listener of this.#leaving) {
      listener.checkTimeouts(nowMs)
      if (listener.isEmpty) this.#leaving.delete(listener)
    }
    if (nowMs - this.#poolsSweptAtMs < POOL_SWEEP_MS) return
    this.#poolsSweptAtMs = nowMs
    for (const cluster of this.#clusters.clusters()) {
      for (const endpoint of cluster.endpoints) endpoint.pool.closeExpired(nowMs)
    }
  }
}

/** What is bound. Names alone are not enough: a silent `bind` is called 0.0.0.0, wherever it is. */
function listenerKey({ name, bindAddress, boundPort }: Listener): string {
  return `${name} ${bindAddress ?? ""} ${boundPort}`
}
