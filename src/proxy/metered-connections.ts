/** The codecs of connections whose protocol TLS has named, with what they read and write counted. */
import { H1ServerConnection } from "../http/h1/server-connection.ts"
import { Http2ServerConnection } from "../http/h2/server-connection.ts"
import type { TcpSocket } from "../net/socket.ts"
import { meterSocket, type TrafficMeter } from "../net/traffic-meter.ts"
import type { HttpHost } from "./undecided-connection.ts"

export class MeteredHttp1Connection extends H1ServerConnection {
  readonly #traffic: TrafficMeter

  constructor(host: HttpHost, serverName: string) {
    super(host, serverName)
    this.#traffic = host.counters.downstreamTraffic
  }

  override onOpen(socket: TcpSocket): void {
    meterSocket(socket, this.#traffic)
    super.onOpen(socket)
  }

  override onData(bytes: Buffer): void {
    this.#traffic.bytesReceived += bytes.length
    super.onData(bytes)
  }
}

export class MeteredHttp2Connection extends Http2ServerConnection {
  readonly #traffic: TrafficMeter

  constructor(host: HttpHost, serverName: string) {
    super(host, serverName)
    this.#traffic = host.counters.downstreamTraffic
  }

  override onOpen(socket: TcpSocket): void {
    meterSocket(socket, this.#traffic)
    super.onOpen(socket)
  }

  override onData(bytes: Buffer): void {
    this.#traffic.bytesReceived += bytes.length
    super.onData(bytes)
  }
}
