import { expect, test } from "bun:test"
import fc from "fast-check"
import { editDistance, nearestWord } from "./suggest.ts"

test("a slip of the keyboard finds its word", () => {
  const words = ["prefix", "exact", "regex", "retryOn", "perTryTimeout", "mirrorPercentage"]
  const cases: readonly (readonly [string, string | null])[] = [
    ["perfix", "prefix"],
    ["prefx", "prefix"],
    ["Prefix", "prefix"],
    ["retry_on", "retryOn"],
    ["per-try-timeout", "perTryTimeout"],
    ["mirrorPercent", "mirrorPercentage"],
    ["destination", null],
    ["x", null],
    ["y".repeat(1000), null],
  ]
  for (const [word, expected] of cases) expect([word, nearestWord(word, words)]).toEqual([word, expected])
})

test("edit distance counts inserts, deletes, replacements and swaps", () => {
  expect(editDistance("abc", "abc")).toBe(0)
  expect(editDistance("abc", "acb")).toBe(1)
  expect(editDistance("abc", "ab")).toBe(1)
  expect(editDistance("", "abc")).toBe(3)
})

test("edit distance is symmetric and at most the longer length", () => {
  const word = fc.string({ maxLength: 12 })
  fc.assert(
    fc.property(word, word, (a, b) => {
      expect(editDistance(a, b)).toBe(editDistance(b, a))
      expect(editDistance(a, b)).toBeLessThanOrEqual(Math.max(a.length, b.length))
    }),
  )
})
