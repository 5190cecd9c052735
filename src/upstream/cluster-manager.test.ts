import { describe, expect, test } from "bun:test"
import type { ClusterSpec, Discovery } from "../compile/snapshot.ts"
import { createRecordingPool, exampleCluster, exampleEndpoint, exampleSnapshot } from "./cluster-examples.ts"
import { ClusterManager } from "./cluster-manager.ts"
import type { DnsOutcome } from "./dns.ts"
import { ManualScheduler, settlePromises } from "./manual-scheduler.ts"

/** A manager over a DNS that holds `zone`; names it does not hold get no answer until they are added. */
function createManager(zone: Record<string, DnsOutcome> = {}) {
  const scheduler = new ManualScheduler()
  const asked: string[] = []
  const manager = new ClusterManager({
    createPool: createRecordingPool,
    resolve: (name) => {
      asked.push(name)
      const outcome = zone[name]
      return outcome === undefined ? new Promise(() => undefined) : Promise.resolve(outcome)
    },
    scheduler,
    random: () => 0,
    probe: () => () => undefined,
  })
  return { manager, scheduler, asked, zone }
}

function answered(...addresses: readonly string[]): DnsOutcome {
  return { kind: "answered", addresses, ttlMs: 1_000 }
}

const failed: DnsOutcome = { kind: "failed", reason: "DNS_ESERVFAIL" }

function cluster(name: string, kind: Discovery["kind"], ...addresses: readonly string[]): ClusterSpec {
  return exampleCluster({ name, discovery: { kind, endpoints: addresses.map((address) => exampleEndpoint(address)) } })
}

function hostTexts(live: { readonly endpoints: readonly { readonly hostText: string }[] } | undefined) {
  return live?.endpoints.map((endpoint) => endpoint.hostText)
}

describe("destinations become endpoints (CONTRACT, sheet 7.1)", () => {
  test("static: every address, at once", () => {
    const { manager } = createManager()
    const [live] = manager.adopt(exampleSnapshot(cluster("a", "static", "10.0.0.1", "::1")))
    expect(hostTexts(live)).toEqual(["10.0.0.1:80", "[::1]:80"])
  })

  test("strict-dns: every address of every name, each with the weight of its name", async () => {
    const { manager } = createManager({ "one.test": answered("10.0.0.1", "10.0.0.2"), "two.test": answered("::1") })
    const endpoints = [exampleEndpoint("one.test", { weight: 2 }), exampleEndpoint("two.test", { port: 8080 })]
    const [live] = manager.adopt(exampleSnapshot(exampleCluster({ discovery: { kind: "strict-dns", endpoints } })))
    expect(hostTexts(live)).toEqual([])
    await settlePromises()
    expect(hostTexts(live)).toEqual(["10.0.0.1:80", "10.0.0.2:80", "[::1]:8080"])
    expect(live?.endpoints.map((endpoint) => endpoint.weight)).toEqual([2, 2, 1])
  })

  test("strict-dns: IP addresses among the names need no look-up", () => {
    const { manager, asked } = createManager()
    const [live] = manager.adopt(exampleSnapshot(cluster("a", "strict-dns", "10.0.0.7", "unix:/run/a.sock")))
    expect(hostTexts(live)).toEqual(["10.0.0.7:80", "unix:/run/a.sock"])
    expect(asked).toEqual([])
  })

  test("logical-dns: the first address only, and the endpoint follows it", async () => {
    const { manager, scheduler, zone } = createManager({ "one.test": answered("10.0.0.1", "10.0.0.2") })
    const [live] = manager.adopt(exampleSnapshot(cluster("a", "logical-dns", "one.test")))
    await settlePromises()
    const [endpoint] = live?.endpoints ?? []
    expect(hostTexts(live)).toEqual(["10.0.0.1:80"])
    zone["one.test"] = answered("10.0.0.2", "10.0.0.1")
    await scheduler.advance(1_000)
    expect(hostTexts(live)).toEqual(["10.0.0.2:80"])
    expect(live?.endpoints[0]).toBe(endpoint)
  })

  test("strict-dns: a refresh keeps what stays and drains what vanished", async () => {
    const { manager, scheduler, zone } = createManager({ "one.test": answered("10.0.0.1", "10.0.0.2") })
    const [live] = manager.adopt(exampleSnapshot(cluster("a", "strict-dns", "one.test")))
    await settlePromises()
    const [vanishes, stays] = live?.endpoints ?? []
    zone["one.test"] = answered("10.0.0.2", "10.0.0.3")
    await scheduler.advance(1_000)
    expect(hostTexts(live)).toEqual(["10.0.0.2:80", "10.0.0.3:80"])
    expect(live?.endpoints[0]).toBe(stays)
    expect(vanishes?.pool.closeIdleCalls).toBe(1)
  })

  test("while DNS fails the endpoints stay, and failures are counted", async () => {
    const { manager, scheduler, zone } = createManager({ "one.test": answered("10.0.0.1") })
    const [live] = manager.adopt(exampleSnapshot(cluster("a", "strict-dns", "one.test")))
    await settlePromises()
    zone["one.test"] = failed
    await scheduler.advance(1_000)
    expect(hostTexts(live)).toEqual(["10.0.0.1:80"])
    expect([live?.stats.updateAttempt, live?.stats.updateSuccess, live?.stats.updateFailure]).toEqual([2, 1, 1])
  })

  test("a name that never resolved leaves the cluster empty (sheet 7.1: 503 UH)", async () => {
    const { manager } = createManager({ "one.test": failed })
    const [live] = manager.adopt(exampleSnapshot(cluster("a", "strict-dns", "one.test")))
    await settlePromises()
    expect(live?.pickEndpoint(null)).toBeNull()
  })
})

