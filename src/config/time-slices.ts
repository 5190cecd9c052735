/**
 * Runs long work beside traffic: a few milliseconds, then the event loop, then more. A reload of ten thousand
 * VirtualServices must not be a pause for those who are being served.
 *
 * An exchange takes a handful of turns of the event loop, and waits for one slice in each of them: slices are short. Only
 * where the turns themselves are long, because there is much traffic, does the work take as long as they do, so that it
 * gets half of the processor and comes to its end.
 */
import type { Steps } from "./steps.ts"

/** Length of a slice beside little traffic, and at most. A step that takes longer is not cut. */
const SLICE_MS_MIN = 2
const SLICE_MS_MAX = 8

export async function runInSlices<Result>(steps: Steps<Result>): Promise<Result> {
  let startMs = performance.now()
  let endMs = startMs + SLICE_MS_MIN
  for (;;) {
    do {
      const step = steps.next()
      if (step.done === true) return step.value
      startMs = performance.now()
    } while (startMs < endMs)
    const leftAtMs = startMs
    await new Promise<void>((resolve) => setImmediate(resolve))
    startMs = performance.now()
    endMs = startMs + sliceMs(startMs - leftAtMs)
  }
}

/** @param turnMs how long the event loop took since the last slice */
export function sliceMs(turnMs: number): number {
  return Math.min(Math.max(turnMs, SLICE_MS_MIN), SLICE_MS_MAX)
}
