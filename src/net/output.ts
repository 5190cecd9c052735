/**
 * What goes out of one socket: corked, partial writes kept, back pressure told.
 *
 * All small writes of one event-loop callback are gathered in one scratch buffer and leave in one system call ("cork").
 * The scratch belongs to one Output at a time; whoever writes next sends the other's bytes first. Bytes that the socket
 * does not take wait in the Output, in order, until it drains; whoever produces them is told to stop.
 *
 * An Output that carries several messages at once (HTTP/2) may go one step further: what other sockets' events have for
 * it is gathered until the turn of the event loop is over ("batch"), so that ten responses leave in one TLS record and one
 * system call.
 */
import { meterOf, type TrafficMeter, UNMETERED } from "./traffic-meter.ts"

/** Holds a head of the largest size and what is usually beside it. */
const SCRATCH_BYTES = 128 * 1024
/** From here on copying costs more than a system call of its own. */
const DIRECT_WRITE_BYTES_MIN = 16 * 1024

const scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES)
let scratchUsed = 0
let corked: Output | null = null

/** Sends what is in the scratch. Called at the end of every socket event and timer. */
export function flushCorked(): void {
  if (corked !== null) {
    const output = corked
    const used = scratchUsed
    corked = null
    scratchUsed = 0
    output.uncork(scratch, used)
  }
}

/** A batch is at most one TLS record. */
const BATCH_BYTES = 16 * 1024
/** Buffers of batches that are out, for the next ones. */
const SPARE_BATCHES_MAX = 64

const spareBatches: Buffer[] = []
/** Those with a batch, until the end of the turn. */
let batching: Output[] = []

function flushBatches(): void {
  const outputs = batching
  batching = []
  for (const output of outputs) output.flushBatch()
}

/** What an Output needs of a socket; Bun's sockets are this. */
export interface OutputSocket {
  /** @returns how many of the bytes it took, from 0 to all; -1 when it is closed. */
  write(bytes: Buffer, offset: number, length: number): number
  /** Sends FIN. */
  shutdown(): void
}

export class Output {
  #socket: OutputSocket | null = null
  #traffic: TrafficMeter = UNMETERED
  /** Bytes that wait for the socket, oldest first. */
  #waiting: Buffer[] = []
  /** Offset into the first waiting buffer. */
  #waitingOffset = 0
  #waitingBytes = 0
  #endWhenEmpty = false
  /** null = nothing is gathered. */
  #batch: Buffer | null = null
  #batchBytes = 0
  /** Whether small writes may wait for the end of the turn, because more is likely to come until then. */
  gathers = false
  /** Bytes handed to the socket or waiting, over its life. */
  bytesTotal = 0

  attach(socket: OutputSocket): void {
    this.#socket = socket
    this.#traffic = meterOf(socket)
  }

  /** The socket is gone: nothing more is sent or kept. */
  detach(): void {
    if (corked === this) {
      corked = null
      scratchUsed = 0
    }
    this.#socket = null
    this.#waiting = []
    this.#waitingBytes = 0
    this.#dropBatch()
  }

  /** Whether the socket refuses bytes: producers must stop until `onDrain` has returned true. */
  get isBackedUp(): boolean {
    return this.#waitingBytes > 0
  }

  get waitingBytes(): number {
    return this.#waitingBytes
  }

  /** Appends latin1 text: one byte per character. */
  writeText(text: string): void {
    const length = text.length
    this.bytesTotal += length
    if (length > SCRATCH_BYTES) {
      this.#claim(0)
      flushCorked()
      this.#sendPast(Buffer.from(text, "latin1"), 0, length)
      return
    }
    this.#claim(length)
    scratch.latin1Write(text, scratchUsed, length)
    scratchUsed += length
  }

