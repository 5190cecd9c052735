/**
 * Takes the body of one HTTP/1.1 message out of the bytes of its connection (RFC 9112 sections 6 and 7.1).
 * Content-Length, chunked, or until close; incremental over any split of the bytes; strict about chunk syntax.
 *
 *   chunked:  size ──CRLF──▶ data ──CRLF──▶ size … 0 ──CRLF──▶ trailer lines ──CRLF──▶ done
 */

import { IS_FORBIDDEN_IN_TRAILERS } from "../field-names.ts"
import { dropFields, FieldTable } from "../field-table.ts"
import type { HttpLimits } from "../limits.ts"
import { Fault } from "./faults.ts"
import { scanFields } from "./scan-fields.ts"

/** Gets the payload, piece by piece. `bytes` is only valid during the call. */
export interface BodySink {
  /** @returns false to stop decoding after this piece (back pressure); the rest is left to the caller. */
  onBody(bytes: Buffer, start: number, end: number): boolean
}

const State = Object.freeze({
  done: 0,
  length: 1,
  untilClose: 2,
  chunkSize: 3,
  chunkExtension: 4,
  chunkSizeLf: 5,
  chunkData: 6,
  chunkDataCr: 7,
  chunkDataLf: 8,
  trailers: 9,
} as const)

const CR = 0x0d
const LF = 0x0a

/** RFC 9112 section 7.1 sets no bound; 16 digits are more than any file, and below 2^53 they stay exact. */
const CHUNK_SIZE_DIGITS_MAX = 16
const CHUNK_BYTES_MAX = 2 ** 53 - 1

export class BodyDecoder {
  #state: number = State.done
  /** Bytes left of the body (length) or of the chunk. */
  #remaining = 0
  #sizeDigits = 0
  /** Chunk extensions of the whole message so far. */
  #extensionBytes = 0
  #trailerText = ""
  /** Checked trailer lines (`name: value\r\n`), once done; "" = none. */
  trailers = ""
  /** Payload bytes so far. */
  payloadBytes = 0

  get isDone(): boolean {
    return this.#state === State.done
  }

  get isUntilClose(): boolean {
    return this.#state === State.untilClose
  }

  startEmpty(): void {
    this.#start(State.done, 0)
  }

  startLength(length: number): void {
    this.#start(length === 0 ? State.done : State.length, length)
  }

  startChunked(): void {
    this.#start(State.chunkSize, 0)
  }

  startUntilClose(): void {
    this.#start(State.untilClose, 0)
  }

  /** The peer closed: the end of a body that lasts until then. */
  finishUntilClose(): void {
    this.#state = State.done
  }

