/**
 * Limits of the HTTP/2 codec, beside those of `http/limits.ts` (DESIGN rule 5). Each one that a peer can reach has an
 * answer and a name in the protocol-error counters, given here.
 */

export interface Http2Limits {
  /** Streams of one client connection at once; announced. Beyond: RST_STREAM REFUSED_STREAM, `h2_too_many_streams`. */
  readonly concurrentStreamsMax: number
  /** Requests on one upstream connection at once, where the service allows as many. Beyond: another connection. */
  readonly upstreamConcurrentStreamsMax: number
  /** What one stream may send before somebody takes it; announced. Beyond: RST_STREAM FLOW_CONTROL_ERROR. */
  readonly streamWindowBytes: number
  /** The same for all streams of a connection together. Beyond: GOAWAY FLOW_CONTROL_ERROR, `h2_flow_control`. */
  readonly connectionWindowBytes: number
  /** One field block as it is on the wire. Beyond: GOAWAY ENHANCE_YOUR_CALM, `h2_field_block_too_large`. */
  readonly fieldBlockBytesMax: number
  /** CONTINUATION frames of one field block. Beyond: GOAWAY ENHANCE_YOUR_CALM, `h2_continuation_flood`. */
  readonly continuationFramesMax: number
  /**
   * Streams that end in a reset before their response is complete, whoever sent the reset: this many at once, and this
   * many per second after that (CVE-2023-44487). Beyond: GOAWAY ENHANCE_YOUR_CALM, `h2_rapid_reset`.
   */
  readonly prematureResetsMax: number
  readonly prematureResetsPerSecond: number
  /**
   * PING, SETTINGS, PRIORITY and frames of unknown type, and empty HEADERS or DATA that end nothing: at once, and per
   * second. Beyond: GOAWAY ENHANCE_YOUR_CALM, `h2_control_flood`.
   */
  readonly controlFramesMax: number
  readonly controlFramesPerSecond: number
  /**
   * WINDOW_UPDATE frames beyond those that our own DATA explains. Beyond: GOAWAY ENHANCE_YOUR_CALM,
   * `h2_window_update_flood`.
   */
  readonly windowUpdatesMax: number
  readonly windowUpdatesPerDataFrame: number
  /**
   * DATA frames smaller than `smallDataBytes` that do not end their stream: at once, and per second. Beyond: GOAWAY
   * ENHANCE_YOUR_CALM, `h2_data_dribble`.
   */
  readonly smallDataFramesMax: number
  readonly smallDataFramesPerSecond: number
  readonly smallDataBytes: number
  /** Bytes that wait for a client that does not read. Beyond: nothing more is read from it until they are out. */
  readonly outputBacklogBytesMax: number
  /** From the last progress of a response that waits for its client. Beyond: RST_STREAM CANCEL, `h2_blocked_output`. */
  readonly blockedOutputTimeoutMs: number
  /** From our SETTINGS to their acknowledgement. Beyond: GOAWAY SETTINGS_TIMEOUT, `h2_settings_timeout`. */
  readonly settingsAckTimeoutMs: number
}

export const DEFAULT_HTTP2_LIMITS: Http2Limits = Object.freeze({
  concurrentStreamsMax: 128,
  upstreamConcurrentStreamsMax: 2 ** 31 - 1,
  streamWindowBytes: 256 * 1024,
  connectionWindowBytes: 1024 * 1024,
  fieldBlockBytesMax: 128 * 1024,
  continuationFramesMax: 32,
  prematureResetsMax: 500,
  prematureResetsPerSecond: 33,
  controlFramesMax: 1_000,
  controlFramesPerSecond: 100,
  windowUpdatesMax: 1_000,
  windowUpdatesPerDataFrame: 10,
  smallDataFramesMax: 10_000,
  smallDataFramesPerSecond: 1_000,
  // A gRPC message has five bytes before its content, a WebSocket frame of a client six: nothing honest is smaller.
  smallDataBytes: 5,
  outputBacklogBytesMax: 64 * 1024,
  blockedOutputTimeoutMs: 300_000,
  settingsAckTimeoutMs: 60_000,
})
