/**
 * One HTTP/2 connection, either side: frames in and out, settings, flow control of the connection, and its end
 * (RFC 9113). What a stream means is the business of the two sides, `server-connection` and `client-connection`.
 *
 *   open ──▶ serving ──fail / close──▶ closing (GOAWAY and FIN sent, the rest is read and dropped) ──▶ closed
 *
 * A fault of the peer that concerns the connection ends in `fail`: one name for the counters, one code for the peer.
 */
import { Output } from "../../net/output.ts"
import { pauseReading, resumeReading, type SocketOwner, type TcpSocket } from "../../net/socket.ts"
import type { HttpLimits } from "../limits.ts"
import { AbuseGuard } from "./abuse-guard.ts"
import { FieldBlock, FieldBlockFault } from "./field-block.ts"
import { ReceiveWindow } from "./flow-control.ts"
import { ErrorCode, Flag, FRAME_HEAD_BYTES, FrameType, readUint31, readUint32 } from "./frame.ts"
import { FrameParser, type FrameSink } from "./frame-parser.ts"
import { writeFieldBlock, writeGoAway, writePing, writeSettingsAck, writeWindowUpdate } from "./frame-writer.ts"
import { HpackDecoder } from "./hpack/decoder.ts"
import { encodedBlock, HpackEncoder } from "./hpack/encoder.ts"
import { OutputQueue } from "./output-queue.ts"
import { PeerSettings } from "./settings.ts"
import type { Http2Stream } from "./stream.ts"
import { encodeLines } from "./write-fields.ts"

const Mode = Object.freeze({ serving: 0, closing: 1, closed: 2 } as const)

/** Announced by leaving SETTINGS_HEADER_TABLE_SIZE at its initial value. */
const DECODER_TABLE_BYTES = 4096
/** Streams we have reset are remembered this long: the peer may not know yet (RFC 9113 section 5.1, "closed"). */
const RESETS_REMEMBERED_MAX = 256
/** Opaque bytes of our own PINGs. */
const PING_BYTES = Buffer.from("draining", "latin1")

export abstract class Session implements SocketOwner, FrameSink {
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
  readonly #parser = new FrameParser()
  readonly #fieldBlock = new FieldBlock()
  readonly #receiveWindow: ReceiveWindow
  readonly #resetStreamIds = new Set<number>()
  #dataStream: Http2Stream | null = null
  #dataLength = 0
  #mode: number = Mode.serving
  #isReadingPaused = false
  /** It ends because the peer broke the protocol. */
  #hasFailed = false
  /** When our SETTINGS went out; -1 = acknowledged. */
  #settingsSentAtMs = -1
  /** When the present wait (idle, an open field block, or closing) began. */
  protected waitingSinceMs = 0

  constructor(limits: HttpLimits, nowMs: number, assumedConcurrentStreamsMax: number) {
    this.limits = limits
    this.peer = new PeerSettings(assumedConcurrentStreamsMax)
    this.guard = new AbuseGuard(limits.http2, nowMs)
    this.queue = new OutputQueue(this.output, this)
    this.#receiveWindow = new ReceiveWindow(limits.http2.connectionWindowBytes)
    this.waitingSinceMs = nowMs
  }

  // --- what the two sides make of it ---------------------------------------------------------------------------------

  abstract get coarseNowMs(): number
  protected abstract readonly isServer: boolean
  /** The socket is open: say hello. */
  protected abstract onStart(socket: TcpSocket): void
  /** A whole field block, not decoded yet: it must be, whatever becomes of its stream. */
  protected abstract onFieldBlock(
    streamId: number,
    isEndStream: boolean,
    bytes: Buffer,
    start: number,
    end: number,
  ): number
  /** Whether nobody has opened that stream yet. */
  protected abstract isIdleStream(streamId: number): boolean
  /** The peer reset a stream that was open. @returns 0, or 1 after `fail` */
  protected abstract onStreamReset(stream: Http2Stream, errorCode: number): number
  protected abstract onPeerSettings(): void
  protected abstract onGoAway(lastStreamId: number, errorCode: number): void
  protected abstract onPingAcknowledged(): void
  /** A stream is over. */
  protected abstract onStreamForgotten(stream: Http2Stream): void
  /** For the counters; one of our own names. */
  protected abstract countFault(name: string): void
  protected abstract onGone(): void

  // --- socket events -------------------------------------------------------------------------------------------------

  onOpen(socket: TcpSocket): void {
    this.socket = socket
    this.output.attach(socket)
    this.#settingsSentAtMs = this.coarseNowMs
    this.onStart(socket)
  }

  onData(bytes: Buffer): void {
    this.readFrames(bytes, 0, bytes.length)
  }

