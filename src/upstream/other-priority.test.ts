/** `retryRemoteLocalities`: endpoints of priorities that were not tried (Istio semantics sheet 3.6; Envoy `previous_priorities`). */
import { expect, test } from "bun:test"
import { Cluster } from "./cluster.ts"
import { exampleCluster, exampleDeps, exampleEndpoint, type RecordingPool } from "./cluster-examples.ts"

/** Two endpoints of each priority. */
function clusterWith(...priorities: readonly number[]): Cluster<RecordingPool> {
  const cluster = new Cluster(exampleCluster(), exampleDeps(1))
  const specs = priorities.flatMap((priority) =>
    ["a", "b"].map((each) => exampleEndpoint(`10.0.${priority}.${each === "a" ? 1 : 2}`, { priority })),
  )
  cluster.replaceEndpoints(specs.map((spec) => ({ address: spec.address, port: spec.port, spec })))
  return cluster
}

test("the next priority that was not tried, each of its endpoints", () => {
  const cluster = clusterWith(0, 1, 2)
  const [first] = cluster.endpoints
  if (first === undefined) throw new Error("no endpoint")
  const picked = new Set(Array.from({ length: 50 }, () => cluster.pickFromOtherPriority([first])?.address))
  expect([...picked].sort()).toEqual(["10.0.1.1", "10.0.1.2"])
})

test("all tried priorities are left out, in whatever order they were tried", () => {
  const cluster = clusterWith(0, 1, 2)
  const tried = cluster.endpoints.filter(({ spec }) => spec.priority !== 0)
  expect(cluster.pickFromOtherPriority(tried)?.spec.priority).toBe(0)
})

test("none where every priority was tried, and none in an empty cluster", () => {
  const cluster = clusterWith(0, 1)
  expect(cluster.pickFromOtherPriority(cluster.endpoints)).toBeNull()
  expect(clusterWith().pickFromOtherPriority([])).toBeNull()
})
