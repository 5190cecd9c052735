/**
 * The fields of one message as offsets into one text. The one model both codecs speak: HTTP/1.1 puts in the head as it
 * came, HTTP/2 writes decoded fields in the same form, so that edits, matching and logging know neither.
 *
 *   text:   GET / HTTP/1.1\r\nHost: a.example\r\nAccept: x\r\n\r\n
 *                             ^nameStart ^nameEnd              ^blockEnd
 *                                   ^valueStart  ^valueEnd
 *
 * Text is latin1: one character per byte. Editing never moves text: a field is marked dropped, new lines are appended;
 * what goes out is runs of kept lines as slices, then `appended`.
 */
import { equalsLowerAt, FieldId, fieldIdOf, fieldIdOfName, IS_GROUP, IS_MADE_BY_CODEC } from "./field-names.ts"

const INITIAL_FIELDS = 24
const COLON = 0x3a

export class FieldTable {
  text = ""
  count = 0
  /** Four per field: nameStart, nameEnd, valueStart, valueEnd. */
  offsets = new Int32Array(INITIAL_FIELDS * 4)
  ids = new Uint8Array(INITIAL_FIELDS)
  dropped = new Uint8Array(INITIAL_FIELDS)
  /** Where the line after the last field starts. */
  blockEnd = 0
  /** Fields to send after the kept ones: names as written, names lower-cased, values. */
  #appendedWritten: string[] = []
  #appendedNames: string[] = []
  #appendedValues: string[] = []
  /** Indexes of fields that no HTTP/2 peer may index either (RFC 7541 section 7.1.3); null = none. */
  #neverIndexed: Set<number> | null = null

  /** The appended lines as one text. */
  get appended(): string {
    let lines = ""
    for (let index = 0; index < this.#appendedNames.length; index++) lines += this.#appendedLine(index)
    return lines
  }

  /** Forgets everything; the arrays stay. */
  reset(text: string): void {
    this.text = text
    this.count = 0
    this.blockEnd = 0
    this.#appendedWritten.length = 0
    this.#appendedNames.length = 0
    this.#appendedValues.length = 0
    this.#neverIndexed = null
  }

  copyFrom(other: FieldTable): void {
    this.text = other.text
    this.count = other.count
    this.offsets = other.offsets.slice()
    this.ids = other.ids.slice()
    this.dropped = other.dropped.slice()
    this.blockEnd = other.blockEnd
    this.#appendedWritten = [...other.#appendedWritten]
    this.#appendedNames = [...other.#appendedNames]
    this.#appendedValues = [...other.#appendedValues]
    this.#neverIndexed = other.#neverIndexed
  }

  /** The field with this index, there or about to be added, came marked as one that must not be indexed. */
  markNeverIndexed(index: number): void {
    this.#neverIndexed ??= new Set()
    this.#neverIndexed.add(index)
  }

  isNeverIndexed(index: number): boolean {
    return this.#neverIndexed?.has(index) ?? false
  }

  /** @returns the index of the new field. */
  add(nameStart: number, nameEnd: number, valueStart: number, valueEnd: number): number {
    const index = this.count
    if (index === this.ids.length) this.grow()
    const base = index << 2
    this.offsets[base] = nameStart
    this.offsets[base + 1] = nameEnd
    this.offsets[base + 2] = valueStart
    this.offsets[base + 3] = valueEnd
    this.ids[index] = fieldIdOf(this.text, nameStart, nameEnd)
    this.dropped[index] = 0
    this.count = index + 1
    return index
  }

  /** Doubles the room; the arrays are new ones afterwards. */
  grow(): void {
    const capacity = this.ids.length * 2
    const offsets = new Int32Array(capacity * 4)
    offsets.set(this.offsets)
    this.offsets = offsets
    const ids = new Uint8Array(capacity)
    ids.set(this.ids)
    this.ids = ids
    const dropped = new Uint8Array(capacity)
    dropped.set(this.dropped)
    this.dropped = dropped
  }

  idAt(index: number): number {
    return this.ids[index] as number
  }

  valueAt(index: number): string {
    const base = index << 2
    return this.text.slice(this.offsets[base + 2], this.offsets[base + 3])
  }

  nameAt(index: number): string {
    const base = index << 2
    return this.text.slice(this.offsets[base], this.offsets[base + 1])
  }

  drop(index: number): void {
    this.dropped[index] = 1
  }

  /** First field with a known id, dropped or not; -1 = none. */
  indexOfId(id: number): number {
    const { ids, count } = this
    for (let index = 0; index < count; index++) if (ids[index] === id) return index
    return -1
  }

  /** Value of the first field with a known id as it came, dropped or not; null = none. */
  valueOfId(id: number): string | null {
    const index = this.indexOfId(id)
    return index < 0 ? null : this.valueAt(index)
  }

  /** Whether a field is kept or was appended. @param nameLower the name that has this id. */
  isPresent(id: number, nameLower: string): boolean {
    const { ids, dropped, count } = this
    for (let index = 0; index < count; index++) if (ids[index] === id && dropped[index] === 0) return true
    return this.#appendedNames.includes(nameLower)
  }

  /** Drops every field with this id, so that nobody finds it any more. */
  forget(id: number): void {
    const { ids, dropped, count } = this
    for (let index = 0; index < count; index++) {
      if (ids[index] !== id) continue
      ids[index] = FieldId.unknown
      dropped[index] = 1
    }
  }

  /** A field as if it had come last: unlike an appended line it is found by its id. */
  insert(name: string, value: string): void {
    const start = this.blockEnd
    const valueStart = start + name.length + 2
    this.text = `${this.text.slice(0, start)}${name}: ${value}\r\n`
    this.add(start, start + name.length, valueStart, valueStart + value.length)
    this.blockEnd = this.text.length
  }

  isNamed(index: number, nameLower: string): boolean {
    const base = index << 2
    const start = this.offsets[base] as number
    return (this.offsets[base + 1] as number) - start === nameLower.length && equalsLowerAt(this.text, start, nameLower)
  }

  /** Drops every field of that name. @param nameLower lower-cased. @returns whether one was still there. */
  dropNamed(nameLower: string): boolean {
    let found = false
    const { ids, dropped, count } = this
    const id = fieldIdOfName(nameLower)
    for (let index = 0; index < count; index++) {
      if (dropped[index] !== 0 || ids[index] !== id) continue
      if (IS_GROUP[id] !== 0 && !this.isNamed(index, nameLower)) continue
      dropped[index] = 1
      found = true
    }
    const names = this.#appendedNames
    for (let index = names.indexOf(nameLower); index >= 0; index = names.indexOf(nameLower, index)) {
      names.splice(index, 1)
      this.#appendedWritten.splice(index, 1)
      this.#appendedValues.splice(index, 1)
      found = true
    }
    return found
  }

  append(name: string, value: string): void {
    this.#appendedWritten.push(name)
    this.#appendedNames.push(name.toLowerCase())
    this.#appendedValues.push(value)
  }

  /** The same for a name that is known to be lower-cased: what the gateway adds to every message. */
  appendLower(nameLower: string, value: string): void {
    this.#appendedWritten.push(nameLower)
    this.#appendedNames.push(nameLower)
    this.#appendedValues.push(value)
  }

  /** Kept and appended values of a field joined with `,` (semantics sheet 2.4); null = absent. @param nameLower lower-cased. */
  joinedValue(nameLower: string): string | null {
    let joined: string | null = null
    const { ids, dropped, count } = this
    const id = fieldIdOfName(nameLower)
    for (let index = 0; index < count; index++) {
      // A known name is one comparison of integers; its id tells it apart unless it stands for a group.
      if (dropped[index] !== 0 || ids[index] !== id) continue
      if (IS_GROUP[id] !== 0 && !this.isNamed(index, nameLower)) continue
      joined = joined === null ? this.valueAt(index) : `${joined},${this.valueAt(index)}`
    }
    const names = this.#appendedNames
    for (let index = names.indexOf(nameLower); index >= 0; index = names.indexOf(nameLower, index + 1)) {
      const value = this.#appendedValues[index] ?? ""
      joined = joined === null ? value : `${joined},${value}`
    }
    return joined
  }

  #appendedLine(index: number): string {
    return `${this.#appendedWritten[index]}: ${this.#appendedValues[index]}\r\n`
  }

