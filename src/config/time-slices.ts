/**
 * Runs long work beside traffic: a few milliseconds, then the event loop, then more. A reload of ten thousand
 * VirtualServices must not be a pause for those who are being served.
 */
import type { Steps } from "./steps.ts"

/** Longest time without a look at the event loop; a step that takes longer is not cut. */
const SLICE_MS = 8

export async function runInSlices<Result>(steps: Steps<Result>): Promise<Result> {
  for (;;) {
    const endMs = performance.now() + SLICE_MS
    do {
      const step = steps.next()
      if (step.done === true) return step.value
    } while (performance.now() < endMs)
    await new Promise<void>((resolve) => setImmediate(resolve))
  }
}
