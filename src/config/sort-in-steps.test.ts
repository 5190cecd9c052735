import { expect, test } from "bun:test"
import fc from "fast-check"
import { sortedInSteps } from "./sort-in-steps.ts"
import { runAtOnce } from "./steps.ts"

interface Item {
  readonly rank: number
  readonly name: string
}

const byRank = (left: Item, right: Item): number => left.rank - right.rank

function itemsOf(ranks: readonly number[]): readonly Item[] {
  return ranks.map((rank, index) => ({ rank, name: `item ${index}` }))
}

test("sorts as toSorted does, and keeps the order of equals", () => {
  // Few ranks: equals on both sides of every merge. More than two runs of items.
  const ranks = fc.array(fc.nat({ max: 9 }), { minLength: 0, maxLength: 1_500, size: "max" })
  fc.assert(
    fc.property(ranks, (values) => {
      const items = itemsOf(values)
      expect(runAtOnce(sortedInSteps(items, byRank))).toEqual(items.toSorted(byRank))
    }),
    { numRuns: 50 },
  )
})

test("what is sorted, and what is sorted backwards", () => {
  const ranks = Array.from({ length: 3_000 }, (_, index) => index)
  const sorted = itemsOf(ranks)
  expect(runAtOnce(sortedInSteps(sorted, byRank))).toEqual(sorted)
  expect(runAtOnce(sortedInSteps(sorted.toReversed(), byRank))).toEqual(sorted)
})

test("the items stay as they were, and nothing is sorted at all until it is run", () => {
  const items = itemsOf([3, 1, 2])
  const steps = sortedInSteps(items, byRank)
  expect(items.map(({ rank }) => rank)).toEqual([3, 1, 2])
  expect(runAtOnce(steps).map(({ rank }) => rank)).toEqual([1, 2, 3])
  expect(items.map(({ rank }) => rank)).toEqual([3, 1, 2])
})

test("many items are many steps", () => {
  const items = itemsOf(Array.from({ length: 10_000 }, (_, index) => (index * 7_919) % 10_007))
  let steps = 0
  for (const _ of sortedInSteps(items, byRank)) steps++
  expect(steps).toBeGreaterThan(100)
})
