/**
 * One connection to an endpoint speaking HTTP/1.1: sends a request, reads its response, then is given back to its pool.
 * One request at a time: a pipelined request could not be retried safely (RFC 9112 section 9.3.2).
 *
 *   connecting ──open──▶ idle ──start──▶ exchanging ──done──▶ idle …
 *                          │                  └── 101 ──▶ tunnel
 *                          └── closed by the upstream: leaves the pool
 */
import { Output } from "../../net/output.ts"
import { pauseReading, resumeReading, type SocketOwner, type TcpSocket } from "../../net/socket.ts"
import type { HttpLimits } from "../limits.ts"
import { BODY_NONE, BODY_UNKNOWN_LENGTH, type RequestHead, ResponseHead } from "../message.ts"
import type { UpstreamEvents, UpstreamFailureKind, UpstreamStream } from "../stream.ts"
import { BodyDecoder, type BodySink } from "./body-decoder.ts"
import { faultOfPartialHead, findHeadEnd, HeadBuffer } from "./head-buffer.ts"
import { parseResponseHead, ResponseFraming } from "./response-head.ts"
import { requestHeadText } from "./write-head.ts"

/** Where connections come from and go back to. */
export interface ClientConnectionOwner {
  readonly limits: HttpLimits
  onConnected(connection: H1ClientConnection): void
  /** The exchange is over and the connection can serve another. */
  onIdle(connection: H1ClientConnection): void
  /** Gone, whatever it was doing; never used again. */
  onClosed(connection: H1ClientConnection): void
}

/** A response to one request may be preceded by this many 1xx; more is an upstream that never answers. */
const INFORMATIONAL_MAX = 16

export class H1ClientConnection implements SocketOwner, UpstreamStream, BodySink {
  /** `IP:PORT` of our end; "" before the connection is open. */
  localAddress = ""
  /** Coarse time when it last became idle, and when it was opened; for its pool. */
  idleSinceMs = 0
  openedAtMs = 0
  readonly #owner: ClientConnectionOwner
  readonly #output = new Output()
  readonly #head = new ResponseHead()
  readonly #decoder = new BodyDecoder()
  readonly #held = new HeadBuffer()
  #socket: TcpSocket | null = null
  #events: UpstreamEvents | null = null
  #isHead = false
  #isChunkedRequest = false
  #isRequestSent = false
  #hasResponseHead = false
  #canReuse = true
  #isPaused = false
  #isTunnel = false
  #isConsuming = false
  /** The upstream closed while bytes it sent before wait for a slow client. */
  #isClosedBehindHeld = false
  #informationalCount = 0
  #responseBytes = 0
  #requestCount = 0

  constructor(owner: ClientConnectionOwner) {
    this.#owner = owner
  }

  get requestCount(): number {
    return this.#requestCount
  }

  // --- UpstreamStream ------------------------------------------------------------------------------------------------

  /** Sends the request head; the body follows through `sendBody` and `sendEnd`. */
  start(events: UpstreamEvents, request: RequestHead): void {
    this.#events = events
    this.#isHead = request.method === "HEAD"
    this.#isChunkedRequest = request.bodyLength === BODY_UNKNOWN_LENGTH
    this.#isRequestSent = false
    this.#hasResponseHead = false
    this.#informationalCount = 0
    this.#responseBytes = 0
    this.#requestCount++
    this.#decoder.startEmpty()
    this.#output.writeText(requestHeadText(request))
  }

  get isBackedUp(): boolean {
    return this.#output.isBackedUp
  }

  sendBody(bytes: Buffer, start: number, end: number): void {
    if (start === end) return
    if (this.#isChunkedRequest && !this.#isTunnel) {
      this.#output.writeText(`${(end - start).toString(16)}\r\n`)
      this.#output.writeBytes(bytes, start, end)
      this.#output.writeText("\r\n")
    } else {
      this.#output.writeBytes(bytes, start, end)
    }
  }

