#!/usr/bin/env bun
/**
 * `bun run bench`: whole processes side by side, and `bench/RESULTS.md` with what came of it.
 *
 * `bun run bench [SCENARIO…] [--quick] [--binary]`. Everything runs on loopback and everything started is stopped again.
 */
import { chmod, mkdtemp, rm } from "node:fs/promises"
import { cpus, release, tmpdir, totalmem } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { killEverything } from "./measured-process.ts"
import { bunFetch } from "./proxies/bun-fetch.ts"
import { caddy } from "./proxies/caddy.ts"
import { haproxy } from "./proxies/haproxy.ts"
import { nginx } from "./proxies/nginx.ts"
import { portcullis } from "./proxies/portcullis.ts"
import type { Peer } from "./proxies/proxy.ts"
import { readVersionLine } from "./proxies/proxy.ts"
import { formatFigures, formatOutcome, formatReport, type ScenarioOutcome } from "./report.ts"
import type { Scenario } from "./scenario.ts"
import { compileTime } from "./scenarios/compile-time.ts"
import { forwardedTcp } from "./scenarios/forwarded-tcp.ts"
import { grpcUnary } from "./scenarios/grpc.ts"
import { http2Get } from "./scenarios/http2.ts"
import { observed } from "./scenarios/observed.ts"
import { manyVirtualServices, proxiedGet, richRules } from "./scenarios/proxied-get.ts"
import { stalledReader } from "./scenarios/stalled-reader.ts"
import { startUp } from "./scenarios/start-up.ts"
import { streamedBody } from "./scenarios/streamed-body.ts"
import { handshakes, httpsGet, mutualHandshakes } from "./scenarios/tls.ts"

const scenarios: readonly Scenario[] = [
  proxiedGet,
  manyVirtualServices,
  richRules,
  observed,
  streamedBody,
  stalledReader,
  forwardedTcp,
  httpsGet,
  http2Get,
  grpcUnary,
  handshakes,
  mutualHandshakes,
  compileTime,
  startUp,
]
const peers: readonly Peer[] = [nginx, haproxy, caddy, bunFetch]
const resultsFile = join(import.meta.dir, "RESULTS.md")

const usage = `usage: bun run bench [SCENARIO...] [--quick] [--binary]

${scenarios.map((scenario) => `  ${scenario.name.padEnd(16)}${scenario.title}`).join("\n")}

  --quick         short rounds, to see that everything works
  --binary        measure dist/portcullis instead of the sources

RESULTS.md is written by a run of all scenarios that is not quick.
`

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    killEverything()
    process.exit(1)
  })
}
process.exitCode = await main(process.argv.slice(2))

async function main(argv: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    strict: false,
    options: { quick: { type: "boolean" }, binary: { type: "boolean" }, help: { type: "boolean" } },
  })
  if (values.help === true) {
    console.log(usage)
    return 0
  }
  const unknown = [
    ...positionals.filter((name) => !scenarios.some((scenario) => scenario.name === name)),
    ...Object.keys(values).filter((name) => name !== "quick" && name !== "binary"),
  ]
  if (unknown.length > 0) {
    console.error(`unknown: ${unknown.join(", ")}\n\n${usage}`)
    return 2
  }
  const missing = ["nginx", "wrk", "curl"].filter((tool) => readVersionLine(tool, "-v") === null)
  if (missing.length > 0) {
    console.error(`the bench needs ${missing.join(", ")}: apt-get install nginx haproxy caddy wrk curl`)
    return 1
  }
  const quick = values.quick === true
  const useBinary = values.binary === true
  const chosen = scenarios.filter((scenario) => positionals.length === 0 || positionals.includes(scenario.name))
  const outcomes = await runScenarios(chosen, quick, useBinary)
  const figures = outcomes.flatMap(({ result }) => result.figures)
  if (figures.length > 0) console.log(formatFigures(figures))
  // Part of the bench must not overwrite the results of the whole.
  if (!quick && chosen.length === scenarios.length)
    await Bun.write(resultsFile, formatReport(describeRun(argv, useBinary), outcomes))
  return 0
}

async function runScenarios(
  chosen: readonly Scenario[],
  quick: boolean,
  useBinary: boolean,
): Promise<ScenarioOutcome[]> {
  const folder = await mkdtemp(join(tmpdir(), "portcullis-bench-"))
  // nginx's worker gives up root and must still reach its folder in here.
  await chmod(folder, 0o755)
  const installed = peers.filter((peer) => peer.readVersion() !== null)
  const outcomes: ScenarioOutcome[] = []
  try {
    for (const scenario of chosen) {
      const progress = (text: string) => console.error(`[${scenario.name}] ${text}`)
      const result = await scenario.run({ quick, useBinary, peers: installed, folder, progress })
      outcomes.push({ scenario, result })
      console.log(`${formatOutcome({ scenario, result })}\n`)
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
  return outcomes
}

function describeRun(argv: readonly string[], useBinary: boolean) {
  const [processor] = cpus()
  const gigabytes = Math.round(totalmem() / 1e9)
  return {
    date: new Date().toISOString().slice(0, 10),
    machine: `${cpus().length} x ${processor?.model ?? "unknown processor"}, ${gigabytes} GB, Linux ${release()}`,
    command: ["bun run bench", ...argv].join(" "),
    versions: [...peers, portcullis(useBinary)].map((peer) => `${peer.name}: ${peer.readVersion() ?? "not installed"}`),
    quick: false,
  }
}
