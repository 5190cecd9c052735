/**
 * The HTTP/1.1 connections of one endpoint. Idle ones are taken last in, first out: the warmest first, the coldest are
 * left to time out. A request that finds none starts one and waits for whichever comes first, its own or one that
 * becomes idle.
 */
import { type ClientConnectionOwner, H1ClientConnection } from "../http/h1/client-connection.ts"
import type { HttpLimits } from "../http/limits.ts"
import { connectSocket } from "../net/connect.ts"
import type { SocketOwner } from "../net/socket.ts"
import { Deadline, type TimerWheel } from "../net/timer-wheel.ts"
import type { Endpoint } from "./endpoint.ts"
import type { HttpPool, UpstreamRequester } from "./http-pool.ts"

/** What all pools of the gateway share. */
export interface PoolEnvironment {
  readonly limits: HttpLimits
  readonly wheel: TimerWheel
  readonly handlers: Bun.SocketHandler<SocketOwner>
  /** Moves at least once a second. */
  readonly coarseNowMs: number
}

export interface PoolTimeouts {
  /** From the connect call to the connection established. Beyond: 503 UF, `connection timeout`. */
  readonly connectTimeoutMs: number
  /** Without a request. Beyond: closed. */
  readonly idleTimeoutMs: number
}

export class H1Pool implements HttpPool, ClientConnectionOwner {
  readonly #endpoint: Endpoint<HttpPool>
  readonly #timeouts: PoolTimeouts
  readonly #environment: PoolEnvironment
  readonly #idle: H1ClientConnection[] = []
  readonly #waiting: UpstreamRequester[] = []
  #connectionCount = 0

  constructor(endpoint: Endpoint<HttpPool>, timeouts: PoolTimeouts, environment: PoolEnvironment) {
    this.#endpoint = endpoint
    this.#timeouts = timeouts
    this.#environment = environment
  }

  get limits(): HttpLimits {
    return this.#environment.limits
  }

  get idleCount(): number {
    return this.#idle.length
  }

  get connectionCount(): number {
    return this.#connectionCount
  }

  acquire(requester: UpstreamRequester): H1ClientConnection | null {
    const connection = this.#idle.pop()
    if (connection !== undefined) return connection
    this.#waiting.push(requester)
    this.#endpoint.clusterStats.upstreamRqPendingTotal++
    this.#endpoint.clusterStats.upstreamRqPendingActive++
    this.#connect()
    return null
  }

  /** A connection that is being made for the requester will serve somebody else, or idle. */
  cancel(requester: UpstreamRequester): void {
    const index = this.#waiting.indexOf(requester)
    if (index < 0) return
    this.#waiting.splice(index, 1)
    this.#endpoint.clusterStats.upstreamRqPendingActive--
  }

  closeIdle(): void {
    for (const connection of this.#idle.splice(0)) connection.close()
  }

  closeExpired(nowMs: number): void {
    const expiredBeforeMs = nowMs - this.#timeouts.idleTimeoutMs
    // The stack is ordered by when each became idle: the oldest lie at the bottom.
    let count = 0
    for (const connection of this.#idle) {
      if (connection.idleSinceMs > expiredBeforeMs) break
      count++
    }
    if (count === 0) return
    this.#endpoint.clusterStats.upstreamCxIdleTimeout += count
    for (const connection of this.#idle.splice(0, count)) connection.close()
  }

  #connect(): void {
    const { clusterStats } = this.#endpoint
    this.#connectionCount++
    this.#endpoint.connectionsTotal++
    clusterStats.upstreamCxTotal++
    clusterStats.upstreamCxHttp1Total++
    clusterStats.upstreamCxActive++
    const attempt = new ConnectAttempt(this, this.#environment.wheel, this.#timeouts.connectTimeoutMs)
    const { address, port } = this.#endpoint
    connectSocket(address, port, attempt.connection, this.#environment.handlers, (reason) => attempt.fail(reason))
  }

  /** @param reason the system's words; "" = it took too long */
  onConnectFailed(reason: string): void {
    this.#connectionGone()
    const { clusterStats } = this.#endpoint
    this.#endpoint.connectFailures++
    clusterStats.upstreamCxConnectFail++
    if (reason === "") clusterStats.upstreamCxConnectTimeout++
    const requester = this.#nextWaiting()
    requester?.onConnectFailure({
      kind: reason === "" ? "connect-timeout" : "connect-failure",
      transportReason: reason === "" ? "" : `delayed connect error: ${reason}`,
      isStaleConnection: false,
    })
  }

  onConnected(connection: H1ClientConnection): void {
    this.#offer(connection)
  }

  onIdle(connection: H1ClientConnection): void {
    this.#offer(connection)
  }

  #offer(connection: H1ClientConnection): void {
    const requester = this.#nextWaiting()
    if (requester !== undefined) {
      requester.onReady(connection)
    } else if (this.#endpoint.isDraining) {
      connection.close()
    } else {
      connection.idleSinceMs = this.#environment.coarseNowMs
      this.#idle.push(connection)
    }
  }

  #nextWaiting(): UpstreamRequester | undefined {
    const requester = this.#waiting.shift()
    if (requester !== undefined) this.#endpoint.clusterStats.upstreamRqPendingActive--
    return requester
  }

  onClosed(connection: H1ClientConnection): void {
    const index = this.#idle.lastIndexOf(connection)
    if (index >= 0) this.#idle.splice(index, 1)
    this.#connectionGone()
  }

  #connectionGone(): void {
    this.#connectionCount--
    this.#endpoint.clusterStats.upstreamCxActive--
    this.#endpoint.clusterStats.upstreamCxDestroy++
  }
}

/** A connection on its way: it opens, fails, or takes too long; whichever is first counts. */
class ConnectAttempt implements ClientConnectionOwner {
  readonly connection: H1ClientConnection
  readonly #pool: H1Pool
  readonly #wheel: TimerWheel
  readonly #deadline: Deadline
  #isOver = false
  #isOpen = false

  constructor(pool: H1Pool, wheel: TimerWheel, connectTimeoutMs: number) {
    this.#pool = pool
    this.#wheel = wheel
    this.connection = new H1ClientConnection(this)
    this.#deadline = new Deadline(() => this.fail(""))
    wheel.set(this.#deadline, connectTimeoutMs)
  }

  get limits(): HttpLimits {
    return this.#pool.limits
  }

  /** @param reason "" = it took too long */
  fail(reason: string): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#wheel.clear(this.#deadline)
    this.#pool.onConnectFailed(reason)
  }

  onConnected(connection: H1ClientConnection): void {
    if (this.#isOver) {
      // Too late: its requester has been told otherwise.
      connection.close()
      return
    }
    this.#isOver = true
    this.#isOpen = true
    this.#wheel.clear(this.#deadline)
    this.#pool.onConnected(connection)
  }

  onIdle(connection: H1ClientConnection): void {
    this.#pool.onIdle(connection)
  }

  onClosed(connection: H1ClientConnection): void {
    if (this.#isOpen) this.#pool.onClosed(connection)
  }
}
