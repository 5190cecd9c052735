/**
 * Decodes HPACK field blocks (RFC 7541 sections 3 and 6). Total: every sequence of bytes gives fields or a fault, and a
 * fault is the end of the connection, because the table of the peer and ours would no longer agree.
 *
 * What a block may grow to is the business of the sink: it hears every field, so that the table stays in step, and keeps
 * as many as it wants. A reference to a table entry costs no copy here, however long the entry is.
 */
import { DynamicTable } from "./dynamic-table.ts"
import { HeaderField } from "./header-field.ts"
import { decodedBytesMax, decodeHuffman } from "./huffman-decode.ts"
import { STATIC_TABLE, STATIC_TABLE_LENGTH } from "./static-table.ts"

export interface FieldSink {
  /** @param isNeverIndexed whoever forwards the field must not index it either (RFC 7541 section 6.2.3) */
  onField(field: HeaderField, isNeverIndexed: boolean): void
}

export const HpackFault = Object.freeze({
  /** The block ends inside a representation. */
  truncated: -1,
  integerTooLarge: -2,
  /** No such entry, or index 0. */
  badIndex: -3,
  badHuffman: -4,
  /** A table size update over what we announced. */
  tableTooLarge: -5,
  /** A table size update after the first field (RFC 7541 section 4.2). */
  lateTableSizeUpdate: -6,
} as const)

/** After the prefix: 2^28 is beyond everything that fits in a block. */
const INTEGER_CONTINUATIONS_MAX = 4

const INITIAL_SCRATCH_BYTES = 4096

/** Decoded strings on their way to becoming text; valid until the next one. */
let scratch = Buffer.allocUnsafeSlow(INITIAL_SCRATCH_BYTES)

export class HpackDecoder {
  readonly #table: DynamicTable
  readonly #tableBytesMax: number
  #bytes: Buffer = scratch
  #offset = 0
  #end = 0
  #text = ""

  /** @param tableBytesMax what we announced as SETTINGS_HEADER_TABLE_SIZE */
  constructor(tableBytesMax: number) {
    this.#tableBytesMax = tableBytesMax
    this.#table = new DynamicTable(tableBytesMax)
  }

  /** Bytes and entries in the dynamic table. */
  get table(): { readonly sizeBytes: number; readonly count: number } {
    return this.#table
  }

  /** Decodes one whole field block. @returns 0, or an HpackFault */
  decode(bytes: Buffer, start: number, end: number, sink: FieldSink): number {
    this.#bytes = bytes
    this.#offset = start
    this.#end = end
    let mayResize = true
    while (this.#offset < end) {
      const first = bytes[this.#offset] as number
      const isResize = (first & 0xe0) === 0x20
      if (isResize && !mayResize) return HpackFault.lateTableSizeUpdate
      const fault = isResize ? this.#resize() : this.#readField(first, sink)
      if (fault !== 0) return fault
      mayResize = isResize
    }
    return 0
  }

  #readField(first: number, sink: FieldSink): number {
    // 1. Indexed: 1xxxxxxx.
    if ((first & 0x80) !== 0) {
      const index = this.#readInteger(0x7f)
      if (index < 0) return index
      const field = this.#fieldAt(index)
      if (field === undefined) return HpackFault.badIndex
      sink.onField(field, false)
      return 0
    }
    // 2. Literal: 01xxxxxx is indexed from now on, 0001xxxx never, 0000xxxx not.
    const isIndexing = (first & 0x40) !== 0
    const nameIndex = this.#readInteger(isIndexing ? 0x3f : 0x0f)
    if (nameIndex < 0) return nameIndex
    let name: string
    if (nameIndex === 0) {
      const fault = this.#readString()
      if (fault !== 0) return fault
      name = this.#text
    } else {
      const named = this.#fieldAt(nameIndex)
      if (named === undefined) return HpackFault.badIndex
      name = named.name
    }
    const fault = this.#readString()
    if (fault !== 0) return fault
    const field = new HeaderField(name, this.#text)
    if (isIndexing) this.#table.insert(field)
    sink.onField(field, (first & 0xf0) === 0x10)
    return 0
  }

  /** 001xxxxx: the peer's table is to be this large from now on. */
  #resize(): number {
    const sizeBytes = this.#readInteger(0x1f)
    if (sizeBytes < 0) return sizeBytes
    if (sizeBytes > this.#tableBytesMax) return HpackFault.tableTooLarge
    this.#table.resize(sizeBytes)
    return 0
  }

  #fieldAt(index: number): HeaderField | undefined {
    return index <= STATIC_TABLE_LENGTH ? STATIC_TABLE[index - 1] : this.#table.at(index - STATIC_TABLE_LENGTH - 1)
  }

  /** RFC 7541 section 5.1. @param mask of the prefix bits. @returns a HpackFault when < 0 */
  #readInteger(mask: number): number {
    if (this.#offset === this.#end) return HpackFault.truncated
    let value = (this.#bytes[this.#offset++] as number) & mask
    if (value < mask) return value
    for (let continuation = 0; continuation < INTEGER_CONTINUATIONS_MAX; continuation++) {
      if (this.#offset === this.#end) return HpackFault.truncated
      const byte = this.#bytes[this.#offset++] as number
      value += (byte & 0x7f) << (continuation * 7)
      if ((byte & 0x80) === 0) return value
    }
    return HpackFault.integerTooLarge
  }

  /** RFC 7541 section 5.2; leaves the string in `#text`. @returns 0, or an HpackFault */
  #readString(): number {
    if (this.#offset === this.#end) return HpackFault.truncated
    const isHuffman = ((this.#bytes[this.#offset] as number) & 0x80) !== 0
    const length = this.#readInteger(0x7f)
    if (length < 0) return length
    const start = this.#offset
    const end = start + length
    if (end > this.#end) return HpackFault.truncated
    this.#offset = end
    if (!isHuffman) {
      this.#text = this.#bytes.latin1Slice(start, end)
      return 0
    }
    const decodedMax = decodedBytesMax(length)
    if (decodedMax > scratch.length) scratch = Buffer.allocUnsafeSlow(decodedMax * 2)
    const decoded = decodeHuffman(this.#bytes, start, end, scratch)
    if (decoded < 0) return HpackFault.badHuffman
    this.#text = scratch.latin1Slice(0, decoded)
    return 0
  }
}
