import { expect, test } from "bun:test"
import { runAtOnce, type Steps } from "./steps.ts"
import { runInSlices, sliceMs } from "./time-slices.ts"

function* countTo(last: number): Steps<number> {
  let count = 0
  while (count < last) {
    count++
    yield
  }
  return count
}

test("the result is the same at once and in slices", async () => {
  expect(runAtOnce(countTo(1_000))).toBe(1_000)
  expect(await runInSlices(countTo(1_000))).toBe(1_000)
})

test("the event loop turns between slices", async () => {
  let isStopped = false
  let turns = 0
  const turn = (): void => {
    turns++
    if (!isStopped) setImmediate(turn)
  }
  setImmediate(turn)
  // Work that goes on until the loop has turned a few times: it could never end if it kept the loop to itself.
  function* untilTurned(): Steps<number> {
    while (turns < 3) yield
    return turns
  }
  expect(await runInSlices(untilTurned())).toBeGreaterThanOrEqual(3)
  isStopped = true
})

test("what the work throws reaches whoever runs it", async () => {
  // biome-ignore lint/correctness/useYield: it throws before its first step ends
  function* broken(): Steps<void> {
    throw new Error("broken")
  }
  expect(() => runAtOnce(broken())).toThrow("broken")
  await expect(runInSlices(broken())).rejects.toThrow("broken")
})

test("a slice is short, as long as a turn of the event loop where turns are longer, and never long", () => {
  expect([0, 0.1, 2, 5, 8, 100].map(sliceMs)).toEqual([2, 2, 2, 5, 8, 8])
})
