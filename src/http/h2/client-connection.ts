/**
 * One connection to an endpoint speaking HTTP/2 with prior knowledge or by ALPN (RFC 9113 sections 3.3 and 3.4): carries as
 * many requests at once as the service allows.
 *
 *   connecting ──open──▶ preface and SETTINGS sent ──the service's SETTINGS──▶ ready ──GOAWAY / no more ids──▶ leaving
 *
 * It takes requests only once the service has said its SETTINGS: then it does speak HTTP/2, and how much it takes at once is
 * known, so that no request is lost to either.
 */
import { addressesOf } from "../../net/connection-addresses.ts"
import type { TcpSocket } from "../../net/socket.ts"
import type { HttpLimits } from "../limits.ts"
import { Http2ClientStream } from "./client-stream.ts"
import { FieldCollector } from "./field-collector.ts"
import { CONNECTION_PREFACE, ErrorCode, STREAM_ID_MAX } from "./frame.ts"
import { FrameSession } from "./frame-session.ts"
import { writeSettings, writeWindowUpdate } from "./frame-writer.ts"
import { INITIAL_WINDOW_BYTES, Setting } from "./settings.ts"
import type { CutReason, Http2Stream } from "./stream.ts"

/** Where connections come from and go back to. */
export interface Http2ClientOwner {
  readonly limits: HttpLimits
  readonly coarseNowMs: number
  /** Requests under way at once, at most. */
  readonly concurrentStreamsMax: number
  /** The service has said its SETTINGS. */
  onReady(connection: Http2ClientConnection): void
  /** A request is over: there is a place again, and perhaps nothing under way. */
  onStreamClosed(connection: Http2ClientConnection): void
  /** It takes no more requests; those under way may finish. */
  onLeaving(connection: Http2ClientConnection): void
  /** Gone, whatever it was doing. */
  onClosed(connection: Http2ClientConnection): void
}

const collector = new FieldCollector()

export class Http2ClientConnection extends FrameSession {
  protected readonly isServer = false
  /** `IP:PORT` of our end; "" before the connection is open. */
  localAddress = ""
  /** Coarse times for its pool: when it last became idle, and when it was opened. */
  idleSinceMs = 0
  openedAtMs = 0
  readonly #owner: Http2ClientOwner
  readonly #concurrentStreamsMax: number
  #hasHeardSinceProbe = true
  #nextStreamId = 1
  #isReady = false
  #isLeaving = false
  #requestCount = 0

  constructor(owner: Http2ClientOwner) {
    super(owner.limits, owner.coarseNowMs, owner.limits.http2.upstreamConcurrentStreamsMax)
    this.#owner = owner
    this.#concurrentStreamsMax = Math.min(owner.concurrentStreamsMax, owner.limits.http2.upstreamConcurrentStreamsMax)
  }

  override get coarseNowMs(): number {
    return this.#owner.coarseNowMs
  }

  get requestCount(): number {
    return this.#requestCount
  }

  get streamCount(): number {
    return this.streams.size
  }

  /** Whether one more request may be started now. */
  get hasCapacity(): boolean {
    const count = this.streams.size
    return (
      this.#isReady &&
      !this.#isLeaving &&
      this.isServing &&
      count < this.peer.maxConcurrentStreams &&
      count < this.#concurrentStreamsMax
    )
  }

