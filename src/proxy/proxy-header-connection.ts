/**
 * A connection that begins with a PROXY header, from its accept until the header is there: then the addresses it
 * announces are the connection's, and what follows belongs to whoever comes next (Istio semantics sheet 8.2; Envoy:
 * `proxy_protocol` listener filter). Whether its peer may announce anything was judged before.
 *
 *   accepted ──header──▶ handed over
 *       └ too slow, too large, malformed, FIN ──▶ closed
 */
import { announceAddresses } from "../net/connection-addresses.ts"
import { parseProxyHeader } from "../net/proxy-header.ts"
import type { TcpSocket } from "../net/socket.ts"
import { Deadline, type TimerWheel } from "../net/timer-wheel.ts"
import type { Counters } from "../telemetry/counters.ts"
import type { DownstreamConnection } from "./downstream-connection.ts"

/** From the accept to the last byte of the header. Beyond: closed. */
const proxyHeaderTimeoutMs = 5_000

/** The listener, as connections that announce somebody see it. */
export interface ProxyHeaderListener {
  readonly environment: { readonly wheel: TimerWheel; readonly counters: Counters }
  /** Makes the owner that follows, without telling it of the socket. */
  openAnnounced(connection: ProxyHeaderConnection): DownstreamConnection
  onConnectionClosed(connection: DownstreamConnection): void
}

const nothing = Buffer.alloc(0)

export class ProxyHeaderConnection implements DownstreamConnection {
  readonly #listener: ProxyHeaderListener
  readonly #deadline: Deadline
  /** The beginning of a header: bounded, because the parser does not wait for more than there can be. */
  #received = nothing
  #socket: TcpSocket | null = null

  constructor(listener: ProxyHeaderListener) {
    this.#listener = listener
    this.#deadline = new Deadline(() => this.#refuse())
    listener.environment.wheel.set(this.#deadline, proxyHeaderTimeoutMs)
  }

  onOpen(socket: TcpSocket): void {
    this.#socket = socket
  }

  onData(bytes: Buffer): void {
    const socket = this.#socket
    if (socket === null) return
    const received = this.#received.length === 0 ? bytes : Buffer.concat([this.#received, bytes])
    const outcome = parseProxyHeader(received)
    switch (outcome.kind) {
      case "incomplete":
        this.#received = Buffer.from(received)
        return
      case "malformed":
        this.#refuse()
        return
      case "complete":
        if (outcome.addresses !== null) announceAddresses(socket, outcome.addresses)
        this.#handOver(socket, received.subarray(outcome.headerBytes))
    }
  }

  #handOver(socket: TcpSocket, rest: Buffer): void {
    this.#listener.environment.wheel.clear(this.#deadline)
    this.#socket = null
    this.#received = nothing
    const next = this.#listener.openAnnounced(this)
    socket.data = next
    next.onOpen(socket)
    if (rest.length > 0) next.onData(rest)
  }

  onDrain(): void {}

  onEnd(): void {
    this.#socket?.end()
  }

  onClose(): void {
    this.#socket = null
    this.#listener.environment.wheel.clear(this.#deadline)
    this.#listener.onConnectionClosed(this)
  }

  #refuse(): void {
    this.#listener.environment.counters.proxyHeaderErrors++
    this.#socket?.terminate()
  }

  // --- DownstreamConnection ------------------------------------------------------------------------------------------

  /** Nothing was asked for yet. */
  readonly isBusy = false

  /** Its own deadline is finer than a second. */
  checkTimeouts(): void {}

  drain(): void {
    this.#socket?.end()
  }

  terminate(): void {
    this.#socket?.terminate()
  }
}
