/** Active health checks, with a clock that is moved by hand and answers that the test gives. */
import { describe, expect, test } from "bun:test"
import type { HealthCheckPolicy } from "../compile/cluster-policies.ts"
import { Cluster } from "./cluster.ts"
import { exampleCluster, exampleDeps, exampleEndpoint } from "./cluster-examples.ts"
import type { ProbeOutcome } from "./health-checker.ts"
import { ManualScheduler } from "./manual-scheduler.ts"

const healthCheck: HealthCheckPolicy = {
  path: "/healthz",
  intervalMs: 5_000,
  timeoutMs: 1_000,
  healthyThreshold: 2,
  unhealthyThreshold: 3,
}

function createChecked(count: number) {
  const scheduler = new ManualScheduler()
  const asked: string[] = []
  /** What endpoints answer from now on; null = nothing. */
  const answers: { outcome: ProbeOutcome | null } = { outcome: "passed" }
  let cancelled = 0
  const deps = exampleDeps(1, {
    scheduler,
    random: () => 0,
    probe: (endpoint, { host, path }, done) => {
      asked.push(`${endpoint.address} ${host}${path}`)
      if (answers.outcome !== null) done(answers.outcome)
      return () => cancelled++
    },
  })
  const cluster = new Cluster(exampleCluster({ healthCheck, panicThresholdPercent: 0 }), deps)
  const resolve = (numbers: readonly number[]) =>
    cluster.replaceEndpoints(
      numbers.map((number) => ({ address: `10.0.0.${number}`, port: 80, spec: exampleEndpoint(`10.0.0.${number}`) })),
    )
  resolve(Array.from({ length: count }, (_, index) => index + 1))
  return { cluster, scheduler, asked, answers, resolve, cancelledCount: () => cancelled }
}

function healthy(cluster: { readonly endpoints: readonly { readonly health: { readonly isHealthy: boolean } }[] }) {
  return cluster.endpoints.map(({ health }) => health.isHealthy)
}

describe("checks", () => {
  test("are made at once, then every interval, of every endpoint, for the cluster's host", async () => {
    const { cluster, scheduler, asked } = createChecked(2)
    const { host } = cluster.spec
    expect(asked).toEqual([`10.0.0.1 ${host}/healthz`, `10.0.0.2 ${host}/healthz`])
    await scheduler.advance(4_999)
    expect(asked).toHaveLength(2)
    await scheduler.advance(1)
    expect(asked).toHaveLength(4)
    expect([cluster.stats.healthCheckAttempt, cluster.stats.healthCheckSuccess]).toEqual([4, 4])
  })

  test("are spread by up to a tenth of their interval", async () => {
    const scheduler = new ManualScheduler()
    let attempts = 0
    const deps = exampleDeps(1, {
      scheduler,
      random: () => 0.5,
      probe: (_endpoint, _question, done) => {
        attempts++
        done("passed")
        return () => undefined
      },
    })
    const cluster = new Cluster(exampleCluster({ healthCheck }), deps)
    cluster.replaceEndpoints([{ address: "10.0.0.1", port: 80, spec: exampleEndpoint("10.0.0.1") }])
    await scheduler.advance(5_249)
    expect(attempts).toBe(1)
    await scheduler.advance(1)
    expect(attempts).toBe(2)
  })

  test("end with their endpoint and with their cluster", async () => {
    const { cluster, scheduler, asked, resolve } = createChecked(2)
    resolve([2])
    asked.length = 0
    await scheduler.advance(5_000)
    expect(asked).toHaveLength(1)
    cluster.drain()
    expect(scheduler.pendingCount).toBe(0)
  })
})

describe("an endpoint", () => {
  test("is out after unhealthyThreshold failures in a row, and back after healthyThreshold passes", async () => {
    const { cluster, scheduler, answers } = createChecked(1)
    answers.outcome = "failed"
    await scheduler.advance(10_000)
    expect(healthy(cluster)).toEqual([true])
    await scheduler.advance(5_000)
    expect(healthy(cluster)).toEqual([false])
    expect(cluster.pickEndpoint(null)).toBeNull()
    expect([cluster.stats.membershipHealthy, cluster.stats.healthCheckFailure]).toEqual([0, 3])
    answers.outcome = "passed"
    await scheduler.advance(5_000)
    expect(healthy(cluster)).toEqual([false])
    await scheduler.advance(5_000)
    expect(healthy(cluster)).toEqual([true])
    expect(cluster.pickEndpoint(null)).not.toBeNull()
  })

  test("that fails its very first check is out at once, as in Envoy", () => {
    const { answers, resolve, cluster } = createChecked(1)
    answers.outcome = "failed"
    resolve([1, 2])
    expect(healthy(cluster)).toEqual([true, false])
  })

  test("that does not answer in time has failed, and the question is given up", async () => {
    const { cluster, scheduler, answers, cancelledCount } = createChecked(1)
    answers.outcome = null
    await scheduler.advance(5_000)
    expect(cluster.stats.healthCheckNetworkFailure).toBe(0)
    await scheduler.advance(1_000)
    expect([cluster.stats.healthCheckNetworkFailure, cancelledCount()]).toEqual([1, 1])
  })

  test("that could not be asked stays as it is", async () => {
    const { cluster, scheduler, answers } = createChecked(1)
    answers.outcome = "skipped"
    await scheduler.advance(50_000)
    expect(healthy(cluster)).toEqual([true])
    expect(cluster.stats.healthCheckFailure).toBe(0)
  })

  test("is healthy again when a new configuration checks it no more", async () => {
    const { cluster, scheduler, answers } = createChecked(1)
    answers.outcome = "failed"
    await scheduler.advance(15_000)
    cluster.revise({ ...cluster.spec, healthCheck: null })
    expect(healthy(cluster)).toEqual([true])
    expect(cluster.pickEndpoint(null)).not.toBeNull()
    expect(scheduler.pendingCount).toBe(0)
  })
})