describe("warming", () => {
  test("ends when every name had its first outcome, failures included", async () => {
    const { manager } = createManager({ "one.test": answered("10.0.0.1"), "two.test": failed })
    manager.adopt(
      exampleSnapshot(cluster("a", "strict-dns", "one.test", "two.test"), cluster("b", "strict-dns", "two.test")),
    )
    await manager.warm(5_000)
    expect(manager.clusters().map(hostTexts)).toEqual([["10.0.0.1:80"], []])
  })

  test("ends at the deadline when a name has no answer", async () => {
    const { manager, scheduler } = createManager()
    manager.adopt(exampleSnapshot(cluster("a", "strict-dns", "silent.test")))
    let isWarm = false
    const warming = manager.warm(2_000).then(() => {
      isWarm = true
    })
    await scheduler.advance(1_999)
    expect(isWarm).toBe(false)
    await scheduler.advance(1)
    await warming
    expect(isWarm).toBe(true)
  })

  test("leaves no timer behind", async () => {
    const { manager, scheduler } = createManager({ "one.test": answered("10.0.0.1") })
    manager.adopt(exampleSnapshot(cluster("a", "strict-dns", "one.test")))
    await manager.warm(5_000)
    manager.stop()
    expect(scheduler.pendingCount).toBe(0)
  })

  test("does not wait where there is no DNS, for a cluster that was dropped, or after stop", async () => {
    const { manager } = createManager()
    manager.adopt(exampleSnapshot(cluster("a", "static", "10.0.0.1")))
    await manager.warm(5_000)
    manager.adopt(exampleSnapshot(cluster("b", "strict-dns", "silent.test")))
    const whileDropped = manager.warm(5_000)
    manager.adopt(exampleSnapshot())
    await whileDropped
    manager.adopt(exampleSnapshot(cluster("b", "strict-dns", "silent.test")))
    const whileStopped = manager.warm(5_000)
    manager.stop()
    await whileStopped
    expect(manager.clusters()).toHaveLength(1)
  })
})

