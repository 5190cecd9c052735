#!/usr/bin/env bun
/**
 * `bun test/chaos/run.ts [--rounds 6] [--fault 10] [--quiet 10] [--clients 32] [--seed N]`: the long form of `chaos.test.ts`;
 * the roles of the endpoints change from round to round. Ends with 1 when more than 0.1 % of safe requests failed, or a POST arrived
 * twice.
 */
import { parseArgs } from "node:util"
import { runChaos } from "./chaos-run.ts"

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "6" },
    fault: { type: "string", default: "10" },
    quiet: { type: "string", default: "10" },
    clients: { type: "string", default: "32" },
    seed: { type: "string", default: String(Date.now() >>> 0) },
  },
})

const report = await runChaos({
  clientCount: Number(values.clients),
  roundCount: Number(values.rounds),
  faultMs: Number(values.fault) * 1000,
  quietMs: Number(values.quiet) * 1000,
  seed: Number(values.seed),
})
const failedShare = report.safeFailures / Math.max(1, report.safeRequests)
console.log(`seed ${values.seed}`)
for (const [name, value] of Object.entries(report)) console.log(`${name}: ${value}`)
console.log(`safe requests that failed: ${(failedShare * 100).toFixed(4)} %`)
process.exitCode = failedShare > 0.001 || report.doubleDeliveries > 0 ? 1 : 0
