/**
 * Takes frames out of the bytes of a connection, over any split (RFC 9113 sections 4 and 6). DATA is passed on piece by
 * piece as it comes, every other frame whole; what is wrong with a frame by itself, or with its place among the others
 * (first frame, CONTINUATION), is found here, before anybody acts on it.
 *
 *   head (9) ──▶ DATA: pad length (0-1) ──▶ data … ──▶ padding …
 *            ──▶ any other: gathered, then onFrame
 *            ──▶ unknown type: told, payload skipped
 */
import { ErrorCode, Flag, FRAME_BYTES_MAX, FRAME_HEAD_BYTES, FrameType, readUint31 } from "./frame.ts"

/** Gets the frames. `bytes` is only valid during the call. A result other than 0 stops the parser at once. */
export interface FrameSink {
  /** @param length all of the payload, padding included: what flow control counts */
  onDataHead(streamId: number, flags: number, length: number): number
  onDataBytes(streamId: number, bytes: Buffer, start: number, end: number): number
  /** @param dataBytes the payload without padding */
  onDataEnd(streamId: number, flags: number, dataBytes: number): number
  /** Any other frame of a known type, without padding. */
  onFrame(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): number
  /** The head of a frame of unknown type; its payload is dropped. */
  onUnknownFrame(type: number): number
}

/** What `parse` returns beside 0 and an ErrorCode: a sink stopped it. */
export const STOPPED = -1

const State = Object.freeze({ head: 0, gather: 1, padLength: 2, data: 3, padding: 4, skip: 5 } as const)

/** No CONTINUATION is due. */
const NO_STREAM = 0

export class FrameParser {
  #state: number = State.head
  readonly #head = Buffer.alloc(FRAME_HEAD_BYTES)
  #headBytes = 0
  #type = 0
  #flags = 0
  #streamId = 0
  #length = 0
  /** Bytes of the payload still to come. */
  #remaining = 0
  #padBytes = 0
  #dataBytes = 0
  #gathered: Buffer | null = null
  #hasSeenSettings = false
  /** The stream whose field block is not complete: nothing but its CONTINUATION may come (section 6.10). */
  #openBlockStreamId: number = NO_STREAM

  /** Whether the last field block still waits for its end. */
  get isInsideFieldBlock(): boolean {
    return this.#openBlockStreamId !== NO_STREAM
  }

