/**
 * One forwarded connection: bytes from the client to a service and back, untouched (Envoy: `tcp_proxy`; Istio semantics
 * sheet 8.1 (4)-(7), 8.2 (5)). Serves passthrough, terminated TLS and plain TCP alike: what TLS there is, is below.
 *
 *   accepted ──destination drawn──▶ connecting ──▶ both ways ──▶ one side's FIN ──▶ other side's FIN ──▶ closed
 *                    │ UH, NC           │ UF           └── reset, idle ──▶ closed
 *
 * A FIN travels on when everything before it has: the other direction stays open. Reading stops on either side while
 * the other does not take what was read, so nothing here grows.
 */
import type { TcpFilterChain } from "../compile/snapshot.ts"
import { connectSocket } from "../net/connect.ts"
import { addressesOf, type ConnectionAddresses } from "../net/connection-addresses.ts"
import { Output } from "../net/output.ts"
import { pauseReading, resumeReading, type SocketOwner, type TcpSocket } from "../net/socket.ts"
import { Deadline, type TimerWheel } from "../net/timer-wheel.ts"
import type { AccessLogSink } from "../telemetry/access-log-record.ts"
import type { Counters } from "../telemetry/counters.ts"
import type { Cluster } from "../upstream/cluster.ts"
import type { Endpoint } from "../upstream/endpoint.ts"
import type { HttpPool } from "../upstream/http-pool.ts"
import { chooseWeightedCluster } from "../upstream/weighted-choice.ts"
import { ConnectionRecord } from "./connection-record.ts"
import type { DownstreamConnection } from "./downstream-connection.ts"

/** What a forwarded connection needs from its surroundings; the same object for all of a filter chain. */
export interface TcpProxyHost {
  readonly chain: TcpFilterChain
  /** Indexed by `ClusterSpec.index`; read once, when the connection begins. */
  readonly clusters: readonly Cluster<HttpPool>[]
  readonly counters: Counters
  readonly accessLog: AccessLogSink | null
  readonly wheel: TimerWheel
  readonly coarseNowMs: number
  readonly handlers: Bun.SocketHandler<SocketOwner>
  onConnectionClosed(connection: DownstreamConnection): void
}

export class TcpProxy implements DownstreamConnection {
  readonly #host: TcpProxyHost
  readonly #serverName: string
  readonly #startedAtMs = performance.now()
  readonly #output = new Output()
  readonly #upstream: UpstreamSide
  #addresses: ConnectionAddresses | null = null
  #socket: TcpSocket | null = null
  #cluster: Cluster<HttpPool> | null = null
  #endpoint: Endpoint<HttpPool> | null = null
  #connectDeadline: Deadline | null = null
  #clusterName = ""
  #upstreamHost = ""
  #flags = ""
  #details = ""
  #transportFailure = ""
  /** Read before there was anyone to send it to: what one read gave, and no more, since reading then stops. */
  #early: Buffer[] = []
  #hasClientEnded = false
  #hasServiceEnded = false
  #bytesReceived = 0
  #lastActivityMs: number
  #isOver = false

  constructor(host: TcpProxyHost, serverName: string) {
    this.#host = host
    this.#serverName = serverName
    this.#upstream = new UpstreamSide(this)
    this.#lastActivityMs = host.coarseNowMs
  }

  // --- the client's side ---------------------------------------------------------------------------------------------

  onOpen(socket: TcpSocket): void {
    this.#socket = socket
    this.#output.attach(socket)
    this.#addresses = addressesOf(socket)
    this.#host.counters.downstreamTcpConnectionsTotal++
    this.#connect()
  }

