/**
 * One client connection speaking HTTP/2 (RFC 9113): each stream is handed to an exchange of its own.
 *
 *   preface ──▶ SETTINGS ──▶ serving ──drain──▶ GOAWAY(all) ──a round trip──▶ GOAWAY(last) ──no stream left──▶ closing
 *
 * Server push is not used; priorities are accepted and ignored; extended CONNECT (RFC 8441) is offered.
 */
import { peerOf, UNKNOWN_PEER } from "../../net/connection-peer.ts"
import { flushCorked } from "../../net/output.ts"
import type { TcpSocket } from "../../net/socket.ts"
import type { ServerConnectionHost } from "../h1/server-connection.ts"
import { RequestHead } from "../message.ts"
import type { PeerAddresses } from "../stream.ts"
import { FieldCollector } from "./field-collector.ts"
import { CONNECTION_PREFACE, ErrorCode, STREAM_ID_MAX } from "./frame.ts"
import { FrameSession } from "./frame-session.ts"
import { writeGoAway, writeRstStream, writeSettings, writeWindowUpdate } from "./frame-writer.ts"
import { TRAILERS_MALFORMED } from "./message-faults.ts"
import { buildRequestHead } from "./request-head.ts"
import { Http2ServerStream } from "./server-stream.ts"
import { INITIAL_WINDOW_BYTES, Setting } from "./settings.ts"
import type { Http2Stream } from "./stream.ts"
import { buildTrailers } from "./trailers.ts"

/** What a connection needs from the listener it was accepted on. */
export interface Http2ServerHost extends Omit<ServerConnectionHost, "onConnectionClosed"> {
  readonly counters: { countProtocolError(fault: string): void }
  onConnectionClosed(connection: Http2ServerConnection): void
}

const Drain = Object.freeze({ none: 0, announced: 1, final: 2 } as const)

/** Request heads kept for the next streams of the connection. */
const SPARE_HEADS_MAX = 8

/** Decoded fields on their way into a head; used within one call. */
const collector = new FieldCollector()

export class Http2ServerConnection extends FrameSession {
  protected readonly isServer = true
  /** As every stream of it is told. */
  #client: PeerAddresses = UNKNOWN_PEER
  readonly #serverName: string
  readonly #host: Http2ServerHost
  readonly #spareHeads: RequestHead[] = []
  #prefaceBytes = 0
  #drain: number = Drain.none
  /** The client said GOAWAY: the connection ends when nothing is under way. */
  #isClientLeaving = false
  /** Highest stream that came after the last one we announced to serve. */
  #lastIgnoredStreamId = 0

  constructor(host: Http2ServerHost, serverName: string) {
    super(host.limits, host.coarseNowMs, 0)
    this.#host = host
    this.#serverName = serverName
  }

  override get coarseNowMs(): number {
    return this.#host.coarseNowMs
  }

  // --- the connection's life -----------------------------------------------------------------------------------------

  protected override onStart(socket: TcpSocket): void {
    this.#client = peerOf(socket, this.#serverName)
    const { http2, headBytesMax } = this.limits
    writeSettings(this.output, [
      [Setting.maxConcurrentStreams, http2.concurrentStreamsMax],
      [Setting.initialWindowSize, http2.streamWindowBytes],
      [Setting.maxHeaderListSize, headBytesMax],
      [Setting.enableConnectProtocol, 1],
    ])
    const growth = http2.connectionWindowBytes - INITIAL_WINDOW_BYTES
    if (growth > 0) writeWindowUpdate(this.output, 0, growth)
  }

  override onData(bytes: Buffer): void {
    const start = this.#prefaceBytes < CONNECTION_PREFACE.length ? this.#readPreface(bytes) : 0
    if (start < bytes.length) this.readFrames(bytes, start, bytes.length)
  }

  /** @returns offset after what belongs to the preface */
  #readPreface(bytes: Buffer): number {
    let offset = 0
    while (offset < bytes.length && this.#prefaceBytes < CONNECTION_PREFACE.length) {
      if (bytes[offset] !== CONNECTION_PREFACE.charCodeAt(this.#prefaceBytes)) {
        this.fail(ErrorCode.protocolError, "h2_bad_preface")
        return bytes.length
      }
      this.#prefaceBytes++
      offset++
    }
    return offset
  }

  protected override onGone(): void {
    this.#host.onConnectionClosed(this)
  }

  protected override countFault(name: string): void {
    this.#host.counters.countProtocolError(name)
  }

  /** Called about once a second. */
  checkTimeouts(nowMs: number): void {
    const waitedMs = nowMs - this.waitingSinceMs
    const { limits } = this
    if (this.isClosing) {
      if (waitedMs > limits.delayedCloseMs) this.terminate()
      return
    }
    if (!this.isServing) return
    this.#resetStalled(nowMs)
    if (!this.isServing) return
    if (this.isInsideFieldBlock && waitedMs > limits.requestHeadTimeoutMs) {
      this.fail(ErrorCode.enhanceYourCalm, "h2_field_block_timeout")
    } else if (this.isSettingsOverdue(nowMs)) {
      this.fail(ErrorCode.settingsTimeout, "h2_settings_timeout")
    } else if (this.streams.size > 0) {
      return
    } else if (this.#drain !== Drain.none) {
      // A client that did not answer the PING of a drain: what it sent meanwhile has arrived by now.
      if (this.#drain === Drain.announced && waitedMs > limits.delayedCloseMs) this.#announceLastStream()
    } else if (waitedMs > (this.lastPeerStreamId === 0 ? limits.requestHeadTimeoutMs : limits.idleTimeoutMs)) {
      this.shutDown(ErrorCode.noError, "")
    }
  }

  /** Responses whose client takes nothing of them any more. */
  #resetStalled(nowMs: number): void {
    const stalled = this.queue.blockedSince(nowMs - this.limits.http2.blockedOutputTimeoutMs)
    if (stalled.length === 0) return
    for (const stream of stalled) {
      if (this.resetStream(stream, ErrorCode.cancel, "h2_blocked_output") !== 0) break
    }
    flushCorked()
  }