  /** @returns 0; an ErrorCode that ends the connection; or STOPPED, because the sink wants no more */
  parse(bytes: Buffer, start: number, end: number, sink: FrameSink): number {
    let offset = start
    while (offset < end) {
      if (this.#state === State.head) {
        offset = this.#readHead(bytes, offset, end)
        if (this.#headBytes < FRAME_HEAD_BYTES) return 0
        const result = this.#begin(sink)
        if (result !== 0) return result
        continue
      }
      const pieceEnd = Math.min(end, offset + (this.#state === State.padLength ? 1 : this.#remaining))
      const result = this.#take(bytes, offset, pieceEnd, sink)
      if (result !== 0) return result
      offset = pieceEnd
    }
    return 0
  }

  #readHead(bytes: Buffer, start: number, end: number): number {
    let offset = start
    while (this.#headBytes < FRAME_HEAD_BYTES && offset < end) {
      this.#head[this.#headBytes++] = bytes[offset++] as number
    }
    return offset
  }

  /** The head is complete. */
  #begin(sink: FrameSink): number {
    const head = this.#head
    this.#headBytes = 0
    this.#length = ((head[0] as number) << 16) | ((head[1] as number) << 8) | (head[2] as number)
    this.#type = head[3] as number
    this.#flags = head[4] as number
    this.#streamId = readUint31(head, 5)
    const fault = this.#faultOfHead()
    if (fault !== 0) return fault
    this.#remaining = this.#length
    if (this.#type === FrameType.data) return this.#beginData(sink)
    if (this.#type > FrameType.continuation) {
      this.#state = State.skip
      const result = sink.onUnknownFrame(this.#type)
      if (this.#length === 0) this.#state = State.head
      return result === 0 ? 0 : STOPPED
    }
    this.#state = State.gather
    this.#gathered = null
    return this.#length === 0 ? this.#finish(head, 0, 0, sink) : 0
  }

  #beginData(sink: FrameSink): number {
    const isPadded = (this.#flags & Flag.padded) !== 0
    this.#padBytes = 0
    this.#dataBytes = this.#length
    this.#state = isPadded ? State.padLength : State.data
    if (sink.onDataHead(this.#streamId, this.#flags, this.#length) !== 0) return STOPPED
    return this.#length === 0 ? this.#endData(sink) : 0
  }

  #endData(sink: FrameSink): number {
    this.#state = State.head
    return sink.onDataEnd(this.#streamId, this.#flags, this.#dataBytes) === 0 ? 0 : STOPPED
  }

  /** A piece of the payload, never more than what is left of its part. */
  #take(bytes: Buffer, start: number, end: number, sink: FrameSink): number {
    const length = end - start
    switch (this.#state) {
      case State.padLength:
        this.#padBytes = bytes[start] as number
        if (this.#padBytes >= this.#length) return ErrorCode.protocolError
        this.#dataBytes = this.#length - 1 - this.#padBytes
        this.#remaining = this.#dataBytes
        return this.#afterDataPart(sink)
      case State.data:
        this.#remaining -= length
        if (sink.onDataBytes(this.#streamId, bytes, start, end) !== 0) return STOPPED
        return this.#remaining === 0 ? this.#afterDataPart(sink) : 0
      case State.padding:
        this.#remaining -= length
        return this.#remaining === 0 ? this.#endData(sink) : 0
      case State.skip:
        this.#remaining -= length
        if (this.#remaining === 0) this.#state = State.head
        return 0
      default:
        return this.#gather(bytes, start, end, sink)
    }
  }

  /** Pad length or data are through: what is left of the frame? */
  #afterDataPart(sink: FrameSink): number {
    if (this.#remaining > 0) {
      this.#state = State.data
      return 0
    }
    if (this.#padBytes === 0) return this.#endData(sink)
    this.#state = State.padding
    this.#remaining = this.#padBytes
    this.#padBytes = 0
    return 0
  }

  #gather(bytes: Buffer, start: number, end: number, sink: FrameSink): number {
    const length = end - start
    // The common case: the whole payload lies in these bytes.
    if (length === this.#length) return this.#finish(bytes, start, end, sink)
    const gathered = this.#gathered ?? Buffer.allocUnsafe(this.#length)
    this.#gathered = gathered
    bytes.copy(gathered, this.#length - this.#remaining, start, end)
    this.#remaining -= length
    return this.#remaining === 0 ? this.#finish(gathered, 0, this.#length, sink) : 0
  }

  /** A frame other than DATA is complete. */
  #finish(bytes: Buffer, start: number, end: number, sink: FrameSink): number {
    this.#state = State.head
    this.#gathered = null
    let contentEnd = end
    let contentStart = start
    if (this.#type === FrameType.headers && (this.#flags & Flag.padded) !== 0) {
      const padBytes = bytes[start] as number
      const priorityBytes = (this.#flags & Flag.priority) !== 0 ? 5 : 0
      contentStart = start + 1
      contentEnd = end - padBytes
      if (contentEnd - contentStart < priorityBytes) return ErrorCode.protocolError
    }
    const result = sink.onFrame(this.#type, this.#flags, this.#streamId, bytes, contentStart, contentEnd)
    return result === 0 ? 0 : STOPPED
  }

  /** What is wrong with a frame by its head, whatever the state of its stream. @returns 0 or an ErrorCode */
  #faultOfHead(): number {
    if (this.#length > FRAME_BYTES_MAX) return ErrorCode.frameSizeError
    if (!this.#hasSeenSettings) {
      // Section 3.4: the first frame is SETTINGS, and not an acknowledgement.
      if (this.#type !== FrameType.settings || (this.#flags & Flag.ack) !== 0) return ErrorCode.protocolError
      this.#hasSeenSettings = true
    }
    if (this.#openBlockStreamId !== NO_STREAM) {
      if (this.#type !== FrameType.continuation || this.#streamId !== this.#openBlockStreamId) {
        return ErrorCode.protocolError
      }
    } else if (this.#type === FrameType.continuation) {
      return ErrorCode.protocolError
    }
    const fault = faultOfHead(this.#type, this.#flags, this.#streamId, this.#length)
    if (fault === 0 && (this.#type === FrameType.headers || this.#type === FrameType.continuation)) {
      this.#openBlockStreamId = (this.#flags & Flag.endHeaders) === 0 ? this.#streamId : NO_STREAM
    }
    return fault
  }
}

/** RFC 9113 section 6: which frames belong to a stream, and how long each is. PRIORITY's length is a stream's matter. */
function faultOfHead(type: number, flags: number, streamId: number, length: number): number {
  switch (type) {
    case FrameType.data:
      if (streamId === 0) return ErrorCode.protocolError
      return (flags & Flag.padded) !== 0 && length === 0 ? ErrorCode.frameSizeError : 0
    case FrameType.headers: {
      if (streamId === 0) return ErrorCode.protocolError
      const least = ((flags & Flag.padded) !== 0 ? 1 : 0) + ((flags & Flag.priority) !== 0 ? 5 : 0)
      return length < least ? ErrorCode.frameSizeError : 0
    }
    case FrameType.priority:
    case FrameType.pushPromise:
    case FrameType.continuation:
      return streamId === 0 ? ErrorCode.protocolError : 0
    case FrameType.rstStream:
      if (streamId === 0) return ErrorCode.protocolError
      return length === 4 ? 0 : ErrorCode.frameSizeError
    case FrameType.settings:
      if (streamId !== 0) return ErrorCode.protocolError
      if ((flags & Flag.ack) !== 0) return length === 0 ? 0 : ErrorCode.frameSizeError
      return length % 6 === 0 ? 0 : ErrorCode.frameSizeError
    case FrameType.ping:
      if (streamId !== 0) return ErrorCode.protocolError
      return length === 8 ? 0 : ErrorCode.frameSizeError
    case FrameType.goAway:
      if (streamId !== 0) return ErrorCode.protocolError
      return length >= 8 ? 0 : ErrorCode.frameSizeError
    case FrameType.windowUpdate:
      return length === 4 ? 0 : ErrorCode.frameSizeError
    default:
      return 0
  }
}
