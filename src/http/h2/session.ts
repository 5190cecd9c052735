/**
 * One HTTP/2 connection, either side: its state, what it sends, and its end (RFC 9113). What it receives is in
 * `frame-session`; what a stream means is the business of the two sides, `server-connection` and `client-connection`.
 *
 *   open ──▶ serving ──fail / close──▶ closing (GOAWAY and FIN sent, the rest is read and dropped) ──▶ closed
 *
 * A fault of the peer that concerns the connection ends in `fail`: one name for the counters, one code for the peer.
 */
import { Output } from "../../net/output.ts"
import { pauseReading, resumeReading, type SocketOwner, type TcpSocket } from "../../net/socket.ts"
import type { HttpLimits } from "../limits.ts"
import { AbuseGuard } from "./abuse-guard.ts"
import { ReceiveWindow } from "./flow-control.ts"
import { ErrorCode, FRAME_HEAD_BYTES } from "./frame.ts"
import { writeFieldBlock, writeGoAway, writePing, writeWindowUpdate } from "./frame-writer.ts"
import { HpackDecoder } from "./hpack/decoder.ts"
import { encodedBlock, HpackEncoder } from "./hpack/encoder.ts"
import { OutputQueue } from "./output-queue.ts"
import { PeerSettings } from "./settings.ts"
import type { CutReason, Http2Stream } from "./stream.ts"
import { encodeLines } from "./write-fields.ts"

const Mode = Object.freeze({ serving: 0, closing: 1, closed: 2 } as const)

/** Announced by leaving SETTINGS_HEADER_TABLE_SIZE at its initial value. */
const DECODER_TABLE_BYTES = 4096
/** Streams we have reset are remembered this long: the peer may not know yet (RFC 9113 section 5.1, "closed"). */
const RESETS_REMEMBERED_MAX = 256
/** With fewer streams nothing else is likely to be sent in the same turn of the event loop. */
const GATHERING_STREAMS_MIN = 2
/** Opaque bytes of our own PINGs: any eight will do. */
const PING_BYTES = Buffer.from("gateway?", "latin1")

export abstract class Session implements SocketOwner {
  readonly limits: HttpLimits
  readonly output = new Output()
  readonly peer: PeerSettings
  readonly guard: AbuseGuard
  readonly queue: OutputQueue
  readonly encoder = new HpackEncoder()
  protected readonly decoder = new HpackDecoder(DECODER_TABLE_BYTES)
  protected readonly streams = new Map<number, Http2Stream>()
  /** Highest stream that the peer has opened and we have looked at. */
  protected lastPeerStreamId = 0
  protected socket: TcpSocket | null = null
  protected readonly receiveWindow: ReceiveWindow
  readonly #resetStreamIds = new Set<number>()
  #mode: number = Mode.serving
  #isReadingPaused = false
  /** It ends because the peer broke the protocol. */
  #hasFailed = false
  /** When our SETTINGS went out; -1 = acknowledged. */
  protected settingsSentAtMs = -1
  /** When the present wait (idle, an open field block, or closing) began. */
  protected waitingSinceMs = 0

  constructor(limits: HttpLimits, nowMs: number, assumedConcurrentStreamsMax: number) {
    this.limits = limits
    this.peer = new PeerSettings(assumedConcurrentStreamsMax)
    this.guard = new AbuseGuard(limits.http2, nowMs)
    this.queue = new OutputQueue(this.output, this)
    this.receiveWindow = new ReceiveWindow(limits.http2.connectionWindowBytes)
    this.waitingSinceMs = nowMs
  }

  // --- what the two sides make of it ---------------------------------------------------------------------------------

  abstract get coarseNowMs(): number
  /** The socket is open: say hello. */
  protected abstract onStart(socket: TcpSocket): void
  /** A stream is over. */
  protected abstract onStreamForgotten(stream: Http2Stream): void
  /** For the counters; one of our own names. */
  protected abstract countFault(name: string): void
  protected abstract onGone(): void

  // --- socket events -------------------------------------------------------------------------------------------------

  onOpen(socket: TcpSocket): void {
    this.socket = socket
    this.output.attach(socket)
    this.settingsSentAtMs = this.coarseNowMs
    this.onStart(socket)
  }

  abstract onData(bytes: Buffer): void

  onDrain(): void {
    if (this.output.onDrain()) this.queue.flush()
    this.updateReading()
  }

  onEnd(): void {
    this.output.flushBatch()
    this.socket?.end()
  }

  onClose(): void {
    this.#mode = Mode.closed
    this.socket = null
    this.output.detach()
    this.#tellStreams()
    this.onGone()
  }

