/**
 * Puts heads of the message model into HTTP/1.1 form (RFC 9112 sections 3 and 4). Fields that describe one hop were
 * dropped from the model; the ones of this hop are made here.
 */
import { FieldId } from "../field-names.ts"
import { BODY_UNKNOWN_LENGTH, type RequestHead, type ResponseHead } from "../message.ts"
import { reasonPhrase } from "../status-text.ts"

/** @returns the head, latin1. */
export function requestHeadText(head: RequestHead): string {
  let text = `${head.method} ${head.path} HTTP/1.1\r\n${head.fields.lines()}`
  if (head.bodyLength === BODY_UNKNOWN_LENGTH) text += "transfer-encoding: chunked\r\n"
  if (head.upgrade !== "") text += `connection: Upgrade\r\nupgrade: ${head.upgrade}\r\n`
  else if (head.hasTeTrailers()) text += "connection: TE\r\nte: trailers\r\n"
  return `${text}\r\n`
}

/** @param closes whether the connection ends after this response */
export function responseHeadText(head: ResponseHead, closes: boolean): string {
  let text = `${statusLine(head)}${head.fields.lines()}`
  if (head.status === 101) {
    text += `connection: Upgrade\r\nupgrade: ${head.fields.valueOfId(FieldId.upgrade) ?? ""}\r\n`
  } else {
    if (head.bodyLength === BODY_UNKNOWN_LENGTH) text += "transfer-encoding: chunked\r\n"
    if (closes) text += "connection: close\r\n"
  }
  return `${text}\r\n`
}

function statusLine(head: ResponseHead): string {
  if (head.status === 200 && head.reason === "OK") return "HTTP/1.1 200 OK\r\n"
  return `HTTP/1.1 ${head.status} ${head.reason === "" ? reasonPhrase(head.status) : head.reason}\r\n`
}