  /** The kept lines in order, then the appended ones. Every line ends in CRLF; no empty line after. */
  lines(): string {
    const { offsets, dropped, count, text } = this
    let out = ""
    let runStart = -1
    for (let index = 0; index < count; index++) {
      if (dropped[index] === 0) {
        if (runStart < 0) runStart = offsets[index << 2] as number
      } else if (runStart >= 0) {
        out += text.slice(runStart, offsets[index << 2])
        runStart = -1
      }
    }
    if (runStart >= 0) out += text.slice(runStart, this.blockEnd)
    for (let index = 0; index < this.#appendedNames.length; index++) out += this.#appendedLine(index)
    return out
  }
}

/**
 * Values of a field in lines of the message model, trailers for instance, joined with `,`; null = absent.
 * @param lines `name: value\r\n`, the space or more of it optional
 */
export function valueInLines(lines: string, nameLower: string): string | null {
  let joined: string | null = null
  for (let start = 0, next = 0; start < lines.length; start = next) {
    next = lineEnd(lines, start)
    if (!isLineNamed(lines, start, nameLower)) continue
    const value = lines.slice(start + nameLower.length + 1, next).trim()
    joined = joined === null ? value : `${joined},${value}`
  }
  return joined
}

/** Offset after the CRLF of the line that starts at `start`. */
function lineEnd(lines: string, start: number): number {
  const lf = lines.indexOf("\n", start)
  return lf < 0 ? lines.length : lf + 1
}

function isLineNamed(lines: string, start: number, nameLower: string): boolean {
  return lines.charCodeAt(start + nameLower.length) === COLON && equalsLowerAt(lines, start, nameLower)
}

/** Drops the fields of the set, and the ones that `Connection` names (RFC 9110 section 7.6.1). */
export function dropFields(fields: FieldTable, isDropped: Uint8Array): void {
  const { ids, dropped, count } = fields
  for (let index = 0; index < count; index++) {
    const id = ids[index] as number
    if (id !== 0 && isDropped[id] !== 0) {
      dropped[index] = 1
      if (id === FieldId.connection) dropNominated(fields, fields.valueAt(index))
    }
  }
}

function dropNominated(fields: FieldTable, options: string): void {
  // The three common values name no other field.
  if (options === "keep-alive" || options === "close" || options === "Upgrade") return
  for (const option of options.split(",")) {
    const name = option.trim().toLowerCase()
    // A peer that names Content-Length here must not make the length of its message disappear for whoever is behind us.
    if (name !== "" && IS_MADE_BY_CODEC[fieldIdOfName(name)] === 0) fields.dropNamed(name)
  }
}
