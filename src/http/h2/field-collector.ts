/**
 * Gathers the decoded fields of one block into the message model: one text of `name: value\r\n` lines and the offsets
 * into it, as HTTP/1.1 has them from the start. Bounded: what goes over the limits is decoded, because the table of the
 * connection depends on it, and dropped.
 *
 * One collector serves all connections: a block is decoded and used within one call.
 */
import type { FieldTable } from "../field-table.ts"
import type { HttpLimits } from "../limits.ts"
import { judgeField, Verdict } from "./field-check.ts"
import type { FieldSink } from "./hpack/decoder.ts"
import type { HeaderField } from "./hpack/header-field.ts"
import {
  FIELD_CONNECTION_SPECIFIC,
  FIELD_MALFORMED,
  HEAD_TOO_LARGE,
  type MessageFault,
  PSEUDO_FIELD_MISPLACED,
  PSEUDO_FIELD_REPEATED,
  PSEUDO_FIELD_UNKNOWN,
  TOO_MANY_FIELDS,
} from "./message-faults.ts"

/** What a line has beyond name and value: `: ` and CRLF. */
const LINE_OVERHEAD_BYTES = 4
const INITIAL_FIELDS = 32

export class FieldCollector implements FieldSink {
  /** null = not there. */
  method: string | null = null
  scheme: string | null = null
  authority: string | null = null
  path: string | null = null
  protocol: string | null = null
  status: string | null = null
  /** Values of `host`; null = none, and a second one is a fault. */
  host: string | null = null
  /** Of all fields so far, as HTTP/1.1 lines. */
  bytes = 0
  /** The first thing that was wrong; null = nothing. */
  fault: MessageFault | null = null
  #text = ""
  #count = 0
  #nameLengths = new Int32Array(INITIAL_FIELDS)
  #valueLengths = new Int32Array(INITIAL_FIELDS)
  #isNeverIndexed = new Uint8Array(INITIAL_FIELDS)
  #cookie = ""
  #hasCookie = false
  #bytesMax = 0
  #countMax = 0

  begin(bytesMax: number, limits: HttpLimits): void {
    this.method = null
    this.scheme = null
    this.authority = null
    this.path = null
    this.protocol = null
    this.status = null
    this.host = null
    this.bytes = 0
    this.fault = null
    this.#text = ""
    this.#count = 0
    this.#cookie = ""
    this.#hasCookie = false
    this.#bytesMax = bytesMax
    this.#countMax = limits.fieldCountMax
  }

  get hasPseudoField(): boolean {
    return (
      this.method !== null ||
      this.scheme !== null ||
      this.authority !== null ||
      this.path !== null ||
      this.protocol !== null ||
      this.status !== null
    )
  }

  onField(field: HeaderField, isNeverIndexed: boolean): void {
    if (this.fault !== null) return
    const { name, value } = field
    this.bytes += name.length + value.length + LINE_OVERHEAD_BYTES
    if (this.bytes > this.#bytesMax) {
      this.fault = HEAD_TOO_LARGE
      return
    }
    switch (judgeField(field)) {
      case Verdict.regular:
        return this.#add(name, value, isNeverIndexed)
      case Verdict.pseudo:
        return this.#addPseudo(name, value)
      case Verdict.host:
        if (this.host !== null && this.host !== value) this.fault = FIELD_MALFORMED
        this.host = value
        return
      case Verdict.cookie:
        // RFC 9113 section 8.2.3: crumbs become one field again, and count as one.
        this.#cookie = this.#hasCookie ? `${this.#cookie}; ${value}` : value
        this.#hasCookie = true
        return
      case Verdict.connectionSpecific:
        this.fault = FIELD_CONNECTION_SPECIFIC
        return
      default:
        this.fault = FIELD_MALFORMED
    }
  }

  #addPseudo(name: string, value: string): void {
    if (this.#count > 0 || this.#hasCookie || this.host !== null) {
      this.fault = PSEUDO_FIELD_MISPLACED
      return
    }
    let previous: string | null
    switch (name) {
      case ":method":
        previous = this.method
        this.method = value
        break
      case ":path":
        previous = this.path
        this.path = value
        break
      case ":scheme":
        previous = this.scheme
        this.scheme = value
        break
      case ":authority":
        previous = this.authority
        this.authority = value
        break
      case ":protocol":
        previous = this.protocol
        this.protocol = value
        break
      case ":status":
        previous = this.status
        this.status = value
        break
      default:
        this.fault = PSEUDO_FIELD_UNKNOWN
        return
    }
    if (previous !== null) this.fault = PSEUDO_FIELD_REPEATED
  }

  #add(name: string, value: string, isNeverIndexed: boolean): void {
    const index = this.#count
    if (index >= this.#countMax) {
      this.fault = TOO_MANY_FIELDS
      return
    }
    if (index === this.#nameLengths.length) this.#grow()
    this.#nameLengths[index] = name.length
    this.#valueLengths[index] = value.length
    this.#isNeverIndexed[index] = isNeverIndexed ? 1 : 0
    this.#count = index + 1
    this.#text += `${name}: ${value}\r\n`
  }

  #grow(): void {
    const capacity = this.#nameLengths.length * 2
    const names = new Int32Array(capacity)
    names.set(this.#nameLengths)
    this.#nameLengths = names
    const values = new Int32Array(capacity)
    values.set(this.#valueLengths)
    this.#valueLengths = values
    const marks = new Uint8Array(capacity)
    marks.set(this.#isNeverIndexed)
    this.#isNeverIndexed = marks
  }

  /**
   * The text that the fields of a message are offsets into.
   * @param host first line, where the message has one; "" = none
   */
  text(host: string): string {
    const hostLine = host === "" ? "" : `host: ${host}\r\n`
    const cookieLine = this.#hasCookie ? `cookie: ${this.#cookie}\r\n` : ""
    return hostLine + this.#text + cookieLine
  }

  /** Enters the fields into a table whose text is `text(host)`. */
  fill(fields: FieldTable, host: string): void {
    let offset = 0
    if (host !== "") offset = addField(fields, offset, "host".length, host.length)
    for (let index = 0; index < this.#count; index++) {
      const nameLength = this.#nameLengths[index] as number
      const valueLength = this.#valueLengths[index] as number
      if (this.#isNeverIndexed[index] !== 0) fields.markNeverIndexed(fields.count)
      offset = addField(fields, offset, nameLength, valueLength)
    }
    if (this.#hasCookie) offset = addField(fields, offset, "cookie".length, this.#cookie.length)
    fields.blockEnd = offset
  }
}

/** @returns offset of the next line */
function addField(fields: FieldTable, start: number, nameLength: number, valueLength: number): number {
  const valueStart = start + nameLength + 2
  fields.add(start, start + nameLength, valueStart, valueStart + valueLength)
  return valueStart + valueLength + 2
}
