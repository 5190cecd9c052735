import { expect, test } from "bun:test"
import { binomialBounds } from "./binomial.ts"

/** The sum of both tails outside of the bounds, from exact fractions. */
function outside(count: number, share: number, { min, max }: { readonly min: number; readonly max: number }): number {
  let ways = 1
  let sum = 0
  for (let hits = 0; hits <= count; hits++) {
    if (hits < min || hits > max) sum += ways * share ** hits * (1 - share) ** (count - hits)
    ways = (ways * (count - hits)) / (hits + 1)
  }
  return sum
}

test("what lies outside has at most the probability that is asked for, and one step narrower more than half of it", () => {
  for (const [count, share] of [
    [10, 0.5],
    [40, 0.1],
    [60, 0.93],
    [50, 0.01],
  ] as const) {
    for (const falseFailure of [1e-2, 1e-6, 1e-9]) {
      const bounds = binomialBounds(count, share, falseFailure)
      expect(outside(count, share, bounds)).toBeLessThanOrEqual(falseFailure)
      const narrower = [
        ...(bounds.min < count ? [{ min: bounds.min + 1, max: count }] : []),
        ...(bounds.max > 0 ? [{ min: 0, max: bounds.max - 1 }] : []),
      ]
      for (const each of narrower) expect(outside(count, share, each)).toBeGreaterThan(falseFailure / 2)
    }
  }
})

test("certain shares have certain counts", () => {
  expect(binomialBounds(100, 0, 1e-9)).toEqual({ min: 0, max: 0 })
  expect(binomialBounds(100, 1, 1e-9)).toEqual({ min: 100, max: 100 })
})
