/**
 * Scans the field lines of a head or trailer section (RFC 9112 section 5). Pure and strict: whatever two
 * implementations could read differently is refused (DESIGN section 5).
 *
 * The loops read `charCodeAt` of one flat latin1 string: on JavaScriptCore that is a bounds check and a load, and the
 * string is needed anyway. `as number` on table reads: the index is a byte.
 */
import { fieldIdOf } from "../field-names.ts"
import type { FieldTable } from "../field-table.ts"
import { Fault } from "./faults.ts"

const TOKEN = 1
const VALUE = 2
const TARGET = 4

/** What each byte may be part of: token (RFC 9110 5.6.2), field value (5.5), request target. */
const CLASS = new Uint8Array(256)
for (let code = 0; code < 256; code++) {
  const isVisible = code > 0x20 && code < 0x7f
  if (isVisible && !'"(),/:;<=>?@[\\]{}'.includes(String.fromCharCode(code))) CLASS[code] = TOKEN
  if (isVisible || code === 0x20 || code === 0x09 || code >= 0x80) CLASS[code] = (CLASS[code] as number) | VALUE
  // Bytes over 0x7f in a target are not URI characters; normalisation percent-encodes them (semantics sheet 2.5).
  if (isVisible || code >= 0x80) CLASS[code] = (CLASS[code] as number) | TARGET
}

const CR = 0x0d
const LF = 0x0a
const SP = 0x20
const HTAB = 0x09
const COLON = 0x3a

/** Offset after the token characters that start at `start`. */
export function skipToken(text: string, start: number, end: number): number {
  let offset = start
  while (offset < end && ((CLASS[text.charCodeAt(offset)] as number) & TOKEN) !== 0) offset++
  return offset
}

/** Offset after the request-target characters that start at `start`. */
export function skipTarget(text: string, start: number, end: number): number {
  let offset = start
  while (offset < end && ((CLASS[text.charCodeAt(offset)] as number) & TARGET) !== 0) offset++
  return offset
}

export function isTokenByte(byte: number): boolean {
  return ((CLASS[byte] as number) & TOKEN) !== 0
}

export function isToken(text: string): boolean {
  return text.length > 0 && skipToken(text, 0, text.length) === text.length
}

/** Whether the text may be sent as a field value: no control characters, no CR, LF or NUL (RFC 9110 section 5.5). */
export function isFieldValue(text: string): boolean {
  for (let offset = 0; offset < text.length; offset++) {
    const code = text.charCodeAt(offset)
    if (code > 0xff || ((CLASS[code] as number) & VALUE) === 0) return false
  }
  return true
}

/**
 * Reads field lines from `start` up to the empty line, which ends at `end`.
 *
 * @param fields gets one entry per line; offsets into `text`, which must already be its text
 * @param end offset after the final CRLF CRLF
 * @returns `end`, or a Fault
 */
export function scanFields(
  text: string,
  start: number,
  end: number,
  fields: FieldTable,
  fieldCountMax: number,
): number {
  const last = end - 2
  let offset = start
  // Locals: a load from the table object per field would cost as much as the scan.
  let { offsets, ids, dropped, count } = fields
  while (offset < last) {
    // 1. Name: a token, then a colon at once.
    const nameStart = offset
    while (((CLASS[text.charCodeAt(offset)] as number) & TOKEN) !== 0) offset++
    const nameEnd = offset
    if (text.charCodeAt(offset) !== COLON) return nameFault(text, offset, nameEnd - nameStart)
    if (nameEnd === nameStart) return Fault.emptyName
    offset++

    // 2. Value: up to CRLF, white space around it cut.
    let code = text.charCodeAt(offset)
    while (code === SP || code === HTAB) code = text.charCodeAt(++offset)
    const valueStart = offset
    while (((CLASS[text.charCodeAt(offset)] as number) & VALUE) !== 0) offset++
    if (text.charCodeAt(offset) !== CR) return text.charCodeAt(offset) === LF ? Fault.bareLineEnd : Fault.badValue
    if (text.charCodeAt(offset + 1) !== LF) return Fault.bareLineEnd
    let valueEnd = offset
    while (valueEnd > valueStart && isBlank(text.charCodeAt(valueEnd - 1))) valueEnd--
    offset += 2

    if (count === fieldCountMax) return Fault.tooManyFields
    if (count === ids.length) {
      fields.grow()
      offsets = fields.offsets
      ids = fields.ids
      dropped = fields.dropped
    }
    const base = count << 2
    offsets[base] = nameStart
    offsets[base + 1] = nameEnd
    offsets[base + 2] = valueStart
    offsets[base + 3] = valueEnd
    ids[count] = fieldIdOf(text, nameStart, nameEnd)
    dropped[count] = 0
    fields.count = ++count
  }
  fields.blockEnd = last
  return end
}

function isBlank(code: number): boolean {
  return code === SP || code === HTAB
}

function nameFault(text: string, offset: number, nameLength: number): number {
  const code = text.charCodeAt(offset)
  if (code === SP || code === HTAB) return nameLength === 0 ? Fault.obsFold : Fault.spaceBeforeColon
  if (code === LF || (code === CR && text.charCodeAt(offset + 1) !== LF)) return Fault.bareLineEnd
  return Fault.badName
}
