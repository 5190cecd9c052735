/**
 * One request of an HTTP/2 client: what HTTP/1.1 has a connection for (RFC 9113 section 8.1). Its exchange sees the same
 * seam as over HTTP/1.1; what only HTTP/2 has (windows, resets, END_STREAM) stays here.
 *
 * A WebSocket over HTTP/2 (RFC 8441) is a request without a body whose DATA waits until the exchange has answered 101;
 * the client sees a 200 and a stream that stays open.
 */

import { FieldId } from "../field-names.ts"
import { Fault } from "../h1/faults.ts"
import { BODY_NONE, type RequestHead, type ResponseHead } from "../message.ts"
import type { DownstreamEvents, DownstreamStream, PeerAddresses } from "../stream.ts"
import { ErrorCode, FRAME_HEAD_BYTES } from "./frame.ts"
import { CONTENT_LENGTH_MISMATCH, type MessageFault } from "./message-faults.ts"
import { refusalOf } from "./request-head.ts"
import type { Session } from "./session.ts"
import { Http2Stream } from "./stream.ts"
import { encodeFields } from "./write-fields.ts"

export class Http2ServerStream extends Http2Stream implements DownstreamStream {
  readonly request: RequestHead
  readonly peer: PeerAddresses
  readonly #isTunnelRequest: boolean
  readonly #release: (head: RequestHead) => void
  #isTunnelOpen = false
  #exchange: DownstreamEvents | null = null
  #receivedBytes = 0
  /** Of the response body still to come, where its length is known and nothing can follow it; else -1. */
  #responseBytesLeft = -1
  /** The request was malformed: the answer is cut by this code, as RFC 9113 section 8.1.1 has it; noError = it was not. */
  #resetCode: number = ErrorCode.noError
  #isReleased = false

  /** @param release takes the head back once nobody looks at it any more */
  constructor(
    session: Session,
    id: number,
    request: RequestHead,
    peer: PeerAddresses,
    release: (head: RequestHead) => void,
  ) {
    super(session, id)
    this.request = request
    this.peer = peer
    this.#isTunnelRequest = request.upgrade !== ""
    this.#release = release
  }

