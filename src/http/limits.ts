/**
 * Limits of the HTTP codecs: each has a name, a unit, a default and a defined answer (DESIGN rule 5).
 * Defaults are Envoy's at an Istio gateway where it has one (semantics sheet 4.4, 4.6).
 */
import { DEFAULT_HTTP2_LIMITS, type Http2Limits } from "./h2/limits.ts"

export interface HttpLimits {
  /** Request or status line and fields together. Beyond: 431 to a client, 502 for an upstream. */
  readonly headBytesMax: number
  /** Beyond: 431 to a client, 502 for an upstream. */
  readonly fieldCountMax: number
  /** Trailer section of one message. Beyond: 431 / 502. */
  readonly trailerBytesMax: number
  /** Chunk extensions of one message together: bytes that nobody reads. Beyond: 400 / 502. */
  readonly chunkExtensionBytesMax: number
  /** Request body. 0 = unlimited, as Istio (bodies are streamed, never held). Beyond: 413. */
  readonly requestBodyBytesMax: number
  /** From the first byte of a request head (or the accept) to its last byte. Beyond: 408. */
  readonly requestHeadTimeoutMs: number
  /** Without an active exchange. Beyond: closed. */
  readonly idleTimeoutMs: number
  /** From our last byte after an error until the socket is closed, so that the client can read the answer. */
  readonly delayedCloseMs: number
  /**
   * From the beginning of a drain until an idle HTTP/1.1 connection is closed: a request that is on its way then still
   * gets its answer, with `connection: close`. HTTP/2 has GOAWAY for that.
   */
  readonly drainIdleMs: number
  /** Downstream connections open at once, all listeners together. Beyond: closed at accept. */
  readonly downstreamConnectionsMax: number
  /** Of HTTP/2 beside these. */
  readonly http2: Http2Limits
}

export const DEFAULT_HTTP_LIMITS: HttpLimits = Object.freeze({
  headBytesMax: 60 * 1024,
  fieldCountMax: 100,
  trailerBytesMax: 8 * 1024,
  chunkExtensionBytesMax: 16 * 1024,
  requestBodyBytesMax: 0,
  requestHeadTimeoutMs: 60_000,
  idleTimeoutMs: 3_600_000,
  delayedCloseMs: 1_000,
  drainIdleMs: 500,
  downstreamConnectionsMax: 50_000,
  http2: DEFAULT_HTTP2_LIMITS,
})
