/**
 * Least request, the default (Istio semantics sheet 6.3; Envoy: LeastRequestLoadBalancer).
 *
 * Equal weights: two random endpoints, the one with fewer active requests wins, the first drawn on a tie. The two are
 * distinct (Envoy may draw one endpoint twice), so that of two endpoints the idle one always wins.
 * Unequal weights: weighted round robin, where an endpoint's weight is divided by its active requests plus one.
 */
import { type Balancer, type BalancerCandidate, drawIndex, hasEqualWeights } from "./balancer.ts"
import { EdfSchedule } from "./edf-schedule.ts"

export function createLeastRequestBalancer<Candidate extends BalancerCandidate>(
  candidates: readonly Candidate[],
  random: () => number,
  hasMovingWeights: boolean,
): Balancer<Candidate> {
  return !hasMovingWeights && hasEqualWeights(candidates)
    ? new TwoChoicesBalancer(candidates, random)
    : new BiasedByRequestsBalancer(candidates)
}

class TwoChoicesBalancer<Candidate extends BalancerCandidate> implements Balancer<Candidate> {
  private readonly candidates: readonly Candidate[]
  private readonly random: () => number

  constructor(candidates: readonly Candidate[], random: () => number) {
    this.candidates = candidates
    this.random = random
  }

  pick(): Candidate | null {
    const candidates = this.candidates
    const count = candidates.length
    if (count < 2) return candidates[0] ?? null
    const firstIndex = drawIndex(this.random, count)
    // Drawn from the others: an index at or above the first one stands for its right neighbour.
    let secondIndex = drawIndex(this.random, count - 1)
    if (secondIndex >= firstIndex) secondIndex++
    const first = candidates[firstIndex]
    const second = candidates[secondIndex]
    if (first === undefined || second === undefined) return null
    return second.activeRequests < first.activeRequests ? second : first
  }
}

class BiasedByRequestsBalancer<Candidate extends BalancerCandidate> implements Balancer<Candidate> {
  private readonly candidates: readonly Candidate[]
  private readonly schedule: EdfSchedule

  constructor(candidates: readonly Candidate[]) {
    this.candidates = candidates
    this.schedule = new EdfSchedule(candidates.map(biasedWeight))
  }

  pick(): Candidate | null {
    const candidate = this.candidates[this.schedule.next()]
    if (candidate === undefined) return null
    this.schedule.reschedule(biasedWeight(candidate))
    return candidate
  }
}

/** Envoy's formula with its default `active_request_bias` of 1. */
function biasedWeight(candidate: BalancerCandidate): number {
  return candidate.weight / (candidate.activeRequests + 1)
}
