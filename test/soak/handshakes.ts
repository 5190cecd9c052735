#!/usr/bin/env bun
/**
 * `bun test/soak/handshakes.ts [--rounds 5] [--phase 5] [--rate 500] [--pause 2]`: the long form of `handshakes.test.ts`.
 * The aim is a p99 under load below twice the quiet one, on a machine that does nothing else. Prints; judges nothing.
 */
import { parseArgs } from "node:util"
import { median, medianRatio } from "../../bench/statistics.ts"
import { type Latency, runHandshakeSoak } from "./handshake-run.ts"

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    phase: { type: "string", default: "5" },
    rate: { type: "string", default: "500" },
    pause: { type: "string", default: "2" },
  },
})

const rounds = await runHandshakeSoak({
  rounds: Number(values.rounds),
  phaseSeconds: Number(values.phase),
  handshakesPerSecond: Number(values.rate),
  pauseMs: Number(values.pause),
})
const latencyText = ({ requests, p50Ms, p99Ms }: Latency) =>
  `p50 ${p50Ms.toFixed(3)} p99 ${p99Ms.toFixed(3)} ms of ${requests} requests`
for (const { quiet, elsewhere, loaded, handshakes } of rounds) {
  console.log(`quiet ${latencyText(quiet)}; handshakes elsewhere ${latencyText(elsewhere)};`)
  console.log(
    `  ${handshakes.perSecond.toFixed(0)} handshakes/s here (${handshakes.failed} failed) ${latencyText(loaded)}`,
  )
}
const [quiet, elsewhere, loaded] = [
  rounds.map((round) => round.quiet.p99Ms),
  rounds.map((round) => round.elsewhere.p99Ms),
  rounds.map((round) => round.loaded.p99Ms),
] as const
console.log(
  `median p99: quiet ${median(quiet).toFixed(3)}, elsewhere ${median(elsewhere).toFixed(3)}, here ${median(loaded).toFixed(3)} ms; ` +
    `here to quiet ${medianRatio(loaded, quiet).toFixed(2)}, here to elsewhere ${medianRatio(loaded, elsewhere).toFixed(2)}`,
)
