/**
 * gRPC-Web to gRPC and back, between a codec and its exchange (Envoy's `grpc_web` filter, which Istio puts on ports of
 * protocol GRPC-WEB): to the codec it is an exchange, to the exchange it is a client that speaks gRPC.
 *
 *   codec ──▶ GrpcWebStream ──▶ HttpExchange      content-type, te; base64 to bytes
 *         ◀──               ◀──                   trailers become a frame of the body; bytes to base64
 *
 * An answer that is not gRPC, the gateway's own or the service's, keeps its HTTP status and says in its head what it
 * comes to in gRPC; its body becomes `grpc-message`.
 */
import { FieldId } from "../http/field-names.ts"
import { grpcStatusOfHttp, isGrpcContentType } from "../http/grpc-status.ts"
import {
  Base64Decoder,
  FrameBase64Encoder,
  GRPC_WEB_PROTO,
  GRPC_WEB_TEXT_PROTO,
  grpcWebFormOf,
  trailersFrame,
} from "../http/grpc-web.ts"
import type { FaultAnswer } from "../http/h1/faults.ts"
import { BODY_NONE, BODY_UNKNOWN_LENGTH, type RequestHead, type ResponseHead } from "../http/message.ts"
import type { DownstreamEvents, DownstreamStream, PeerAddresses } from "../http/stream.ts"
import { encodeGrpcMessage } from "./local-replies.ts"

/** Of an answer that is not gRPC, this much becomes `grpc-message`; the rest is dropped. Envoy's limit. */
const PLAIN_BODY_BYTES_MAX = 16 * 1024

const BAD_BASE64: FaultAnswer = {
  name: "grpc_web_bad_base64",
  status: 400,
  body: "Bad gRPC-web request, invalid base64 data.",
  details: "grpc_base_64_decode_failed",
}

/** Whether the body of a response goes on as it is, is over with its head, or becomes `grpc-message`. */
type ResponseBody = "messages" | "none" | "plain"

/** Wraps the exchange of a gRPC-Web request; every other request gets its exchange as it is. */
export function openTranslated(
  stream: DownstreamStream,
  openExchange: (stream: DownstreamStream) => DownstreamEvents,
): DownstreamEvents {
  const { request } = stream
  const contentType = request.fields.valueOfId(FieldId.contentType)
  const form = contentType === null || request.upgrade !== "" ? null : grpcWebFormOf(contentType)
  if (form === null) return openExchange(stream)
  const translated = new GrpcWebStream(stream, form === "text" ? new Base64Decoder() : null)
  translated.exchange = openExchange(translated)
  return translated
}

class GrpcWebStream implements DownstreamStream, DownstreamEvents {
  readonly request: RequestHead
  exchange: DownstreamEvents | null = null
  readonly #stream: DownstreamStream
  /** null = the request is binary. */
  readonly #decoder: Base64Decoder | null
  /** null = the response is binary. */
  readonly #encoder: FrameBase64Encoder | null
  #hasFault = false
  #body: ResponseBody = "messages"
  /** Of a plain answer, which waits for its body. */
  #head: ResponseHead | null = null
  #plainBody: Buffer[] = []
  #plainBodyBytes = 0

  constructor(stream: DownstreamStream, decoder: Base64Decoder | null) {
    this.#stream = stream
    this.#decoder = decoder
    this.request = translatedHead(stream.request)
    const isTextWanted = grpcWebFormOf(stream.request.fieldValue("accept") ?? "") === "text"
    this.#encoder = isTextWanted ? new FrameBase64Encoder() : null
  }

  // --- from the client -----------------------------------------------------------------------------------------------

  onRequestHead(): void {
    this.exchange?.onRequestHead()
  }

