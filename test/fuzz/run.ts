#!/usr/bin/env bun
/** Fuzzing for as long as one likes: `bun test/fuzz/run.ts [--runs N] [--seed N]`. Exits 1 and prints inputs on a failure. */
import { parseArgs } from "node:util"
import { fuzzBodies } from "./fuzz-bodies.ts"
import { fuzzClientHello } from "./fuzz-client-hello.ts"
import { fuzzHttp2 } from "./fuzz-http2.ts"
import { fuzzRequestHeads } from "./fuzz-request-heads.ts"
import { fuzzResponseHeads } from "./fuzz-response-heads.ts"

const { values } = parseArgs({
  options: { runs: { type: "string", default: "1000000" }, seed: { type: "string", default: "1" } },
})
const runs = Number(values.runs)
const seed = Number(values.seed)
if (!Number.isSafeInteger(runs) || !Number.isSafeInteger(seed)) {
  console.error("usage: bun test/fuzz/run.ts [--runs N] [--seed N]")
  process.exit(2)
}

for (const [name, fuzz] of Object.entries({
  fuzzRequestHeads,
  fuzzResponseHeads,
  fuzzBodies,
  fuzzHttp2,
  fuzzClientHello,
})) {
  const { accepted, refused, failures } = fuzz(runs, seed)
  console.log(`${name}: ${accepted} accepted, ${refused} refused, ${failures.length} failures (seed ${seed})`)
  for (const failure of failures) console.log(`  ${failure}`)
  if (failures.length > 0) process.exitCode = 1
}
