/**
 * The dynamic table of HPACK (RFC 7541 sections 2.3.2 and 4): fields seen on this connection, newest first, bounded in
 * bytes. A ring, because everything happens at its two ends.
 */
import { ENTRY_OVERHEAD_BYTES, HeaderField } from "./header-field.ts"

/** Hears of entries that leave, so that an index over them can follow. */
export type OnEvicted = (field: HeaderField, ordinal: number) => void

export class DynamicTable {
  readonly #ring: HeaderField[]
  readonly #mask: number
  readonly #onEvicted: OnEvicted | null
  #sizeBytes = 0
  #sizeBytesMax: number
  #count = 0
  /** Entries ever inserted; the newest has this ordinal. */
  #insertedTotal = 0

  /** @param capacityBytes the most that `sizeBytesMax` may ever become */
  constructor(capacityBytes: number, onEvicted: OnEvicted | null = null) {
    let slots = 1
    while (slots * ENTRY_OVERHEAD_BYTES < capacityBytes) slots *= 2
    this.#ring = new Array<HeaderField>(slots).fill(EMPTY)
    this.#mask = slots - 1
    this.#sizeBytesMax = capacityBytes
    this.#onEvicted = onEvicted
  }

  get count(): number {
    return this.#count
  }

  get sizeBytes(): number {
    return this.#sizeBytes
  }

  get sizeBytesMax(): number {
    return this.#sizeBytesMax
  }

  get insertedTotal(): number {
    return this.#insertedTotal
  }

  /** @param position 0 = the newest. @returns undefined when there is no such entry */
  at(position: number): HeaderField | undefined {
    return position < this.#count ? this.#ring[(this.#insertedTotal - position) & this.#mask] : undefined
  }

  /** A field larger than the table empties it and is not kept (RFC 7541 section 4.4). */
  insert(field: HeaderField): void {
    const { sizeBytes } = field
    this.#evictTo(this.#sizeBytesMax - sizeBytes)
    if (sizeBytes > this.#sizeBytesMax) return
    this.#insertedTotal++
    this.#ring[this.#insertedTotal & this.#mask] = field
    this.#count++
    this.#sizeBytes += sizeBytes
  }

  /** @param sizeBytesMax not over the capacity it was made with */
  resize(sizeBytesMax: number): void {
    this.#sizeBytesMax = sizeBytesMax
    this.#evictTo(sizeBytesMax)
  }

  #evictTo(sizeBytes: number): void {
    while (this.#count > 0 && this.#sizeBytes > sizeBytes) {
      const ordinal = this.#insertedTotal - this.#count + 1
      const slot = ordinal & this.#mask
      const field = this.#ring[slot] ?? EMPTY
      this.#ring[slot] = EMPTY
      this.#count--
      this.#sizeBytes -= field.sizeBytes
      this.#onEvicted?.(field, ordinal)
    }
  }
}

const EMPTY = new HeaderField("", "")