describe("from one snapshot to the next", () => {
  test("a cluster is known by its name, whatever its index", () => {
    const { manager } = createManager()
    const before = manager.adopt(
      exampleSnapshot(cluster("a", "static", "10.0.0.1"), cluster("b", "static", "10.0.0.2")),
    )
    const after = manager.adopt(exampleSnapshot(cluster("b", "static", "10.0.0.2"), cluster("a", "static", "10.0.0.1")))
    expect(after[0]).toBe(before[1])
    expect(after[1]).toBe(before[0])
    expect(after.map((live) => live.spec.index)).toEqual([0, 1])
  })

  test("in steps: which clusters there are changes when all are adopted, and none is made twice", () => {
    const { manager } = createManager()
    const [a, b] = manager.adopt(
      exampleSnapshot(cluster("a", "static", "10.0.0.1"), cluster("b", "static", "10.0.0.2")),
    )
    const steps = manager.adopting(
      exampleSnapshot(cluster("c", "static", "10.0.0.3"), cluster("a", "static", "10.0.0.4")),
    )
    const names = () => manager.clusters().map(({ spec }) => spec.name)
    let step = steps.next()
    while (step.done !== true && names().join() === "a,b") {
      expect(b?.pickEndpoint(null)?.hostText).toBe("10.0.0.2:80")
      step = steps.next()
    }
    expect(names()).toEqual(["c", "a"])
    while (step.done !== true) step = steps.next()
    expect(step.value.map(({ spec }) => spec.name)).toEqual(["c", "a"])
    expect(step.value[1]).toBe(a)
    expect(hostTexts(a)).toEqual(["10.0.0.4:80"])
    expect(b?.endpoints[0]?.isDraining).toBe(true)
  })

  test("endpoints that stay keep their pools and counters, others come and go", () => {
    const { manager } = createManager()
    const [before] = manager.adopt(exampleSnapshot(cluster("a", "static", "10.0.0.1", "10.0.0.2")))
    const [drops, stays] = before?.endpoints ?? []
    stays?.startRequest()
    const [after] = manager.adopt(exampleSnapshot(cluster("a", "static", "10.0.0.2", "10.0.0.3")))
    expect(hostTexts(after)).toEqual(["10.0.0.2:80", "10.0.0.3:80"])
    expect(after?.endpoints[0]).toBe(stays)
    expect(after?.stats.upstreamRqTotal).toBe(1)
    expect(drops?.isDraining).toBe(true)
  })

  test("an old array still works after its clusters were dropped; their idle connections are closed", () => {
    const { manager } = createManager()
    const before = manager.adopt(exampleSnapshot(cluster("a", "static", "10.0.0.1")))
    expect(manager.adopt(exampleSnapshot())).toEqual([])
    const endpoint = before[0]?.pickEndpoint(null)
    expect(endpoint?.hostText).toBe("10.0.0.1:80")
    expect(endpoint?.isDraining).toBe(true)
    expect(endpoint?.pool.closeIdleCalls).toBe(1)
    expect(manager.clusters()).toEqual([])
  })

  test("a dropped cluster's names are no longer asked for", async () => {
    const { manager, scheduler, asked } = createManager({ "one.test": answered("10.0.0.1") })
    manager.adopt(exampleSnapshot(cluster("a", "strict-dns", "one.test")))
    await settlePromises()
    manager.adopt(exampleSnapshot())
    await scheduler.advance(60_000)
    expect(asked).toEqual(["one.test"])
    expect(scheduler.pendingCount).toBe(0)
  })

  test("a reload of unchanged names asks for nothing and never empties the cluster", async () => {
    const { manager, asked } = createManager({ "one.test": answered("10.0.0.1") })
    const [before] = manager.adopt(exampleSnapshot(cluster("a", "strict-dns", "one.test")))
    await settlePromises()
    const endpoints = before?.endpoints
    const [after] = manager.adopt(exampleSnapshot(cluster("a", "strict-dns", "one.test")))
    expect(after?.endpoints).toBe(endpoints ?? [])
    expect(asked).toEqual(["one.test"])
    await manager.warm(5_000)
  })

  test("the endpoints of a cluster stay until all its new names are known", async () => {
    const { manager, scheduler, zone } = createManager({ "old.test": answered("10.0.0.1") })
    const [live] = manager.adopt(exampleSnapshot(cluster("a", "strict-dns", "old.test")))
    await settlePromises()
    zone["quick.test"] = answered("10.0.0.2")
    manager.adopt(exampleSnapshot(cluster("a", "strict-dns", "quick.test", "slow.test")))
    await settlePromises()
    expect(hostTexts(live)).toEqual(["10.0.0.1:80"])
    await scheduler.advance(20_000)
    expect(hostTexts(live)).toEqual(["10.0.0.2:80"])
  })

  test("from DNS to static: the names are given up", async () => {
    const { manager, scheduler } = createManager({ "one.test": answered("10.0.0.1") })
    const [live] = manager.adopt(exampleSnapshot(cluster("a", "strict-dns", "one.test")))
    await settlePromises()
    const [endpoint] = live?.endpoints ?? []
    manager.adopt(exampleSnapshot(cluster("a", "static", "10.0.0.1", "10.0.0.2")))
    expect(hostTexts(live)).toEqual(["10.0.0.1:80", "10.0.0.2:80"])
    expect(live?.endpoints[0]).toBe(endpoint)
    expect(scheduler.pendingCount).toBe(0)
    await manager.warm(5_000)
  })
})

test("stop drains every cluster and ends DNS", async () => {
  const { manager, scheduler } = createManager({ "one.test": answered("10.0.0.1") })
  const [live] = manager.adopt(exampleSnapshot(cluster("a", "strict-dns", "one.test")))
  await settlePromises()
  manager.stop()
  expect(live?.endpoints[0]?.isDraining).toBe(true)
  expect(scheduler.pendingCount).toBe(0)
})