  protected readFrames(bytes: Buffer, start: number, end: number): void {
    if (this.#mode !== Mode.serving) return
    const code = this.#parser.parse(bytes, start, end, this)
    if (code > 0) this.fail(code, "h2_bad_frame")
    if (this.#parser.isInsideFieldBlock) this.waitingSinceMs = this.coarseNowMs
    this.#updateReading()
  }

  onDrain(): void {
    if (this.output.onDrain()) this.queue.flush()
    this.#updateReading()
  }

  onEnd(): void {
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
  #updateReading(): void {
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

  protected get isInsideFieldBlock(): boolean {
    return this.#parser.isInsideFieldBlock
  }

  /** The peer has not acknowledged our SETTINGS for so long. */
  protected isSettingsOverdue(nowMs: number): boolean {
    return this.#settingsSentAtMs >= 0 && nowMs - this.#settingsSentAtMs > this.limits.http2.settingsAckTimeoutMs
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
    this.#updateReading()
    this.output.endAfterFlush()
  }

  #tellStreams(): void {
    const streams = [...this.streams.values()]
    this.streams.clear()
    for (const stream of streams) stream.cut(this.#hasFailed ? "protocol-error" : "connection-gone")
  }

  /** Cuts the connection, whatever is under way. */
  terminate(): void {
    this.socket?.terminate()
  }

  forget(stream: Http2Stream): void {
    this.streams.delete(stream.id)
    this.queue.forget(stream)
    if (this.#dataStream === stream) this.#dataStream = null
    this.onStreamForgotten(stream)
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
    const increment = this.#receiveWindow.credit(bytes)
    if (increment > 0) writeWindowUpdate(this.output, 0, increment)
  }

  protected ping(): void {
    writePing(this.output, PING_BYTES, 0, false)
  }

  // --- frames --------------------------------------------------------------------------------------------------------

  onDataHead(streamId: number, flags: number, length: number): number {
    this.#dataStream = null
    this.#dataLength = length
    if (!this.#receiveWindow.receive(length)) return this.fail(ErrorCode.flowControlError, "h2_flow_control")
    const isEmpty = length === 0 && (flags & Flag.endStream) === 0
    if (isEmpty && !this.guard.allowsControlFrame(this.coarseNowMs)) return this.#calm("h2_control_flood")
    const stream = this.streams.get(streamId)
    if (stream === undefined) {
      if (this.isIdleStream(streamId)) return this.fail(ErrorCode.protocolError, "h2_idle_stream")
      // What the peer sent before it heard of our reset is dropped; anything else comes after its own end.
      return this.wasReset(streamId) ? 0 : this.fail(ErrorCode.streamClosed, "h2_closed_stream")
    }
    if (stream.isRemoteEnded) return this.resetStream(stream, ErrorCode.streamClosed, "h2_closed_stream")
    if (!stream.receiveWindow.receive(length)) {
      return this.resetStream(stream, ErrorCode.flowControlError, "h2_stream_flow_control")
    }
    this.#dataStream = stream
    return 0
  }

  onDataBytes(_streamId: number, bytes: Buffer, start: number, end: number): number {
    if (this.#dataStream === null) this.creditConnection(end - start)
    else this.#dataStream.onData(bytes, start, end)
    return this.isServing ? 0 : 1
  }

  onDataEnd(_streamId: number, flags: number, dataBytes: number): number {
    const stream = this.#dataStream
    this.#dataStream = null
    const isEnd = (flags & Flag.endStream) !== 0
    const { smallDataBytes } = this.limits.http2
    if (dataBytes > 0 && dataBytes < smallDataBytes && !isEnd && !this.guard.allowsSmallData(this.coarseNowMs)) {
      return this.#calm("h2_data_dribble")
    }
    const paddingBytes = this.#dataLength - dataBytes
    if (stream === null) {
      if (paddingBytes > 0) this.creditConnection(paddingBytes)
      return 0
    }
    if (isEnd) stream.onRemoteEnd("")
    if (paddingBytes > 0) stream.creditBytes(paddingBytes)
    return this.isServing ? 0 : 1
  }

  onUnknownFrame(_type: number): number {
    return this.guard.allowsControlFrame(this.coarseNowMs) ? 0 : this.#calm("h2_control_flood")
  }

  onFrame(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): number {
    switch (type) {
      case FrameType.headers:
        return this.#onHeaders(flags, streamId, bytes, start, end)
      case FrameType.continuation:
        return this.#onContinuation(flags, bytes, start, end)
      case FrameType.rstStream:
        return this.#onRstStream(streamId, readUint32(bytes, start))
      case FrameType.windowUpdate:
        return this.#onWindowUpdate(streamId, readUint31(bytes, start))
      case FrameType.pushPromise:
        // A client must not; a server may not, because we announce ENABLE_PUSH 0.
        return this.fail(ErrorCode.protocolError, "h2_push_promise")
      case FrameType.goAway:
        this.onGoAway(readUint31(bytes, start), readUint32(bytes, start + 4))
        return this.isServing ? 0 : 1
      default:
        if (!this.guard.allowsControlFrame(this.coarseNowMs)) return this.#calm("h2_control_flood")
        return this.#onControlFrame(type, flags, streamId, bytes, start, end)
    }
  }

  /** SETTINGS, PING and PRIORITY: cheap to send, so they are counted. */
  #onControlFrame(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): number {
    const isAck = (flags & Flag.ack) !== 0
    if (type === FrameType.settings) {
      if (!isAck) return this.#onSettings(bytes, start, end)
      this.#settingsSentAtMs = -1
    } else if (type === FrameType.ping) {
      if (isAck) this.onPingAcknowledged()
      else writePing(this.output, bytes, start, true)
    } else if (end - start !== 5) {
      const stream = this.streams.get(streamId)
      if (stream === undefined) return this.fail(ErrorCode.frameSizeError, "h2_bad_priority")
      return this.resetStream(stream, ErrorCode.frameSizeError, "h2_bad_priority")
    } else if (readUint31(bytes, start) === streamId) {
      return this.fail(ErrorCode.protocolError, "h2_bad_priority")
    }
    return this.isServing ? 0 : 1
  }

  #onHeaders(flags: number, streamId: number, bytes: Buffer, start: number, end: number): number {
    let blockStart = start
    if ((flags & Flag.priority) !== 0) {
      if (readUint31(bytes, start) === streamId) return this.fail(ErrorCode.protocolError, "h2_bad_priority")
      blockStart = start + 5
    }
    const isEndStream = (flags & Flag.endStream) !== 0
    if ((flags & Flag.endHeaders) !== 0) return this.#onBlock(streamId, isEndStream, bytes, blockStart, end)
    return this.#checkBlock(this.#fieldBlock.begin(streamId, isEndStream, bytes, blockStart, end, this.limits.http2))
  }

  #onContinuation(flags: number, bytes: Buffer, start: number, end: number): number {
    const block = this.#fieldBlock
    const fault = this.#checkBlock(block.continue(bytes, start, end, this.limits.http2))
    if (fault !== 0 || (flags & Flag.endHeaders) === 0) return fault
    const result = this.#onBlock(block.streamId, block.isEndStream, block.bytes, 0, block.length)
    block.release()
    return result
  }

  #checkBlock(fault: number): number {
    if (fault === FieldBlockFault.tooLarge) return this.#calm("h2_field_block_too_large")
    return fault === FieldBlockFault.tooManyFrames ? this.#calm("h2_continuation_flood") : 0
  }

  #onBlock(streamId: number, isEndStream: boolean, bytes: Buffer, start: number, end: number): number {
    const fault = this.onFieldBlock(streamId, isEndStream, bytes, start, end)
    return fault !== 0 || !this.isServing ? 1 : 0
  }

  #onRstStream(streamId: number, errorCode: number): number {
    const stream = this.streams.get(streamId)
    if (stream !== undefined) return this.onStreamReset(stream, errorCode)
    if (this.isIdleStream(streamId)) return this.fail(ErrorCode.protocolError, "h2_idle_stream")
    return this.guard.allowsControlFrame(this.coarseNowMs) ? 0 : this.#calm("h2_control_flood")
  }

