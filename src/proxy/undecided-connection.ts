/**
 * A connection whose protocol nothing has named: HTTP/1.1, unless the first bytes are the preface of HTTP/2 (RFC 9113
 * section 3.3, prior knowledge; Envoy: codec type AUTO). Afterwards it passes every event on to the codec, and counts bytes.
 *
 *   accepted ──▶ HTTP/1.1, silent ──24 bytes of preface──▶ HTTP/2
 *                      └──a byte that is not of the preface──▶ HTTP/1.1 for good
 */
import { H1ServerConnection, type ServerConnectionHost } from "../http/h1/server-connection.ts"
import { CONNECTION_PREFACE } from "../http/h2/frame.ts"
import { Http2ServerConnection, type Http2ServerHost } from "../http/h2/server-connection.ts"
import type { HttpLimits } from "../http/limits.ts"
import type { DownstreamEvents, DownstreamStream } from "../http/stream.ts"
import type { TcpSocket } from "../net/socket.ts"
import { meterSocket, type TrafficMeter } from "../net/traffic-meter.ts"
import type { DownstreamConnection } from "./downstream-connection.ts"

/** What either codec needs of its surroundings. */
export interface HttpHost extends Omit<Http2ServerHost, "onConnectionClosed" | "counters"> {
  /** Who hears of faults and of bytes. */
  readonly counters: Http2ServerHost["counters"] & { readonly downstreamTraffic: TrafficMeter }
  onConnectionClosed(connection: DownstreamConnection): void
}

const PREFACE = Buffer.from(CONNECTION_PREFACE, "latin1")

/** Stands between codec and host, because the host knows this connection and not the codec's. */
export class UndecidedConnection implements DownstreamConnection, ServerConnectionHost, Http2ServerHost {
  readonly #host: HttpHost
  readonly #serverName: string
  readonly #traffic: TrafficMeter
  /** HTTP/1.1 until it is known better: its timeouts are right for a client that says nothing. */
  #codec: DownstreamConnection
  #socket: TcpSocket | null = null
  #isDecided = false
  /** Bytes of the preface that came in pieces. */
  #prefaceBytes = 0

  constructor(host: HttpHost, serverName: string) {
    this.#host = host
    this.#serverName = serverName
    this.#traffic = host.counters.downstreamTraffic
    this.#codec = new H1ServerConnection(this, serverName)
  }

  // --- socket events -------------------------------------------------------------------------------------------------

  onOpen(socket: TcpSocket): void {
    this.#socket = socket
    meterSocket(socket, this.#traffic)
    this.#codec.onOpen(socket)
  }

  onData(bytes: Buffer): void {
    this.#traffic.bytesReceived += bytes.length
    if (this.#isDecided) this.#codec.onData(bytes)
    else this.#decide(bytes)
  }

  #decide(bytes: Buffer): void {
    const known = this.#prefaceBytes
    const length = Math.min(bytes.length, PREFACE.length - known)
    const isPreface = bytes.compare(PREFACE, known, known + length, 0, length) === 0
    if (isPreface && known + length < PREFACE.length) {
      this.#prefaceBytes = known + length
      return
    }
    this.#isDecided = true
    if (isPreface && this.#socket !== null) {
      this.#codec = new Http2ServerConnection(this, this.#serverName)
      this.#codec.onOpen(this.#socket)
    }
    if (known > 0) this.#codec.onData(PREFACE.subarray(0, known))
    this.#codec.onData(bytes)
  }

  onDrain(): void {
    this.#codec.onDrain()
  }

  onEnd(): void {
    this.#codec.onEnd()
  }

  onClose(error: Error | null): void {
    this.#codec.onClose(error)
  }

  // --- DownstreamConnection ------------------------------------------------------------------------------------------

  get isBusy(): boolean {
    return this.#codec.isBusy
  }

  checkTimeouts(nowMs: number): void {
    this.#codec.checkTimeouts(nowMs)
  }

  drain(): void {
    this.#codec.drain()
  }

  terminate(): void {
    this.#codec.terminate()
  }

  // --- the host, as the codec sees it --------------------------------------------------------------------------------

  get limits(): HttpLimits {
    return this.#host.limits
  }

  get scheme(): "http" | "https" {
    return this.#host.scheme
  }

  get coarseNowMs(): number {
    return this.#host.coarseNowMs
  }

  get isDraining(): boolean {
    return this.#host.isDraining
  }

  get counters(): Http2ServerHost["counters"] {
    return this.#host.counters
  }

  openExchange(stream: DownstreamStream): DownstreamEvents {
    return this.#host.openExchange(stream)
  }

  onConnectionClosed(): void {
    this.#host.onConnectionClosed(this)
  }
}
