/**
 * Makes a value safe to stand in a log line: whatever a peer sent, it cannot end the line, close a quote or move a
 * terminal's cursor. Text is escaped as nginx's `escape=default` does it: `"`, `\` and every byte that is not
 * printable ASCII become `\xNN`. So a line stays one line of plain ASCII, and the bytes can be restored exactly.
 *
 * Values that came over the wire are latin1 strings: one character is one byte.
 */
import { isUtf8 } from "node:buffer"

const unsafeInText = /[^\x20-\x21\x23-\x5b\x5d-\x7e]/
const unsafeInTextAll = /[^\x20-\x21\x23-\x5b\x5d-\x7e]/gu
const notAscii = /[^\x00-\x7f]/

/** For a text line. Nearly every value comes back as the same string. */
export function escapeTextValue(value: string): string {
  return unsafeInText.test(value) ? value.replace(unsafeInTextAll, escapeCharacter) : value
}

/**
 * For a JSON line: the value as a JSON string, quotes included. Bytes that are valid UTF-8 are read as UTF-8.
 * @returns one character for each byte, as the line is written
 */
export function quoteJsonValue(value: string): string {
  // What needs no escape in text needs none in JSON either.
  if (!unsafeInText.test(value)) return `"${value}"`
  const text = notAscii.test(value) ? decodeWireText(value) : value
  // JSON.stringify leaves DEL and the C1 controls as they are, and some terminals act on those.
  return wireText(JSON.stringify(text).replace(/[\x7f-\x9f\u2028\u2029]/g, escapeJsonCharacter))
}

/**
 * Some values stand outside of quotes in Istio's text format, where a space would shift every later field. Envoy's own
 * way: it has them so in every format. "" is no value.
 */
export function withoutSpaces(value: string | number | null): string | number | null {
  if (typeof value !== "string") return value
  return value === "" ? null : value.replaceAll(" ", "_")
}

/** Text of the configuration as its UTF-8 bytes, one character each. */
export function wireText(text: string): string {
  return notAscii.test(text) ? Buffer.from(text).toString("latin1") : text
}

function escapeCharacter(character: string): string {
  const code = character.codePointAt(0) ?? 0
  if (code <= 0xff) return hexEscape(code)
  // Not a byte: text of the configuration. Its UTF-8 bytes.
  return Array.from(Buffer.from(character), hexEscape).join("")
}

function hexEscape(byte: number): string {
  return `\\x${byte.toString(16).toUpperCase().padStart(2, "0")}`
}

function escapeJsonCharacter(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`
}

/** Latin1 where the bytes are not UTF-8, and text that was never bytes as it is. */
function decodeWireText(value: string): string {
  if (/[^\x00-\xff]/.test(value)) return value
  const bytes = Buffer.from(value, "latin1")
  return isUtf8(bytes) ? bytes.toString("utf8") : value
}
