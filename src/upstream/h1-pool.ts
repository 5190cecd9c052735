/**
 * The HTTP/1.1 connections of one endpoint. Idle ones are taken last in, first out: the warmest first, the coldest are
 * left to time out. A request that finds none waits for whichever comes first, a new connection or one that becomes idle.
 *
 * Nothing is queued without a limit: the cluster's circuit breaker says how many connections there may be, how many
 * requests may wait and how many may be under way (Istio semantics sheet 6.5; Envoy: ConnPoolImplBase).
 */

import type { ClusterSpec } from "../compile/snapshot.ts"
import { type ClientConnectionOwner, H1ClientConnection } from "../http/h1/client-connection.ts"
import type { HttpLimits } from "../http/limits.ts"
import type { UpstreamFailure } from "../http/stream.ts"
import type { TimerWheel } from "../net/timer-wheel.ts"
import { ConnectAttempt } from "./connect-attempt.ts"
import type { Endpoint } from "./endpoint.ts"
import type { HttpPool, UpstreamRequester } from "./http-pool.ts"
import { ConnectionCounts, PendingRequests } from "./pool-books.ts"
import type { ConnectionIdentity, TransportEnvironment, UpstreamTransport } from "./transport.ts"

/** What all pools of the gateway share. */
export interface PoolEnvironment extends TransportEnvironment {
  readonly limits: HttpLimits
  readonly wheel: TimerWheel
  /** Moves at least once a second. */
  readonly coarseNowMs: number
}

const OVERFLOW: UpstreamFailure = { kind: "overflow", transportReason: "", isStaleConnection: false }

/** A connection that only one client's requests can use is not kept for as long as the others. */
const privateIdleTimeoutMsMax = 60_000

export class H1Pool implements HttpPool, ClientConnectionOwner {
  readonly #endpoint: Endpoint<HttpPool>
  readonly #spec: Pick<ClusterSpec, "connectTimeoutMs" | "limits">
  readonly #environment: PoolEnvironment
  readonly #transport: UpstreamTransport
  readonly #identity: ConnectionIdentity
  /** 0 = never. */
  readonly #idleTimeoutMs: number
  readonly #idle: H1ClientConnection[] = []
  readonly #pending: PendingRequests
  readonly #connections: ConnectionCounts

  constructor(
    endpoint: Endpoint<HttpPool>,
    spec: Pick<ClusterSpec, "connectTimeoutMs" | "idleTimeoutMs" | "limits">,
    environment: PoolEnvironment,
    transport: UpstreamTransport,
    identity: ConnectionIdentity,
  ) {
    this.#endpoint = endpoint
    this.#pending = new PendingRequests(endpoint.clusterStats)
    this.#connections = new ConnectionCounts(endpoint)
    this.#spec = spec
    this.#environment = environment
    this.#transport = transport
    this.#identity = identity
    const { idleTimeoutMs } = spec
    const isPrivate = identity.proxyHeader !== null
    this.#idleTimeoutMs =
      isPrivate && (idleTimeoutMs === 0 || idleTimeoutMs > privateIdleTimeoutMsMax)
        ? privateIdleTimeoutMsMax
        : idleTimeoutMs
  }

  get limits(): HttpLimits {
    return this.#environment.limits
  }

  get idleCount(): number {
    return this.#idle.length
  }

  get connectionCount(): number {
    return this.#connections.total
  }

  acquire(requester: UpstreamRequester): H1ClientConnection | "overflow" | null {
    const { breaker, clusterStats } = this.#endpoint
    const connection = this.#takeIdle()
    if (connection !== undefined) {
      // The requester is counted as active already.
      if (breaker.admitsAnotherRequest) return connection
      clusterStats.upstreamRqPendingOverflow++
      this.#idle.push(connection)
      return "overflow"
    }
    if (!breaker.admitsPending) {
      clusterStats.upstreamRqPendingOverflow++
      return "overflow"
    }
    this.#pending.add(requester)
    this.#connectForWaiting()
    return null
  }

  #takeIdle(): H1ClientConnection | undefined {
    const { maxConnectionDurationMs } = this.#spec.limits
    for (;;) {
      const connection = this.#idle.pop()
      if (connection === undefined || maxConnectionDurationMs === 0) return connection
      if (this.#environment.coarseNowMs - connection.openedAtMs < maxConnectionDurationMs) return connection
      this.#endpoint.clusterStats.upstreamCxMaxDurationReached++
      connection.close()
    }
  }

  /** A connection that is being made for the requester will serve somebody else, or idle. */
  cancel(requester: UpstreamRequester): void {
    this.#pending.cancel(requester)
  }

