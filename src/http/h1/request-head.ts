/**
 * Parses one HTTP/1.1 request head into the message model (RFC 9112 sections 3, 5, 6). Pure: text in, model out.
 * Judges framing only once all fields are known, never in order of arrival.
 */
import { isValidAuthority } from "../authority.ts"
import { equalsLowerAt, FieldId } from "../field-names.ts"
import type { HttpLimits } from "../limits.ts"
import { BODY_NONE, BODY_UNKNOWN_LENGTH, type RequestHead } from "../message.ts"
import { normalizePath } from "../normalize-path.ts"
import { Fault } from "./faults.ts"
import { scanFields, skipTarget, skipToken } from "./scan-fields.ts"

const SP = 0x20
const SLASH = 0x2f

/** Content-Length digits: below 2^53, so that arithmetic on it is exact. */
const CONTENT_LENGTH_DIGITS_MAX = 15

/**
 * Fields that `Connection` may not name: removing them on a client's word changes who the request is from, where it
 * goes or how long it is (hop-by-hop abuse; semantics sheet 4.1).
 */
const PROTECTED_FROM_CONNECTION: ReadonlySet<string> = new Set([
  "host",
  "content-length",
  "transfer-encoding",
  "trailer",
  "expect",
  "authorization",
  "cookie",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-proto",
  "x-forwarded-client-cert",
  "x-request-id",
])

/** Field names in one `Connection` value. Beyond: 400 (semantics sheet 4.1). */
const CONNECTION_OPTIONS_MAX = 9

/**
 * @param text the head, from the first character of the request line to the final CRLF CRLF, latin1
 * @param head reset and filled; holds what could be read even when there is a fault (for the access log)
 * @param scheme of the connection: `http` or `https`
 * @returns 0, or a Fault
 */
export function parseRequestHead(text: string, head: RequestHead, scheme: string, limits: HttpLimits): number {
  head.reset(text)
  head.scheme = scheme
  head.headBytes = text.length

  // 1. Request line: token SP target SP HTTP/1.1 CRLF.
  const end = text.length
  const methodEnd = skipToken(text, 0, end)
  if (methodEnd === 0) return Fault.badMethod
  if (text.charCodeAt(methodEnd) !== SP) return Fault.badRequestLine
  head.method = methodEnd === 3 && text.startsWith("GET") ? "GET" : text.slice(0, methodEnd)
  const targetStart = methodEnd + 1
  const targetEnd = skipTarget(text, targetStart, end)
  if (targetEnd === targetStart) return Fault.badRequestLine
  if (text.charCodeAt(targetEnd) !== SP) {
    return text.charCodeAt(targetEnd) < 0x20 && text.charCodeAt(targetEnd) !== 0x0d
      ? Fault.badTarget
      : Fault.badRequestLine
  }
  const lineEnd = targetEnd + 9
  if (!text.startsWith("HTTP/1.1\r\n", targetEnd + 1)) return versionFault(text, targetEnd + 1)

  // 2. Fields.
  const scanned = scanFields(text, lineEnd + 2, end, head.fields, limits.fieldCountMax)
  if (scanned < 0) return scanned

  // 3. What the fields say about framing, connection and host, all together.
  const framing = readFields(head, limits)
  if (framing !== 0) return framing

  // 4. Target: which host, which path.
  return readTarget(head, text.slice(targetStart, targetEnd))
}

/** Distinguishes a request of another version from no request at all. */
function versionFault(text: string, start: number): number {
  const version = /^HTTP\/([0-9])\.([0-9])\r\n/.exec(text.slice(start, start + 10))
  if (version === null) return Fault.badRequestLine
  return version[1] === "0" || (version[1] === "1" && version[2] === "0") ? Fault.lowVersion : Fault.unsupportedVersion
}

