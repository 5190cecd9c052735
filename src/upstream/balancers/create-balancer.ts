/**
 * From the configured policy to its balancer (Istio semantics sheet 6.3).
 */
import type { LoadBalancerKind } from "../../compile/cluster-policies.ts"
import type { ClusterSpec } from "../../compile/snapshot.ts"
import type { Balancer } from "./balancer.ts"
import { createLeastRequestBalancer } from "./least-request.ts"
import { MaglevBalancer } from "./maglev.ts"
import { RandomBalancer } from "./random.ts"
import { type HashedCandidate, RingHashBalancer } from "./ring-hash.ts"
import { createRoundRobinBalancer } from "./round-robin.ts"

/** What of a cluster's specification decides how it balances. */
export interface BalancerSettings extends Pick<ClusterSpec, "hash"> {
  readonly loadBalancer: LoadBalancerKind
  /** Whether weights may change while the balancer lives. */
  readonly hasMovingWeights: boolean
}

const ringSizeMinDefault = 1024
const tableSizeDefault = 65_537

/**
 * @param candidates the list it balances over, for as long as it lives; empty is allowed.
 * @param random gives numbers in [0, 1).
 */
export function createBalancer<Candidate extends HashedCandidate>(
  settings: BalancerSettings,
  candidates: readonly Candidate[],
  random: () => number,
): Balancer<Candidate> {
  const { loadBalancer, hash, hasMovingWeights } = settings
  switch (loadBalancer) {
    case "least-request":
      return createLeastRequestBalancer(candidates, random, hasMovingWeights)
    case "round-robin":
      return createRoundRobinBalancer(candidates, random, hasMovingWeights)
    case "random":
      return new RandomBalancer(candidates, random)
    case "ring-hash":
      return new RingHashBalancer(candidates, hash?.ringSizeMin ?? ringSizeMinDefault, random)
    case "maglev":
      return new MaglevBalancer(candidates, hash?.tableSize ?? tableSizeDefault, random)
  }
}
