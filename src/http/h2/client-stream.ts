/**
 * One request to a service over HTTP/2, and its response: the upstream side of the seam (RFC 9113 section 8.1).
 *
 * A WebSocket goes as extended CONNECT (RFC 8441), where the service offers it; the exchange sees the 101 that it would see
 * of HTTP/1.1.
 */

import { flushCorked } from "../../net/output.ts"
import { FieldId } from "../field-names.ts"
import { BODY_NONE, type RequestHead, ResponseHead } from "../message.ts"
import type { UpstreamEvents, UpstreamFailureKind, UpstreamStream } from "../stream.ts"
import type { Http2ClientConnection } from "./client-connection.ts"
import type { FieldCollector } from "./field-collector.ts"
import { ErrorCode, FRAME_HEAD_BYTES } from "./frame.ts"
import { buildResponseHead, buildSwitchingHead, parseStatus } from "./response-head.ts"
import { type CutReason, Http2Stream } from "./stream.ts"
import { buildTrailers } from "./trailers.ts"
import { encodeFields } from "./write-fields.ts"

/** A response to one request may be preceded by this many 1xx; more is a service that never answers. */
const INFORMATIONAL_MAX = 16

const FAILURE_KINDS: Readonly<Record<CutReason, UpstreamFailureKind>> = Object.freeze({
  "remote-reset": "remote-reset",
  refused: "refused-stream",
  "protocol-error": "protocol-error",
  "connection-gone": "connection-termination",
})

export class Http2ClientStream extends Http2Stream implements UpstreamStream {
  readonly #connection: Http2ClientConnection
  readonly #head = new ResponseHead()
  #events: UpstreamEvents | null = null
  #isHead = false
  /** Of a WebSocket's request; "" = it is none. */
  #webSocketKey = ""
  #isTunnelOpen = false
  #hasResponse = false
  #informationalCount = 0
  #receivedBytes = 0
  /** Of the request body still to come, where its length is known and nothing can follow it; else -1. */
  #requestBytesLeft = -1

  constructor(connection: Http2ClientConnection, id: number) {
    super(connection, id)
    this.#connection = connection
  }

  get localAddress(): string {
    return this.#connection.localAddress
  }

  // --- UpstreamStream ------------------------------------------------------------------------------------------------

  /** Sends the request head; the body follows through `sendBody` and `sendEnd`. */
  start(events: UpstreamEvents, request: RequestHead): void {
    this.#events = events
    this.#isHead = request.method === "HEAD"
    const isWebSocket = request.upgrade !== ""
    if (isWebSocket && !this.session.peer.allowsConnectProtocol) return this.#failLater()
    if (isWebSocket) this.#webSocketKey = request.fieldValue("sec-websocket-key") ?? ""
    const isWithoutBody = !isWebSocket && (request.bodyLength === BODY_NONE || request.bodyLength === 0)
    this.#requestBytesLeft = endsWithItsBody(request) ? request.bodyLength : -1
    this.#writeHead(request, isWebSocket, isWithoutBody)
    if (isWithoutBody) this.markLocalEnd()
  }

