/** Outlier detection (Istio semantics sheet 6.6), with a clock that is moved by hand. */
import { describe, expect, test } from "bun:test"
import type { OutlierPolicy } from "../compile/cluster-policies.ts"
import { Cluster } from "./cluster.ts"
import { exampleCluster, exampleDeps, exampleEndpoint, type RecordingPool } from "./cluster-examples.ts"
import type { Endpoint } from "./endpoint.ts"
import { ManualScheduler } from "./manual-scheduler.ts"

const policyDefault: OutlierPolicy = {
  consecutive5xxErrors: 5,
  consecutiveGatewayErrors: 0,
  consecutiveLocalOriginFailures: 0,
  splitsLocalOrigin: false,
  intervalMs: 10_000,
  baseEjectionTimeMs: 30_000,
  maxEjectionPercent: 100,
  errorStatuses: null,
}

function createCluster(count: number, policy: Partial<OutlierPolicy> = {}, panicThresholdPercent = 0) {
  const scheduler = new ManualScheduler()
  const outlierDetection = { ...policyDefault, ...policy }
  const spec = exampleCluster({ outlierDetection, panicThresholdPercent })
  const cluster = new Cluster(spec, exampleDeps(1, { scheduler }))
  const addresses = Array.from({ length: count }, (_, index) => `10.0.0.${index + 1}`)
  cluster.replaceEndpoints(addresses.map((address) => ({ address, port: 80, spec: exampleEndpoint(address) })))
  return { cluster, scheduler, at: (index: number) => endpointAt(cluster, index) }
}

function endpointAt(cluster: Cluster<RecordingPool>, index: number): Endpoint<RecordingPool> {
  const endpoint = cluster.endpoints[index]
  if (endpoint === undefined) throw new Error("no such endpoint")
  return endpoint
}

function answer(cluster: Cluster<RecordingPool>, endpoint: Endpoint<RecordingPool>, ...statuses: readonly number[]) {
  for (const status of statuses) cluster.recordResponse(endpoint, status)
}

function pickedHosts(cluster: Cluster<RecordingPool>): ReadonlySet<string> {
  return new Set(Array.from({ length: 60 }, () => cluster.pickEndpoint(null)?.address ?? ""))
}

describe("what ejects", () => {
  test("consecutive5xxErrors answers in a row, at once", () => {
    const { cluster, at } = createCluster(3)
    answer(cluster, at(0), 500, 501, 503, 502)
    expect(at(0).health.isEjected).toBe(false)
    answer(cluster, at(0), 599)
    expect(at(0).health.isEjected).toBe(true)
    expect(pickedHosts(cluster)).toEqual(new Set(["10.0.0.2", "10.0.0.3"]))
    expect(cluster.stats.membershipHealthy).toBe(2)
    expect(cluster.stats.outlierDetectionEjectionsActive).toBe(1)
    expect(cluster.stats.outlierDetectionEjectionsEnforcedConsecutive5xx).toBe(1)
  })

  test("a success in between starts the count again", () => {
    const { cluster, at } = createCluster(3)
    answer(cluster, at(0), 500, 500, 500, 500, 404, 500, 500, 500, 500)
    expect(at(0).health.isEjected).toBe(false)
  })

  test("failures and timeouts of the gateway's own count as 5xx", () => {
    const { cluster, at } = createCluster(3, { consecutive5xxErrors: 3 })
    cluster.recordFailure(at(0))
    cluster.recordTimeout(at(0))
    answer(cluster, at(0), 500)
    expect(at(0).health.isEjected).toBe(true)
  })

  test("consecutiveGatewayErrors: 502, 503 and 504 only; a 500 starts the count again", () => {
    const { cluster, at } = createCluster(3, { consecutiveGatewayErrors: 2, consecutive5xxErrors: 0 })
    answer(cluster, at(0), 502, 500, 504, 500, 503, 500)
    expect(at(0).health.isEjected).toBe(false)
    answer(cluster, at(0), 502)
    cluster.recordTimeout(at(0))
    expect(at(0).health.isEjected).toBe(true)
    expect(cluster.stats.outlierDetectionEjectionsEnforcedConsecutiveGatewayFailure).toBe(1)
  })

  test("split: failures of the gateway's own count apart, and an answer of any kind ends their row", () => {
    const split = { splitsLocalOrigin: true, consecutiveLocalOriginFailures: 3, consecutive5xxErrors: 3 }
    const { cluster, at } = createCluster(3, split)
    for (const endpoint of [at(0), at(1)]) {
      cluster.recordFailure(endpoint)
      cluster.recordTimeout(endpoint)
    }
    answer(cluster, at(0), 500, 500)
    expect(at(0).health.isEjected).toBe(false)
    cluster.recordFailure(at(1))
    expect([at(0).health.isEjected, at(1).health.isEjected]).toEqual([false, true])
    expect(cluster.stats.outlierDetectionEjectionsEnforcedConsecutiveLocalOriginFailure).toBe(1)
  })

  test("outlierDetectionHttpErrorCodes replace which answers count", () => {
    const errorStatuses = [{ first: 429, last: 429 }]
    const { cluster, at } = createCluster(3, { consecutive5xxErrors: 2, errorStatuses })
    answer(cluster, at(0), 500, 500, 500)
    answer(cluster, at(1), 429, 429)
    expect([at(0).health.isEjected, at(1).health.isEjected]).toEqual([false, true])
  })
})

