/**
 * From the configured policy to its balancer (Istio semantics sheet 6.3).
 */
import type { ClusterSpec } from "../../compile/snapshot.ts"
import type { Balancer, BalancerCandidate } from "./balancer.ts"
import { createLeastRequestBalancer } from "./least-request.ts"
import { RandomBalancer } from "./random.ts"
import { createRoundRobinBalancer } from "./round-robin.ts"

/**
 * @param candidates the list it balances over, for as long as it lives; empty is allowed.
 * @param random gives numbers in [0, 1).
 */
export function createBalancer<Candidate extends BalancerCandidate>(
  policy: ClusterSpec["loadBalancer"],
  candidates: readonly Candidate[],
  random: () => number,
): Balancer<Candidate> {
  switch (policy) {
    case "least-request":
      return createLeastRequestBalancer(candidates, random)
    case "round-robin":
      return createRoundRobinBalancer(candidates, random)
    case "random":
      return new RandomBalancer(candidates, random)
  }
}
