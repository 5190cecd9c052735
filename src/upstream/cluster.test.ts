import { describe, expect, test } from "bun:test"
import fc from "fast-check"
import { trafficPolicyDefault } from "../compile/cluster-policies.ts"
import type { ClusterSpec, EndpointSpec } from "../compile/snapshot.ts"
import { Cluster } from "./cluster.ts"
import { exampleCluster, exampleDeps, exampleEndpoint, type RecordingPool } from "./cluster-examples.ts"
import type { Endpoint, ResolvedEndpoint } from "./endpoint.ts"

function resolved(address: string, overrides: Partial<EndpointSpec> = {}): ResolvedEndpoint {
  const spec = exampleEndpoint(address, overrides)
  return { address, port: spec.port, spec }
}

function createCluster(addresses: readonly string[], overrides: Partial<ClusterSpec> = {}): Cluster<RecordingPool> {
  const cluster = new Cluster(exampleCluster(overrides), exampleDeps(1))
  cluster.replaceEndpoints(addresses.map((address) => resolved(address)))
  return cluster
}

function hostTexts(cluster: Cluster<RecordingPool>): readonly string[] {
  return cluster.endpoints.map((endpoint) => endpoint.hostText)
}

describe("picking", () => {
  test("a cluster without endpoints gives none, and counts it (sheet 5.2: 503 UH)", () => {
    const cluster = createCluster([])
    expect(cluster.pickEndpoint(null)).toBeNull()
    expect(cluster.stats.upstreamCxNoneHealthy).toBe(1)
  })

  test("tried endpoints are avoided while there is another (sheet 3.6: previous_hosts)", () => {
    const policies = fc.constantFrom("least-request" as const, "round-robin" as const, "random" as const)
    const counts = fc.integer({ min: 2, max: 12 })
    fc.assert(
      fc.property(policies, counts, fc.integer(), (loadBalancer, count, seed) => {
        const cluster = new Cluster(exampleCluster({ loadBalancer }), exampleDeps(seed))
        cluster.replaceEndpoints(Array.from({ length: count }, (_, index) => resolved(`10.0.0.${index}`)))
        const tried: Endpoint<RecordingPool>[] = []
        for (let attempt = 0; attempt < count; attempt++) {
          const endpoint = cluster.pickEndpoint(tried)
          if (endpoint === null) throw new Error("the cluster has endpoints")
          expect(tried).not.toContain(endpoint)
          tried.push(endpoint)
        }
      }),
    )
  })

  test("an untried endpoint is found even where the balancer would hardly ever pick it", () => {
    const cluster = createCluster([])
    cluster.replaceEndpoints([resolved("10.0.0.1", { weight: 1_000_000 }), resolved("10.0.0.2")])
    const [heavy, light] = cluster.endpoints
    if (heavy === undefined || light === undefined) throw new Error("two endpoints were given")
    expect(cluster.pickEndpoint([heavy])).toBe(light)
  })

  test("when all endpoints were tried, one of them is tried again", () => {
    const cluster = createCluster(["10.0.0.1", "10.0.0.2"])
    const again = cluster.pickEndpoint(cluster.endpoints)
    expect(cluster.endpoints.filter((endpoint) => endpoint === again)).toHaveLength(1)
  })
})

