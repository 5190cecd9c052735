/** The short form of `bun test/chaos/run.ts`, for every test run. */
import { expect, test } from "bun:test"
import { runChaos } from "./chaos-run.ts"

const safeFailuresMax = 0.001

test("one endpoint killed, one hanging, one resetting at random: at most 0.1 % of safe requests fail, no POST arrives twice", async () => {
  const seed = Date.now() >>> 0
  const report = await runChaos({ clientCount: 16, seed, roundCount: 1, faultMs: 3_000, quietMs: 300 })
  const told = `seed ${seed}: ${JSON.stringify(report)}`
  expect(report.safeRequests, told).toBeGreaterThan(0)
  expect(report.safeFailures, told).toBeLessThanOrEqual(report.safeRequests * safeFailuresMax)
  expect(report.doubleDeliveries, told).toBe(0)
  // The faults were really there.
  expect(report.retries, told).toBeGreaterThan(0)
  expect(report.ejections, told).toBeGreaterThan(0)
}, 20_000)
