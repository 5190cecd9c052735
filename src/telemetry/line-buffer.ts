/**
 * Log lines as bytes, waiting to be written. A line is encoded when it comes: short-lived text of a line costs less than
 * one long text of hundreds, and what waits is memory of a known size.
 */

/** Grows by doubling for a burst; `clear` gives the burst's memory back. */
export class LineBuffer {
  readonly #initialBytes: number
  #bytes: Buffer
  #length = 0

  /** @param initialBytes room that is kept, also when there is nothing */
  constructor(initialBytes: number) {
    this.#initialBytes = initialBytes
    this.#bytes = Buffer.allocUnsafeSlow(initialBytes)
  }

  get length(): number {
    return this.#length
  }

  /** @param line one character for each byte */
  append(line: string): void {
    const { length } = line
    const end = this.#length + length
    if (end > this.#bytes.length) this.#grow(end)
    this.#bytes.latin1Write(line, this.#length, length)
    this.#length = end
  }

  /** What was appended since the last `clear`; it stays there until then. */
  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }

  clear(): void {
    if (this.#bytes.length > this.#initialBytes) this.#bytes = Buffer.allocUnsafeSlow(this.#initialBytes)
    this.#length = 0
  }

  #grow(bytesMin: number): void {
    const grown = Buffer.allocUnsafeSlow(Math.max(bytesMin, this.#bytes.length * 2))
    grown.set(this.bytes())
    this.#bytes = grown
  }
}