  closeIdle(): void {
    for (const connection of this.#idle.splice(0)) connection.close()
  }

  closeExpired(nowMs: number): void {
    const { clusterStats } = this.#endpoint
    const { maxConnectionDurationMs } = this.#spec.limits
    const expiredBeforeMs = this.#idleTimeoutMs === 0 ? Number.NEGATIVE_INFINITY : nowMs - this.#idleTimeoutMs
    const openedBeforeMs = maxConnectionDurationMs === 0 ? Number.NEGATIVE_INFINITY : nowMs - maxConnectionDurationMs
    // The stack is ordered by when each became idle: the oldest lie at the bottom.
    let count = 0
    for (const connection of this.#idle) {
      if (connection.idleSinceMs > expiredBeforeMs) break
      count++
    }
    clusterStats.upstreamCxIdleTimeout += count
    for (const connection of this.#idle.splice(0, count)) connection.close()
    if (maxConnectionDurationMs === 0) return
    for (const connection of this.#idle.filter(({ openedAtMs }) => openedAtMs <= openedBeforeMs)) {
      clusterStats.upstreamCxMaxDurationReached++
      connection.close()
    }
  }

  /** As many as wait, if the circuit breaker lets it; an endpoint without any connection may always have one. */
  #connectForWaiting(): void {
    const { breaker, clusterStats } = this.#endpoint
    while (this.#connections.connecting < this.#pending.count) {
      if (!breaker.admitsConnection) {
        clusterStats.upstreamCxOverflow++
        if (this.#connections.total > 0) return
      }
      this.#connect()
    }
  }

  #connect(): void {
    this.#connections.started()
    this.#endpoint.clusterStats.upstreamCxHttp1Total++
    const { address, port } = this.#endpoint
    const attempt = new H1ConnectAttempt(this, this.#environment.wheel, this.#spec.connectTimeoutMs)
    attempt.begin((onFailed) => this.#transport.connect(address, port, this.#identity, attempt.connection, onFailed))
  }

  /** @param reason Envoy's transport failure reason; "" = it took too long */
  onConnectFailed(reason: string): void {
    this.#pending.failAll(this.#connections.failed(reason))
  }

  onConnected(connection: H1ClientConnection): void {
    this.#connections.connected()
    connection.openedAtMs = this.#environment.coarseNowMs
    this.#offer(connection)
  }

  onIdle(connection: H1ClientConnection): void {
    const { maxRequestsPerConnection, maxConnectionDurationMs } = this.#spec.limits
    const { clusterStats } = this.#endpoint
    if (maxRequestsPerConnection > 0 && connection.requestCount >= maxRequestsPerConnection) {
      clusterStats.upstreamCxMaxRequests++
      connection.close()
    } else if (
      maxConnectionDurationMs > 0 &&
      this.#environment.coarseNowMs - connection.openedAtMs >= maxConnectionDurationMs
    ) {
      clusterStats.upstreamCxMaxDurationReached++
      connection.close()
    } else {
      this.#offer(connection)
    }
  }

  #offer(connection: H1ClientConnection): void {
    const { breaker, clusterStats } = this.#endpoint
    while (this.#pending.count > 0) {
      // The one it goes to still counts as waiting.
      const isAdmitted = breaker.admitsRequest
      const requester = this.#pending.next()
      if (requester === undefined) break
      if (isAdmitted) {
        requester.onReady(connection)
        return
      }
      clusterStats.upstreamRqPendingOverflow++
      requester.onConnectFailure(OVERFLOW)
    }
    if (this.#endpoint.isDraining) {
      connection.close()
    } else {
      connection.idleSinceMs = this.#environment.coarseNowMs
      this.#idle.push(connection)
    }
  }

  onClosed(connection: H1ClientConnection): void {
    const index = this.#idle.lastIndexOf(connection)
    if (index >= 0) this.#idle.splice(index, 1)
    this.#connections.closed()
    // What it would have served next needs another one.
    this.#connectForWaiting()
  }
}

/** What a connection tells of itself, from its beginning on. */
class H1ConnectAttempt extends ConnectAttempt implements ClientConnectionOwner {
  readonly connection: H1ClientConnection
  readonly #pool: H1Pool

  constructor(pool: H1Pool, wheel: TimerWheel, connectTimeoutMs: number) {
    super(wheel, connectTimeoutMs)
    this.#pool = pool
    this.connection = new H1ClientConnection(this)
  }

  get limits(): HttpLimits {
    return this.#pool.limits
  }

  protected override onFailed(reason: string): void {
    this.#pool.onConnectFailed(reason)
  }

  onConnected(connection: H1ClientConnection): void {
    if (this.open()) this.#pool.onConnected(connection)
  }

  onIdle(connection: H1ClientConnection): void {
    this.#pool.onIdle(connection)
  }

  onClosed(connection: H1ClientConnection): void {
    if (this.isOpen) this.#pool.onClosed(connection)
  }
}
