/**
 * The HTTP/2 connections of one endpoint. Requests share a connection until it takes no more; only then is another one
 * made (Envoy: Http2::ConnPoolImpl). A request that finds no place waits for whichever comes first, a new connection or a
 * place on one that is there.
 *
 * Nothing is queued without a limit: the cluster's circuit breaker counts here as it does for HTTP/1.1 (Istio semantics
 * sheet 6.5).
 */

import type { ConnectionLimits } from "../compile/cluster-policies.ts"
import type { ClusterSpec } from "../compile/snapshot.ts"
import { Http2ClientConnection, type Http2ClientOwner } from "../http/h2/client-connection.ts"
import type { Http2ClientStream } from "../http/h2/client-stream.ts"
import type { HttpLimits } from "../http/limits.ts"
import type { UpstreamFailure } from "../http/stream.ts"
import type { TimerWheel } from "../net/timer-wheel.ts"
import { ConnectAttempt } from "./connect-attempt.ts"
import type { Endpoint } from "./endpoint.ts"
import type { PoolEnvironment } from "./h1-pool.ts"
import type { HttpPool, UpstreamRequester } from "./http-pool.ts"
import { Http2Probe } from "./http2-probe.ts"
import { ConnectionCounts, PendingRequests } from "./pool-books.ts"
import type { ConnectionIdentity, UpstreamTransport } from "./transport.ts"

/** Requests that wait for one connection to be made, at most; how many it will really take is known only then. */
const WAITING_PER_CONNECTION_MAX = 100

const OVERFLOW: UpstreamFailure = { kind: "overflow", transportReason: "", isStaleConnection: false }
const NOT_HTTP2 = "the service closed the connection before its HTTP/2 SETTINGS"

type H2PoolSpec = Pick<ClusterSpec, "connectTimeoutMs" | "idleTimeoutMs" | "limits">

export class H2Pool implements HttpPool {
  readonly #endpoint: Endpoint<HttpPool>
  readonly #spec: H2PoolSpec
  readonly #environment: PoolEnvironment
  readonly #transport: UpstreamTransport
  readonly #identity: ConnectionIdentity
  /** Those that take requests, oldest first. */
  readonly #ready: Http2ClientConnection[] = []
  readonly #pending: PendingRequests
  readonly #connections: ConnectionCounts

  constructor(
    endpoint: Endpoint<HttpPool>,
    spec: H2PoolSpec,
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
  }

  get limits(): HttpLimits {
    return this.#environment.limits
  }

  get coarseNowMs(): number {
    return this.#environment.coarseNowMs
  }

  get idleCount(): number {
    return this.#ready.filter(({ streamCount }) => streamCount === 0).length
  }

  get connectionCount(): number {
    return this.#connections.total
  }

  // --- requests ------------------------------------------------------------------------------------------------------

