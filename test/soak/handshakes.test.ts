/** The short form of `bun test/soak/handshakes.ts`: that it measures, and that nothing fails; how fast is not asserted. */
import { expect, test } from "bun:test"
import { runHandshakeSoak } from "./handshake-run.ts"

test("requests on a kept-alive connection are answered while handshakes come in", async () => {
  const rounds = await runHandshakeSoak({ rounds: 1, phaseSeconds: 0.5, handshakesPerSecond: 100, pauseMs: 2 })
  expect(rounds).toHaveLength(1)
  for (const { quiet, elsewhere, loaded, handshakes } of rounds) {
    expect(handshakes.failed).toBe(0)
    expect(handshakes.done).toBeGreaterThan(0)
    expect(Math.min(quiet.requests, elsewhere.requests, loaded.requests)).toBeGreaterThan(0)
  }
}, 60_000)
