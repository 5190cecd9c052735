/**
 * The message model that codecs produce and consume; the exchange, routing and logs see nothing else of a protocol.
 * One object per connection (HTTP/1.1) or stream (HTTP/2), reused for the next message: nothing may keep it past the
 * end of its exchange.
 */
import type { MatchInput } from "../route/path-table.ts"
import { FieldId } from "./field-names.ts"
import { FieldTable } from "./field-table.ts"
import { isGrpcContentType } from "./grpc-status.ts"

/** How much body follows. */
export const BODY_NONE = -1
export const BODY_UNKNOWN_LENGTH = -2

export class RequestHead implements MatchInput {
  readonly fields = new FieldTable()
  /** As sent; methods are case-sensitive (RFC 9110 section 9.1). */
  method = ""
  /** Normalised path with query: what routing sees, and what goes upstream unless rewritten. */
  path = ""
  /** Length of `path` without its query. */
  pathLength = 0
  /** Host as sent, port included. */
  authority = ""
  scheme = "http"
  /** `HTTP/1.1` or `HTTP/2`. */
  protocol = "HTTP/1.1"
  /** ≥ 0 bytes, BODY_NONE, or BODY_UNKNOWN_LENGTH. */
  bodyLength: number = BODY_NONE
  /** Protocol the client wants to switch to, lower-cased; "" = none. */
  upgrade = ""
  /** The client takes a trailer section: it said `TE: trailers`, or speaks HTTP/2. */
  acceptsTrailers = false
  /** The client said `Expect: 100-continue`: it may hold its body back until it is asked for. */
  expectsContinue = false
  /** The connection ends after this exchange, because the client said so. */
  wantsClose = false
  /** Head bytes as they came, for metrics. */
  headBytes = 0
  /** What `content-type` said before gRPC-Web was translated; "" = nothing was. */
  clientContentType = ""

  reset(text: string): void {
    this.fields.reset(text)
    this.method = ""
    this.path = ""
    this.pathLength = 0
    this.authority = ""
    this.scheme = "http"
    this.bodyLength = BODY_NONE
    this.upgrade = ""
    this.acceptsTrailers = false
    this.expectsContinue = false
    this.wantsClose = false
    this.headBytes = 0
    this.clientContentType = ""
  }

  /** @param path with its query, as it is to be routed and sent */
  setPath(path: string): void {
    this.path = path
    const query = path.indexOf("?")
    this.pathLength = query < 0 ? path.length : query
  }

  /** A head of its own with the same contents, for a copy that outlives the exchange. */
  copy(): RequestHead {
    const copied = new RequestHead()
    copied.reset("")
    copied.fields.copyFrom(this.fields)
    copied.method = this.method
    copied.path = this.path
    copied.pathLength = this.pathLength
    copied.authority = this.authority
    copied.scheme = this.scheme
    copied.protocol = this.protocol
    copied.bodyLength = this.bodyLength
    copied.acceptsTrailers = this.acceptsTrailers
    return copied
  }

  /** As routing sees it, which comes before every translation (Istio semantics sheet 4). */
  fieldValue(name: string): string | null {
    if (this.clientContentType !== "" && name === "content-type") return this.clientContentType
    return this.fields.joinedValue(name)
  }

  /** Whether answers of the gateway's own are gRPC's: not where they are to be translated (semantics sheet 5.3). */
  get expectsGrpcReply(): boolean {
    return this.clientContentType === "" && this.isGrpc()
  }

  /** The client said `TE: trailers`, and its service is told the same; not every client of HTTP/2 does. */
  hasTeTrailers(): boolean {
    return this.acceptsTrailers && this.fields.indexOfId(FieldId.te) >= 0
  }

  /** semantics sheet 5.3: `application/grpc` or `application/grpc+…`; grpc-web is not gRPC here. */
  isGrpc(): boolean {
    const index = this.fields.indexOfId(FieldId.contentType)
    return index >= 0 && isGrpcContentType(this.fields.valueAt(index))
  }
}

export class ResponseHead {
  readonly fields = new FieldTable()
  status = 0
  reason = ""
  /** ≥ 0 bytes, BODY_NONE (HEAD, 204, 304, 1xx), or BODY_UNKNOWN_LENGTH (chunked, or until close). */
  bodyLength: number = BODY_NONE
  headBytes = 0

  reset(text: string): void {
    this.fields.reset(text)
    this.status = 0
    this.reason = ""
    this.bodyLength = BODY_NONE
    this.headBytes = 0
  }
}