  onData(bytes: Buffer): void {
    this.#bytesReceived += bytes.length
    this.#lastActivityMs = this.#host.coarseNowMs
    if (this.#upstream.isConnected) {
      this.#upstream.output.writeBytes(bytes, 0, bytes.length)
      if (this.#upstream.output.isBackedUp) this.#pauseClient()
    } else if (!this.#isOver) {
      this.#early.push(Buffer.from(bytes))
      this.#pauseClient()
    }
  }

  onDrain(): void {
    if (this.#output.onDrain()) this.#upstream.resume()
    this.#closeWhenDone()
  }

  onEnd(): void {
    this.#hasClientEnded = true
    if (this.#upstream.isConnected) this.#upstream.output.endAfterFlush()
    this.#closeWhenDone()
  }

  onClose(error: Error | null): void {
    this.#socket = null
    this.#output.detach()
    this.#host.onConnectionClosed(this)
    if (this.#isOver) return
    if (error !== null && this.#details === "") this.#details = "downstream_reset"
    this.#closeBooks()
    // What the client sent before it went may still reach the service.
    this.#upstream.closeAfterFlush()
  }

  // --- the service's side --------------------------------------------------------------------------------------------

  #connect(): void {
    const { chain, clusters, wheel, handlers } = this.#host
    const choice = chooseWeightedCluster(chain.clusters, Math.random())
    this.#clusterName = choice.clusterName
    const cluster = clusters[choice.clusterIndex]
    if (cluster === undefined) return this.#fail("NC", "cluster_not_found")
    this.#cluster = cluster
    const endpoint = cluster.pickEndpoint(null)
    if (endpoint === null) return this.#fail("UH", "no_healthy_upstream")
    endpoint.startRequest()
    endpoint.connectionsTotal++
    cluster.stats.upstreamCxTotal++
    this.#endpoint = endpoint
    this.#upstreamHost = endpoint.hostText
    this.#connectDeadline = new Deadline(() => this.#onConnectTimeout())
    wheel.set(this.#connectDeadline, cluster.spec.connectTimeoutMs)
    const onFailed = (reason: string): void => this.#onConnectFailed(`delayed connect error: ${reason}`)
    connectSocket(endpoint.address, endpoint.port, this.#upstream, handlers, onFailed, true)
  }

  #onConnectTimeout(): void {
    if (this.#cluster !== null) this.#cluster.stats.upstreamCxConnectTimeout++
    this.#onConnectFailed("connection timeout")
  }

  #onConnectFailed(reason: string): void {
    if (this.#isOver) return
    if (this.#endpoint !== null) this.#endpoint.connectFailures++
    if (this.#cluster !== null) this.#cluster.stats.upstreamCxConnectFail++
    this.#transportFailure = reason
    this.#fail("UF", "upstream_connect_failure")
  }

  onUpstreamOpen(): void {
    const { output } = this.#upstream
    if (this.#connectDeadline !== null) this.#host.wheel.clear(this.#connectDeadline)
    if (this.#cluster !== null) this.#cluster.stats.upstreamCxActive++
    for (const bytes of this.#early) output.writeBytes(bytes, 0, bytes.length)
    this.#early = []
    if (this.#hasClientEnded) output.endAfterFlush()
    if (!output.isBackedUp) this.#resumeClient()
  }

  onUpstreamData(bytes: Buffer): void {
    this.#lastActivityMs = this.#host.coarseNowMs
    this.#output.writeBytes(bytes, 0, bytes.length)
    if (this.#output.isBackedUp) this.#upstream.pause()
  }

  onUpstreamDrain(): void {
    this.#resumeClient()
    this.#closeWhenDone()
  }

  onUpstreamEnd(): void {
    this.#hasServiceEnded = true
    this.#output.endAfterFlush()
    this.#closeWhenDone()
  }

  onUpstreamClose(): void {
    if (this.#cluster !== null) this.#cluster.stats.upstreamCxActive--
    if (this.#isOver) return
    // Its FIN may have come with the close; what it sent is still the client's.
    this.#hasServiceEnded = true
    this.#hasClientEnded = true
    this.#closeWhenDone()
    if (!this.#isOver) this.#pauseClient()
  }

  /** Both directions have ended and everything is out: closes both connections. */
  #closeWhenDone(): void {
    if (!this.#hasClientEnded || !this.#hasServiceEnded || this.#isOver) return
    if (this.#output.isBackedUp || (this.#upstream.isConnected && this.#upstream.output.isBackedUp)) return
    this.#closeBooks()
    this.#upstream.closeAfterFlush()
    this.#socket?.end()
  }

  /** Nobody serves this connection: it ends as it came. */
  #fail(flags: string, details: string): void {
    this.#flags = flags
    this.#details = details
    this.#host.counters.countLocalReply(flags)
    this.#closeBooks()
    this.#upstream.terminate()
    this.#socket?.end()
  }

  #pauseClient(): void {
    if (this.#socket !== null) pauseReading(this.#socket)
  }

  #resumeClient(): void {
    if (this.#socket !== null) resumeReading(this.#socket)
  }

  // --- DownstreamConnection ------------------------------------------------------------------------------------------

  get isBusy(): boolean {
    return !this.#isOver
  }

  checkTimeouts(nowMs: number): void {
    const { idleTimeoutMs } = this.#host.chain
    if (this.#isOver || idleTimeoutMs === 0 || nowMs - this.#lastActivityMs <= idleTimeoutMs) return
    this.#details = "idle_timeout"
    this.terminate()
  }

  /** A forwarded connection has no end of its own to wait for: the drain's deadline cuts it. */
  drain(): void {}

  terminate(): void {
    this.#closeBooks()
    this.#upstream.terminate()
    this.#socket?.terminate()
  }

  #closeBooks(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#early = []
    const { accessLog, wheel } = this.#host
    if (this.#connectDeadline !== null) wheel.clear(this.#connectDeadline)
    this.#endpoint?.finishRequest(this.#flags === "UF")
    accessLog?.write(
      new ConnectionRecord({
        startedAtMs: this.#startedAtMs,
        addresses: this.#addresses,
        serverName: this.#serverName,
        flags: this.#flags,
        details: this.#details,
        bytesReceived: this.#bytesReceived,
        bytesSent: this.#output.bytesTotal,
        upstreamHost: this.#upstreamHost,
        upstreamCluster: this.#clusterName,
        upstreamLocalAddress: this.#upstream.localAddress,
        upstreamTransportFailureReason: this.#transportFailure,
      }),
    )
  }
}

/** The connection to the service. */
class UpstreamSide implements SocketOwner {
  readonly output = new Output()
  localAddress = ""
  readonly #proxy: TcpProxy
  #socket: TcpSocket | null = null
  #isUnwanted = false
  #closesWhenFlushed = false

  constructor(proxy: TcpProxy) {
    this.#proxy = proxy
  }

  get isConnected(): boolean {
    return this.#socket !== null
  }

  onOpen(socket: TcpSocket): void {
    // It came too late: the client has gone, or was told that it failed.
    if (this.#isUnwanted) {
      socket.terminate()
      return
    }
    this.#socket = socket
    this.output.attach(socket)
    this.localAddress = addressesOf(socket).localAddress
    this.#proxy.onUpstreamOpen()
  }

  onData(bytes: Buffer): void {
    if (!this.#isUnwanted) this.#proxy.onUpstreamData(bytes)
  }

  onDrain(): void {
    if (!this.output.onDrain()) return
    if (this.#closesWhenFlushed) this.#socket?.end()
    else this.#proxy.onUpstreamDrain()
  }

  onEnd(): void {
    if (!this.#isUnwanted) this.#proxy.onUpstreamEnd()
  }

  onClose(): void {
    if (this.#socket === null) return
    this.#socket = null
    this.output.detach()
    this.#proxy.onUpstreamClose()
  }

  pause(): void {
    if (this.#socket !== null) pauseReading(this.#socket)
  }

  resume(): void {
    if (this.#socket !== null) resumeReading(this.#socket)
  }

  /** Nothing it sends is wanted any more; what was written for it is still sent. */
  closeAfterFlush(): void {
    this.#isUnwanted = true
    this.resume()
    if (this.output.isBackedUp) this.#closesWhenFlushed = true
    else this.#socket?.end()
  }

  terminate(): void {
    this.#isUnwanted = true
    this.#socket?.terminate()
  }
}
