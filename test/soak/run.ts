#!/usr/bin/env bun
/**
 * `bun test/soak/run.ts [--seconds 60] [--reloads 30] [--restarts 3] [--clients 4] [--virtual-services 10000]`: the long form
 * of `soak.test.ts`. Ends with 1 when a request failed or a process did not end well.
 */
import { parseArgs } from "node:util"
import { measureLargeReload, runSoak } from "./soak-run.ts"

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "60" },
    reloads: { type: "string", default: "30" },
    restarts: { type: "string", default: "3" },
    clients: { type: "string", default: "4" },
    "virtual-services": { type: "string", default: "10000" },
  },
})

const report = await runSoak({
  durationMs: Number(values.seconds) * 1000,
  reloadCount: Number(values.reloads),
  restartCount: Number(values.restarts),
  clientCount: Number(values.clients),
})
for (const [name, value] of Object.entries(report)) console.log(`${name}: ${value}`)
const large = await measureLargeReload(Number(values["virtual-services"]), 5)
console.log(`\nbeside reloads of ${values["virtual-services"]} VirtualServices`)
for (const [name, value] of Object.entries(large)) console.log(`${name}: ${value}`)
const isWell = report.failed === 0 && large.failed === 0 && report.exitCodes.every((code) => code === 0)
process.exitCode = isWell ? 0 : 1