  sendEnd(trailers: string): void {
    this.#isRequestSent = true
    if (this.#isTunnel) this.#output.endAfterFlush()
    else if (this.#isChunkedRequest) this.#output.writeText(`0\r\n${trailers}\r\n`)
  }

  pauseResponse(): void {
    if (this.#isPaused) return
    this.#isPaused = true
    if (this.#socket !== null) pauseReading(this.#socket)
  }

  resumeResponse(): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    if (this.#isConsuming) return
    if (this.#held.length > 0) {
      const bytes = this.#held.take()
      this.#consume(bytes, 0, bytes.length)
    }
    if (!this.#isPaused && this.#socket !== null) resumeReading(this.#socket)
  }

  startTunnel(): void {
    this.#isTunnel = true
    this.#canReuse = false
  }

  cancel(): void {
    this.#events = null
    this.close()
  }

  /** Cuts the connection. Its exchange, if there is one, is not told. */
  close(): void {
    this.#canReuse = false
    this.#events = null
    this.#socket?.terminate()
  }

  // --- socket events -------------------------------------------------------------------------------------------------

  onOpen(socket: TcpSocket): void {
    this.#socket = socket
    this.#output.attach(socket)
    this.localAddress = socket.localPort > 0 ? `${socket.localAddress}:${socket.localPort}` : ""
    this.#owner.onConnected(this)
  }

  onData(bytes: Buffer): void {
    if (this.#events === null) {
      // Nobody asked: whatever this is, it must not become the answer to the next request.
      this.close()
      return
    }
    this.#responseBytes += bytes.length
    if (this.#isTunnel) {
      this.#events.onResponseBody(bytes, 0, bytes.length)
    } else if (this.#held.length > 0) {
      this.#held.append(bytes, 0, bytes.length)
      if (this.#isPaused) return
      const held = this.#held.take()
      this.#consume(held, 0, held.length)
    } else {
      this.#consume(bytes, 0, bytes.length)
    }
  }

  onDrain(): void {
    if (this.#output.onDrain()) this.#events?.onUpstreamDrain()
  }

  onEnd(): void {
    this.#socket?.end()
  }

  onClose(): void {
    this.#socket = null
    this.#output.detach()
    this.#canReuse = false
    this.#owner.onClosed(this)
    if (this.#events === null) return
    if (this.#held.length > 0 && this.#isPaused) {
      this.#isClosedBehindHeld = true
      return
    }
    this.#finishClosed()
  }

  #finishClosed(): void {
    const events = this.#events
    if (events === null) return
    this.#events = null
    if (this.#isTunnel) {
      events.onResponseEnd("")
    } else if (this.#hasResponseHead && this.#decoder.isUntilClose) {
      events.onResponseEnd("")
    } else {
      events.onUpstreamFailure({
        kind: "connection-termination",
        transportReason: "",
        isStaleConnection: this.#requestCount > 1 && this.#responseBytes === 0,
      })
    }
  }

  // --- reading -------------------------------------------------------------------------------------------------------

  #consume(bytes: Buffer, start: number, end: number): void {
    this.#isConsuming = true
    let offset = start
    while (offset < end && this.#events !== null && !this.#isPaused) {
      if (this.#isTunnel) {
        this.#events.onResponseBody(bytes, offset, end)
        offset = end
      } else if (this.#hasResponseHead) {
        offset = this.#readBody(bytes, offset, end)
      } else {
        const next = this.#readHead(bytes, offset, end)
        if (next < 0) break
        offset = next
      }
    }
    this.#isConsuming = false
    if (offset < end && this.#events !== null) this.#held.append(bytes, offset, end)
    else if (offset < end) this.close()
    if (this.#isClosedBehindHeld && this.#held.length === 0) this.#finishClosed()
  }

  /** @returns offset after the head; -1 when it is not complete or is malformed. */
  #readHead(bytes: Buffer, start: number, end: number): number {
    const { limits } = this.#owner
    const headEnd = findHeadEnd(bytes, start, end)
    if ((headEnd < 0 ? end : headEnd) - start > limits.headBytesMax) return this.#fail("protocol-error")
    // A line that does not end in CRLF never will: its end would be waited for until the route's timeout, if it has one.
    if (headEnd < 0) return faultOfPartialHead(bytes, start, start, end) === 0 ? -1 : this.#fail("protocol-error")
    const head = this.#head
    const framing = parseResponseHead(bytes.latin1Slice(start, headEnd), head, this.#isHead, limits)
    if (framing < 0) return this.#fail("protocol-error")
    if (head.status < 200 && head.status !== 101) {
      if (++this.#informationalCount > INFORMATIONAL_MAX) return this.#fail("protocol-error")
      this.#events?.onResponseInformational(head)
      return headEnd
    }
    this.#hasResponseHead = true
    if ((framing & ResponseFraming.closes) !== 0) this.#canReuse = false
    if ((framing & ResponseFraming.chunked) !== 0) this.#decoder.startChunked()
    else if ((framing & ResponseFraming.untilClose) !== 0) this.#decoder.startUntilClose()
    else if (head.bodyLength === BODY_NONE) this.#decoder.startEmpty()
    else this.#decoder.startLength(head.bodyLength)
    this.#events?.onResponseHead(head)
    if (!this.#isTunnel && this.#decoder.isDone) this.#finish(headEnd === end)
    return headEnd
  }

  #readBody(bytes: Buffer, start: number, end: number): number {
    const offset = this.#decoder.decode(bytes, start, end, this, this.#owner.limits)
    if (offset < 0) {
      this.#fail("protocol-error")
      return end
    }
    if (this.#decoder.isDone) this.#finish(offset === end)
    return offset
  }

  onBody(bytes: Buffer, start: number, end: number): boolean {
    this.#events?.onResponseBody(bytes, start, end)
    return !this.#isPaused && this.#events !== null
  }

  /** The response is complete. @param isLast whether no byte came after it */
  #finish(isLast: boolean): void {
    const events = this.#events
    if (events === null) return
    this.#events = null
    if (this.#isPaused) {
      this.#isPaused = false
      if (this.#socket !== null) resumeReading(this.#socket)
    }
    // Bytes after the response, or a request still on its way, make the next exchange unsafe.
    if (this.#canReuse && this.#isRequestSent && isLast && this.#socket !== null) this.#owner.onIdle(this)
    else this.close()
    events.onResponseEnd(this.#decoder.trailers)
  }

  /** @returns -1 */
  #fail(kind: UpstreamFailureKind): number {
    const events = this.#events
    this.close()
    events?.onUpstreamFailure({ kind, transportReason: "", isStaleConnection: false })
    return -1
  }
}