describe("how many", () => {
  test.each([
    [10, 9, 0],
    [10, 10, 1],
    [50, 3, 1],
    [50, 4, 2],
    [100, 3, 3],
    [0, 20, 0],
  ])("maxEjectionPercent %d of %d endpoints: %d, the first included (sheet 14.36)", (percent, count, ejected) => {
    const { cluster } = createCluster(count, { maxEjectionPercent: percent })
    for (const endpoint of cluster.endpoints) answer(cluster, endpoint, 500, 500, 500, 500, 500)
    expect(cluster.endpoints.filter(({ health }) => health.isEjected)).toHaveLength(ejected)
    expect(cluster.stats.outlierDetectionEjectionsOverflow).toBe(count - ejected)
    expect(cluster.stats.outlierDetectionEjectionsDetectedConsecutive5xx).toBe(count)
  })

  test("all ejected: no endpoint, 503 UH (sheet 6.6)", () => {
    const { cluster } = createCluster(2)
    for (const endpoint of cluster.endpoints) answer(cluster, endpoint, 500, 500, 500, 500, 500)
    expect(cluster.pickEndpoint(null)).toBeNull()
    expect(cluster.stats.upstreamCxNoneHealthy).toBe(1)
  })

  test("minHealthPercent: below it every endpoint is used again, and that is counted", () => {
    const { cluster, at } = createCluster(4, {}, 50)
    for (const index of [0, 1]) answer(cluster, at(index), 500, 500, 500, 500, 500)
    expect(pickedHosts(cluster).size).toBe(2)
    answer(cluster, at(2), 500, 500, 500, 500, 500)
    expect(pickedHosts(cluster).size).toBe(4)
    expect(cluster.stats.lbHealthyPanic).toBe(60)
  })
})

describe("for how long", () => {
  test("until the first sweep after base times the number of ejections in a row", async () => {
    const { cluster, scheduler, at } = createCluster(3)
    answer(cluster, at(0), 500, 500, 500, 500, 500)
    await scheduler.advance(29_999)
    expect(at(0).health.isEjected).toBe(true)
    await scheduler.advance(1)
    expect(at(0).health.isEjected).toBe(false)
    expect(cluster.stats.membershipHealthy).toBe(3)
    answer(cluster, at(0), 500, 500, 500, 500, 500)
    await scheduler.advance(50_000)
    expect(at(0).health.isEjected).toBe(true)
    await scheduler.advance(10_000)
    expect(at(0).health.isEjected).toBe(false)
  })

  test("each healthy sweep makes the next ejection shorter again", async () => {
    const { cluster, scheduler, at } = createCluster(3)
    answer(cluster, at(0), 500, 500, 500, 500, 500)
    await scheduler.advance(30_000)
    await scheduler.advance(10_000)
    expect(at(0).health.ejectionMultiplier).toBe(0)
    answer(cluster, at(0), 500, 500, 500, 500, 500)
    await scheduler.advance(30_000)
    expect(at(0).health.isEjected).toBe(false)
  })

  test("never longer than 300 s", async () => {
    const { cluster, scheduler, at } = createCluster(3, { baseEjectionTimeMs: 200_000 })
    for (let ejection = 0; ejection < 3; ejection++) {
      answer(cluster, at(0), 500, 500, 500, 500, 500)
      await scheduler.advance(300_000)
      expect(at(0).health.isEjected).toBe(false)
    }
  })

  test("a base above 300 s is kept", async () => {
    const { cluster, scheduler, at } = createCluster(3, { baseEjectionTimeMs: 400_000 })
    answer(cluster, at(0), 500, 500, 500, 500, 500)
    await scheduler.advance(390_000)
    expect(at(0).health.isEjected).toBe(true)
    await scheduler.advance(10_000)
    expect(at(0).health.isEjected).toBe(false)
  })
})

describe("a new configuration", () => {
  test("the same detection: the ejected stay out", () => {
    const { cluster, at } = createCluster(3)
    answer(cluster, at(0), 500, 500, 500, 500, 500)
    cluster.revise({ ...cluster.spec, connectTimeoutMs: cluster.spec.connectTimeoutMs, index: 4 })
    expect(at(0).health.isEjected).toBe(true)
  })

  test("no detection any more: everybody is back", () => {
    const { cluster, at } = createCluster(3)
    answer(cluster, at(0), 500, 500, 500, 500, 500)
    cluster.revise({ ...cluster.spec, outlierDetection: null })
    expect(at(0).health.isEjected).toBe(false)
    expect(pickedHosts(cluster).size).toBe(3)
  })

  test("a drained cluster leaves no timer behind", () => {
    const { cluster, scheduler } = createCluster(3)
    cluster.drain()
    expect(scheduler.pendingCount).toBe(0)
  })
})
