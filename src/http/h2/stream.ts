/**
 * What a stream is on either side (RFC 9113 section 5.1): bytes go out as the windows and the socket allow, bytes come in
 * as fast as somebody takes them, and it ends when both directions have ended or one side resets it.
 *
 *                      sendBody ──▶ waiting ──▶ DATA          windows, back pressure: OutputQueue
 *   exchange ◀──▶ stream
 *                      deliver… ◀── held ◀── DATA             held only while paused; credit when delivered
 *
 * What the two sides make of it is in `server-stream` and `client-stream`.
 */

import { ReceiveWindow, SendWindow } from "./flow-control.ts"
import { DATA_BYTES_PER_FRAME, writeData, writeRstStream, writeWindowUpdate } from "./frame-writer.ts"
import type { Session } from "./session.ts"

/** `refused`: the peer has not looked at it. `protocol-error`: we ended it, because the peer broke the protocol. */
export type CutReason = "remote-reset" | "refused" | "protocol-error" | "connection-gone"

export abstract class Http2Stream {
  readonly id: number
  /** Both directions have ended, or one side has reset it: nothing is sent or delivered any more. */
  isClosed = false
  /** END_STREAM came; what it ends may still be held. */
  isRemoteEnded = false
  isLocalEnded = false
  /** Coarse time of the last progress of what waits; for the limit on stalled clients. */
  blockedSinceMs = 0
  readonly receiveWindow: ReceiveWindow
  readonly sendWindow: SendWindow
  protected readonly session: Session
  /** Not sent yet, oldest first. */
  #waiting: Buffer[] = []
  #waitingOffset = 0
  /** The end follows what waits, with these trailers. */
  #endsAfterWaiting = false
  #trailers = ""
  /** Received while paused, oldest first. */
  #held: Buffer[] = []
  #isPaused = false
  #isDelivering = false
  #heldTrailers = ""
  #hasDeliveredEnd = false

  constructor(session: Session, id: number) {
    this.session = session
    this.id = id
    this.receiveWindow = new ReceiveWindow(session.limits.http2.streamWindowBytes)
    this.sendWindow = new SendWindow(session.peer.initialWindowBytes)
  }

  // --- what the two sides make of it ---------------------------------------------------------------------------------

  protected abstract deliverBody(bytes: Buffer, start: number, end: number): void
  protected abstract deliverEnd(trailers: string): void
  /** The windows or the socket have let everything through that waited. */
  abstract onWritable(): void
  /** Our END_STREAM has been sent. */
  protected abstract onLocalEnd(): void
  /** The stream ended before its time: nothing can be sent or received any more. */
  abstract onCut(reason: CutReason): void
  /** Bytes that must wait although nobody paused: a tunnel that is not open yet. */
  protected get isHolding(): boolean {
    return this.#isPaused
  }

  // --- sending -------------------------------------------------------------------------------------------------------

  get isBackedUp(): boolean {
    return this.#waiting.length > 0 || this.session.output.isBackedUp
  }

  /** Something waits for the windows or the socket. */
  get hasWaiting(): boolean {
    return this.#waiting.length > 0
  }