  #onWindowUpdate(streamId: number, increment: number): number {
    if (!this.guard.allowsWindowUpdate(this.coarseNowMs)) return this.#calm("h2_window_update_flood")
    if (streamId === 0) {
      if (increment === 0) return this.fail(ErrorCode.protocolError, "h2_bad_window_update")
      if (!this.queue.window.grow(increment)) return this.fail(ErrorCode.flowControlError, "h2_window_overflow")
      this.queue.flush()
      return 0
    }
    const stream = this.streams.get(streamId)
    if (stream === undefined) {
      return this.isIdleStream(streamId) ? this.fail(ErrorCode.protocolError, "h2_idle_stream") : 0
    }
    if (increment === 0) return this.resetStream(stream, ErrorCode.protocolError, "h2_bad_window_update")
    if (!stream.sendWindow.grow(increment)) {
      return this.resetStream(stream, ErrorCode.flowControlError, "h2_window_overflow")
    }
    this.queue.flushStream(stream)
    return 0
  }

  #onSettings(bytes: Buffer, start: number, end: number): number {
    const { peer } = this
    const windowBefore = peer.initialWindowBytes
    const fault = peer.apply(bytes, start, end, this.isServer)
    if (fault !== 0) return this.fail(fault, "h2_bad_settings")
    this.encoder.limitTable(peer.headerTableBytes)
    // RFC 9113 section 6.9.2: the difference applies to every open stream.
    const difference = peer.initialWindowBytes - windowBefore
    for (const stream of this.streams.values()) {
      if (!stream.sendWindow.grow(difference)) return this.fail(ErrorCode.flowControlError, "h2_window_overflow")
    }
    writeSettingsAck(this.output)
    this.onPeerSettings()
    if (difference > 0) this.queue.flush()
    return 0
  }

  /** A fault of the peer that concerns one stream only. @returns 0, or 1 when the connection ends with it */
  protected resetStream(stream: Http2Stream, errorCode: number, name: string): number {
    this.countFault(name)
    stream.abandon(errorCode)
    return this.countReset()
  }

  /** A stream ended early by the peer's doing: was that one too many? @returns 0, or 1 after `fail` */
  countReset(): number {
    return this.guard.allowsReset(this.coarseNowMs) ? 0 : this.#calm("h2_rapid_reset")
  }

  #calm(name: string): number {
    return this.fail(ErrorCode.enhanceYourCalm, name)
  }
}
