/**
 * What one lookup costs, in nanoseconds: `bun bench/micro/route.ts`.
 *
 * Look at the ratios of neighbouring rows, not at the numbers: machines differ. The claim of the trie is that 10 and
 * 10,000 routes cost the same; the linear scan beside it shows what they would cost otherwise. The rows of `re2js` and
 * `RegExp` say why simple patterns have a matcher of their own.
 */
import { RE2JS } from "re2js"
import type { Predicate } from "../../src/compile/snapshot.ts"
import { hostWithoutPort, isValidAuthority } from "../../src/http/authority.ts"
import { normalizePath } from "../../src/http/normalize-path.ts"
import {
  exact,
  exampleRegex,
  exampleRequest,
  exampleRoutes,
  pathRegex,
  prefix,
} from "../../src/route/example-routes.ts"
import { buildHostTable } from "../../src/route/host-table.ts"
import { scanRoutes } from "../../src/route/linear-scan.ts"
import { buildPathTable } from "../../src/route/path-table.ts"

const SIZES = [10, 10_000]
/** Inputs taken in turn, so that neither a branch predictor nor a cache sees one only. A power of two. */
const INPUT_COUNT = 256
const ROUND_MS = 60
const ROUND_COUNT = 5

/** The median of a few rounds. The results are counted so that the work cannot be left out. */
function measure(label: string, inputCount: number, run: (i: number) => boolean): void {
  let hits = 0
  const rounds: number[] = []
  for (let round = -1; round < ROUND_COUNT; round++) {
    const startNs = Bun.nanoseconds()
    let count = 0
    let elapsedNs = 0
    while (elapsedNs < ROUND_MS * 1e6) {
      for (let i = 0; i < 1000; i++) if (run((count + i) & (inputCount - 1))) hits++
      count += 1000
      elapsedNs = Bun.nanoseconds() - startNs
    }
    // Round -1 warms up.
    if (round >= 0) rounds.push(elapsedNs / count)
  }
  rounds.sort((a, b) => a - b)
  const medianNs = rounds[ROUND_COUNT >> 1] ?? 0
  console.log(`${label.padEnd(58)} ${medianNs.toFixed(1).padStart(9)} ns   ${hits > 0 ? "hits" : "misses"}`)
}

function inputsOver<T>(size: number, make: (n: number) => T): readonly T[] {
  return Array.from({ length: INPUT_COUNT }, (_, i) => make((i * 7919) % size))
}

function measureInputs<T>(label: string, inputs: readonly T[], run: (input: T) => boolean): void {
  measure(label, inputs.length, (i) => {
    const input = inputs[i]
    return input !== undefined && run(input)
  })
}

console.log("hosts")
for (const size of SIZES) {
  const names = Array.from({ length: size }, (_, i) => `svc-${i}.example.com`)
  const table = buildHostTable(names.map((name) => ({ domains: [name], value: name })))
  const wild = buildHostTable(names.map((name) => ({ domains: [`*.${name}`], value: name })))
  const exactNames = inputsOver(size, (n) => `svc-${n}.example.com`)
  measureInputs(`  exact name among ${size}`, exactNames, (host) => table.find(host) !== null)
  const deepNames = inputsOver(size, (n) => `a.b.svc-${n}.example.com`)
  measureInputs(`  wildcard among ${size}`, deepNames, (host) => wild.find(host) !== null)
}

console.log("routes")
const isBeta: Predicate = { kind: "header", name: "x-beta", matcher: { kind: "exact", value: "1" }, invert: false }
for (const size of SIZES) {
  const routes = exampleRoutes(
    Array.from({ length: size }, (_, i) => {
      if (i % 4 === 0) return [exact(`/svc-${i}/health`)] as const
      if (i % 4 === 1) return [prefix(`/svc-${i}/`), isBeta] as const
      return [prefix(`/svc-${i - (i % 4) + 1}/v${i % 4}`)] as const
    }),
  )
  const table = buildPathTable(routes)
  const inputs = inputsOver(size, (n) => exampleRequest(`/svc-${n - (n % 4) + 1}/v2/orders/17?page=2`))
  measureInputs(`  trie, ${size} prefixes`, inputs, (input) => table.find(input, null) !== null)
  measureInputs(`  linear scan, ${size} prefixes`, inputs, (input) => scanRoutes(routes, input) !== null)
}
for (const size of SIZES) {
  const table = buildPathTable(
    exampleRoutes(Array.from({ length: size }, (_, i) => [pathRegex(`/svc-${i}/.*`)] as const)),
  )
  const inputs = inputsOver(size, (n) => exampleRequest(`/svc-${n}/v2/orders/17`))
  measureInputs(`  trie, ${size} regexes with a literal start`, inputs, (input) => table.find(input, null) !== null)
}

console.log("one regex")
const paths = inputsOver(100_000, (n) => `/api/v1/users/${n}/orders/abc`)
for (const source of [
  ".*",
  "/api/.*",
  "/api/v[0-9]+/users/[0-9]+(/.*)?",
  ".*/orders/[a-z]+",
  "(?i)/API/.*",
  "(/[^/]+)*",
]) {
  const compiled = exampleRegex(source)
  const automaton = RE2JS.compile(source)
  const native = new RegExp(`^(?:${source.replace("(?i)", "")})$`, source.startsWith("(?i)") ? "i" : "")
  measureInputs(`  ${source}  compileRegex`, paths, (path) => compiled.matchesWhole(path))
  measureInputs(`  ${source}  re2js`, paths, (path) => automaton.testExact(path))
  measureInputs(`  ${source}  RegExp (for comparison)`, paths, (path) => native.test(path))
}

console.log("request line and Host")
const queries = inputsOver(100_000, (n) => `/api/v1/users/${n}/orders/abc?page=2`)
measureInputs("  normalizePath, nothing to do (38 characters)", queries, (path) => normalizePath(path) !== null)
const dotted = inputsOver(100_000, (n) => `/api/v1/users/${n}/../x/%41?page=2`)
measureInputs("  normalizePath, dot segment and escape", dotted, (path) => normalizePath(path) !== null)
const authorities = inputsOver(1000, (n) => `svc-${n}.example.com:8080`)
measureInputs("  isValidAuthority", authorities, (text) => isValidAuthority(text))
measureInputs("  hostWithoutPort", authorities, (text) => hostWithoutPort(text) !== "")
