/**
 * Long pure work in steps: a generator that yields where it may be interrupted and returns its result. Whoever runs it
 * decides how much happens at a time; the work knows no clock.
 */

export type Steps<Result> = Generator<void, Result>

export function runAtOnce<Result>(steps: Steps<Result>): Result {
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
  }
}
