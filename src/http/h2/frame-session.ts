/**
 * What the frames of a peer do to a connection, either side (RFC 9113 section 6). Frames that are wrong by themselves never
 * come here: `frame-parser` has refused them.
 */

import { FieldBlock, FieldBlockFault } from "./field-block.ts"
import { ErrorCode, Flag, FrameType, readUint31, readUint32 } from "./frame.ts"
import { FrameParser, type FrameSink } from "./frame-parser.ts"
import { writePing, writeSettingsAck } from "./frame-writer.ts"
import { Session } from "./session.ts"
import type { Http2Stream } from "./stream.ts"

export abstract class FrameSession extends Session implements FrameSink {
  readonly #parser = new FrameParser()
  readonly #fieldBlock = new FieldBlock()
  /** Of the DATA frame that is coming in; null = its stream is over. */
  #dataStream: Http2Stream | null = null
  #dataLength = 0

  // --- what the two sides make of it ---------------------------------------------------------------------------------

  protected abstract readonly isServer: boolean
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

  // --- bytes ---------------------------------------------------------------------------------------------------------

  override onData(bytes: Buffer): void {
    this.readFrames(bytes, 0, bytes.length)
  }

  protected readFrames(bytes: Buffer, start: number, end: number): void {
    if (!this.isServing) return
    const code = this.#parser.parse(bytes, start, end, this)
    if (code > 0) this.fail(code, "h2_bad_frame")
    if (this.#parser.isInsideFieldBlock) this.waitingSinceMs = this.coarseNowMs
    this.updateReading()
  }

  protected get isInsideFieldBlock(): boolean {
    return this.#parser.isInsideFieldBlock
  }

  override forget(stream: Http2Stream): void {
    if (this.#dataStream === stream) this.#dataStream = null
    super.forget(stream)
  }

  // --- frames --------------------------------------------------------------------------------------------------------

  onDataHead(streamId: number, flags: number, length: number): number {
    this.#dataStream = null
    this.#dataLength = length
    if (!this.receiveWindow.receive(length)) return this.fail(ErrorCode.flowControlError, "h2_flow_control")
    const isEmpty = length === 0 && (flags & Flag.endStream) === 0
    if (isEmpty && !this.guard.allowsControlFrame(this.coarseNowMs)) return this.calm("h2_control_flood")
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
      return this.calm("h2_data_dribble")
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
    return this.guard.allowsControlFrame(this.coarseNowMs) ? 0 : this.calm("h2_control_flood")
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
        if (!this.guard.allowsControlFrame(this.coarseNowMs)) return this.calm("h2_control_flood")
        return this.#onControlFrame(type, flags, streamId, bytes, start, end)
    }
  }

  /** SETTINGS, PING and PRIORITY: cheap to send, so they are counted. */
  #onControlFrame(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): number {
    const isAck = (flags & Flag.ack) !== 0
    if (type === FrameType.settings) {
      if (!isAck) return this.#onSettings(bytes, start, end)
      this.settingsSentAtMs = -1
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
    if (fault === FieldBlockFault.tooLarge) return this.calm("h2_field_block_too_large")
    return fault === FieldBlockFault.tooManyFrames ? this.calm("h2_continuation_flood") : 0
  }

  #onBlock(streamId: number, isEndStream: boolean, bytes: Buffer, start: number, end: number): number {
    const fault = this.onFieldBlock(streamId, isEndStream, bytes, start, end)
    return fault !== 0 || !this.isServing ? 1 : 0
  }

  #onRstStream(streamId: number, errorCode: number): number {
    const stream = this.streams.get(streamId)
    if (stream !== undefined) return this.onStreamReset(stream, errorCode)
    if (this.isIdleStream(streamId)) return this.fail(ErrorCode.protocolError, "h2_idle_stream")
    return this.guard.allowsControlFrame(this.coarseNowMs) ? 0 : this.calm("h2_control_flood")
  }

  #onWindowUpdate(streamId: number, increment: number): number {
    if (!this.guard.allowsWindowUpdate(this.coarseNowMs)) return this.calm("h2_window_update_flood")
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
}
