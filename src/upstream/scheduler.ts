/**
 * Timers as a dependency, so that everything in this room that waits can be tested with a clock that is moved by hand.
 * For the control plane only: timers of requests and connections belong to the data path's own timer wheel.
 */

export interface Scheduler {
  /** Monotonic. */
  readonly nowMs: number
  /** Runs `run` once, `delayMs` from now. @returns cancels it; harmless after it ran. */
  after(delayMs: number, run: () => void): () => void
}

/** The process's own timers. They do not keep the process alive. */
export const systemScheduler: Scheduler = {
  get nowMs() {
    return performance.now()
  },
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs)
    timer.unref()
    return () => clearTimeout(timer)
  },
}