  onRequestBody(bytes: Buffer, start: number, end: number): void {
    if (this.#hasFault) return
    if (this.#decoder === null) {
      this.exchange?.onRequestBody(bytes, start, end)
      return
    }
    const decoded = this.#decoder.decode(bytes, start, end)
    if (decoded === null) this.onRequestFault(BAD_BASE64)
    else if (decoded.length > 0) this.exchange?.onRequestBody(decoded, 0, decoded.length)
  }

  onRequestEnd(trailers: string): void {
    if (this.#hasFault) return
    if (this.#decoder?.isAtBoundary === false) {
      this.onRequestFault({ ...BAD_BASE64, details: "grpc_base_64_decode_failed_bad_size" })
    } else {
      this.exchange?.onRequestEnd(trailers)
    }
  }

  onRequestFault(answer: FaultAnswer): void {
    this.#hasFault = true
    this.exchange?.onRequestFault(answer)
  }

  onDownstreamDrain(): void {
    this.exchange?.onDownstreamDrain()
  }

  onDownstreamGone(): void {
    this.exchange?.onDownstreamGone()
  }

  // --- to the client -------------------------------------------------------------------------------------------------

  get isRequestComplete(): boolean {
    return this.#stream.isRequestComplete
  }

  get peer(): PeerAddresses {
    return this.#stream.peer
  }

  get isBackedUp(): boolean {
    return this.#stream.isBackedUp
  }

  sendInformational(head: ResponseHead): void {
    this.#stream.sendInformational(head)
  }

  sendHead(head: ResponseHead): void {
    const { fields } = head
    const isOverWithHead = head.bodyLength === BODY_NONE || head.bodyLength === 0
    const isGrpc = isGrpcResponse(head, isOverWithHead)
    this.#body = isOverWithHead ? "none" : isGrpc ? "messages" : "plain"
    fields.dropNamed("content-type")
    fields.append("content-type", this.#encoder === null ? GRPC_WEB_PROTO : GRPC_WEB_TEXT_PROTO)
    if (!isGrpc) fields.append("grpc-status", String(grpcStatusOfHttp(head.status)))
    if (this.#body === "plain") {
      this.#head = head
      return
    }
    if (this.#body === "messages") {
      fields.dropNamed("content-length")
      head.bodyLength = BODY_UNKNOWN_LENGTH
    }
    this.#stream.sendHead(head)
  }

  sendBody(bytes: Buffer, start: number, end: number): void {
    if (this.#body === "plain") {
      const length = Math.min(end - start, PLAIN_BODY_BYTES_MAX - this.#plainBodyBytes)
      this.#plainBodyBytes += length
      if (length > 0) this.#plainBody.push(Buffer.from(bytes.subarray(start, start + length)))
    } else if (this.#encoder === null) {
      this.#stream.sendBody(bytes, start, end)
    } else {
      this.#sendText(this.#encoder.encode(bytes, start, end))
    }
  }

  sendEnd(trailers: string): void {
    if (this.#head !== null) this.#sendPlain(this.#head)
    else if (this.#body === "messages") this.#sendTrailers(trailers)
    this.#stream.sendEnd("")
  }

  #sendTrailers(trailers: string): void {
    const frame = trailers === "" ? NO_BYTES : trailersFrame(trailers)
    if (this.#encoder === null) this.#stream.sendBody(frame, 0, frame.length)
    else this.#sendText(this.#encoder.finish() + frame.toString("base64"))
  }

  #sendText(text: string): void {
    const bytes = Buffer.from(text, "latin1")
    this.#stream.sendBody(bytes, 0, bytes.length)
  }

  #sendPlain(head: ResponseHead): void {
    const { fields } = head
    fields.dropNamed("content-length")
    fields.append("content-length", "0")
    fields.append("grpc-message", encodeGrpcMessage(Buffer.concat(this.#plainBody)))
    head.bodyLength = 0
    this.#stream.sendHead(head)
  }

  pauseRequest(): void {
    this.#stream.pauseRequest()
  }

  resumeRequest(): void {
    this.#stream.resumeRequest()
  }

  startTunnel(): void {
    this.#stream.startTunnel()
  }

  abort(): void {
    this.#stream.abort()
  }
}

const NO_BYTES = Buffer.alloc(0)

/** The request as the service is to see it; a copy, because the codec frames the body by its own. */
function translatedHead(request: RequestHead): RequestHead {
  const head = request.copy()
  const { fields } = head
  head.clientContentType = fields.valueOfId(FieldId.contentType) ?? ""
  for (const id of [FieldId.contentType, FieldId.contentLength, FieldId.te]) fields.forget(id)
  fields.insert("content-type", "application/grpc")
  fields.insert("te", "trailers")
  // What a script in a browser can decompress is not for the service to guess.
  if (fields.joinedValue("grpc-accept-encoding") === null) fields.insert("grpc-accept-encoding", "identity")
  head.acceptsTrailers = true
  head.expectsContinue = request.expectsContinue
  head.headBytes = request.headBytes
  if (head.bodyLength !== BODY_NONE) head.bodyLength = BODY_UNKNOWN_LENGTH
  return head
}

/** As Envoy: by content-type, or, where nothing follows the head, by the status in it. gRPC-Web passes for gRPC. */
function isGrpcResponse({ fields, status }: ResponseHead, isOverWithHead: boolean): boolean {
  if (isOverWithHead && fields.isPresent(FieldId.grpcStatus, "grpc-status")) return true
  if (isOverWithHead || status !== 200) return false
  const contentType = fields.joinedValue("content-type") ?? ""
  return isGrpcContentType(contentType) || grpcWebFormOf(contentType) === "binary"
}
