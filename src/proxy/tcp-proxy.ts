/**
 * One forwarded connection: bytes from the client to a service and back, untouched (Envoy: `tcp_proxy`; Istio semantics
 * sheet 8.1 (4)-(7), 8.2 (5)). Serves passthrough, terminated TLS and plain TCP alike: what TLS there is, is below.
 *
 *   accepted ──destination drawn──▶ connecting ──▶ both ways ──▶ one side's FIN ──▶ other side's FIN ──▶ closed
 *                    │ UH, UO, NC       │ UF           └── reset, idle, too old ──▶ closed
 *
 * A FIN travels on when everything before it has: the other direction stays open. Reading stops on either side while
 * the other does not take what was read, so nothing here grows. When one side is gone, what it sent before still
 * reaches the other, as in Envoy.
 */
import type { TcpFilterChain } from "../compile/snapshot.ts"
import { type ConnectionPeer, peerOf } from "../net/connection-peer.ts"
import { Output } from "../net/output.ts"
import { pauseReading, resumeReading, type TcpSocket } from "../net/socket.ts"
import type { TimerWheel } from "../net/timer-wheel.ts"
import type { AccessLogSink } from "../telemetry/access-log-record.ts"
import type { Counters } from "../telemetry/counters.ts"
import type { Cluster } from "../upstream/cluster.ts"
import type { HttpPool } from "../upstream/http-pool.ts"
import type { UpstreamTransport } from "../upstream/transport.ts"
import { chooseWeightedCluster } from "../upstream/weighted-choice.ts"
import { ConnectionRecord } from "./connection-record.ts"
import type { DownstreamConnection } from "./downstream-connection.ts"
import { hashOfText } from "./hash-key.ts"
import { TcpUpstream, type TcpUpstreamOwner } from "./tcp-upstream.ts"

/** Where one connection can go. */
export interface TcpDestination {
  readonly cluster: Cluster<HttpPool>
  readonly transport: UpstreamTransport
}

/** What a forwarded connection needs from its surroundings; the same object for all of a filter chain. */
export interface TcpProxyHost {
  readonly chain: TcpFilterChain
  readonly counters: Counters
  readonly accessLog: AccessLogSink | null
  readonly wheel: TimerWheel
  readonly coarseNowMs: number
  /** Asked once, when a connection begins. @returns null when the destination does not exist */
  destination(clusterIndex: number): TcpDestination | null
  onConnectionClosed(connection: DownstreamConnection): void
}

/** Read from a client before its service is there. Beyond: it waits in the kernel, and the client with it. */
const earlyBytesMax = 64 * 1024

/** A client that is gone leaves bytes behind for a service that does not read: it has this long, or the idle timeout. */
const lingerMsMax = 60_000

export class TcpProxy implements DownstreamConnection, TcpUpstreamOwner {
  readonly #host: TcpProxyHost
  readonly #serverName: string
  readonly #startedAtMs = performance.now()
  readonly #output = new Output()
  /** null = it was gone before it was looked at. */
  #peer: ConnectionPeer | null = null
  #socket: TcpSocket | null = null
  #cluster: Cluster<HttpPool> | null = null
  #clusterName = ""
  /** null before a destination was drawn, and once it is gone. */
  #upstream: TcpUpstream | null = null
  #upstreamHost = ""
  #upstreamLocalAddress = ""
  #flags = ""
  #details = ""
  #transportFailure = ""
  /** Read before there was anyone to send it to. */
  #early: Buffer | null = null
  #isReading = true
  #hasClientEnded = false
  #hasServiceEnded = false
  #bytesReceived = 0
  #lastActivityMs: number
  /** It is logged, and nothing new happens on it. */
  #isOver = false

  constructor(host: TcpProxyHost, serverName: string) {
    this.#host = host
    this.#serverName = serverName
    this.#lastActivityMs = host.coarseNowMs
  }

  // --- the client's side ---------------------------------------------------------------------------------------------