  /** Appends bytes; they are copied or sent before this returns. */
  writeBytes(bytes: Buffer, start: number, end: number): void {
    const length = end - start
    this.bytesTotal += length
    if (length >= DIRECT_WRITE_BYTES_MIN) {
      this.#claim(0)
      flushCorked()
      this.#sendPast(bytes, start, end)
      return
    }
    this.#claim(length)
    bytes.copy(scratch, scratchUsed, start, end)
    scratchUsed += length
  }

  /** Appends bytes past the cork, for streams that come in large pieces: `isBackedUp` is true of them at once. */
  writeThrough(bytes: Buffer): void {
    this.bytesTotal += bytes.length
    flushCorked()
    this.#sendPast(bytes, 0, bytes.length)
  }

  /** Makes the scratch this Output's, with room for `length` bytes. */
  #claim(length: number): void {
    if (corked !== this || scratchUsed + length > SCRATCH_BYTES) flushCorked()
    corked = this
  }

  /** What was corked leaves the scratch: for the socket, or for the batch. */
  uncork(bytes: Buffer, length: number): void {
    if (this.#batch === null && !this.gathers) return this.#sendNow(bytes, 0, length)
    if (this.#batchBytes + length > BATCH_BYTES) this.flushBatch()
    if (length > BATCH_BYTES) return this.#sendNow(bytes, 0, length)
    if (this.#batch === null) {
      this.#batch = spareBatches.pop() ?? Buffer.allocUnsafeSlow(BATCH_BYTES)
      if (batching.push(this) === 1) setImmediate(flushBatches)
    }
    bytes.copy(this.#batch, this.#batchBytes, 0, length)
    this.#batchBytes += length
    if (!this.gathers) this.flushBatch()
  }

  /** Sends what was gathered. */
  flushBatch(): void {
    const batch = this.#batch
    const length = this.#batchBytes
    if (batch === null) return
    this.#sendNow(batch, 0, length)
    this.#dropBatch()
  }

  #dropBatch(): void {
    if (this.#batch !== null && spareBatches.length < SPARE_BATCHES_MAX) spareBatches.push(this.#batch)
    this.#batch = null
    this.#batchBytes = 0
  }

  /** Writes past cork and batch, which are empty afterwards. */
  #sendPast(bytes: Buffer, start: number, end: number): void {
    this.flushBatch()
    this.#sendNow(bytes, start, end)
  }

  /** Keeps (a copy of) what the socket does not take. */
  #sendNow(bytes: Buffer, start: number, end: number): void {
    const socket = this.#socket
    if (socket === null || start === end) return
    let offset = start
    if (this.#waitingBytes === 0) {
      const written = socket.write(bytes, start, end - start)
      // -1: closed; `onClose` follows and ends whoever writes.
      if (written < 0) return
      this.#traffic.bytesSent += written
      offset += written
    }
    if (offset < end) {
      this.#waiting.push(Buffer.from(bytes.subarray(offset, end)))
      this.#waitingBytes += end - offset
    }
  }

  /** The socket drained. @returns whether nothing waits any more, so that producers may go on. */
  onDrain(): boolean {
    const socket = this.#socket
    if (socket === null) return false
    while (this.#waitingBytes > 0) {
      const first = this.#waiting[0]
      if (first === undefined) break
      const length = first.length - this.#waitingOffset
      const written = socket.write(first, this.#waitingOffset, length)
      if (written < 0) return false
      this.#traffic.bytesSent += written
      this.#waitingBytes -= written
      if (written < length) {
        this.#waitingOffset += written
        return false
      }
      this.#waiting.shift()
      this.#waitingOffset = 0
    }
    if (this.#endWhenEmpty) this.#shutdown()
    return true
  }

  /** Sends FIN once everything written so far is out. The reading side stays open. */
  endAfterFlush(): void {
    if (corked === this) flushCorked()
    this.flushBatch()
    if (this.#waitingBytes > 0) this.#endWhenEmpty = true
    else this.#shutdown()
  }

  #shutdown(): void {
    this.#endWhenEmpty = false
    this.#socket?.shutdown()
  }
}
