import { expect, test } from "bun:test"
import fc from "fast-check"
import { KeptRun } from "./kept-run.ts"

test("property: a kept run says what a fresh one would, whichever value changes", () => {
  const render = (...values: readonly (string | number | null)[]) => JSON.stringify(values)
  const value = fc.constantFrom<string | number | null>(null, "", "a", 0, 1)
  fc.assert(
    fc.property(fc.array(fc.tuple(value, value, value, value, value)), (series) => {
      const run = new KeptRun(render)
      for (const values of series) expect(run.of(...values)).toBe(render(...values))
    }),
  )
})

test("a run is rendered once for as long as its values stay", () => {
  let renderCount = 0
  const run = new KeptRun((a) => `${a}${renderCount++}`)
  run.of("x")
  const before = renderCount
  expect(run.of("x")).toBe(run.of("x"))
  expect(renderCount).toBe(before)
})
