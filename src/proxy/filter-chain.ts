/**
 * A live filter chain: one Gateway server's part of a listener, with the connections that are on it (Istio semantics
 * sheet 1.10; Envoy's `FilterChain`). What a connection may reach is fixed when its chain is chosen: this is where one
 * server's hosts are confined from its neighbours' on the same port.
 *
 * A chain outlives snapshots as long as what its handshakes demand stays the same: then new routes reach open
 * connections too. When the demands change it is another chain, and connections of the old one keep what they had.
 */
import type { FilterChain, ResourceName } from "../compile/snapshot.ts"
import type { HttpLimits } from "../http/limits.ts"
import type { SocketOwner } from "../net/socket.ts"
import type { TimerWheel } from "../net/timer-wheel.ts"
import type { TlsLimits } from "../net/tls-limits.ts"
import type { HandshakeResult } from "../net/tls-upgrade.ts"
import { type ClientVerdict, judgeClient } from "../security/client-certificate.ts"
import { ServerCredentials } from "../security/server-credentials.ts"
import type { AccessLogSink } from "../telemetry/access-log-record.ts"
import type { Counters } from "../telemetry/counters.ts"
import type { ListenerStats } from "../telemetry/listener-stats.ts"
import type { Tracer } from "../telemetry/tracing/tracer.ts"
import type { Cluster } from "../upstream/cluster.ts"
import type { HttpPool } from "../upstream/http-pool.ts"
import type { TransportEnvironment } from "../upstream/transport.ts"
import type { DownstreamConnection } from "./downstream-connection.ts"
import type { GatewayClock } from "./gateway-clock.ts"

/** What a listener needs of its surroundings. */
export interface ListenerEnvironment extends SharedEnvironment {
  readonly listenerStats: ListenerStats
}

/** What all listeners of a gateway share. */
export interface SharedEnvironment {
  readonly limits: HttpLimits
  readonly tlsLimits: TlsLimits
  readonly counters: Counters
  readonly accessLog: AccessLogSink | null
  readonly tracer: Tracer | null
  readonly wheel: TimerWheel
  readonly clock: GatewayClock
  readonly handlers: Bun.SocketHandler<SocketOwner>
  /** How TCP filter chains connect to services. */
  readonly upstream: TransportEnvironment
  /** For the decrypted end of TLS connections. */
  readonly tlsHandlers: Bun.SocketHandler<SocketOwner>
}

export abstract class LiveFilterChain {
  readonly key: string
  /** Of its first server, where several share it. */
  readonly gateway: ResourceName
  /** Empty = every name that no other chain has. */
  readonly serverNames: readonly string[]
  /** null = no TLS is terminated. */
  readonly credentials: ServerCredentials | null
  readonly environment: ListenerEnvironment
  isDraining = false
  readonly #connections = new Set<DownstreamConnection>()
  /** Called once, when the chain has left its listener and its last connection is gone. */
  #onEmpty: (() => void) | null = null

  constructor(chain: FilterChain, environment: ListenerEnvironment) {
    this.key = filterChainKey(chain)
    this.gateway = chain.gateways[0]
    this.serverNames = chain.serverNames
    this.credentials = chain.tls === null ? null : new ServerCredentials(chain.tls)
    this.environment = environment
  }

  get counters(): Counters {
    return this.environment.counters
  }

  get listenerStats(): ListenerStats {
    return this.environment.listenerStats
  }

  get accessLog(): AccessLogSink | null {
    return this.environment.accessLog
  }

  get wheel(): TimerWheel {
    return this.environment.wheel
  }

  get coarseNowMs(): number {
    return this.environment.clock.coarseNowMs
  }

  /** A new snapshot has this chain too. `chain` has the key of the present one. */
  abstract adopt(chain: FilterChain, clusters: readonly Cluster<HttpPool>[]): void

  /** Whether a client that offers these protocols may come in at all. */
  abstract accepts(alpnProtocols: readonly string[]): boolean

  /** Makes the owner of a connection that is ready to speak. @param verdict on the client's certificate */
  protected abstract createConnection(
    serverName: string,
    alpnProtocol: string,
    verdict: ClientVerdict | null,
  ): DownstreamConnection

  /** A connection without TLS of ours. */
  openPlain(serverName: string): DownstreamConnection {
    return this.#add(this.createConnection(serverName, "", null))
  }

  /** @returns null when the handshake has to count as failed: the client is not accepted. */
  openTls(serverName: string, handshake: HandshakeResult, nowUnixMs: number): DownstreamConnection | null {
    const policy = this.credentials?.tls.clientCertificates ?? null
    if (policy === null) return this.#add(this.createConnection(serverName, handshake.alpnProtocol, null))
    const isRequired = this.credentials?.tls.mode === "mutual"
    const verdict = judgeClient(handshake, policy, isRequired, nowUnixMs)
    if (verdict.kind === "refused") {
      this.counters.countClientCertificateRefusal(verdict.reason)
      if (policy.rejection === "handshake") return null
    }
    return this.#add(this.createConnection(serverName, handshake.alpnProtocol, verdict))
  }

  #add(connection: DownstreamConnection): DownstreamConnection {
    this.#connections.add(connection)
    return connection
  }

  onConnectionClosed(connection: DownstreamConnection): void {
    if (!this.#connections.delete(connection)) return
    this.counters.downstreamConnectionsActive--
    this.listenerStats.connectionsActive--
    if (this.#connections.size === 0) this.#onEmpty?.()
  }

  get isEmpty(): boolean {
    return this.#connections.size === 0
  }

  /** Nothing is under way. */
  get isIdle(): boolean {
    for (const connection of this.#connections) if (connection.isBusy) return false
    return true
  }

  checkTimeouts(nowMs: number): void {
    for (const connection of this.#connections) connection.checkTimeouts(nowMs)
  }

  /** What is under way may finish, and ends its connection. @param onEmpty called when all have ended */
  drain(onEmpty: () => void): void {
    this.isDraining = true
    if (this.isEmpty) return onEmpty()
    this.#onEmpty = onEmpty
    for (const connection of this.#connections) connection.drain()
  }

  terminate(): void {
    for (const connection of this.#connections) connection.terminate()
  }
}

/** Chains with the same key grant their connections the same: name, server names, and every demand of the handshake. */
export function filterChainKey(chain: FilterChain): string {
  const [{ namespace, name: gatewayName }] = chain.gateways
  const name = chain.kind === "http" ? chain.routes.name : `${namespace}/${gatewayName}`
  return JSON.stringify([chain.kind, name, chain.serverNames, chain.tls])
}
