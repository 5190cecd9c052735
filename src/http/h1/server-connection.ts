/**
 * One client connection speaking HTTP/1.1: reads requests in order, hands each to an exchange, writes its response.
 *
 *   reading ──head──▶ exchanging ──response done──▶ reading …
 *      │                  │  └── 101 ──▶ tunnel
 *      └── fault ──▶ closing ◀── close ──┘          (FIN sent, the rest is read and dropped)
 *
 * Pipelined requests wait as bytes until their turn (RFC 9112 section 9.3.2); while they wait nothing more is read.
 */
import { peerOf, UNKNOWN_PEER } from "../../net/connection-peer.ts"
import { Output } from "../../net/output.ts"
import { pauseReading, resumeReading, type SocketOwner, type TcpSocket } from "../../net/socket.ts"
import type { HttpLimits } from "../limits.ts"
import { BODY_NONE, BODY_UNKNOWN_LENGTH, RequestHead, type ResponseHead } from "../message.ts"
import type { DownstreamEvents, DownstreamStream, PeerAddresses } from "../stream.ts"
import { BodyDecoder, type BodySink } from "./body-decoder.ts"
import { answerOf, Fault } from "./faults.ts"
import { faultOfPartialHead, findHeadEnd, HeadBuffer } from "./head-buffer.ts"
import { parseRequestHead } from "./request-head.ts"
import { responseHeadText } from "./write-head.ts"

/** What a connection needs from the listener it was accepted on. */
export interface ServerConnectionHost {
  readonly limits: HttpLimits
  readonly scheme: "http" | "https"
  /** A clock that moves at least once a second; enough for timeouts. */
  readonly coarseNowMs: number
  /** Responses from now on end their connection. */
  readonly isDraining: boolean
  /** Makes the exchange of a request; the connection then calls its events. */
  openExchange(stream: DownstreamStream): DownstreamEvents
  onConnectionClosed(connection: H1ServerConnection): void
}

const Mode = Object.freeze({ http: 0, tunnel: 1, closing: 2, closed: 3 } as const)

/** A request body that nobody wants is read and dropped up to here; beyond, its connection is closed instead. */
const DISCARDED_BODY_BYTES_MAX = 64 * 1024

const CR = 0x0d
const LF = 0x0a

const DISCARD: BodySink = { onBody: () => true }

export class H1ServerConnection implements SocketOwner, DownstreamStream, BodySink {
  readonly request = new RequestHead()
  peer: PeerAddresses = UNKNOWN_PEER
  readonly #serverName: string
  readonly #host: ServerConnectionHost
  readonly #output = new Output()
  readonly #decoder = new BodyDecoder()
  /** Bytes of an unfinished head, of a paused body, or of pipelined requests. */
  readonly #held = new HeadBuffer()
  #socket: TcpSocket | null = null
  #exchange: DownstreamEvents | null = null
  #mode: number = Mode.http
  #isConsuming = false
  #isBodyPaused = false
  #isSocketPaused = false
  /** The request's exchange is over, its body is still to be read and dropped. */
  #isDiscarding = false
  #isChunkedResponse = false
  #closesAfterResponse = false
  /** When the present wait (for a head, for the next request, for the client's FIN) began. */
  #waitingSinceMs = 0
  #requestCount = 0

  constructor(host: ServerConnectionHost, serverName: string) {
    this.#host = host
    this.#serverName = serverName
    this.#waitingSinceMs = host.coarseNowMs
  }

  // --- socket events -------------------------------------------------------------------------------------------------