  /** A stream for a request, which must be started at once; only while there is capacity. */
  openStream(): Http2ClientStream {
    const stream = new Http2ClientStream(this, this.#nextStreamId)
    this.#nextStreamId += 2
    this.#requestCount++
    this.enter(stream)
    if (this.#nextStreamId > STREAM_ID_MAX) this.leave()
    return stream
  }

  /** Takes no more requests; ends after those under way. */
  leave(): void {
    if (this.#isLeaving) return
    this.#isLeaving = true
    this.#owner.onLeaving(this)
  }

  /** Ends the connection; what is under way fails. */
  close(): void {
    this.shutDown(ErrorCode.noError, "")
    this.terminate()
  }

  override fail(errorCode: number, name: string): number {
    super.fail(errorCode, name)
    this.terminate()
    return 1
  }

  // --- the connection's life -----------------------------------------------------------------------------------------

  protected override onStart(socket: TcpSocket): void {
    // A unix socket has no address.
    this.localAddress = socket.localPort > 0 ? addressesOf(socket).localAddress : ""
    this.openedAtMs = this.coarseNowMs
    const { http2, headBytesMax } = this.limits
    this.output.writeText(CONNECTION_PREFACE)
    writeSettings(this.output, [
      [Setting.enablePush, 0],
      [Setting.initialWindowSize, http2.streamWindowBytes],
      [Setting.maxHeaderListSize, headBytesMax],
    ])
    const growth = http2.connectionWindowBytes - INITIAL_WINDOW_BYTES
    if (growth > 0) writeWindowUpdate(this.output, 0, growth)
  }

  protected override onPeerSettings(): void {
    if (this.#isReady) return this.#owner.onStreamClosed(this)
    this.#isReady = true
    this.#owner.onReady(this)
  }

  /** What the service has not looked at, it says; that may go to another connection whatever it is (section 8.7). */
  protected override onGoAway(lastStreamId: number): void {
    this.leave()
    for (const stream of [...this.streams.values()]) if (stream.id > lastStreamId) this.cutStream(stream, "refused")
    if (this.streams.size === 0) this.close()
  }

  protected override onGone(): void {
    this.#isLeaving = true
    this.#owner.onClosed(this)
  }

  // --- is anybody there? ---------------------------------------------------------------------------------------------

  /** Sends a PING; whatever comes next, its acknowledgement or another frame, answers it. */
  probe(): void {
    this.#hasHeardSinceProbe = false
    this.ping()
  }

  get hasHeardSinceProbe(): boolean {
    return this.#hasHeardSinceProbe
  }

  override onData(bytes: Buffer): void {
    this.#hasHeardSinceProbe = true
    super.onData(bytes)
  }

  protected override onPingAcknowledged(): void {
    // `onData` has noted it.
  }

  protected override countFault(): void {
    // The exchange counts what it meant for its request.
  }

  // --- streams -------------------------------------------------------------------------------------------------------

  protected override isIdleStream(streamId: number): boolean {
    // Push is off: a service opens none.
    return streamId >= this.#nextStreamId || (streamId & 1) === 0
  }

  protected override onStreamReset(stream: Http2Stream, errorCode: number): number {
    this.cutStream(stream, errorCode === ErrorCode.refusedStream ? "refused" : "remote-reset")
    return 0
  }

  /**
   * A complete response stays one, whatever becomes of its stream or its connection: a slow client gets the rest of it.
   * That also holds for a service that says that it needs no more of the request (section 8.1).
   */
  protected override cutStream(stream: Http2Stream, reason: CutReason): void {
    if (stream.isRemoteEnded) stream.stopSending()
    else stream.cut(reason)
  }

  protected override onStreamForgotten(): void {
    if (!this.isServing) return
    if (this.streams.size === 0) this.idleSinceMs = this.coarseNowMs
    if (this.streams.size === 0 && this.#isLeaving) this.close()
    else this.#owner.onStreamClosed(this)
  }

  protected override onFieldBlock(
    streamId: number,
    isEndStream: boolean,
    bytes: Buffer,
    start: number,
    end: number,
  ): number {
    collector.begin(this.limits.headBytesMax, this.limits)
    if (this.decoder.decode(bytes, start, end, collector) !== 0) {
      return this.fail(ErrorCode.compressionError, "h2_compression_error")
    }
    const stream = this.streams.get(streamId)
    if (stream === undefined) {
      if (this.isIdleStream(streamId)) return this.fail(ErrorCode.protocolError, "h2_idle_stream")
      return this.wasReset(streamId) ? 0 : this.fail(ErrorCode.streamClosed, "h2_closed_stream")
    }
    if (stream.isRemoteEnded) return this.resetStream(stream, ErrorCode.streamClosed, "h2_closed_stream")
    if (stream instanceof Http2ClientStream) stream.onFields(collector, isEndStream)
    return this.isServing ? 0 : 1
  }
}
