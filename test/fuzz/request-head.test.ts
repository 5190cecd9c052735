/**
 * Fuzzes the request head parser: it answers any text, and never accepts what an independent reading of the RFC refuses.
 *
 * The suite runs a modest count. For more, or another seed, run the file itself:
 *   bun test/fuzz/run.ts --runs 1000000 --seed 7
 */
import { expect, test } from "bun:test"
import { fuzzRequestHeads } from "./fuzz-request-heads.ts"
import { headPieces, requestHeads } from "./head-corpus.ts"
import { readReferenceHead } from "./reference-head.ts"

test("50,000 mutated heads: every one is answered, none is accepted that the reference refuses", () => {
  const { accepted, refused, failures } = fuzzRequestHeads(50_000, 1)
  expect(failures).toEqual([])
  // Both sides of the wall were visited.
  expect(accepted).toBeGreaterThan(2000)
  expect(refused).toBeGreaterThan(20_000)
})

test("the reference itself reads the valid seeds and refuses the evil ones", () => {
  const judged = requestHeads.map((text) => typeof readReferenceHead(text) === "string")
  expect(judged.slice(0, 10)).toEqual(Array.from({ length: 10 }, () => false))
  expect(judged.filter((isRefused) => isRefused).length).toBe(14)
  expect(new Set(headPieces).size).toBe(headPieces.length)
})
