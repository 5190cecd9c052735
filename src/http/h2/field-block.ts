/**
 * Puts a field block together from HEADERS and CONTINUATION (RFC 9113 section 4.3), within bounds: a block that never ends
 * must cost neither memory nor time (the CONTINUATION flood).
 */
import type { Http2Limits } from "./limits.ts"

export const FieldBlockFault = Object.freeze({ none: 0, tooLarge: 1, tooManyFrames: 2 } as const)

const INITIAL_BYTES = 4096
const EMPTY = Buffer.alloc(0)

export class FieldBlock {
  streamId = 0
  isEndStream = false
  bytes: Buffer = EMPTY
  length = 0
  #continuations = 0

  /** A block that one frame does not hold. @returns a FieldBlockFault */
  begin(
    streamId: number,
    isEndStream: boolean,
    bytes: Buffer,
    start: number,
    end: number,
    limits: Http2Limits,
  ): number {
    this.streamId = streamId
    this.isEndStream = isEndStream
    this.length = 0
    this.#continuations = 0
    return this.#append(bytes, start, end, limits)
  }

  /** A CONTINUATION frame. @returns a FieldBlockFault */
  continue(bytes: Buffer, start: number, end: number, limits: Http2Limits): number {
    if (++this.#continuations > limits.continuationFramesMax) return FieldBlockFault.tooManyFrames
    return this.#append(bytes, start, end, limits)
  }

  #append(bytes: Buffer, start: number, end: number, limits: Http2Limits): number {
    const length = this.length + end - start
    if (length > limits.fieldBlockBytesMax) return FieldBlockFault.tooLarge
    if (length > this.bytes.length) {
      const grown = Buffer.allocUnsafe(Math.max(INITIAL_BYTES, length * 2))
      this.bytes.copy(grown, 0, 0, this.length)
      this.bytes = grown
    }
    bytes.copy(this.bytes, this.length, start, end)
    this.length = length
    return FieldBlockFault.none
  }

  /** The block was used; nothing of it is kept. */
  release(): void {
    this.bytes = EMPTY
    this.length = 0
  }
}