  /** No exchange is interrupted: GOAWAY, and after a round trip the last stream that will be served (section 6.8). */
  drain(): void {
    if (!this.isServing || this.#drain !== Drain.none) return
    this.#drain = Drain.announced
    this.waitingSinceMs = this.coarseNowMs
    writeGoAway(this.output, STREAM_ID_MAX, ErrorCode.noError, "draining")
    this.ping()
    // Whoever drains is no socket event: nobody else would send it now.
    flushCorked()
  }

  protected override onPingAcknowledged(): void {
    if (this.#drain === Drain.announced) this.#announceLastStream()
  }

  #announceLastStream(): void {
    this.#drain = Drain.final
    if (this.streams.size === 0) this.shutDown(ErrorCode.noError, "draining")
    else writeGoAway(this.output, this.lastPeerStreamId, ErrorCode.noError, "draining")
  }

  protected override onGoAway(): void {
    this.#isClientLeaving = true
    if (this.streams.size === 0) this.shutDown(ErrorCode.noError, "")
  }

  protected override onStreamForgotten(): void {
    if (this.streams.size > 0) return
    this.waitingSinceMs = this.coarseNowMs
    if (this.#drain === Drain.final || this.#isClientLeaving) this.shutDown(ErrorCode.noError, "")
  }

  protected override onPeerSettings(): void {
    // Everything they say is read where it matters.
  }

  // --- streams -------------------------------------------------------------------------------------------------------

  protected override isIdleStream(streamId: number): boolean {
    // A client's streams are odd; an even one could only be a push of ours.
    return streamId > Math.max(this.lastPeerStreamId, this.#lastIgnoredStreamId) || (streamId & 1) === 0
  }

  protected override onStreamReset(stream: Http2Stream): number {
    stream.cut("remote-reset")
    return this.countReset()
  }

  protected override onFieldBlock(
    streamId: number,
    isEndStream: boolean,
    bytes: Buffer,
    start: number,
    end: number,
  ): number {
    const stream = this.streams.get(streamId)
    const isTrailers = stream !== undefined
    collector.begin(isTrailers ? this.limits.trailerBytesMax : this.limits.headBytesMax, this.limits)
    // Decoded in any case: the table belongs to the connection.
    if (this.decoder.decode(bytes, start, end, collector) !== 0) {
      return this.fail(ErrorCode.compressionError, "h2_compression_error")
    }
    if (stream !== undefined) return this.#onTrailers(stream, isEndStream)
    if ((streamId & 1) === 0) return this.fail(ErrorCode.protocolError, "h2_even_stream")
    if (streamId <= this.lastPeerStreamId) {
      return this.wasReset(streamId) ? 0 : this.fail(ErrorCode.streamClosed, "h2_closed_stream")
    }
    if (this.#drain === Drain.final) return this.#ignoreStream(streamId)
    this.lastPeerStreamId = streamId
    if (this.streams.size >= this.limits.http2.concurrentStreamsMax) return this.#refuseStream(streamId)
    this.#openStream(streamId, isEndStream)
    return 0
  }

  /** Sent before the client heard our last GOAWAY, which told it to try elsewhere; so is what follows on the stream. */
  #ignoreStream(streamId: number): number {
    this.#lastIgnoredStreamId = Math.max(this.#lastIgnoredStreamId, streamId)
    this.rememberReset(streamId)
    return 0
  }

  /** Over the number of streams that we announced: safe to try again (section 8.7). */
  #refuseStream(streamId: number): number {
    this.countFault("h2_too_many_streams")
    writeRstStream(this.output, streamId, ErrorCode.refusedStream)
    this.rememberReset(streamId)
    return this.countReset()
  }

  #openStream(streamId: number, isEndStream: boolean): void {
    const request = this.#spareHeads.pop() ?? new RequestHead()
    const fault = buildRequestHead(collector, request, this.#host.scheme, isEndStream, this.limits)
    const stream = new Http2ServerStream(this, streamId, request, this.#client, this.#releaseHead)
    this.enter(stream)
    this.guard.onStreamOpened()
    const exchange = this.#host.openExchange(stream)
    // The answers of a draining listener are the last of their connection.
    if (this.#host.isDraining && this.#drain !== Drain.final) this.#announceLastStream()
    if (fault === null) stream.open(exchange, isEndStream)
    else stream.refuse(exchange, fault, isEndStream)
  }

  readonly #releaseHead = (head: RequestHead): void => {
    if (this.#spareHeads.length < SPARE_HEADS_MAX) this.#spareHeads.push(head)
  }

  #onTrailers(stream: Http2Stream, isEndStream: boolean): number {
    if (stream.isRemoteEnded) return this.resetStream(stream, ErrorCode.streamClosed, "h2_closed_stream")
    if (!(stream instanceof Http2ServerStream)) return 0
    const trailers = isEndStream ? buildTrailers(collector) : TRAILERS_MALFORMED
    if (typeof trailers === "string") stream.onRemoteEnd(trailers)
    else stream.failMessage(trailers)
    return this.isServing ? 0 : 1
  }
}