  #writeHead(request: RequestHead, isWebSocket: boolean, isEndStream: boolean): void {
    const { encoder } = this.session
    const { fields } = request
    encoder.begin(FRAME_HEAD_BYTES)
    encoder.add(":method", isWebSocket ? "CONNECT" : request.method)
    encoder.add(":scheme", request.scheme)
    encoder.add(":authority", request.authority)
    encoder.add(":path", request.path)
    if (isWebSocket) encoder.add(":protocol", request.upgrade)
    encodeFields(encoder, fields, isWebSocket ? "sec-websocket-key" : "")
    if (request.hasTeTrailers()) encoder.add("te", "trailers")
    this.session.sendFieldBlock(this.id, isEndStream)
  }

  /** The service offers no WebSockets over HTTP/2: told after `start` has returned, like every failure. */
  #failLater(): void {
    // Nothing of the stream was sent, so nothing more may be.
    this.isLocalEnded = true
    queueMicrotask(() => {
      this.cut("protocol-error")
      flushCorked()
    })
  }

  sendBody(bytes: Buffer, start: number, end: number): void {
    if (start === end) return
    if (this.#requestBytesLeft >= 0) {
      this.#requestBytesLeft -= end - start
      this.send(bytes, start, end, this.#requestBytesLeft === 0)
    } else {
      this.send(bytes, start, end, false)
    }
  }

  sendEnd(trailers: string): void {
    // A WebSocket's request has no body; its end comes with the tunnel's.
    if (this.#webSocketKey !== "" && !this.#isTunnelOpen) return
    this.sendEndOfStream(trailers)
  }

  pauseResponse(): void {
    this.pause()
  }

  resumeResponse(): void {
    this.resume()
  }

  startTunnel(): void {
    this.#isTunnelOpen = true
    this.resume()
  }

  cancel(): void {
    this.#events = null
    this.reset(ErrorCode.cancel)
  }

  // --- from the service ----------------------------------------------------------------------------------------------

  /** A field block: the response head, a 1xx before it, or trailers. */
  onFields(collected: FieldCollector, isEndStream: boolean): void {
    if (this.#hasResponse) return this.#onTrailers(collected, isEndStream)
    const status = parseStatus(collected.status)
    if (this.#webSocketKey !== "" && status >= 200 && status < 300 && !isEndStream && collected.fault === null) {
      this.#hasResponse = true
      buildSwitchingHead(collected, this.#head, this.#webSocketKey)
      this.#events?.onResponseHead(this.#head)
      return
    }
    if (!buildResponseHead(collected, this.#head, this.#isHead, isEndStream)) return this.#fail()
    if (status < 200) return this.#onInformational(isEndStream)
    this.#hasResponse = true
    if (isEndStream) this.markRemoteEndWithHead()
    this.#events?.onResponseHead(this.#head)
    if (isEndStream) this.#finish("")
  }

  #onInformational(isEndStream: boolean): void {
    if (isEndStream || ++this.#informationalCount > INFORMATIONAL_MAX) return this.#fail()
    this.#events?.onResponseInformational(this.#head)
  }

  #onTrailers(collected: FieldCollector, isEndStream: boolean): void {
    const trailers = isEndStream ? buildTrailers(collected) : null
    if (typeof trailers === "string") this.onRemoteEnd(trailers)
    else this.#fail()
  }

  /** The service broke the protocol. */
  #fail(): void {
    this.abandon(ErrorCode.protocolError)
  }

  protected override get isHolding(): boolean {
    return super.isHolding || (this.#webSocketKey !== "" && this.#head.status === 101 && !this.#isTunnelOpen)
  }

  protected override deliverBody(bytes: Buffer, start: number, end: number): void {
    if (!this.#hasResponse) return this.#fail()
    this.#receivedBytes += end - start
    const { bodyLength } = this.#head
    if (!this.#isTunnelOpen && (bodyLength === BODY_NONE || (bodyLength >= 0 && this.#receivedBytes > bodyLength))) {
      return this.#fail()
    }
    this.#events?.onResponseBody(bytes, start, end)
  }

  protected override deliverEnd(trailers: string): void {
    const { bodyLength } = this.#head
    if (!this.#hasResponse || (bodyLength >= 0 && this.#receivedBytes !== bodyLength)) return this.#fail()
    this.#finish(trailers)
  }

  #finish(trailers: string): void {
    const events = this.#events
    this.#events = null
    // Nobody waits for the rest of the request; and what is complete frees its place before the next one is sent.
    if (this.isLocalEnded) this.close()
    else this.reset(ErrorCode.cancel)
    events?.onResponseEnd(trailers)
  }

  protected override onLocalEnd(): void {
    // The response decides when the stream is over.
  }

  override onWritable(): void {
    this.#events?.onUpstreamDrain()
  }

  override onCut(reason: CutReason): void {
    const events = this.#events
    this.#events = null
    const isStaleConnection =
      !this.#hasResponse &&
      (reason === "refused" || (reason === "connection-gone" && this.#connection.requestCount > 1))
    events?.onUpstreamFailure({ kind: FAILURE_KINDS[reason], transportReason: "", isStaleConnection })
  }
}

/** Whether END_STREAM may go with the last byte: a length is known, and nothing says that trailers follow. */
function endsWithItsBody(request: RequestHead): boolean {
  return request.bodyLength > 0 && request.fields.indexOfId(FieldId.trailer) < 0 && !request.isGrpc()
}
