/** The modest run of the suite; `bun test/fuzz/run.ts` goes on for as long as one likes. */
import { expect, test } from "bun:test"
import { fuzzClientHello } from "./fuzz-client-hello.ts"

test("mutated ClientHellos: an answer for each, the same however they are cut, and nothing read differently", () => {
  const { accepted, refused, failures } = fuzzClientHello(20_000, 1)
  expect(failures).toEqual([])
  // Both sides of the parser were visited.
  expect(accepted).toBeGreaterThan(1_000)
  expect(refused).toBeGreaterThan(1_000)
})
