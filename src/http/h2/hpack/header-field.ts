/**
 * One decoded field line of HTTP/2: shared between the tables and the messages that refer to it, so that what was found
 * out about it once (is the name well-formed? may it be forwarded?) need not be found out again.
 */

/** RFC 7541 section 4.1: what an entry costs beyond its text. */
export const ENTRY_OVERHEAD_BYTES = 32

export class HeaderField {
  readonly name: string
  readonly value: string
  /** A cache of whoever judges fields (`field-check.ts`); 0 = not judged yet. */
  verdict = 0

  /** One character per byte. */
  constructor(name: string, value: string) {
    this.name = name
    this.value = value
  }

  /** RFC 7541 section 4.1. */
  get sizeBytes(): number {
    return this.name.length + this.value.length + ENTRY_OVERHEAD_BYTES
  }
}