  acquire(requester: UpstreamRequester): Http2ClientStream | "overflow" | null {
    const { breaker, clusterStats } = this.#endpoint
    const connection = this.#connectionWithPlace()
    if (connection !== undefined) {
      // The requester is counted as active already.
      if (breaker.admitsAnotherRequest) return this.#openStream(connection)
      clusterStats.upstreamRqPendingOverflow++
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

  /** One that is too old is taken out of service on the way. */
  #connectionWithPlace(): Http2ClientConnection | undefined {
    // Nearly always the first one will do: nothing is copied for it.
    const first = this.#ready[0]
    if (first !== undefined && this.#spec.limits.maxConnectionDurationMs === 0 && first.hasCapacity) return first
    for (const connection of [...this.#ready]) {
      if (this.#isTooOld(connection)) this.#retire(connection)
      else if (connection.hasCapacity) return connection
    }
    return undefined
  }

  #openStream(connection: Http2ClientConnection): Http2ClientStream {
    const stream = connection.openStream()
    const { maxRequestsPerConnection } = this.#spec.limits
    if (maxRequestsPerConnection > 0 && connection.requestCount >= maxRequestsPerConnection) {
      this.#endpoint.clusterStats.upstreamCxMaxRequests++
      connection.leave()
    }
    return stream
  }

  /** A connection that is being made for the requester will serve somebody else, or idle. */
  cancel(requester: UpstreamRequester): void {
    this.#pending.cancel(requester)
  }

  #serveWaiting(): void {
    const { breaker, clusterStats } = this.#endpoint
    while (this.#pending.count > 0) {
      const connection = this.#connectionWithPlace()
      if (connection === undefined) return this.#connectForWaiting()
      // The one it goes to still counts as waiting.
      const isAdmitted = breaker.admitsRequest
      const requester = this.#pending.next()
      if (requester === undefined) return
      if (isAdmitted) {
        requester.onReady(this.#openStream(connection))
      } else {
        clusterStats.upstreamRqPendingOverflow++
        requester.onConnectFailure(OVERFLOW)
      }
    }
  }

  // --- connections ---------------------------------------------------------------------------------------------------

  closeIdle(): void {
    for (const connection of [...this.#ready]) this.#retire(connection)
  }

  closeExpired(nowMs: number): void {
    const { idleTimeoutMs } = this.#spec
    for (const connection of [...this.#ready]) {
      if (this.#isTooOld(connection)) {
        this.#retire(connection)
      } else if (idleTimeoutMs > 0 && connection.streamCount === 0 && connection.idleSinceMs <= nowMs - idleTimeoutMs) {
        this.#endpoint.clusterStats.upstreamCxIdleTimeout++
        this.#retire(connection)
      }
    }
  }

  #isTooOld(connection: Http2ClientConnection): boolean {
    const { maxConnectionDurationMs } = this.#spec.limits
    if (maxConnectionDurationMs === 0 || this.coarseNowMs - connection.openedAtMs < maxConnectionDurationMs)
      return false
    this.#endpoint.clusterStats.upstreamCxMaxDurationReached++
    return true
  }

  /** It takes no more requests, and ends with those under way. */
  #retire(connection: Http2ClientConnection): void {
    connection.leave()
    if (connection.streamCount === 0) connection.close()
  }

  /** If the circuit breaker lets it; an endpoint without any connection may always have one. */
  #connectForWaiting(): void {
    const { breaker, clusterStats } = this.#endpoint
    const waitingPerConnection = Math.min(WAITING_PER_CONNECTION_MAX, this.#spec.limits.maxConcurrentStreams)
    while (this.#connections.connecting * waitingPerConnection < this.#pending.count) {
      if (!breaker.admitsConnection) {
        clusterStats.upstreamCxOverflow++
        if (this.#connections.total > 0) return
      }
      this.#connect()
    }
  }

  #connect(): void {
    this.#connections.started()
    this.#endpoint.clusterStats.upstreamCxHttp2Total++
    const { address, port } = this.#endpoint
    const attempt = new H2ConnectAttempt(this, this.#environment.wheel, this.#spec)
    attempt.begin((onFailed) => this.#transport.connect(address, port, this.#identity, attempt.connection, onFailed))
  }

  /** @param reason Envoy's transport failure reason; "" = it took too long */
  onConnectFailed(reason: string): void {
    this.#pending.failAll(this.#connections.failed(reason))
  }

  onReady(connection: Http2ClientConnection): void {
    this.#connections.connected()
    connection.idleSinceMs = this.coarseNowMs
    this.#ready.push(connection)
    this.#serveWaiting()
    if (this.#endpoint.isDraining) this.#retire(connection)
  }

  onStreamClosed(): void {
    this.#serveWaiting()
  }

  onLeaving(connection: Http2ClientConnection): void {
    const index = this.#ready.indexOf(connection)
    if (index >= 0) this.#ready.splice(index, 1)
  }

  /** A connection is cut because nobody answers on it. */
  onUnanswered(): void {
    this.#endpoint.clusterStats.http2KeepaliveTimeout++
  }

  onClosed(connection: Http2ClientConnection): void {
    this.onLeaving(connection)
    this.#connections.closed()
    // What it would have served next needs another one.
    this.#connectForWaiting()
  }
}

/** What a connection tells of itself, from its beginning on; it has come about with the service's SETTINGS. */
class H2ConnectAttempt extends ConnectAttempt implements Http2ClientOwner {
  readonly connection: Http2ClientConnection
  readonly #pool: H2Pool
  readonly #wheel: TimerWheel
  readonly #limits: ConnectionLimits
  #probe: Http2Probe | null = null

  constructor(pool: H2Pool, wheel: TimerWheel, { connectTimeoutMs, limits }: H2PoolSpec) {
    super(wheel, connectTimeoutMs)
    this.#pool = pool
    this.#wheel = wheel
    this.#limits = limits
    this.connection = new Http2ClientConnection(this)
  }

  get limits(): HttpLimits {
    return this.#pool.limits
  }

  get coarseNowMs(): number {
    return this.#pool.coarseNowMs
  }

  get concurrentStreamsMax(): number {
    return this.#limits.maxConcurrentStreams
  }

  protected override onFailed(reason: string): void {
    this.#pool.onConnectFailed(reason)
    // It may be open, and only its SETTINGS be missing.
    this.connection.terminate()
  }

  onReady(connection: Http2ClientConnection): void {
    if (!this.open()) return
    const { http2KeepAlive } = this.#limits
    if (http2KeepAlive !== null) {
      this.#probe = new Http2Probe(connection, http2KeepAlive, this.#wheel, () => this.#pool.onUnanswered())
    }
    this.#pool.onReady(connection)
  }

  onStreamClosed(): void {
    if (this.isOpen) this.#pool.onStreamClosed()
  }

  onLeaving(connection: Http2ClientConnection): void {
    if (this.isOpen) this.#pool.onLeaving(connection)
  }

  onClosed(connection: Http2ClientConnection): void {
    this.#probe?.stop()
    if (this.isOpen) this.#pool.onClosed(connection)
    else this.fail(NOT_HTTP2)
  }
}
