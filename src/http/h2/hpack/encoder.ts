/**
 * Encodes field blocks as HPACK (RFC 7541 sections 6 and 4.2) into one scratch buffer that all connections share: a block
 * is begun, filled and sent within one call of the event loop.
 */
import { DynamicTable } from "./dynamic-table.ts"
import { HeaderField } from "./header-field.ts"
import { encodeHuffman, huffmanBytes } from "./huffman-encode.ts"
import { Indexing, KNOWN_NAMES, type KnownName } from "./indexing-policy.ts"
import { STATIC_TABLE_LENGTH } from "./static-table.ts"

/** What the encoder remembers per connection, whatever more the peer would allow. */
export const ENCODER_TABLE_BYTES_MAX = 4096

const INITIAL_BLOCK_BYTES = 16 * 1024
/** Of one field beyond its text: representation, index and two lengths. */
const FIELD_OVERHEAD_BYTES = 24
/** A field over a share of the table would empty it for one use (what nghttp2 does, too). */
const INDEXED_FIELD_BYTES_MAX = ENCODER_TABLE_BYTES_MAX / 4

let block = Buffer.allocUnsafeSlow(INITIAL_BLOCK_BYTES)
let used = 0

/** The block under construction. Valid until the next `begin`. */
export function encodedBlock(): Buffer {
  return block
}

export class HpackEncoder {
  /** For each name, the ordinals of table entries by value. */
  readonly #ordinals = new Map<string, Map<string, number>>()
  readonly #table: DynamicTable
  /** Smallest and last table size that the peer must hear of before the next field; -1 = nothing to say. */
  #smallestSizeBytes = -1
  #announcedSizeBytes = -1

  constructor() {
    this.#table = new DynamicTable(ENCODER_TABLE_BYTES_MAX, (field, ordinal) => this.#forget(field, ordinal))
  }

  /** The peer announced SETTINGS_HEADER_TABLE_SIZE. */
  limitTable(sizeBytes: number): void {
    const next = Math.min(sizeBytes, ENCODER_TABLE_BYTES_MAX)
    if (next === this.#table.sizeBytesMax) return
    this.#table.resize(next)
    this.#smallestSizeBytes = this.#smallestSizeBytes < 0 ? next : Math.min(this.#smallestSizeBytes, next)
    this.#announcedSizeBytes = next
  }

  /** Starts a block. @param reservedBytes left free before it, for a frame head */
  begin(reservedBytes: number): void {
    used = reservedBytes
    if (this.#announcedSizeBytes < 0) return
    // RFC 7541 section 4.2: first the smallest size in between, then the last one.
    if (this.#smallestSizeBytes < this.#announcedSizeBytes) writeInteger(0x20, 0x1f, this.#smallestSizeBytes)
    writeInteger(0x20, 0x1f, this.#announcedSizeBytes)
    this.#smallestSizeBytes = -1
    this.#announcedSizeBytes = -1
  }

  /** @returns offset after the block, in `encodedBlock()` */
  finish(): number {
    return used
  }

  /**
   * @param name lower-case
   * @param isNeverIndexed it came marked so (RFC 7541 section 6.2.3)
   */
  add(name: string, value: string, isNeverIndexed = false): void {
    reserve(name.length + value.length + FIELD_OVERHEAD_BYTES)
    const known = KNOWN_NAMES.get(name)
    if (known === undefined) return writeLiteral(isNeverIndexed ? NEVER_INDEXED : WITHOUT_INDEXING, 0, name, value)
    if (isNeverIndexed || known.indexing === Indexing.never) {
      return writeLiteral(NEVER_INDEXED, known.nameIndex, name, value)
    }
    const staticIndex = known.values?.get(value)
    if (staticIndex !== undefined) return writeInteger(0x80, 0x7f, staticIndex)
    if (known.indexing === Indexing.without) return writeLiteral(WITHOUT_INDEXING, known.nameIndex, name, value)
    this.#addIndexed(known, name, value)
  }

  #addIndexed(known: KnownName, name: string, value: string): void {
    const ordinal = this.#ordinals.get(name)?.get(value)
    if (ordinal !== undefined) {
      return writeInteger(0x80, 0x7f, STATIC_TABLE_LENGTH + 1 + this.#table.insertedTotal - ordinal)
    }
    const field = new HeaderField(name, value)
    if (field.sizeBytes > INDEXED_FIELD_BYTES_MAX || field.sizeBytes > this.#table.sizeBytesMax) {
      return writeLiteral(WITHOUT_INDEXING, known.nameIndex, name, value)
    }
    writeLiteral(WITH_INDEXING, known.nameIndex, name, value)
    this.#table.insert(field)
    let byValue = this.#ordinals.get(name)
    if (byValue === undefined) {
      byValue = new Map()
      this.#ordinals.set(name, byValue)
    }
    byValue.set(value, this.#table.insertedTotal)
  }

  #forget(field: HeaderField, ordinal: number): void {
    const byValue = this.#ordinals.get(field.name)
    if (byValue?.get(field.value) === ordinal) byValue.delete(field.value)
  }
}

interface Representation {
  readonly pattern: number
  readonly mask: number
}

const WITH_INDEXING: Representation = { pattern: 0x40, mask: 0x3f }
const WITHOUT_INDEXING: Representation = { pattern: 0x00, mask: 0x0f }
const NEVER_INDEXED: Representation = { pattern: 0x10, mask: 0x0f }

/** Makes room: no string is written longer than its text. */
function reserve(textAndOverheadBytes: number): void {
  const needed = used + textAndOverheadBytes
  if (needed <= block.length) return
  const grown = Buffer.allocUnsafeSlow(needed * 2)
  block.copy(grown, 0, 0, used)
  block = grown
}

function writeLiteral(representation: Representation, nameIndex: number, name: string, value: string): void {
  writeInteger(representation.pattern, representation.mask, nameIndex)
  if (nameIndex === 0) writeString(name)
  writeString(value)
}

/** RFC 7541 section 5.1. */
function writeInteger(pattern: number, mask: number, value: number): void {
  if (value < mask) {
    block[used++] = pattern | value
    return
  }
  block[used++] = pattern | mask
  let rest = value - mask
  while (rest >= 0x80) {
    block[used++] = 0x80 | (rest & 0x7f)
    rest >>>= 7
  }
  block[used++] = rest
}

/** Huffman-coded where that is shorter: never longer than the text itself. */
function writeString(text: string): void {
  const { length } = text
  const coded = huffmanBytes(text)
  if (coded < length) {
    writeInteger(0x80, 0x7f, coded)
    used = encodeHuffman(text, block, used)
  } else {
    writeInteger(0, 0x7f, length)
    used += block.latin1Write(text, used, length)
  }
}
