import { expect, test } from "bun:test"
import { ClusterStats } from "./cluster-stats.ts"

test("every counter field is told under its own name in snake case, in the order of names", () => {
  const stats = new ClusterStats()
  const fieldNames = Object.keys(stats).map((key) => key.replace(/[A-Z]|\d(?=xx)/g, (part) => `_${part.toLowerCase()}`))
  expect(stats.snapshotStats().map((sample) => sample.name.replace(".", "_"))).toEqual(fieldNames.sort())
})

test("a sample has the value its field has at that moment", () => {
  const stats = new ClusterStats()
  stats.upstreamRqTotal = 3
  stats.upstreamCxActive = 2
  const samples = new Map(stats.snapshotStats().map((sample) => [sample.name, sample]))
  expect(samples.get("upstream_rq_total")).toEqual({ name: "upstream_rq_total", kind: "counter", value: 3 })
  expect(samples.get("upstream_cx_active")).toEqual({ name: "upstream_cx_active", kind: "gauge", value: 2 })
})

test("a response counts in its class and in the total", () => {
  const stats = new ClusterStats()
  for (const status of [101, 200, 204, 302, 404, 499, 500, 503]) stats.countResponse(status)
  expect([
    stats.upstreamRq1xx,
    stats.upstreamRq2xx,
    stats.upstreamRq3xx,
    stats.upstreamRq4xx,
    stats.upstreamRq5xx,
    stats.upstreamRqCompleted,
  ]).toEqual([1, 2, 1, 2, 2, 8])
})