  onOpen(socket: TcpSocket): void {
    this.#socket = socket
    this.#output.attach(socket)
    this.peer = peerOf(socket, this.#serverName)
  }

  onData(bytes: Buffer): void {
    if (this.#mode === Mode.http) {
      if (this.#held.length === 0) this.#consume(bytes, 0, bytes.length)
      else if (this.#exchange === null && !this.#isDiscarding) this.#growHead(bytes)
      else this.#held.append(bytes, 0, bytes.length)
    } else if (this.#mode === Mode.tunnel) {
      this.#exchange?.onRequestBody(bytes, 0, bytes.length)
    }
  }

  onDrain(): void {
    if (this.#mode === Mode.closing) this.#waitingSinceMs = this.#host.coarseNowMs
    if (!this.#output.onDrain()) return
    this.#exchange?.onDownstreamDrain()
    if (this.#mode === Mode.http && this.#held.length > 0) this.#consumeHeld()
  }

  onEnd(): void {
    // A client that sends FIN has gone, as Envoy sees it: an HTTP/1.1 connection is never half-open.
    this.#socket?.end()
  }

  onClose(): void {
    const exchange = this.#exchange
    this.#mode = Mode.closed
    this.#exchange = null
    this.#socket = null
    this.#output.detach()
    this.#held.clear()
    this.#host.onConnectionClosed(this)
    exchange?.onDownstreamGone()
  }

  /** Called about once a second. */
  checkTimeouts(nowMs: number): void {
    const waitedMs = nowMs - this.#waitingSinceMs
    const { limits } = this.#host
    if (this.#mode === Mode.closing) {
      // A client that reads slowly has the time that every response has. Once all is with the kernel, a close does not
      // take it back, as a reset would.
      if (this.#output.isBackedUp) {
        if (waitedMs > limits.idleTimeoutMs) this.terminate()
      } else if (waitedMs > limits.delayedCloseMs) {
        this.#socket?.end()
      }
    } else if (this.#mode === Mode.http && this.#exchange === null) {
      const hasPartialHead = this.#held.length > 0 && !this.#isDiscarding
      if (hasPartialHead && waitedMs > limits.requestHeadTimeoutMs) this.#refuseUnread(Fault.headTimeout)
      else if (this.#requestCount === 0 && waitedMs > limits.requestHeadTimeoutMs) this.close()
      else if (waitedMs > limits.idleTimeoutMs) this.close()
    }
  }

  /** Whether an exchange or a tunnel is under way. */
  get isBusy(): boolean {
    return this.#exchange !== null || this.#output.isBackedUp
  }

  /** No exchange is interrupted: an idle connection is closed after `drainIdleMs`, a busy one after its response. */
  drain(): void {
    if (this.#exchange !== null) this.#closesAfterResponse = true
    else setTimeout(() => this.#closeIdle(), this.#host.limits.drainIdleMs)
  }

  #closeIdle(): void {
    if (this.#mode === Mode.http && this.#exchange === null) this.close()
  }

  /** Ends the connection after what was written; what still comes is read and dropped, so that the client sees it. */
  close(): void {
    if (this.#mode === Mode.closing || this.#mode === Mode.closed) return
    this.#mode = Mode.closing
    this.#exchange = null
    this.#held.clear()
    this.#waitingSinceMs = this.#host.coarseNowMs
    this.#updateReading()
    this.#output.endAfterFlush()
  }

  /** Cuts the connection, whatever is under way; where nothing is, the client sees an orderly end. */
  terminate(): void {
    if (this.isBusy) this.#socket?.terminate()
    else this.#socket?.end()
  }

  // --- reading -------------------------------------------------------------------------------------------------------

  /** More of a head that is not complete: only what is new is searched. */
  #growHead(bytes: Buffer): void {
    const held = this.#held
    const before = held.length
    held.append(bytes, 0, bytes.length)
    if (this.#output.isBackedUp) return
    const isEmptyLine = held.length === 2 && skipEmptyLines(held.bytes, 0, 2) === 2
    if (isEmptyLine || findHeadEnd(held.bytes, Math.max(0, before - 3), held.length) >= 0) this.#consumeHeld()
    else if (held.length > this.#host.limits.headBytesMax) this.#refuseUnread(Fault.headTooLarge)
    else {
      const fault = faultOfPartialHead(held.bytes, 0, before, held.length)
      if (fault !== 0) this.#refuseUnread(fault)
    }
  }

  #consumeHeld(): void {
    if (this.#isConsuming) return
    const bytes = this.#held.take()
    this.#consume(bytes, 0, bytes.length)
  }

  /** Goes through the bytes as far as it may; keeps the rest. */
  #consume(bytes: Buffer, start: number, end: number): void {
    this.#isConsuming = true
    let offset = start
    while (offset < end && this.#mode === Mode.http) {
      const isInBody = this.#isDiscarding || (this.#exchange !== null && !this.#decoder.isDone)
      // The rest waits: for the body's taker, for the response before it, for the client to read.
      if (isInBody ? this.#isBodyPaused : this.#exchange !== null || this.#output.isBackedUp) break
      const next = isInBody ? this.#readBody(bytes, offset, end) : this.#readHead(bytes, offset, end)
      if (next < 0) {
        offset = end
        break
      }
      offset = next
    }
    this.#isConsuming = false
    if (offset < end) {
      if (this.#mode === Mode.http) this.#held.append(bytes, offset, end)
      else if (this.#mode === Mode.tunnel) this.#exchange?.onRequestBody(bytes, offset, end)
    }
    this.#updateReading()
  }

  /** Nothing more is read while what was read waits for its turn. */
  #updateReading(): void {
    const socket = this.#socket
    if (socket === null) return
    const waitsForTurn = this.#held.length > 0 && (this.#exchange !== null || this.#output.isBackedUp)
    const isPaused = this.#mode !== Mode.closing && (this.#isBodyPaused || waitsForTurn)
    if (this.#isSocketPaused === isPaused) return
    this.#isSocketPaused = isPaused
    if (isPaused) pauseReading(socket)
    else resumeReading(socket)
  }

  /** @returns offset after the head; -1 when it is not complete (then it is kept) or was refused. */
  #readHead(bytes: Buffer, start: number, end: number): number {
    const { limits } = this.#host
    const lineStart = skipEmptyLines(bytes, start, end)
    if (lineStart === end) return end
    const headEnd = findHeadEnd(bytes, lineStart, end)
    if ((headEnd < 0 ? end : headEnd) - lineStart > limits.headBytesMax) return this.#refuseUnread(Fault.headTooLarge)
    if (headEnd < 0) {
      const fault = faultOfPartialHead(bytes, lineStart, lineStart, end)
      if (fault !== 0) return this.#refuseUnread(fault)
      this.#held.append(bytes, lineStart, end)
      this.#waitingSinceMs = this.#host.coarseNowMs
      return -1
    }
    const fault = parseRequestHead(bytes.latin1Slice(lineStart, headEnd), this.request, this.#host.scheme, limits)
    if (fault !== 0) return this.#refuse(fault)
    this.#openExchange().onRequestHead()
    if (this.#decoder.isDone) this.#exchange?.onRequestEnd("")
    return headEnd
  }

  #openExchange(): DownstreamEvents {
    const { bodyLength, wantsClose } = this.request
    if (bodyLength === BODY_NONE) this.#decoder.startEmpty()
    else if (bodyLength === BODY_UNKNOWN_LENGTH) this.#decoder.startChunked()
    else this.#decoder.startLength(bodyLength)
    this.#requestCount++
    this.#isBodyPaused = false
    this.#closesAfterResponse = wantsClose || this.#host.isDraining
    const exchange = this.#host.openExchange(this)
    this.#exchange = exchange
    return exchange
  }

  /** @returns offset after what was consumed; -1 after a fault. */
  #readBody(bytes: Buffer, start: number, end: number): number {
    const decoder = this.#decoder
    const { limits } = this.#host
    const offset = decoder.decode(bytes, start, end, this.#isDiscarding ? DISCARD : this, limits)
    if (offset < 0) return this.#refuse(offset)
    if (limits.requestBodyBytesMax > 0 && decoder.payloadBytes > limits.requestBodyBytesMax) {
      return this.#refuse(Fault.bodyTooLarge)
    }
    if (!this.#isDiscarding) {
      if (decoder.isDone) this.#exchange?.onRequestEnd(decoder.trailers)
    } else if (decoder.isDone) {
      this.#isDiscarding = false
      this.#waitingSinceMs = this.#host.coarseNowMs
    } else if (decoder.payloadBytes > DISCARDED_BODY_BYTES_MAX) {
      this.close()
    }
    return offset
  }

  onBody(bytes: Buffer, start: number, end: number): boolean {
    this.#exchange?.onRequestBody(bytes, start, end)
    return !this.#isBodyPaused
  }

  /** As `#refuse`, for a head that was never read: nothing of the request before it may be taken for its own. */
  #refuseUnread(fault: number): number {
    this.request.reset("")
    this.request.scheme = this.#host.scheme
    return this.#refuse(fault)
  }

  /** Answers what breaks the protocol; the connection ends with it. @returns -1 */
  #refuse(fault: number): number {
    this.#held.clear()
    if (this.#isDiscarding) {
      this.close()
      return -1
    }
    let exchange = this.#exchange
    if (exchange === null) {
      this.request.bodyLength = BODY_NONE
      exchange = this.#openExchange()
    }
    this.#closesAfterResponse = true
    exchange.onRequestFault(answerOf(fault))
    return -1
  }

  // --- DownstreamStream ----------------------------------------------------------------------------------------------

  get isRequestComplete(): boolean {
    return this.#decoder.isDone
  }

  get isBackedUp(): boolean {
    return this.#output.isBackedUp
  }

  sendInformational(head: ResponseHead): void {
    this.#output.writeText(responseHeadText(head, false))
  }

  sendHead(head: ResponseHead): void {
    // A client that waits for 100 may or may not send its body after a final answer: the connection cannot go on.
    if (this.request.expectsContinue && !this.#decoder.isDone) this.#closesAfterResponse = true
    if (this.#host.isDraining) this.#closesAfterResponse = true
    this.#isChunkedResponse = head.bodyLength === BODY_UNKNOWN_LENGTH
    this.#output.writeText(responseHeadText(head, this.#closesAfterResponse))
  }

  sendBody(bytes: Buffer, start: number, end: number): void {
    if (start === end) return
    const output = this.#output
    if (this.#isChunkedResponse) {
      output.writeText(`${(end - start).toString(16)}\r\n`)
      output.writeBytes(bytes, start, end)
      output.writeText("\r\n")
    } else {
      output.writeBytes(bytes, start, end)
    }
  }

  sendEnd(trailers: string): void {
    if (this.#isChunkedResponse && this.#mode === Mode.http) this.#output.writeText(`0\r\n${trailers}\r\n`)
    this.#isChunkedResponse = false
    this.#exchange = null
    this.#waitingSinceMs = this.#host.coarseNowMs
    if (this.#closesAfterResponse || this.#mode === Mode.tunnel) {
      this.close()
      return
    }
    this.#isBodyPaused = false
    if (!this.#decoder.isDone) this.#isDiscarding = true
    if (this.#isConsuming) return
    if (this.#held.length > 0) this.#consumeHeld()
    else this.#updateReading()
  }

  pauseRequest(): void {
    this.#isBodyPaused = true
    this.#updateReading()
  }

  resumeRequest(): void {
    if (!this.#isBodyPaused) return
    this.#isBodyPaused = false
    if (this.#isConsuming) return
    if (this.#held.length > 0 && this.#mode === Mode.http) this.#consumeHeld()
    else this.#updateReading()
  }

  startTunnel(): void {
    this.#mode = Mode.tunnel
    if (this.#held.length > 0) {
      const bytes = this.#held.take()
      this.#exchange?.onRequestBody(bytes, 0, bytes.length)
    }
    this.#updateReading()
  }

  abort(): void {
    this.close()
  }
}

/** RFC 9112 section 2.2: empty lines before a request line are ignored. @returns offset after them */
function skipEmptyLines(bytes: Buffer, start: number, end: number): number {
  let offset = start
  while (offset + 1 < end && bytes[offset] === CR && bytes[offset + 1] === LF) offset += 2
  return offset
}