function readFields(head: RequestHead, limits: HttpLimits): number {
  const { fields } = head
  let hostIndex = -1
  let contentLength = -1
  let isChunked = false
  let upgradeIndex = -1
  let wantsUpgrade = false
  for (let index = 0; index < fields.count; index++) {
    switch (fields.idAt(index)) {
      case FieldId.unknown:
        break
      case FieldId.host:
        if (hostIndex >= 0) return Fault.badHost
        hostIndex = index
        break
      case FieldId.contentLength: {
        const length = parseContentLength(fields.valueAt(index))
        if (length < 0 || (contentLength >= 0 && length !== contentLength)) return Fault.badContentLength
        // Equal repeats are one (RFC 9112 section 6.3): only the first goes on.
        if (contentLength >= 0) fields.drop(index)
        contentLength = length
        break
      }
      case FieldId.transferEncoding:
        if (isChunked || !isChunkedCoding(fields.valueAt(index))) return Fault.badTransferEncoding
        isChunked = true
        break
      case FieldId.connection: {
        const options = readConnection(fields.valueAt(index))
        if (options < 0) return options
        if ((options & OPTION_CLOSE) !== 0) head.wantsClose = true
        if ((options & OPTION_UPGRADE) !== 0) wantsUpgrade = true
        break
      }
      case FieldId.upgrade:
        upgradeIndex = index
        break
      case FieldId.te:
        if (/(?:^|,)[ \t]*trailers[ \t]*(?:,|$)/i.test(fields.valueAt(index))) head.acceptsTrailers = true
        break
      case FieldId.expect:
        if (fields.valueAt(index).toLowerCase() !== "100-continue") return Fault.unknownExpect
        head.expectsContinue = true
        break
    }
  }
  if (isChunked && contentLength >= 0) return Fault.contentLengthAndChunked
  if (limits.requestBodyBytesMax > 0 && contentLength > limits.requestBodyBytesMax) return Fault.bodyTooLarge
  head.bodyLength = isChunked ? BODY_UNKNOWN_LENGTH : contentLength >= 0 ? contentLength : BODY_NONE
  if (hostIndex < 0) return Fault.missingHost
  head.authority = fields.valueAt(hostIndex)
  if (!isValidAuthority(head.authority)) return Fault.badHost
  // h2c over upgrade is ignored: the request is served as HTTP/1.1 (semantics sheet 4.4).
  if (wantsUpgrade && upgradeIndex >= 0) {
    const protocol = fields.valueAt(upgradeIndex).toLowerCase()
    head.upgrade = protocol === "h2c" ? "" : protocol
  }
  return 0
}

const OPTION_CLOSE = 1
const OPTION_UPGRADE = 2

/** @returns OPTION bits, or a Fault. */
function readConnection(value: string): number {
  if (value.length === 10 && equalsLowerAt(value, 0, "keep-alive")) return 0
  let options = 0
  const names = value.toLowerCase().split(",")
  if (names.length > CONNECTION_OPTIONS_MAX) return Fault.badConnectionOption
  for (const untrimmed of names) {
    const name = untrimmed.trim()
    if (name === "close") options |= OPTION_CLOSE
    else if (name === "upgrade") options |= OPTION_UPGRADE
    else if (PROTECTED_FROM_CONNECTION.has(name) || name.startsWith("x-envoy-") || name.startsWith(":")) {
      return Fault.badConnectionOption
    }
  }
  return options
}

/** @returns -1 when it is not 1 to 15 digits. */
export function parseContentLength(value: string): number {
  if (value.length === 0 || value.length > CONTENT_LENGTH_DIGITS_MAX) return -1
  let length = 0
  for (let offset = 0; offset < value.length; offset++) {
    const digit = value.charCodeAt(offset) - 0x30
    if (digit < 0 || digit > 9) return -1
    length = length * 10 + digit
  }
  return length
}

export function isChunkedCoding(value: string): boolean {
  return value.length === 7 && equalsLowerAt(value, 0, "chunked")
}

function readTarget(head: RequestHead, target: string): number {
  let path = target
  if (target.charCodeAt(0) !== SLASH) {
    if (head.method === "CONNECT") return acceptPath(head, "")
    if (target === "*") return head.method === "OPTIONS" ? acceptPath(head, "*") : Fault.badTarget
    const scheme = absoluteScheme(target)
    if (scheme === "") return Fault.relativeTarget
    // RFC 9112 section 3.2.2: the host of an absolute target replaces Host.
    const authorityStart = scheme.length + 3
    let authorityEnd = authorityStart
    while (authorityEnd < target.length && !"/?#".includes(target.charAt(authorityEnd))) authorityEnd++
    const authority = target.slice(authorityStart, authorityEnd)
    if (scheme !== head.scheme) return Fault.schemeMismatch
    if (!isValidAuthority(authority)) return Fault.badHost
    head.fields.dropNamed("host")
    head.fields.append("Host", authority)
    head.authority = authority
    path = target.slice(authorityEnd)
    if (path.charCodeAt(0) !== SLASH) path = `/${path}`
  }
  const normalized = normalizePath(path)
  if (normalized === null) return Fault.pathNormalization
  return acceptPath(head, normalized)
}

/** `http` or `https` when the target is in absolute form, else "". */
function absoluteScheme(target: string): string {
  if (equalsLowerAt(target, 0, "http://")) return "http"
  if (equalsLowerAt(target, 0, "https://")) return "https"
  return ""
}

/** @returns 0 */
function acceptPath(head: RequestHead, path: string): number {
  head.setPath(path)
  return 0
}
