/** The short form of `bun test/soak/run.ts`, for every test run. */
import { expect, test } from "bun:test"
import { measureLargeReload, runSoak } from "./soak-run.ts"

// Only Linux can keep a connection from a listener that is about to close.
test.skipIf(process.platform !== "linux")(
  "reloads and restarts under load fail no request and refuse no connection, and every process ends with 0",
  async () => {
    const report = await runSoak({ durationMs: 5_000, reloadCount: 8, restartCount: 2, clientCount: 3 })
    const told = JSON.stringify(report)
    expect(report, told).toMatchObject({ failed: 0, refused: 0, unanswered: 0 })
    expect(report.reloads, told).toBe(8)
    expect(report.exitCodes, told).toEqual([0, 0, 0])
    expect(report.answered, told).toBeGreaterThan(0)
  },
  60_000,
)

test("requests beside reloads of a large configuration are answered", async () => {
  const report = await measureLargeReload(500, 2)
  const told = JSON.stringify(report)
  expect(report.failed, told).toBe(0)
  expect(report.reloadMs, told).toHaveLength(2)
  expect(report.requests, told).toBeGreaterThan(0)
}, 30_000)
