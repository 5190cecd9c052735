import { expect, test } from "bun:test"
import { median, medianRatio } from "./statistics.ts"

test("the median is the middle one, or the mean of the middle two", () => {
  expect(median([9, 1, 5])).toBe(5)
  expect(median([9, 1, 5, 7])).toBe(6)
  expect(median([])).toBeNaN()
})

test("ratios are taken within a round, so that a slow round of both changes nothing", () => {
  expect(medianRatio([10, 40, 10], [20, 80, 20])).toBe(0.5)
  expect(medianRatio([10], [])).toBeNaN()
})
