/**
 * One bound listener that serves HTTP: its sockets, its connections, and the routing that is in force for new requests.
 */
import type { Listener } from "../compile/snapshot.ts"
import { H1ServerConnection, type ServerConnectionHost } from "../http/h1/server-connection.ts"
import type { HttpLimits } from "../http/limits.ts"
import type { DownstreamEvents, DownstreamStream } from "../http/stream.ts"
import type { SocketOwner, TcpSocket } from "../net/socket.ts"
import { type BoundSocket, bindTcp } from "../net/tcp-listener.ts"
import type { TimerWheel } from "../net/timer-wheel.ts"
import type { AccessLogSink } from "../telemetry/access-log-record.ts"
import type { Counters } from "../telemetry/counters.ts"
import type { GatewayClock } from "./gateway-clock.ts"
import { type ExchangeEnvironment, HttpExchange, type Routing } from "./http-exchange.ts"

/** What all listeners of a gateway share. */
export interface ListenerEnvironment {
  readonly limits: HttpLimits
  readonly counters: Counters
  readonly accessLog: AccessLogSink | null
  readonly wheel: TimerWheel
  readonly clock: GatewayClock
  readonly handlers: Bun.SocketHandler<SocketOwner>
}

export class HttpListener implements ServerConnectionHost, ExchangeEnvironment {
  readonly name: string
  readonly scheme = "http"
  readonly limits: HttpLimits
  readonly counters: Counters
  readonly accessLog: AccessLogSink | null
  readonly wheel: TimerWheel
  /** Replaced whole by a reload; an exchange keeps the one it started with. */
  routing: Routing
  isDraining = false
  readonly #environment: ListenerEnvironment
  readonly #connections = new Set<H1ServerConnection>()
  #sockets: readonly BoundSocket[] = []

  constructor(listener: Listener, routing: Routing, environment: ListenerEnvironment) {
    this.name = listener.name
    this.limits = environment.limits
    this.counters = environment.counters
    this.accessLog = environment.accessLog
    this.wheel = environment.wheel
    this.routing = routing
    this.#environment = environment
  }

  get coarseNowMs(): number {
    return this.#environment.clock.coarseNowMs
  }

  get sockets(): readonly BoundSocket[] {
    return this.#sockets
  }

  /** @returns why it cannot listen, as text; "" = it does. */
  bind(addresses: readonly string[], port: number): string {
    const bound = bindTcp(addresses, port, this.#environment.handlers, (socket) => this.#accept(socket))
    if (typeof bound === "string") return `listener ${this.name}: ${bound}`
    this.#sockets = bound
    return ""
  }

  #accept(socket: TcpSocket): SocketOwner | null {
    const { counters } = this
    if (counters.downstreamConnectionsActive >= this.limits.downstreamConnectionsMax) {
      counters.downstreamConnectionsOverflow++
      socket.terminate()
      return null
    }
    counters.downstreamConnectionsTotal++
    counters.downstreamConnectionsActive++
    const connection = new H1ServerConnection(this, "")
    this.#connections.add(connection)
    return connection
  }

  openExchange(stream: DownstreamStream): DownstreamEvents {
    return new HttpExchange(stream, this)
  }

  onConnectionClosed(connection: H1ServerConnection): void {
    if (this.#connections.delete(connection)) this.counters.downstreamConnectionsActive--
  }

  get isEmpty(): boolean {
    return this.#connections.size === 0
  }

  /** No exchange is under way. */
  get isIdle(): boolean {
    for (const connection of this.#connections) if (connection.isBusy) return false
    return true
  }

  checkTimeouts(nowMs: number): void {
    for (const connection of this.#connections) connection.checkTimeouts(nowMs)
  }

  /** Accepts nothing more; what is under way may finish, and ends its connection. */
  drain(): void {
    this.isDraining = true
    for (const socket of this.#sockets) socket.stop()
    this.#sockets = []
    for (const connection of this.#connections) connection.drain()
  }

  /** Cuts every connection. */
  terminate(): void {
    for (const connection of this.#connections) connection.terminate()
  }
}