describe("endpoints that change", () => {
  test("an address that stays keeps its endpoint, pool and counters", () => {
    const cluster = createCluster(["10.0.0.1", "10.0.0.2"])
    const [stays] = cluster.endpoints
    stays?.startRequest()
    cluster.replaceEndpoints([resolved("10.0.0.3"), resolved("10.0.0.1")])
    expect(hostTexts(cluster)).toEqual(["10.0.0.3:80", "10.0.0.1:80"])
    expect(cluster.endpoints[1]).toBe(stays)
    expect(stays?.activeRequests).toBe(1)
    expect(stays?.isDraining).toBe(false)
  })

  test("an address that vanishes is never picked again and drains", () => {
    const cluster = createCluster(["10.0.0.1", "10.0.0.2"])
    const [vanishes] = cluster.endpoints
    cluster.replaceEndpoints([resolved("10.0.0.2")])
    expect(vanishes?.isDraining).toBe(true)
    expect(vanishes?.pool.closeIdleCalls).toBe(1)
    expect(cluster.pickEndpoint(null)?.hostText).toBe("10.0.0.2:80")
    expect(cluster.pickEndpoint(null)?.hostText).toBe("10.0.0.2:80")
  })

  test("an address that comes back after it vanished gets a new endpoint", () => {
    const cluster = createCluster(["10.0.0.1"])
    const [first] = cluster.endpoints
    cluster.replaceEndpoints([])
    cluster.replaceEndpoints([resolved("10.0.0.1")])
    expect(cluster.endpoints[0]).not.toBe(first)
    expect(cluster.endpoints[0]?.isDraining).toBe(false)
  })

  test("an array of endpoints that was taken earlier does not change", () => {
    const cluster = createCluster(["10.0.0.1"])
    const before = cluster.endpoints
    cluster.replaceEndpoints([resolved("10.0.0.2")])
    expect(before.map((endpoint) => endpoint.hostText)).toEqual(["10.0.0.1:80"])
  })

  test("the same addresses in another order change nothing, so a round robin goes on", () => {
    const cluster = createCluster(["10.0.0.1", "10.0.0.2", "10.0.0.3"])
    const before = cluster.endpoints
    const first = cluster.pickEndpoint(null)
    cluster.replaceEndpoints(["10.0.0.3", "10.0.0.1", "10.0.0.2"].map((address) => resolved(address)))
    expect(cluster.endpoints).toBe(before)
    expect(new Set([first, cluster.pickEndpoint(null), cluster.pickEndpoint(null)]).size).toBe(3)
    expect(cluster.stats.membershipChange).toBe(1)
  })

  test("an address listed twice is one endpoint, with its first weight", () => {
    const cluster = createCluster([])
    cluster.replaceEndpoints([resolved("10.0.0.1", { weight: 3 }), resolved("10.0.0.1", { weight: 9 })])
    expect(cluster.endpoints.map((endpoint) => endpoint.weight)).toEqual([3])
  })

  test("one address on two ports is two endpoints", () => {
    const cluster = createCluster([])
    cluster.replaceEndpoints([resolved("10.0.0.1"), resolved("10.0.0.1", { port: 81 })])
    expect(hostTexts(cluster)).toEqual(["10.0.0.1:80", "10.0.0.1:81"])
  })

  test("a new weight takes effect without a new endpoint", () => {
    const cluster = createCluster(["10.0.0.1", "10.0.0.2"])
    const [first, second] = cluster.endpoints
    cluster.replaceEndpoints([resolved("10.0.0.1", { weight: 3 }), resolved("10.0.0.2")])
    expect(cluster.endpoints[0] === first && cluster.endpoints[1] === second).toBe(true)
    const picks = Array.from({ length: 40 }, () => cluster.pickEndpoint(null))
    expect(picks.filter((endpoint) => endpoint === first)).toHaveLength(30)
  })

  test("membership gauges follow, and only real changes are counted", () => {
    const cluster = createCluster(["10.0.0.1"])
    cluster.replaceEndpoints([resolved("10.0.0.1"), resolved("10.0.0.2")])
    cluster.replaceEndpoints([resolved("10.0.0.1", { weight: 2 }), resolved("10.0.0.2")])
    const { membershipTotal, membershipHealthy, membershipChange } = cluster.stats
    expect([membershipTotal, membershipHealthy, membershipChange]).toEqual([2, 2, 2])
  })

  test("logical-dns: a new address moves the endpoint, its pool stays (sheet 7.1: old connections kept)", () => {
    const spec = exampleEndpoint("backend.test")
    const cluster = createCluster([], { discovery: { kind: "logical-dns", endpoints: [spec] } })
    cluster.replaceEndpoints([{ address: "10.0.0.1", port: 80, spec }])
    const [endpoint] = cluster.endpoints
    cluster.replaceEndpoints([{ address: "10.0.0.2", port: 80, spec }])
    expect(cluster.endpoints).toEqual(endpoint === undefined ? [] : [endpoint])
    expect(endpoint?.hostText).toBe("10.0.0.2:80")
    expect(endpoint?.isDraining).toBe(false)
    expect(endpoint?.pool.closeIdleCalls).toBe(0)
  })
})

describe("a specification that changes", () => {
  test("another balancer takes effect on the same endpoints", () => {
    const cluster = createCluster(["10.0.0.1", "10.0.0.2"], { loadBalancer: "round-robin" })
    const endpoints = cluster.endpoints
    endpoints[0]?.startRequest()
    cluster.revise(exampleCluster({ loadBalancer: "least-request" }))
    expect(cluster.endpoints).toBe(endpoints)
    const picks = new Set(Array.from({ length: 20 }, () => cluster.pickEndpoint(null)?.hostText))
    expect(picks).toEqual(new Set(["10.0.0.2:80"]))
  })

  const { limits } = trafficPolicyDefault
  test.each([
    { protocol: "http2" as const },
    { usesClientProtocol: true },
    { connectTimeoutMs: 1 },
    { idleTimeoutMs: 1 },
    { limits: { ...limits, maxConcurrentStreams: 1 } },
    { limits: { ...limits, http2KeepAlive: { intervalMs: 1, timeoutMs: 1 } } },
  ])("connections made with other settings are not used for %p", (change) => {
    const cluster = createCluster(["10.0.0.1"])
    const [before] = cluster.endpoints
    const spec = exampleCluster(change)
    cluster.revise(spec)
    const [after] = cluster.endpoints
    expect(before?.isDraining).toBe(true)
    expect(after?.hostText).toBe("10.0.0.1:80")
    expect(after?.pool.spec).toBe(spec)
    expect(after).not.toBe(before)
  })

  test("an unchanged specification changes nothing", () => {
    const cluster = createCluster(["10.0.0.1"])
    const endpoints = cluster.endpoints
    const spec = exampleCluster({ index: 9 })
    cluster.revise(spec)
    expect(cluster.endpoints).toBe(endpoints)
    expect(cluster.spec).toBe(spec)
  })
})
