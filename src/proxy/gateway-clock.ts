/** A clock read as a field: what only needs to be right to a second (idle and head timeouts) costs no call. */

export class GatewayClock {
  /** Milliseconds of `performance.now()`, at most about a second old. */
  coarseNowMs = performance.now()
  #interval: ReturnType<typeof setInterval> | null = null

  /** @param onTick once a second, after the clock has moved */
  start(onTick: (nowMs: number) => void): void {
    this.#interval ??= setInterval(() => {
      this.coarseNowMs = performance.now()
      onTick(this.coarseNowMs)
    }, 1_000)
  }

  stop(): void {
    if (this.#interval !== null) clearInterval(this.#interval)
    this.#interval = null
  }
}