  #start(state: number, remaining: number): void {
    this.#state = state
    this.#remaining = remaining
    this.#sizeDigits = 0
    this.#extensionBytes = 0
    this.#trailerText = ""
    this.trailers = ""
    this.payloadBytes = 0
  }

  /**
   * Decodes from `start`. Stops at the end of the message, of the bytes, or when the sink says so.
   * @returns offset of the first byte not consumed, or a Fault
   */
  decode(bytes: Buffer, start: number, end: number, sink: BodySink, limits: HttpLimits): number {
    let offset = start
    while (offset < end && this.#state !== State.done) {
      if (this.#state === State.length || this.#state === State.chunkData) {
        const pieceEnd = end - offset > this.#remaining ? offset + this.#remaining : end
        const goesOn = this.#emit(bytes, offset, pieceEnd, sink)
        this.#remaining -= pieceEnd - offset
        offset = pieceEnd
        if (this.#remaining === 0) this.#state = this.#state === State.length ? State.done : State.chunkDataCr
        if (!goesOn) return offset
      } else if (this.#state === State.untilClose) {
        this.#emit(bytes, offset, end, sink)
        return end
      } else if (this.#state === State.trailers) {
        offset = this.#readTrailers(bytes, offset, end, limits)
        if (offset < 0) return offset
      } else {
        const fault = this.#step(bytes[offset] as number, limits)
        if (fault < 0) return fault
        offset++
      }
    }
    return offset
  }

  #emit(bytes: Buffer, start: number, end: number, sink: BodySink): boolean {
    this.payloadBytes += end - start
    return sink.onBody(bytes, start, end)
  }

  /** One byte of chunk framing. @returns 0, or a Fault. */
  #step(byte: number, limits: HttpLimits): number {
    switch (this.#state) {
      case State.chunkSize: {
        const digit = hexDigit(byte)
        if (digit >= 0) {
          if (++this.#sizeDigits > CHUNK_SIZE_DIGITS_MAX) return Fault.badChunk
          this.#remaining = this.#remaining * 16 + digit
          return this.#remaining > CHUNK_BYTES_MAX ? Fault.badChunk : 0
        }
        if (this.#sizeDigits === 0) return Fault.badChunk
        if (byte === CR) this.#state = State.chunkSizeLf
        else if (byte === 0x3b) this.#state = State.chunkExtension
        else return Fault.badChunk
        return 0
      }
      case State.chunkExtension:
        // Ignored, as RFC 9112 section 7.1.1 has it, but bounded and free of what could end a line elsewhere.
        if (byte === CR) this.#state = State.chunkSizeLf
        else if ((byte < 0x20 && byte !== 0x09) || byte === 0x7f) return Fault.badChunk
        else if (++this.#extensionBytes > limits.chunkExtensionBytesMax) return Fault.badChunk
        return 0
      case State.chunkSizeLf:
        if (byte !== LF) return Fault.badChunk
        this.#sizeDigits = 0
        this.#state = this.#remaining === 0 ? State.trailers : State.chunkData
        return 0
      case State.chunkDataCr:
        this.#state = State.chunkDataLf
        return byte === CR ? 0 : Fault.badChunk
      case State.chunkDataLf:
        this.#state = State.chunkSize
        return byte === LF ? 0 : Fault.badChunk
      default:
        return Fault.badChunk
    }
  }

  #readTrailers(bytes: Buffer, start: number, end: number, limits: HttpLimits): number {
    // The common case: no trailers, and the closing CRLF is here in one piece.
    if (this.#trailerText === "" && end - start >= 2 && bytes[start] === CR && bytes[start + 1] === LF) {
      this.#state = State.done
      return start + 2
    }
    const room = limits.trailerBytesMax + 4 - this.#trailerText.length
    const pieceEnd = Math.min(end, start + room)
    const before = this.#trailerText.length
    this.#trailerText += bytes.latin1Slice(start, pieceEnd)
    const text = this.#trailerText
    if (text.startsWith("\r\n")) {
      this.#state = State.done
      return start + 2 - before
    }
    const close = text.indexOf("\r\n\r\n", Math.max(0, before - 3))
    if (close < 0) {
      if (text.length > limits.trailerBytesMax) return Fault.trailersTooLarge
      return hasBareLineEnd(text, before) ? Fault.bareLineEnd : pieceEnd
    }
    if (close + 4 > limits.trailerBytesMax) return Fault.trailersTooLarge
    const checked = checkTrailers(text.slice(0, close + 4), limits)
    if (checked === null) return Fault.badTrailer
    this.trailers = checked
    this.#state = State.done
    return start + (close + 4 - before)
  }
}

/** @returns the lines that may be forwarded, or null when the section is malformed. */
function checkTrailers(text: string, limits: HttpLimits): string | null {
  const fields = new FieldTable()
  fields.reset(text)
  if (scanFields(text, 0, text.length, fields, limits.fieldCountMax) < 0) return null
  dropFields(fields, IS_FORBIDDEN_IN_TRAILERS)
  return fields.lines()
}

/** Whether a line of an unfinished head ends in something other than CRLF: it could never become valid. */
export function hasBareLineEnd(text: string, from: number): boolean {
  for (let lf = text.indexOf("\n", from); lf >= 0; lf = text.indexOf("\n", lf + 1)) {
    if (text.charCodeAt(lf - 1) !== CR) return true
  }
  return false
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const lower = byte | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
}
