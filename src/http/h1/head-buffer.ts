/**
 * Gathers the bytes of a head (or of what must wait) across reads. Grows by doubling, so that a peer that sends one byte
 * at a time costs what its bytes cost, not their square. Empty it holds no memory.
 */
import { Fault } from "./faults.ts"
import { isTokenByte } from "./scan-fields.ts"

const CR = 0x0d
const LF = 0x0a
const EMPTY = Buffer.alloc(0)
/** As bytes: a text needle is converted on every search. */
const HEAD_END = Buffer.from("\r\n\r\n")
const INITIAL_BYTES = 1024

export class HeadBuffer {
  bytes: Buffer = EMPTY
  length = 0

  append(bytes: Buffer, start: number, end: number): void {
    const needed = this.length + (end - start)
    if (needed > this.bytes.length) {
      let capacity = Math.max(this.bytes.length, INITIAL_BYTES)
      while (capacity < needed) capacity *= 2
      const grown = Buffer.allocUnsafeSlow(capacity)
      this.bytes.copy(grown, 0, 0, this.length)
      this.bytes = grown
    }
    bytes.copy(this.bytes, this.length, start, end)
    this.length = needed
  }

  /** Gives the bytes away; the buffer is empty afterwards. */
  take(): Buffer {
    const taken = this.bytes.subarray(0, this.length)
    this.clear()
    return taken
  }

  clear(): void {
    this.bytes = EMPTY
    this.length = 0
  }
}

/** Offset after CRLF CRLF, searched from `from`; -1 = not there. */
export function findHeadEnd(bytes: Buffer, from: number, end: number): number {
  const index = bytes.indexOf(HEAD_END, from)
  return index < 0 || index + 4 > end ? -1 : index + 4
}

/**
 * Whether the first bytes of a head already rule it out, so that nobody waits for the rest of it: something that is no
 * method, or a line that does not end in CRLF.
 * @param from where the bytes not looked at before start
 * @returns 0, or a Fault
 */
export function faultOfPartialHead(bytes: Buffer, start: number, from: number, end: number): number {
  if (start < end && !isTokenByte(bytes[start] as number) && bytes[start] !== CR) return Fault.badMethod
  for (let lf = bytes.indexOf(LF, from); lf >= 0 && lf < end; lf = bytes.indexOf(LF, lf + 1)) {
    if (lf === start || bytes[lf - 1] !== CR) return Fault.bareLineEnd
  }
  return 0
}
