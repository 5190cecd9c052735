import { expect, test } from "bun:test"
import fc from "fast-check"
import type { WeightedCluster, WeightedClusters } from "../compile/snapshot.ts"
import { chooseWeightedCluster } from "./weighted-choice.ts"

function weighted(weights: readonly number[]): WeightedClusters {
  const entries = weights.map((weight, index): WeightedCluster => {
    const clusterName = `outbound|80||host-${index}`
    return { clusterName, clusterIndex: index, weight, requestEdits: null, responseEdits: null, hostRewrite: null }
  })
  return { entries, totalWeight: weights.reduce((sum, weight) => sum + weight, 0) }
}

test("each destination has exactly its weight's share of the random range (sheet 3.1)", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 8 }), (weights) => {
      const clusters = weighted(weights)
      const counts = weights.map(() => 0)
      for (let part = 0; part < clusters.totalWeight; part++) {
        const chosen = chooseWeightedCluster(clusters, (part + 0.5) / clusters.totalWeight)
        counts[chosen.clusterIndex] = (counts[chosen.clusterIndex] ?? 0) + 1
      }
      expect(counts).toEqual(weights)
    }),
  )
})

test("the ends of the range belong to the first and the last destination", () => {
  const clusters = weighted([90, 10])
  expect(chooseWeightedCluster(clusters, 0).clusterIndex).toBe(0)
  expect(chooseWeightedCluster(clusters, 0.9).clusterIndex).toBe(1)
  expect(chooseWeightedCluster(clusters, 1 - Number.EPSILON).clusterIndex).toBe(1)
  expect(chooseWeightedCluster(clusters, 1).clusterIndex).toBe(1)
})

test("a single destination is chosen whatever its weight", () => {
  expect(chooseWeightedCluster(weighted([7]), 0.99).clusterIndex).toBe(0)
})
