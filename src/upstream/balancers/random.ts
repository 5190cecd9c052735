/**
 * Random balancing: uniform, weights are not looked at (Istio semantics sheet 6.3; Envoy: RandomLoadBalancer).
 */
import { type Balancer, type BalancerCandidate, drawIndex } from "./balancer.ts"

export class RandomBalancer<Candidate extends BalancerCandidate> implements Balancer<Candidate> {
  private readonly candidates: readonly Candidate[]
  private readonly random: () => number

  constructor(candidates: readonly Candidate[], random: () => number) {
    this.candidates = candidates
    this.random = random
  }

  pick(): Candidate | null {
    return this.candidates[drawIndex(this.random, this.candidates.length)] ?? null
  }
}
