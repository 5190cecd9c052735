/**
 * Draws one destination of a route by weight (Istio semantics sheet 3.1, 8.1 rule 4): per request for HTTP, per
 * connection for TCP. Its own file because both proxies use it and neither balancer does.
 */
import type { WeightedCluster, WeightedClusters } from "../compile/snapshot.ts"

/**
 * Each entry has exactly its weight's share of [0, 1). Allocates nothing.
 *
 * @param randomNumber in [0, 1), as `Math.random` gives it; anything above counts as the end of the range.
 */
export function chooseWeightedCluster(clusters: WeightedClusters, randomNumber: number): WeightedCluster {
  const entries = clusters.entries
  const lastIndex = entries.length - 1
  let remaining = Math.floor(randomNumber * clusters.totalWeight)
  for (let index = 0; index < lastIndex; index++) {
    const entry = entries[index]
    if (entry === undefined) break
    remaining -= entry.weight
    if (remaining < 0) return entry
  }
  const last = entries[lastIndex]
  // The compiler of snapshots promises at least one entry: a break of that promise is our bug, not a configuration.
  if (last === undefined) throw new Error("a forward action has no destination")
  return last
}
