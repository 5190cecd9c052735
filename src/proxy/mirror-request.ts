/**
 * A copy of a request to another cluster (semantics sheet 3.8): sent beside the original, its response read and dropped,
 * its failures only counted. It never slows the original: what it cannot take at once is kept up to a limit, then the
 * copy is given up.
 */
import type { RequestHead } from "../http/message.ts"
import type { UpstreamEvents, UpstreamStream } from "../http/stream.ts"
import { Deadline, type TimerWheel } from "../net/timer-wheel.ts"
import type { Cluster } from "../upstream/cluster.ts"
import type { Endpoint } from "../upstream/endpoint.ts"
import type { HttpPool, ReadyUpstream, UpstreamRequester } from "../upstream/http-pool.ts"

/** Body bytes that wait for a slow mirror. Beyond: this copy is given up. */
const MIRROR_BUFFER_BYTES_MAX = 1024 * 1024
/** Where the route has no timeout a silent mirror must not live for ever. */
const MIRROR_TIMEOUT_MS_DEFAULT = 60_000

export class MirrorRequest implements UpstreamEvents, UpstreamRequester {
  /** A copy is the gateway's own request. */
  readonly peer = null
  readonly #request: RequestHead
  readonly #cluster: Cluster<HttpPool>
  readonly #wheel: TimerWheel
  readonly #deadline: Deadline
  #endpoint: Endpoint<HttpPool> | null = null
  #connection: UpstreamStream | null = null
  /** Body pieces that could not be sent yet. */
  #waiting: Buffer[] = []
  #waitingBytes = 0
  #isEnded = false
  #isEndSent = false
  #isOver = false

  /**
   * @param request as it goes upstream; copied
   * @param localIp of the gateway, appended to `x-forwarded-for` (semantics sheet 3.8); "" = there is none
   * @param timeoutMs the route's; 0 = none
   */
  constructor(request: RequestHead, cluster: Cluster<HttpPool>, localIp: string, timeoutMs: number, wheel: TimerWheel) {
    this.#request = request.copy()
    const forwardedFor = request.fieldValue("x-forwarded-for") ?? ""
    if (localIp !== "") {
      this.#request.fields.dropNamed("x-forwarded-for")
      this.#request.fields.append("x-forwarded-for", `${forwardedFor},${localIp}`)
    }
    this.#request.fields.append("x-envoy-internal", "true")
    this.#cluster = cluster
    this.#wheel = wheel
    this.#deadline = new Deadline(() => this.cancel())
    wheel.set(this.#deadline, timeoutMs > 0 ? timeoutMs : MIRROR_TIMEOUT_MS_DEFAULT)
  }

  get authority(): string {
    return this.#request.authority
  }

  get isHttp2(): boolean {
    return this.#request.protocol === "HTTP/2"
  }

  start(): void {
    const endpoint = this.#cluster.pickEndpoint(null)
    if (endpoint === null) return this.#finish(false)
    endpoint.startRequest()
    this.#endpoint = endpoint
    const connection = endpoint.pool.acquire(this)
    if (connection === "overflow") this.#finish(true)
    else if (connection !== null) this.onReady(connection)
  }

  onReady(connection: ReadyUpstream): void {
    this.#connection = connection
    connection.start(this, this.#request)
    this.#sendWaiting()
  }

  onConnectFailure(): void {
    this.#recordFailure()
    this.#finish(true)
  }

  sendBody(bytes: Buffer, start: number, end: number): void {
    if (this.#isOver) return
    this.#waitingBytes += end - start
    if (this.#waitingBytes > MIRROR_BUFFER_BYTES_MAX) return this.cancel()
    this.#waiting.push(Buffer.from(bytes.subarray(start, end)))
    this.#sendWaiting()
  }

  sendEnd(): void {
    this.#isEnded = true
    if (!this.#isOver) this.#sendWaiting()
  }

  #sendWaiting(): void {
    const connection = this.#connection
    if (connection === null) return
    while (this.#waiting.length > 0 && !connection.isBackedUp) {
      const piece = this.#waiting.shift()
      if (piece === undefined) break
      this.#waitingBytes -= piece.length
      connection.sendBody(piece, 0, piece.length)
    }
    if (this.#isEnded && !this.#isEndSent && this.#waiting.length === 0) {
      this.#isEndSent = true
      connection.sendEnd("")
    }
  }

  onUpstreamDrain(): void {
    this.#sendWaiting()
  }

  onResponseInformational(): void {
    // Nobody waits for it.
  }

  onResponseHead(head: { readonly status: number }): void {
    this.#cluster.stats.countResponse(head.status)
    if (this.#endpoint !== null) this.#cluster.recordResponse(this.#endpoint, head.status)
  }

  onResponseBody(): void {
    // Read so that the connection can be used again, and dropped.
  }

  onResponseEnd(): void {
    this.#finish(false)
  }

  onUpstreamFailure(): void {
    this.#recordFailure()
    this.#finish(true)
  }

  #recordFailure(): void {
    if (this.#endpoint !== null) this.#cluster.recordFailure(this.#endpoint)
  }

  /** The original's client has gone, or the copy takes too long or too much. */
  cancel(): void {
    if (this.#isOver) return
    this.#connection?.cancel()
    this.#endpoint?.pool.cancel(this)
    this.#finish(true)
  }

  #finish(hasFailed: boolean): void {
    this.#isOver = true
    this.#connection = null
    this.#waiting = []
    this.#wheel.clear(this.#deadline)
    const endpoint = this.#endpoint
    this.#endpoint = null
    endpoint?.finishRequest(hasFailed)
  }
}
