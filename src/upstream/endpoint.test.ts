import { expect, test } from "bun:test"
import { CircuitBreaker } from "./circuit-breaker.ts"
import { createRecordingPool, exampleCluster, exampleEndpoint } from "./cluster-examples.ts"
import { ClusterStats } from "./cluster-stats.ts"
import { Endpoint, formatHostText } from "./endpoint.ts"

function createEndpoint(address: string, stats = new ClusterStats()) {
  const spec = exampleEndpoint(address)
  const clusterSpec = exampleCluster()
  const surroundings = { stats, breaker: new CircuitBreaker(clusterSpec.limits, stats), nowMs: () => 0 }
  return new Endpoint(address, { address, port: spec.port, spec }, clusterSpec, surroundings, createRecordingPool)
}

test("host text has brackets around IPv6 addresses only, and no port for a unix socket", () => {
  expect(formatHostText("1.2.3.4", 80)).toBe("1.2.3.4:80")
  expect(formatHostText("::1", 8080)).toBe("[::1]:8080")
  expect(formatHostText("unix:/run/app.sock", 0)).toBe("unix:/run/app.sock")
})

test("a request is counted at its endpoint and at the cluster, and is active until it is finished", () => {
  const stats = new ClusterStats()
  const endpoint = createEndpoint("10.0.0.1", stats)
  endpoint.startRequest()
  endpoint.startRequest()
  expect([endpoint.activeRequests, stats.upstreamRqActive]).toEqual([2, 2])
  endpoint.finishRequest(false)
  endpoint.finishRequest(true)
  expect([endpoint.activeRequests, stats.upstreamRqActive]).toEqual([0, 0])
  expect([endpoint.requestsTotal, stats.upstreamRqTotal, endpoint.requestErrors]).toEqual([2, 2, 1])
})

test("a revised endpoint has its new address and weight, and its old pool", () => {
  const endpoint = createEndpoint("10.0.0.1")
  const pool = endpoint.pool
  const spec = exampleEndpoint("backend.test", { weight: 5 })
  endpoint.revise({ address: "fd00::2", port: 81, spec })
  expect([endpoint.address, endpoint.port, endpoint.hostText, endpoint.weight]).toEqual([
    "fd00::2",
    81,
    "[fd00::2]:81",
    5,
  ])
  expect(endpoint.pool).toBe(pool)
})

test("draining closes idle connections", () => {
  const endpoint = createEndpoint("10.0.0.1")
  endpoint.drain()
  expect(endpoint.isDraining).toBe(true)
  expect(endpoint.pool.closeIdleCalls).toBe(1)
})
