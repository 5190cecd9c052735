/**
 * A `Scheduler` whose time stands still until it is moved: for tests of everything in this room that waits.
 */
import type { Scheduler } from "./scheduler.ts"

interface Scheduled {
  readonly dueAtMs: number
  readonly run: () => void
}

export class ManualScheduler implements Scheduler {
  nowMs = 0
  private readonly scheduled = new Set<Scheduled>()

  after(delayMs: number, run: () => void): () => void {
    const entry = { dueAtMs: this.nowMs + delayMs, run }
    this.scheduled.add(entry)
    return () => {
      this.scheduled.delete(entry)
    }
  }

  /** Timers that have not fired and were not cancelled. */
  get pendingCount(): number {
    return this.scheduled.size
  }

  /** Moves time on and fires what becomes due, in order; then lets promises that are settled by now run. */
  async advance(byMs: number): Promise<void> {
    const untilMs = this.nowMs + byMs
    for (;;) {
      const due = [...this.scheduled].filter((entry) => entry.dueAtMs <= untilMs)
      const next = due.sort((a, b) => a.dueAtMs - b.dueAtMs)[0]
      if (next === undefined) break
      this.nowMs = next.dueAtMs
      this.scheduled.delete(next)
      next.run()
      await settlePromises()
    }
    this.nowMs = untilMs
    await settlePromises()
  }
}

/** Runs every promise reaction that is due. */
export function settlePromises(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
