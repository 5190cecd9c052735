/** Fuzzes what an upstream may answer, and chunked bodies. More: `bun test/fuzz/run.ts --runs N`. */
import { expect, test } from "bun:test"
import { fuzzBodies } from "./fuzz-bodies.ts"
import { fuzzResponseHeads } from "./fuzz-response-heads.ts"

test("20,000 mutated response heads: every one is answered, none is accepted that the RFC refuses", () => {
  const { accepted, refused, failures } = fuzzResponseHeads(20_000, 1)
  expect(failures).toEqual([])
  expect([accepted > 1000, refused > 1000]).toEqual([true, true])
})

test("20,000 mutated chunked bodies: accepted exactly as the grammar has it, however they are split", () => {
  const { accepted, refused, failures } = fuzzBodies(20_000, 1)
  expect(failures).toEqual([])
  expect([accepted > 1000, refused > 1000]).toEqual([true, true])
})
