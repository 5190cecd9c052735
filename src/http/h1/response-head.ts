/**
 * Parses one HTTP/1.1 response head of an upstream into the message model (RFC 9112 sections 4, 5, 6.3).
 * As strict as for requests: a response that two readers could frame differently is a 502, and its connection is never
 * used again.
 */
import { FieldId } from "../field-names.ts"
import type { HttpLimits } from "../limits.ts"
import { BODY_NONE, BODY_UNKNOWN_LENGTH, type ResponseHead } from "../message.ts"
import { Fault } from "./faults.ts"
import { isChunkedCoding, parseContentLength } from "./request-head.ts"
import { scanFields } from "./scan-fields.ts"

/** What the connection must know beyond the model. */
export const ResponseFraming = Object.freeze({
  /** Until the upstream closes: the connection cannot be used again. */
  untilClose: 1,
  chunked: 2,
  /** The upstream said `Connection: close`, or speaks HTTP/1.0 without keep-alive. */
  closes: 4,
})

const SP = 0x20

/**
 * @param text from the status line to the final CRLF CRLF, latin1
 * @param isHead whether the request was HEAD: no body follows, whatever the fields say
 * @returns ResponseFraming bits (≥ 0), or a Fault
 */
export function parseResponseHead(text: string, head: ResponseHead, isHead: boolean, limits: HttpLimits): number {
  head.reset(text)
  head.headBytes = text.length

  // 1. Status line: HTTP/1.x SP 3DIGIT [SP reason] CRLF.
  if (!text.startsWith("HTTP/1.")) return Fault.badStatusLine
  const minorVersion = text.charCodeAt(7) - 0x30
  if (minorVersion !== 0 && minorVersion !== 1) return Fault.badStatusLine
  if (text.charCodeAt(8) !== SP) return Fault.badStatusLine
  const status = parseStatus(text, 9)
  if (status < 0) return Fault.badStatusLine
  head.status = status
  const lineEnd = text.indexOf("\r\n", 12)
  if (lineEnd < 0 || (lineEnd > 12 && text.charCodeAt(12) !== SP)) return Fault.badStatusLine
  head.reason = lineEnd > 13 ? text.slice(13, lineEnd) : ""
  if (/[\0-\x08\x0a-\x1f\x7f]/.test(head.reason)) return Fault.badStatusLine

  // 2. Fields.
  const scanned = scanFields(text, lineEnd + 2, text.length, head.fields, limits.fieldCountMax)
  if (scanned < 0) return scanned

  // 3. Framing, all fields known.
  return readFraming(head, isHead, minorVersion)
}

function parseStatus(text: string, start: number): number {
  let status = 0
  for (let offset = start; offset < start + 3; offset++) {
    const digit = text.charCodeAt(offset) - 0x30
    if (!(digit >= 0 && digit <= 9)) return -1
    status = status * 10 + digit
  }
  return status >= 100 && status <= 599 ? status : -1
}

function readFraming(head: ResponseHead, isHead: boolean, minorVersion: number): number {
  const { fields } = head
  let contentLength = -1
  let isChunked = false
  let saysClose = false
  let saysKeepAlive = false
  for (let index = 0; index < fields.count; index++) {
    switch (fields.idAt(index)) {
      case FieldId.contentLength: {
        const length = parseContentLength(fields.valueAt(index))
        if (length < 0 || (contentLength >= 0 && length !== contentLength)) return Fault.badContentLength
        if (contentLength >= 0) fields.drop(index)
        contentLength = length
        break
      }
      case FieldId.transferEncoding:
        if (isChunked || minorVersion === 0 || !isChunkedCoding(fields.valueAt(index))) return Fault.badTransferEncoding
        isChunked = true
        break
      case FieldId.connection: {
        const value = fields.valueAt(index)
        if (/(?:^|,)[ \t]*close[ \t]*(?:,|$)/i.test(value)) saysClose = true
        if (/(?:^|,)[ \t]*keep-alive[ \t]*(?:,|$)/i.test(value)) saysKeepAlive = true
        break
      }
    }
  }
  if (isChunked && contentLength >= 0) return Fault.contentLengthAndChunked

  const { status } = head
  // RFC 9112 section 9.3: `close` wins; without a word, 1.0 closes and 1.1 persists.
  const closes = saysClose || (minorVersion === 0 && !saysKeepAlive)
  const closeBit = closes ? ResponseFraming.closes : 0
  if (isHead || status < 200 || status === 204 || status === 304) {
    head.bodyLength = BODY_NONE
    // RFC 9110 section 8.6: a 1xx or 204 must not carry a length; what an upstream says there would only mislead.
    if (status < 200 || status === 204) dropContentLength(head)
    return closeBit
  }
  if (isChunked) {
    head.bodyLength = BODY_UNKNOWN_LENGTH
    return closeBit | ResponseFraming.chunked
  }
  if (contentLength >= 0) {
    head.bodyLength = contentLength
    return closeBit
  }
  head.bodyLength = BODY_UNKNOWN_LENGTH
  return ResponseFraming.untilClose | ResponseFraming.closes
}

function dropContentLength(head: ResponseHead): void {
  const index = head.fields.indexOfId(FieldId.contentLength)
  if (index >= 0) head.fields.drop(index)
}