  onOpen(socket: TcpSocket): void {
    this.#socket = socket
    this.#output.attach(socket)
    const peer = peerOf(socket, this.#serverName)
    this.#peer = peer
    this.#host.counters.downstreamTcpConnectionsTotal++
    this.#host.counters.downstreamTcpConnectionsActive++
    this.#connect(peer)
  }

  onData(bytes: Buffer): void {
    if (this.#isOver) return
    this.#bytesReceived += bytes.length
    this.#host.counters.downstreamTcpBytesReceived += bytes.length
    if (this.#cluster !== null) this.#cluster.connections.receivedBytes += bytes.length
    this.#lastActivityMs = this.#host.coarseNowMs
    const upstream = this.#upstream
    if (upstream === null) return
    if (upstream.isOpen) {
      upstream.write(bytes)
      if (upstream.isBackedUp) this.#pauseClient()
    } else {
      this.#early = this.#early === null ? Buffer.from(bytes) : Buffer.concat([this.#early, bytes])
      if (this.#early.length >= earlyBytesMax) this.#pauseClient()
    }
  }

  onDrain(): void {
    this.#lastActivityMs = this.#host.coarseNowMs
    if (this.#output.onDrain()) this.#upstream?.resume()
    this.#closeWhenDone()
  }

  onEnd(): void {
    this.#hasClientEnded = true
    if (this.#upstream?.isOpen === true) this.#upstream.endAfterFlush()
    this.#closeWhenDone()
  }

  onClose(error: Error | null): void {
    this.#socket = null
    this.#output.detach()
    if (!this.#isOver && error !== null) this.#details = "downstream_reset"
    this.#closeBooks()
    this.#upstream?.closeAfterFlush()
    this.#leaveWhenGone()
  }

  // --- the service's side --------------------------------------------------------------------------------------------

  #connect(peer: ConnectionPeer): void {
    const choice = chooseWeightedCluster(this.#host.chain.clusters, Math.random())
    this.#clusterName = choice.clusterName
    const destination = this.#host.destination(choice.clusterIndex)
    if (destination === null) return this.#fail("NC", "cluster_not_found")
    const { cluster, transport } = destination
    this.#cluster = cluster
    cluster.connections.opened++
    const isByAddress = cluster.spec.hash?.key.kind === "source-ip"
    const endpoint = cluster.pickEndpoint(null, isByAddress ? hashOfText(peer.remoteIp) : -1)
    if (endpoint === null) return this.#fail("UH", "no_healthy_upstream")
    if (!endpoint.breaker.admitsConnection) {
      cluster.stats.upstreamCxOverflow++
      return this.#fail("UO", "upstream_connection_overflow")
    }
    this.#upstreamHost = endpoint.hostText
    this.#upstream = new TcpUpstream(this, cluster, endpoint, this.#host.wheel)
    this.#upstream.connect(transport, transport.identify({ authority: "", peer }))
  }

  onUpstreamOpen(): void {
    const upstream = this.#upstream
    if (upstream === null) return
    this.#upstreamLocalAddress = upstream.localAddress
    if (this.#early !== null) upstream.write(this.#early)
    this.#early = null
    if (this.#hasClientEnded) upstream.endAfterFlush()
    if (!upstream.isBackedUp) this.#resumeClient()
  }

  onUpstreamData(bytes: Buffer): void {
    this.#host.counters.downstreamTcpBytesSent += bytes.length
    if (this.#cluster !== null) this.#cluster.connections.sentBytes += bytes.length
    this.#lastActivityMs = this.#host.coarseNowMs
    this.#output.writeThrough(bytes)
    if (this.#output.isBackedUp) this.#upstream?.pause()
  }

  onUpstreamDrain(): void {
    this.#lastActivityMs = this.#host.coarseNowMs
    this.#resumeClient()
    this.#closeWhenDone()
  }

  onUpstreamEnd(): void {
    this.#hasServiceEnded = true
    this.#output.endAfterFlush()
    this.#closeWhenDone()
  }

  onUpstreamGone(failure: string, isReset: boolean): void {
    this.#upstream = null
    if (!this.#isOver) {
      if (failure !== "") {
        this.#transportFailure = failure
        // One attempt is all there is (Istio semantics sheet 8.1 (6)); Envoy says so beside the failure.
        this.#fail("UF,URX", "upstream_connect_failure")
      } else {
        if (isReset) this.#details = "upstream_reset"
        // Nothing the client sends has a reader any more; what the service sent is still the client's.
        this.#hasServiceEnded = true
        this.#hasClientEnded = true
        this.#pauseClient()
        this.#closeWhenDone()
      }
    }
    this.#leaveWhenGone()
  }

  // --- the end -------------------------------------------------------------------------------------------------------

  /** Both directions have ended and everything is out: closes both connections. */
  #closeWhenDone(): void {
    if (!this.#hasClientEnded || !this.#hasServiceEnded || this.#isOver) return
    if (this.#output.isBackedUp || this.#upstream?.isBackedUp === true) return
    this.#closeBooks()
    this.#upstream?.closeAfterFlush()
    this.#socket?.end()
  }

  /** Nobody serves this connection: it ends as it came. */
  #fail(flags: string, details: string): void {
    this.#flags = flags
    this.#details = details
    this.#host.counters.countLocalReply(flags)
    this.#closeBooks()
    this.#socket?.end()
  }

  /** @param flags Envoy's; "" = none. What has not been sent yet is lost. */
  #expire(flags: string, details: string): void {
    this.#flags = flags
    this.#details = details
    this.#closeBooks()
    this.#upstream?.terminate()
    this.#socket?.end()
  }

  #pauseClient(): void {
    if (this.#socket === null || !this.#isReading) return
    this.#isReading = false
    pauseReading(this.#socket)
  }

  #resumeClient(): void {
    if (this.#socket === null || this.#isReading) return
    this.#isReading = true
    resumeReading(this.#socket)
  }

  #leaveWhenGone(): void {
    if (this.#socket === null && this.#upstream === null) this.#host.onConnectionClosed(this)
  }

  // --- DownstreamConnection ------------------------------------------------------------------------------------------

  get isBusy(): boolean {
    return !this.#isOver
  }

  checkTimeouts(nowMs: number): void {
    const { idleTimeoutMs, maxConnectionDurationMs } = this.#host.chain
    const idleMs = nowMs - this.#lastActivityMs
    if (this.#isOver) {
      if (idleMs > (idleTimeoutMs === 0 ? lingerMsMax : Math.min(idleTimeoutMs, lingerMsMax))) this.terminate()
    } else if (maxConnectionDurationMs > 0 && nowMs - this.#startedAtMs >= maxConnectionDurationMs) {
      this.#host.counters.tcpMaxConnectionDurationReached++
      this.#expire("DT", "max_connection_duration_reached")
    } else if (idleTimeoutMs > 0 && idleMs > idleTimeoutMs) {
      this.#host.counters.tcpIdleTimeouts++
      this.#expire("", "tcp_session_idle_timeout")
    }
  }

  /** A forwarded connection has no end of its own to wait for: the drain's deadline cuts it. */
  drain(): void {}

  terminate(): void {
    this.#closeBooks()
    this.#upstream?.terminate()
    this.#socket?.terminate()
  }

  #closeBooks(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#early = null
    this.#host.counters.downstreamTcpConnectionsActive--
    if (this.#cluster !== null) this.#cluster.connections.closed++
    this.#host.accessLog?.write(
      new ConnectionRecord({
        startedAtMs: this.#startedAtMs,
        addresses: this.#peer,
        serverName: this.#serverName,
        handshake: this.#peer?.handshake ?? null,
        flags: this.#flags,
        details: this.#details,
        bytesReceived: this.#bytesReceived,
        bytesSent: this.#output.bytesTotal,
        upstreamHost: this.#upstreamHost,
        upstreamCluster: this.#clusterName,
        upstreamLocalAddress: this.#upstreamLocalAddress,
        upstreamTransportFailureReason: this.#transportFailure,
      }),
    )
  }
}
