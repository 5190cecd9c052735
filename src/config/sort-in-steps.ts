/**
 * Sorting in steps: ten thousand items with a comparison of names take tens of milliseconds in one go. A merge sort, so
 * that it is stable and can stop anywhere; what is sorted already is only copied.
 */
import type { Steps } from "./steps.ts"

/** Sorted or merged in one step. */
const ITEMS_PER_STEP = 256

/** As `items.toSorted(compare)`. */
export function* sortedInSteps<Item extends object | number>(
  items: readonly Item[],
  compare: (left: Item, right: Item) => number,
): Steps<readonly Item[]> {
  let runs: (readonly Item[])[] = []
  for (let start = 0; start < items.length; start += ITEMS_PER_STEP) {
    runs.push(items.slice(start, start + ITEMS_PER_STEP).sort(compare))
    yield
  }
  while (runs.length > 1) {
    const merged: (readonly Item[])[] = []
    for (let at = 0; at < runs.length; at += 2)
      merged.push(yield* mergedInSteps(runs[at] ?? [], runs[at + 1] ?? [], compare))
    runs = merged
  }
  return runs[0] ?? []
}

function* mergedInSteps<Item extends object | number>(
  left: readonly Item[],
  right: readonly Item[],
  compare: (left: Item, right: Item) => number,
): Steps<readonly Item[]> {
  const [firstOfRight] = right
  const lastOfLeft = left.at(-1)
  if (firstOfRight === undefined || lastOfLeft === undefined || compare(lastOfLeft, firstOfRight) <= 0) {
    yield
    return left.concat(right)
  }
  const merged: Item[] = []
  let leftAt = 0
  let rightAt = 0
  for (;;) {
    if (merged.length % ITEMS_PER_STEP === 0) yield
    const fromLeft = left[leftAt]
    const fromRight = right[rightAt]
    if (fromLeft === undefined) return merged.concat(right.slice(rightAt))
    if (fromRight === undefined) return merged.concat(left.slice(leftAt))
    // Of equals, the left one was first.
    if (compare(fromLeft, fromRight) <= 0) {
      merged.push(fromLeft)
      leftAt++
    } else {
      merged.push(fromRight)
      rightAt++
    }
  }
}