  /** Hands the request to its exchange. @param isEndStream whether it ends with its head */
  open(exchange: DownstreamEvents, isEndStream: boolean): void {
    this.#exchange = exchange
    if (isEndStream) this.markRemoteEndWithHead()
    exchange.onRequestHead()
    if (isEndStream || this.#isTunnelRequest) this.#exchange?.onRequestEnd("")
  }

  /** Answers a request that is not one. */
  refuse(exchange: DownstreamEvents, fault: MessageFault, isEndStream: boolean): void {
    this.#exchange = exchange
    if (isEndStream) this.markRemoteEndWithHead()
    this.request.bodyLength = BODY_NONE
    this.#fail(fault)
  }

  /** The message broke the protocol after its head. */
  failMessage(fault: MessageFault): void {
    if (this.#exchange === null) this.reset(fault.resetCode)
    else this.#fail(fault)
  }

  #fail(fault: MessageFault): void {
    this.#resetCode = fault.resetCode
    this.#exchange?.onRequestFault(fault)
  }

  // --- from the client -----------------------------------------------------------------------------------------------

  protected override get isHolding(): boolean {
    return super.isHolding || (this.#isTunnelRequest && !this.#isTunnelOpen)
  }

  protected override deliverBody(bytes: Buffer, start: number, end: number): void {
    const exchange = this.#exchange
    if (exchange === null) return
    this.#receivedBytes += end - start
    const { bodyLength } = this.request
    const { requestBodyBytesMax } = this.session.limits
    if (bodyLength >= 0 && this.#receivedBytes > bodyLength) return this.#fail(CONTENT_LENGTH_MISMATCH)
    if (requestBodyBytesMax > 0 && this.#receivedBytes > requestBodyBytesMax && !this.#isTunnelRequest) {
      return this.#fail(refusalOf(Fault.bodyTooLarge))
    }
    exchange.onRequestBody(bytes, start, end)
  }

  protected override deliverEnd(trailers: string): void {
    const { bodyLength } = this.request
    if (bodyLength >= 0 && this.#receivedBytes !== bodyLength) return this.#fail(CONTENT_LENGTH_MISMATCH)
    this.#exchange?.onRequestEnd(trailers)
  }

  override onCut(): void {
    const exchange = this.#exchange
    this.#exchange = null
    exchange?.onDownstreamGone()
    this.#releaseHead()
  }

  override onWritable(): void {
    this.#exchange?.onDownstreamDrain()
  }

  // --- DownstreamStream ----------------------------------------------------------------------------------------------

  get isRequestComplete(): boolean {
    return this.hasDeliveredEnd || this.#isTunnelRequest
  }

  sendInformational(head: ResponseHead): void {
    if (!this.isClosed) this.#writeHead(head, head.status, false)
  }

  sendHead(head: ResponseHead): void {
    if (this.isClosed) return
    if (head.status === 101) {
      head.fields.dropNamed("sec-websocket-accept")
      this.#writeHead(head, 200, false)
      return
    }
    const isIntact = this.#resetCode === ErrorCode.noError
    const isWithoutBody = isIntact && (head.bodyLength === BODY_NONE || head.bodyLength === 0)
    this.#responseBytesLeft = isIntact && endsWithItsBody(head) ? head.bodyLength : -1
    this.#writeHead(head, head.status, isWithoutBody)
    if (isWithoutBody) this.markLocalEnd()
  }

  #writeHead(head: ResponseHead, status: number, isEndStream: boolean): void {
    const { encoder } = this.session
    encoder.begin(FRAME_HEAD_BYTES)
    encoder.add(":status", String(status))
    encodeFields(encoder, head.fields)
    this.session.sendFieldBlock(this.id, isEndStream)
  }

  sendBody(bytes: Buffer, start: number, end: number): void {
    if (start === end) return
    if (this.#responseBytesLeft >= 0) {
      this.#responseBytesLeft -= end - start
      this.send(bytes, start, end, this.#responseBytesLeft === 0)
    } else {
      this.send(bytes, start, end, false)
    }
  }

  sendEnd(trailers: string): void {
    this.#exchange = null
    if (this.isClosed || this.isLocalEnded || this.#resetCode !== ErrorCode.noError) this.#finish()
    else this.sendEndOfStream(trailers)
  }

  protected override onLocalEnd(): void {
    if (this.#exchange === null) this.#finish()
  }

  /** The response is out and its exchange is over: the client need not send the rest of its request (section 8.1). */
  #finish(): void {
    if (this.#resetCode !== ErrorCode.noError || !this.isRemoteEnded) this.reset(this.#resetCode)
    else this.close()
    this.#releaseHead()
    if (this.#resetCode !== ErrorCode.noError) this.session.countReset()
  }

  pauseRequest(): void {
    this.pause()
  }

  resumeRequest(): void {
    this.resume()
  }

  startTunnel(): void {
    this.#isTunnelOpen = true
    this.resume()
  }

  abort(): void {
    this.#exchange = null
    this.reset(this.#resetCode === ErrorCode.noError ? ErrorCode.internalError : this.#resetCode)
    this.#releaseHead()
  }

  #releaseHead(): void {
    if (this.#isReleased || !this.isClosed || this.#exchange !== null) return
    this.#isReleased = true
    this.#release(this.request)
  }
}

/** Whether END_STREAM may go with the last byte: a length is known, and nothing says that trailers follow. */
function endsWithItsBody(head: ResponseHead): boolean {
  if (head.bodyLength <= 0 || head.fields.indexOfId(FieldId.trailer) >= 0) return false
  const contentType = head.fields.valueOfId(FieldId.contentType)
  return contentType === null || !contentType.startsWith("application/grpc")
}
