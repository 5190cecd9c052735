/**
 * Puts fields of the message model into HPACK form (RFC 9113 section 8.2): names in lower case, and nothing that speaks of
 * one HTTP/1.1 hop, however it got into the message.
 */
import { FieldId, fieldIdOf, IS_HOP_BY_HOP } from "../field-names.ts"
import type { FieldTable } from "../field-table.ts"
import type { HpackEncoder } from "./hpack/encoder.ts"

const COLON_AND_SPACE_LENGTH = 2
const CRLF_LENGTH = 2

/**
 * The kept fields, then the appended lines. `Host` is left out: it goes as `:authority`.
 * @param leftOut another name that does not go out, in lower case; "" = none
 */
export function encodeFields(encoder: HpackEncoder, fields: FieldTable, leftOut = ""): void {
  const { ids, dropped, count } = fields
  for (let index = 0; index < count; index++) {
    const id = ids[index] as number
    if (dropped[index] !== 0 || id === FieldId.host || IS_HOP_BY_HOP[id] !== 0) continue
    const name = fields.nameAt(index).toLowerCase()
    if (name !== leftOut) encoder.add(name, fields.valueAt(index), fields.isNeverIndexed(index))
  }
  encodeLines(encoder, fields.appended, leftOut)
}

/** @param lines `name: value\r\n`, well-formed */
export function encodeLines(encoder: HpackEncoder, lines: string, leftOut = ""): void {
  for (let start = 0; start < lines.length; ) {
    const colon = lines.indexOf(":", start)
    const lineEnd = lines.indexOf("\r\n", start)
    if (colon < 0 || lineEnd < colon) return
    const id = fieldIdOf(lines, start, colon)
    if (id !== FieldId.host && IS_HOP_BY_HOP[id] === 0) {
      const name = lines.slice(start, colon).toLowerCase()
      if (name !== leftOut) encoder.add(name, lines.slice(valueStart(lines, colon), lineEnd))
    }
    start = lineEnd + CRLF_LENGTH
  }
}

/** Lines that came over HTTP/1.1 may have no space after the colon. */
function valueStart(lines: string, colon: number): number {
  return lines.charCodeAt(colon + 1) === 0x20 ? colon + COLON_AND_SPACE_LENGTH : colon + 1
}
