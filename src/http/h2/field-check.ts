/**
 * Judges one field by itself (RFC 9113 section 8.2). What passes can be written as an HTTP/1.1 line and means the same
 * there: a name is a lower-case token, a value holds no control character, and nothing speaks of framing or of the hop.
 * The verdict is kept with the field: what is in the tables is judged once.
 */
import { FieldId, fieldIdOf, IS_HOP_BY_HOP } from "../field-names.ts"
import { isFieldValue, isToken } from "../h1/scan-fields.ts"
import type { HeaderField } from "./hpack/header-field.ts"

export const Verdict = Object.freeze({
  unjudged: 0,
  regular: 1,
  pseudo: 2,
  host: 3,
  cookie: 4,
  /** Not an HTTP field name, or not a field value (section 8.2.1). */
  malformed: 5,
  /** Of HTTP/1.1 connections only (section 8.2.2). */
  connectionSpecific: 6,
} as const)

const COLON = 0x3a
const SP = 0x20
const HTAB = 0x09

export function judgeField(field: HeaderField): number {
  if (field.verdict === Verdict.unjudged) field.verdict = judge(field.name, field.value)
  return field.verdict
}

function judge(name: string, value: string): number {
  if (!isFieldValue(value) || isBlank(value.charCodeAt(0)) || isBlank(value.charCodeAt(value.length - 1))) {
    return Verdict.malformed
  }
  if (name.charCodeAt(0) === COLON) return Verdict.pseudo
  if (!isToken(name) || /[A-Z]/.test(name)) return Verdict.malformed
  if (name === "cookie") return Verdict.cookie
  const id = fieldIdOf(name, 0, name.length)
  if (id === FieldId.host) return Verdict.host
  if (id === FieldId.te) return value === "trailers" ? Verdict.regular : Verdict.connectionSpecific
  // HTTP2-Settings belongs to the upgrade from HTTP/1.1; Envoy drops it as well.
  return IS_HOP_BY_HOP[id] === 0 ? Verdict.regular : Verdict.connectionSpecific
}

/** False for the NaN of an empty value. */
function isBlank(code: number): boolean {
  return code === SP || code === HTAB
}
