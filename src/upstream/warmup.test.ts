/** Slow start of new endpoints (Istio semantics sheet 6.3: warmup). */
import { describe, expect, test } from "bun:test"
import type { WarmupPolicy } from "../compile/cluster-policies.ts"
import type { ClusterSpec } from "../compile/snapshot.ts"
import { Cluster } from "./cluster.ts"
import { exampleCluster, exampleDeps, exampleEndpoint } from "./cluster-examples.ts"
import { ManualScheduler } from "./manual-scheduler.ts"

const warmup: WarmupPolicy = { durationMs: 100_000, minimumPercent: 10, aggression: 1 }

function createWarming(overrides: Partial<ClusterSpec> = {}) {
  const scheduler = new ManualScheduler()
  const cluster = new Cluster(exampleCluster({ warmup, ...overrides }), exampleDeps(1, { scheduler }))
  const resolve = (...numbers: readonly number[]) =>
    cluster.replaceEndpoints(
      numbers.map((number) => ({ address: `10.0.0.${number}`, port: 80, spec: exampleEndpoint(`10.0.0.${number}`) })),
    )
  return { cluster, scheduler, resolve }
}

function countOf(cluster: ReturnType<typeof createWarming>["cluster"], address: string, picks: number): number {
  let count = 0
  for (let pick = 0; pick < picks; pick++) count += Number(cluster.pickEndpoint(null)?.address === address)
  return count
}

describe("a new endpoint", () => {
  test("has minimumPercent of its weight, then a part that grows with time, then all of it", async () => {
    const { cluster, scheduler, resolve } = createWarming()
    resolve(1)
    await scheduler.advance(100_000)
    resolve(1, 2)
    const weights: number[] = []
    for (const advanceMs of [0, 10_000, 40_000, 49_999, 1]) {
      await scheduler.advance(advanceMs)
      weights.push(cluster.endpoints[1]?.weight ?? 0)
    }
    expect(weights).toEqual([0.1, 0.1, 0.5, 0.99999, 1])
    expect(cluster.endpoints[0]?.weight).toBe(1)
  })

  test("aggression bends the curve: (elapsed / duration) ^ (1 / aggression)", async () => {
    const { cluster, scheduler, resolve } = createWarming({ warmup: { ...warmup, aggression: 2 } })
    resolve(1)
    await scheduler.advance(25_000)
    expect(cluster.endpoints[0]?.weight).toBe(0.5)
  })

  test("minimumPercent 0 is not no weight at all", () => {
    const { cluster, resolve } = createWarming({ warmup: { ...warmup, minimumPercent: 0 } })
    resolve(1, 2)
    for (const { weight } of cluster.endpoints) expect(weight).toBeGreaterThan(0)
    expect(cluster.pickEndpoint(null)).not.toBeNull()
  })

  test.each(["round-robin", "least-request"] as const)(
    "%s: gets few requests at first, its share in the end",
    async (loadBalancer) => {
      const { cluster, scheduler, resolve } = createWarming({ loadBalancer })
      resolve(1)
      await scheduler.advance(100_000)
      resolve(1, 2)
      // Weights 1 and 0.1: one of eleven turns.
      expect(Math.abs(countOf(cluster, "10.0.0.2", 1100) - 100)).toBeLessThanOrEqual(1)
      await scheduler.advance(100_000)
      expect(scheduler.pendingCount).toBe(0)
      if (loadBalancer === "round-robin") expect(countOf(cluster, "10.0.0.2", 100)).toBe(50)
    },
  )

  test("that is known stays warm when its configuration is loaded again", async () => {
    const { cluster, scheduler, resolve } = createWarming()
    resolve(1)
    await scheduler.advance(100_000)
    cluster.revise({ ...cluster.spec, warmup: { ...warmup, durationMs: 50_000 } })
    expect(cluster.endpoints[0]?.weight).toBe(1)
  })
})

test("an endpoint that comes back from failing its health checks warms up again", async () => {
  const scheduler = new ManualScheduler()
  let passes = true
  const healthCheck = { path: "/", intervalMs: 1_000, timeoutMs: 500, healthyThreshold: 1, unhealthyThreshold: 1 }
  const deps = exampleDeps(1, {
    scheduler,
    random: () => 0,
    probe: (_endpoint, _question, done) => {
      done(passes ? "passed" : "failed")
      return () => undefined
    },
  })
  const cluster = new Cluster(exampleCluster({ warmup, healthCheck }), deps)
  cluster.replaceEndpoints([{ address: "10.0.0.1", port: 80, spec: exampleEndpoint("10.0.0.1") }])
  await scheduler.advance(100_000)
  expect(cluster.endpoints[0]?.weight).toBe(1)
  passes = false
  await scheduler.advance(1_000)
  passes = true
  await scheduler.advance(1_000)
  expect(cluster.endpoints[0]?.weight).toBe(0.1)
})
