/**
 * Makes a response head of a decoded field block (RFC 9113 section 8.3.2). As strict as for requests: what a client of
 * HTTP/1.1 could read as other framing, or as two messages, is a 502.
 */
import { createHash } from "node:crypto"
import { FieldId } from "../field-names.ts"
import { parseContentLength } from "../h1/request-head.ts"
import { BODY_NONE, BODY_UNKNOWN_LENGTH, type ResponseHead } from "../message.ts"
import type { FieldCollector } from "./field-collector.ts"

/**
 * @param isHead whether the request was HEAD
 * @param isEndStream whether the response ends with its head
 * @returns false when it is malformed
 */
export function buildResponseHead(
  collected: FieldCollector,
  head: ResponseHead,
  isHead: boolean,
  isEndStream: boolean,
): boolean {
  if (collected.fault !== null || hasRequestPseudoField(collected)) return false
  const status = parseStatus(collected.status)
  // RFC 9113 section 8.6: there is no 101.
  if (status < 0 || status === 101) return false
  fill(collected, head, "")
  head.status = status
  return readLength(head, isHead, isEndStream)
}

/** The answer to a WebSocket's extended CONNECT, in the form of HTTP/1.1 (RFC 8441 section 5). @param key of the request */
export function buildSwitchingHead(collected: FieldCollector, head: ResponseHead, key: string): void {
  fill(collected, head, "upgrade: websocket\r\n")
  head.fields.append("sec-websocket-accept", acceptOf(key))
  head.status = 101
  head.bodyLength = BODY_NONE
}

function fill(collected: FieldCollector, head: ResponseHead, lastLine: string): void {
  head.reset(collected.text("") + lastLine)
  const { fields } = head
  collected.fill(fields, "")
  head.headBytes = collected.bytes
  if (lastLine === "") return
  const start = fields.blockEnd
  const colon = start + lastLine.indexOf(":")
  fields.add(start, colon, colon + 2, start + lastLine.length - 2)
  fields.blockEnd = start + lastLine.length
}

function hasRequestPseudoField({ method, scheme, authority, path, protocol }: FieldCollector): boolean {
  return method !== null || scheme !== null || authority !== null || path !== null || protocol !== null
}

/** @returns -1 when it is not three digits from 100 to 599 */
export function parseStatus(text: string | null): number {
  return text !== null && /^[1-5][0-9]{2}$/.test(text) ? Number(text) : -1
}

function readLength(head: ResponseHead, isHead: boolean, isEndStream: boolean): boolean {
  const { fields, status } = head
  let length = -1
  let index = -1
  for (let at = 0; at < fields.count; at++) {
    if (fields.idAt(at) !== FieldId.contentLength) continue
    const parsed = parseContentLength(fields.valueAt(at))
    if (parsed < 0 || (length >= 0 && parsed !== length)) return false
    if (length >= 0) fields.drop(at)
    else index = at
    length = parsed
  }
  if (isHead || status < 200 || status === 204 || status === 304) {
    head.bodyLength = BODY_NONE
    // RFC 9110 section 8.6: a 1xx or 204 must not carry a length.
    if (index >= 0 && (status < 200 || status === 204)) fields.drop(index)
    return true
  }
  if (isEndStream) {
    if (length > 0) return false
    if (length < 0) fields.append("content-length", "0")
    head.bodyLength = 0
  } else if (length > 0) {
    head.bodyLength = length
  } else {
    // Of length 0, and yet not over: trailers follow, which HTTP/1.1 has only where no length is said.
    if (index >= 0) fields.drop(index)
    head.bodyLength = BODY_UNKNOWN_LENGTH
  }
  return true
}

/** RFC 6455 section 4.2.2. */
function acceptOf(key: string): string {
  return createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64")
}
