/**
 * The service's side of a forwarded connection: on its way, open, flushing what is left, gone. It owns what is counted
 * of that connection; what its events mean for the client is its owner's to say.
 *
 *   connecting ──▶ open ──closeAfterFlush──▶ flushing ──▶ gone
 *        └ failed, too slow, cancelled ──────────────────▶ gone
 */
import { addressesOf } from "../net/connection-addresses.ts"
import { Output } from "../net/output.ts"
import { pauseReading, resumeReading, type SocketOwner, type TcpSocket } from "../net/socket.ts"
import { Deadline, type TimerWheel } from "../net/timer-wheel.ts"
import type { Cluster } from "../upstream/cluster.ts"
import type { Endpoint } from "../upstream/endpoint.ts"
import type { HttpPool } from "../upstream/http-pool.ts"
import type { ConnectionIdentity, UpstreamTransport } from "../upstream/transport.ts"

/** Whoever splices. After `onUpstreamGone` nothing more is called. */
export interface TcpUpstreamOwner {
  onUpstreamOpen(): void
  /** @param bytes only valid during the call */
  onUpstreamData(bytes: Buffer): void
  /** Everything that was written is out. */
  onUpstreamDrain(): void
  /** It sent FIN; it may still be written to. */
  onUpstreamEnd(): void
  /** @param failure why there never was a connection (Envoy's transport failure reason); "" = there was one */
  onUpstreamGone(failure: string, isReset: boolean): void
}

export class TcpUpstream implements SocketOwner {
  localAddress = ""
  readonly #owner: TcpUpstreamOwner
  readonly #cluster: Cluster<HttpPool>
  readonly #endpoint: Endpoint<HttpPool>
  readonly #output = new Output()
  #socket: TcpSocket | null = null
  #cancelConnect: (() => void) | null = null
  #deadline: Deadline | null = null
  #wheel: TimerWheel
  #isReading = true
  /** What it still sends is dropped. */
  #isClosing = false
  #isGone = false

  constructor(owner: TcpUpstreamOwner, cluster: Cluster<HttpPool>, endpoint: Endpoint<HttpPool>, wheel: TimerWheel) {
    this.#owner = owner
    this.#cluster = cluster
    this.#endpoint = endpoint
    this.#wheel = wheel
    endpoint.startRequest()
    endpoint.connectionsTotal++
    endpoint.clusterStats.upstreamCxTotal++
    endpoint.clusterStats.upstreamCxActive++
  }

  get isOpen(): boolean {
    return this.#socket !== null
  }

  get isBackedUp(): boolean {
    return this.#output.isBackedUp
  }

  connect(transport: UpstreamTransport, identity: ConnectionIdentity): void {
    const { address, port } = this.#endpoint
    this.#deadline = new Deadline(() => this.#onTimeout())
    this.#wheel.set(this.#deadline, this.#cluster.spec.connectTimeoutMs)
    this.#cancelConnect = transport.connect(address, port, identity, this, (reason) => this.#onFailed(reason))
  }

  #onTimeout(): void {
    this.#cancelConnect?.()
    this.#endpoint.clusterStats.upstreamCxConnectTimeout++
    this.#onFailed("connection timeout")
  }

  #onFailed(reason: string): void {
    if (this.#isGone) return
    this.#endpoint.connectFailures++
    this.#endpoint.clusterStats.upstreamCxConnectFail++
    this.#cluster.recordFailure(this.#endpoint)
    this.#leave(true)
    this.#owner.onUpstreamGone(reason, false)
  }

  onOpen(socket: TcpSocket): void {
    this.#clearDeadline()
    this.#cancelConnect = null
    this.#socket = socket
    this.#output.attach(socket)
    this.localAddress = addressesOf(socket).localAddress
    // Envoy counts a connection that came about as a success of the endpoint's.
    this.#cluster.recordResponse(this.#endpoint, 200)
    this.#owner.onUpstreamOpen()
  }

  onData(bytes: Buffer): void {
    this.#endpoint.clusterStats.upstreamCxRxBytesTotal += bytes.length
    if (!this.#isClosing) this.#owner.onUpstreamData(bytes)
  }

  onDrain(): void {
    if (!this.#output.onDrain()) return
    if (this.#isClosing) this.#socket?.end()
    else this.#owner.onUpstreamDrain()
  }

  onEnd(): void {
    if (!this.#isClosing) this.#owner.onUpstreamEnd()
  }

  onClose(error: Error | null): void {
    if (this.#isGone) return
    this.#socket = null
    this.#output.detach()
    this.#leave(false)
    this.#owner.onUpstreamGone("", error !== null)
  }

  #leave(hasFailed: boolean): void {
    this.#isGone = true
    this.#clearDeadline()
    this.#endpoint.finishRequest(hasFailed)
    this.#endpoint.clusterStats.upstreamCxActive--
    this.#endpoint.clusterStats.upstreamCxDestroy++
  }

  #clearDeadline(): void {
    if (this.#deadline !== null) this.#wheel.clear(this.#deadline)
    this.#deadline = null
  }

  /** Only while it is open. */
  write(bytes: Buffer): void {
    this.#endpoint.clusterStats.upstreamCxTxBytesTotal += bytes.length
    this.#output.writeThrough(bytes)
  }

  /** Sends FIN behind everything written. */
  endAfterFlush(): void {
    this.#output.endAfterFlush()
  }

  pause(): void {
    if (this.#socket === null || !this.#isReading) return
    this.#isReading = false
    pauseReading(this.#socket)
  }

  resume(): void {
    if (this.#socket === null || this.#isReading) return
    this.#isReading = true
    resumeReading(this.#socket)
  }

  /** What was written is still sent, then it closes. A connection that is not there yet is not wanted any more. */
  closeAfterFlush(): void {
    if (this.#isGone || this.#isClosing) return
    this.#isClosing = true
    if (this.#socket === null) return this.#cancel()
    this.resume()
    if (!this.#output.isBackedUp) this.#socket.end()
  }

  /** At once. */
  terminate(): void {
    if (this.#isGone) return
    this.#isClosing = true
    if (this.#socket === null) this.#cancel()
    else this.#socket.terminate()
  }

  #cancel(): void {
    this.#cancelConnect?.()
    this.#leave(false)
    this.#owner.onUpstreamGone("", false)
  }
}