  /** A client that does not read gets no more answers until it does, whatever it asks. */
  protected updateReading(): void {
    const { socket, output } = this
    if (socket === null) return
    const isPaused = this.isServing && output.waitingBytes > this.limits.http2.outputBacklogBytesMax
    if (isPaused === this.#isReadingPaused) return
    this.#isReadingPaused = isPaused
    if (isPaused) pauseReading(socket)
    else resumeReading(socket)
  }

  // --- state ---------------------------------------------------------------------------------------------------------

  get isServing(): boolean {
    return this.#mode === Mode.serving
  }

  get isClosing(): boolean {
    return this.#mode === Mode.closing
  }

  /** Whether a stream is under way. */
  get isBusy(): boolean {
    return this.streams.size > 0 || this.output.isBackedUp
  }

  /** The peer has not acknowledged our SETTINGS for so long. */
  protected isSettingsOverdue(nowMs: number): boolean {
    return this.settingsSentAtMs >= 0 && nowMs - this.settingsSentAtMs > this.limits.http2.settingsAckTimeoutMs
  }

  // --- ending --------------------------------------------------------------------------------------------------------

  /** The peer broke the protocol or went too far: the connection ends. @returns 1, for a FrameSink */
  fail(errorCode: number, name: string): number {
    if (!this.isServing) return 1
    this.#hasFailed = true
    this.countFault(name)
    this.shutDown(errorCode, name)
    return 1
  }

  /** GOAWAY, then FIN after everything written so far; what still comes is read and dropped. */
  protected shutDown(errorCode: number, debug: string): void {
    if (!this.isServing) return
    writeGoAway(this.output, this.lastPeerStreamId, errorCode, debug)
    this.#mode = Mode.closing
    this.waitingSinceMs = this.coarseNowMs
    this.#tellStreams()
    this.updateReading()
    this.output.endAfterFlush()
  }

  #tellStreams(): void {
    const streams = [...this.streams.values()]
    this.streams.clear()
    this.output.gathers = false
    for (const stream of streams) this.cutStream(stream, this.#hasFailed ? "protocol-error" : "connection-gone")
  }

  protected cutStream(stream: Http2Stream, reason: CutReason): void {
    stream.cut(reason)
  }

  /** Cuts the connection, whatever is under way. */
  terminate(): void {
    this.socket?.terminate()
  }

  forget(stream: Http2Stream): void {
    this.streams.delete(stream.id)
    if (this.streams.size < GATHERING_STREAMS_MIN) this.output.gathers = false
    this.queue.forget(stream)
    this.onStreamForgotten(stream)
  }

  /** A stream begins. From the second one on, what they have to send is gathered. */
  protected enter(stream: Http2Stream): void {
    this.streams.set(stream.id, stream)
    if (this.streams.size >= GATHERING_STREAMS_MIN) this.output.gathers = true
  }

  rememberReset(streamId: number): void {
    const ids = this.#resetStreamIds
    ids.add(streamId)
    if (ids.size <= RESETS_REMEMBERED_MAX) return
    for (const oldest of ids) {
      ids.delete(oldest)
      return
    }
  }

  protected wasReset(streamId: number): boolean {
    return this.#resetStreamIds.has(streamId)
  }

  // --- sending -------------------------------------------------------------------------------------------------------

  /** Fills the block that `encoder.begin(FRAME_HEAD_BYTES)` began, and sends it. */
  sendFieldBlock(streamId: number, isEndStream: boolean): void {
    const end = this.encoder.finish()
    const { frameBytesMax } = this.peer
    writeFieldBlock(this.output, streamId, encodedBlock(), FRAME_HEAD_BYTES, end, isEndStream, frameBytesMax)
  }

  /** @param lines `name: value\r\n` */
  writeTrailers(streamId: number, lines: string): void {
    this.encoder.begin(FRAME_HEAD_BYTES)
    encodeLines(this.encoder, lines)
    this.sendFieldBlock(streamId, true)
  }

  creditConnection(bytes: number): void {
    const increment = this.receiveWindow.credit(bytes)
    if (increment > 0) writeWindowUpdate(this.output, 0, increment)
  }

  protected ping(): void {
    writePing(this.output, PING_BYTES, 0, false)
  }

  // --- limits ---------------------------------------------------------------------------------------------------------

  /** A fault of the peer that concerns one stream only. @returns 0, or 1 when the connection ends with it */
  protected resetStream(stream: Http2Stream, errorCode: number, name: string): number {
    this.countFault(name)
    stream.abandon(errorCode)
    return this.countReset()
  }

  /** A stream ended early by the peer's doing: was that one too many? @returns 0, or 1 after `fail` */
  countReset(): number {
    return this.guard.allowsReset(this.coarseNowMs) ? 0 : this.calm("h2_rapid_reset")
  }

  /** Too much of what is cheap to send. @returns 1, for a FrameSink */
  protected calm(name: string): number {
    return this.fail(ErrorCode.enhanceYourCalm, name)
  }
}