  /** @param isLast whether END_STREAM goes with it */
  protected send(bytes: Buffer, start: number, end: number, isLast: boolean): void {
    if (this.isClosed || this.isLocalEnded) return
    const { session } = this
    let offset = start
    if (this.#waiting.length === 0 && !session.output.isBackedUp) offset = this.#write(bytes, start, end, isLast)
    if (offset < end) {
      this.#waiting.push(Buffer.from(bytes.subarray(offset, end)))
      if (isLast) this.#endsAfterWaiting = true
    }
    if (!this.isClosed && this.isBackedUp) session.queue.block(this)
  }

  /** Ends our direction, after what waits. @param trailers lines; "" = none */
  protected sendEndOfStream(trailers: string): void {
    if (this.isClosed || this.isLocalEnded) return
    this.#trailers = trailers
    this.#endsAfterWaiting = true
    if (this.#waiting.length === 0) this.#writeEnd()
  }

  /**
   * Sends of what waits as the windows allow.
   * @param bytesMax of this turn
   * @returns whether it got anywhere
   */
  flush(bytesMax: number): boolean {
    let progress = false
    let budget = bytesMax
    while (budget > 0) {
      const first = this.#waiting[0]
      if (first === undefined || this.session.output.isBackedUp) break
      const end = Math.min(first.length, this.#waitingOffset + budget)
      const isLast = this.#endsAfterWaiting && this.#trailers === "" && this.#waiting.length === 1
      const next = this.#write(first, this.#waitingOffset, end, isLast && end === first.length)
      if (next === this.#waitingOffset) break
      progress = true
      budget -= next - this.#waitingOffset
      if (this.isClosed) return true
      if (next === first.length) {
        this.#waiting.shift()
        this.#waitingOffset = 0
      } else {
        this.#waitingOffset = next
      }
    }
    if (progress) this.blockedSinceMs = this.session.coarseNowMs
    if (this.#waiting.length === 0 && this.#endsAfterWaiting && !this.isLocalEnded) this.#writeEnd()
    return progress
  }

  /** Writes as much as the windows and the socket take. @returns offset after it */
  #write(bytes: Buffer, start: number, end: number, isLast: boolean): number {
    const { session, sendWindow } = this
    const { output, queue } = session
    const frameBytesMax = Math.min(DATA_BYTES_PER_FRAME, session.peer.frameBytesMax)
    let offset = start
    while (offset < end && !output.isBackedUp) {
      const length = Math.min(end - offset, frameBytesMax, queue.window.bytes, sendWindow.bytes)
      if (length <= 0) break
      const endsStream = isLast && offset + length === end
      writeData(output, this.id, bytes, offset, offset + length, endsStream)
      queue.window.take(length)
      sendWindow.take(length)
      session.guard.onDataSent()
      offset += length
      if (endsStream) this.markLocalEnd()
    }
    return offset
  }

  #writeEnd(): void {
    const { session } = this
    if (this.#trailers === "") writeData(session.output, this.id, EMPTY, 0, 0, true)
    else session.writeTrailers(this.id, this.#trailers)
    this.markLocalEnd()
  }

  /** END_STREAM is out, with a head, the last DATA or trailers. */
  protected markLocalEnd(): void {
    this.isLocalEnded = true
    this.#endsAfterWaiting = false
    this.onLocalEnd()
    if (this.isRemoteEnded && !this.isClosed) this.close()
  }

  // --- receiving -----------------------------------------------------------------------------------------------------

  /** All of the peer's message has been delivered. */
  get hasDeliveredEnd(): boolean {
    return this.#hasDeliveredEnd
  }

  /** The end came with the head: there is no body to deliver. */
  protected markRemoteEndWithHead(): void {
    this.isRemoteEnded = true
    this.#hasDeliveredEnd = true
  }

  /** Payload of a DATA frame. */
  onData(bytes: Buffer, start: number, end: number): void {
    if (this.isHolding || this.#held.length > 0) {
      this.#held.push(Buffer.from(bytes.subarray(start, end)))
    } else {
      this.#deliver(bytes, start, end)
    }
  }

  /** @param trailers checked lines; "" = none */
  onRemoteEnd(trailers: string): void {
    this.isRemoteEnded = true
    this.#heldTrailers = trailers
    if (this.#held.length === 0) this.#deliverEnd()
  }

  #deliver(bytes: Buffer, start: number, end: number): void {
    this.#isDelivering = true
    this.deliverBody(bytes, start, end)
    this.#isDelivering = false
    this.creditBytes(end - start)
  }

  #deliverEnd(): void {
    if (this.#hasDeliveredEnd || this.isClosed) return
    this.#hasDeliveredEnd = true
    this.deliverEnd(this.#heldTrailers)
    if (this.isLocalEnded && !this.isClosed) this.close()
  }

  protected pause(): void {
    this.#isPaused = true
  }

  protected resume(): void {
    this.#isPaused = false
    if (this.#isDelivering) return
    while (!this.isHolding && !this.isClosed) {
      const piece = this.#held.shift()
      if (piece === undefined) break
      this.#deliver(piece, 0, piece.length)
    }
    if (this.#held.length === 0 && this.isRemoteEnded && !this.isHolding) this.#deliverEnd()
  }

  /** Bytes were taken, or were padding: the peer may send as many again. */
  creditBytes(bytes: number): void {
    this.session.creditConnection(bytes)
    if (this.isRemoteEnded || this.isClosed) return
    const increment = this.receiveWindow.credit(bytes)
    if (increment > 0) writeWindowUpdate(this.session.output, this.id, increment)
  }

  // --- ending --------------------------------------------------------------------------------------------------------

  /** Sends RST_STREAM; what waits is dropped. */
  protected reset(errorCode: number): void {
    if (this.isClosed) return
    writeRstStream(this.session.output, this.id, errorCode)
    this.session.rememberReset(this.id)
    this.close()
  }

  /** Forgets the stream, without a word to the peer. */
  close(): void {
    if (this.isClosed) return
    this.isClosed = true
    this.#waiting = []
    this.#endsAfterWaiting = false
    let heldBytes = 0
    for (const piece of this.#held) heldBytes += piece.length
    this.#held = []
    if (heldBytes > 0) this.session.creditConnection(heldBytes)
    this.session.forget(this)
  }

  /** The peer reset the stream, refused it, or is gone. */
  cut(reason: CutReason): void {
    if (this.isClosed) return
    this.close()
    this.onCut(reason)
  }

  /** The peer broke the protocol on this stream. */
  abandon(errorCode: number): void {
    if (this.isClosed) return
    this.reset(errorCode)
    this.onCut("protocol-error")
  }

  /** The peer takes nothing more; what it sent is delivered all the same. */
  stopSending(): void {
    this.#waiting = []
    this.#endsAfterWaiting = false
    this.isLocalEnded = true
    this.session.queue.forget(this)
    if (this.#hasDeliveredEnd) this.close()
  }
}

const EMPTY = Buffer.alloc(0)
