/**
 * Tells a busy peer from one that makes work for nothing: frames that are cheap to send and cost us time, memory or an
 * upstream connection (rapid reset, floods of PING, SETTINGS, empty and tiny frames). Counting only; the session acts.
 */
import type { Http2Limits } from "./limits.ts"

const WINDOW_UPDATES_PER_STREAM = 2

/** So many at once, then so many per second. */
export class TokenBucket {
  readonly #tokensMax: number
  readonly #perSecond: number
  #tokens: number
  #filledAtMs: number

  constructor(tokensMax: number, perSecond: number, nowMs: number) {
    this.#tokensMax = tokensMax
    this.#perSecond = perSecond
    this.#tokens = tokensMax
    this.#filledAtMs = nowMs
  }

  /** @returns false when there was none left */
  take(nowMs: number): boolean {
    if (this.#tokens < 1) this.#refill(nowMs)
    if (this.#tokens < 1) return false
    this.#tokens--
    return true
  }

  /** Earned, so that it may go over what there is at first. */
  give(tokens: number): void {
    this.#tokens += tokens
  }

  #refill(nowMs: number): void {
    const elapsedMs = Math.max(0, nowMs - this.#filledAtMs)
    this.#filledAtMs = nowMs
    this.#tokens = Math.min(this.#tokensMax, this.#tokens + (elapsedMs * this.#perSecond) / 1000)
  }
}

/** Each `allows…` is called for one event; false means that the peer went too far. */
export class AbuseGuard {
  readonly #windowUpdatesPerDataFrame: number
  readonly #resets: TokenBucket
  readonly #controlFrames: TokenBucket
  readonly #windowUpdates: TokenBucket
  readonly #smallData: TokenBucket

  constructor(limits: Http2Limits, nowMs: number) {
    this.#windowUpdatesPerDataFrame = limits.windowUpdatesPerDataFrame
    this.#resets = new TokenBucket(limits.prematureResetsMax, limits.prematureResetsPerSecond, nowMs)
    this.#controlFrames = new TokenBucket(limits.controlFramesMax, limits.controlFramesPerSecond, nowMs)
    this.#windowUpdates = new TokenBucket(limits.windowUpdatesMax, limits.controlFramesPerSecond, nowMs)
    this.#smallData = new TokenBucket(limits.smallDataFramesMax, limits.smallDataFramesPerSecond, nowMs)
  }

  allowsReset(nowMs: number): boolean {
    return this.#resets.take(nowMs)
  }

  allowsControlFrame(nowMs: number): boolean {
    return this.#controlFrames.take(nowMs)
  }

  allowsWindowUpdate(nowMs: number): boolean {
    return this.#windowUpdates.take(nowMs)
  }

  allowsSmallData(nowMs: number): boolean {
    return this.#smallData.take(nowMs)
  }

  /** What we send gives the peer something to acknowledge. */
  onDataSent(): void {
    this.#windowUpdates.give(this.#windowUpdatesPerDataFrame)
  }

  /** Some clients widen the window of each stream when they open it. */
  onStreamOpened(): void {
    this.#windowUpdates.give(WINDOW_UPDATES_PER_STREAM)
  }
}
