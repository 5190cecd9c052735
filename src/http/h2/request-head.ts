/**
 * Makes a request head of a decoded field block (RFC 9113 section 8.3.1, RFC 8441 section 4). Pure: fields in, model out,
 * in the same form that HTTP/1.1 gives it, so that routing, edits and either upstream protocol need no case for it.
 *
 * `:authority` becomes `Host`, as RFC 9113 section 8.3.1 asks of whoever speaks HTTP/1.1 behind; a `host` field that says
 * something else is refused, so that nobody routes by one and answers for the other. A WebSocket (RFC 8441) becomes what
 * it is in HTTP/1.1: a GET with an upgrade.
 */
import { isValidAuthority } from "../authority.ts"
import { equalsLowerAt, FieldId } from "../field-names.ts"
import { answerOf, Fault } from "../h1/faults.ts"
import { parseContentLength } from "../h1/request-head.ts"
import { isToken, skipTarget } from "../h1/scan-fields.ts"
import type { HttpLimits } from "../limits.ts"
import { BODY_NONE, BODY_UNKNOWN_LENGTH, type RequestHead } from "../message.ts"
import { normalizePath } from "../normalize-path.ts"
import type { FieldCollector } from "./field-collector.ts"
import { ErrorCode } from "./frame.ts"
import {
  CONNECT_MALFORMED,
  CONTENT_LENGTH_MALFORMED,
  CONTENT_LENGTH_MISMATCH,
  HOST_DIFFERS,
  METHOD_MALFORMED,
  type MessageFault,
  PATH_MALFORMED,
  PSEUDO_FIELD_MISSING,
  PSEUDO_FIELD_UNKNOWN,
} from "./message-faults.ts"

/**
 * @param head reset and filled; holds what could be read even when there is a fault (for the access log)
 * @param scheme of the connection: `http` or `https`
 * @param isEndStream whether the request ends with its head
 */
export function buildRequestHead(
  collected: FieldCollector,
  head: RequestHead,
  scheme: string,
  isEndStream: boolean,
  limits: HttpLimits,
): MessageFault | null {
  // 1. Whose request is it? `:authority`, or else `host`.
  const authority = collected.authority ?? collected.host ?? ""
  head.reset(collected.text(authority))
  collected.fill(head.fields, authority)
  head.protocol = "HTTP/2"
  head.scheme = scheme
  head.authority = authority
  head.method = collected.method ?? ""
  head.headBytes = collected.bytes
  head.acceptsTrailers = true
  setPath(head, collected.path ?? "")
  if (collected.fault !== null) return collected.fault

  // 2. The pseudo-fields, all together.
  const fault = checkPseudoFields(collected)
  if (fault !== null) return fault
  if (authority === "") return refusalOf(Fault.missingHost)
  if (!isValidAuthority(authority)) return refusalOf(Fault.badHost)
  if (collected.protocol !== null) {
    head.method = "GET"
    head.upgrade = collected.protocol.toLowerCase()
    if (head.upgrade === "websocket") head.fields.append("sec-websocket-key", randomWebSocketKey())
  }

  // 3. What the fields say about the body.
  const framing = readFields(head, isEndStream, limits)
  if (framing !== null) return framing

  // 4. The path, as routing and the upstream see it.
  return collected.path === null ? null : readPath(head, collected.path)
}

function checkPseudoFields(collected: FieldCollector): MessageFault | null {
  const { method, scheme, path, authority, protocol, host } = collected
  if (collected.status !== null) return PSEUDO_FIELD_UNKNOWN
  if (method === null) return PSEUDO_FIELD_MISSING
  if (!isToken(method)) return METHOD_MALFORMED
  if (protocol !== null) {
    if (method !== "CONNECT" || !isToken(protocol)) return CONNECT_MALFORMED
  } else if (method === "CONNECT") {
    // RFC 9113 section 8.5: of the pseudo-fields only these two.
    return scheme === null && path === null && authority !== null ? null : CONNECT_MALFORMED
  }
  if (scheme === null || path === null || path === "") return PSEUDO_FIELD_MISSING
  if (!isHttpScheme(scheme)) return refusalOf(Fault.schemeMismatch)
  if (authority !== null && host !== null && !isSameHost(authority, host)) return HOST_DIFFERS
  // Nothing that could end a request line of HTTP/1.1 (sections 8.3.1 and 10.3).
  if (skipTarget(path, 0, path.length) !== path.length) return PATH_MALFORMED
  if (path.charCodeAt(0) !== 0x2f && !(path === "*" && method === "OPTIONS")) return PATH_MALFORMED
  return null
}

function isHttpScheme(scheme: string): boolean {
  return (
    (scheme.length === 4 && equalsLowerAt(scheme, 0, "http")) ||
    (scheme.length === 5 && equalsLowerAt(scheme, 0, "https"))
  )
}

function isSameHost(authority: string, host: string): boolean {
  return authority.length === host.length && authority.toLowerCase() === host.toLowerCase()
}

function readFields(head: RequestHead, isEndStream: boolean, limits: HttpLimits): MessageFault | null {
  const { fields } = head
  let contentLength = -1
  for (let index = 0; index < fields.count; index++) {
    const id = fields.idAt(index)
    if (id === FieldId.contentLength) {
      const length = parseContentLength(fields.valueAt(index))
      if (length < 0 || (contentLength >= 0 && length !== contentLength)) return CONTENT_LENGTH_MALFORMED
      if (contentLength >= 0) fields.drop(index)
      contentLength = length
    } else if (id === FieldId.expect) {
      if (fields.valueAt(index).toLowerCase() !== "100-continue") return refusalOf(Fault.unknownExpect)
      head.expectsContinue = true
    }
  }
  if (head.upgrade !== "") return null
  if (limits.requestBodyBytesMax > 0 && contentLength > limits.requestBodyBytesMax) return refusalOf(Fault.bodyTooLarge)
  if (isEndStream) {
    if (contentLength > 0) return CONTENT_LENGTH_MISMATCH
    head.bodyLength = contentLength < 0 ? BODY_NONE : 0
  } else {
    head.bodyLength = contentLength < 0 ? BODY_UNKNOWN_LENGTH : contentLength
  }
  return null
}

function readPath(head: RequestHead, path: string): MessageFault | null {
  if (path === "*") return null
  const normalized = normalizePath(path)
  if (normalized === null) return refusalOf(Fault.pathNormalization)
  setPath(head, normalized)
  return null
}

function setPath(head: RequestHead, path: string): void {
  head.path = path
  const query = path.indexOf("?")
  head.pathLength = query < 0 ? path.length : query
}

/** A request that is well-formed HTTP/2 and is refused all the same, as over HTTP/1.1. */
export function refusalOf(fault: number): MessageFault {
  return { ...answerOf(fault), resetCode: ErrorCode.noError }
}

/** RFC 6455 section 4.1; HTTP/2 has none, an HTTP/1.1 service asks for one. */
function randomWebSocketKey(): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString("base64")
}
