/** Sends an answer of the gateway's own: its head, and its body where the request and the status leave room for one. */
import { BODY_NONE, type ResponseHead } from "../http/message.ts"
import type { DownstreamStream } from "../http/stream.ts"

/** The exchange that answers; what it sends of a body is counted there, before it is sent. */
export interface AnsweringExchange {
  readonly stream: DownstreamStream
  responseBodyBytes: number
}

/** The exchange then closes its books and ends the stream. */
export function sendAnswer(exchange: AnsweringExchange, head: ResponseHead, body: Uint8Array): void {
  const { stream } = exchange
  const hasBody = head.bodyLength > 0 && stream.request.method !== "HEAD"
  if (!hasBody) head.bodyLength = BODY_NONE
  stream.sendHead(head)
  if (!hasBody) return
  exchange.responseBodyBytes = body.length
  stream.sendBody(Buffer.from(body.buffer, body.byteOffset, body.byteLength), 0, body.length)
}
