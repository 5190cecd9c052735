/**
 * Weighted round robin (Istio semantics sheet 6.3; Envoy: RoundRobinLoadBalancer). The starting point is random, so
 * that several gateways, or one that reloads often, do not all begin with the same endpoint.
 */
import { type Balancer, type BalancerCandidate, drawIndex, hasEqualWeights } from "./balancer.ts"
import { EdfSchedule } from "./edf-schedule.ts"

export function createRoundRobinBalancer<Candidate extends BalancerCandidate>(
  candidates: readonly Candidate[],
  random: () => number,
  hasMovingWeights: boolean,
): Balancer<Candidate> {
  const skippedTurns = drawIndex(random, candidates.length)
  return !hasMovingWeights && hasEqualWeights(candidates)
    ? new RotatingBalancer(candidates, skippedTurns)
    : new WeightedRotationBalancer(candidates, skippedTurns)
}

class RotatingBalancer<Candidate extends BalancerCandidate> implements Balancer<Candidate> {
  private readonly candidates: readonly Candidate[]
  private nextIndex: number

  constructor(candidates: readonly Candidate[], startIndex: number) {
    this.candidates = candidates
    this.nextIndex = startIndex
  }

  pick(): Candidate | null {
    const candidate = this.candidates[this.nextIndex]
    if (candidate === undefined) return null
    this.nextIndex = this.nextIndex + 1 === this.candidates.length ? 0 : this.nextIndex + 1
    return candidate
  }
}

class WeightedRotationBalancer<Candidate extends BalancerCandidate> implements Balancer<Candidate> {
  private readonly candidates: readonly Candidate[]
  private readonly schedule: EdfSchedule

  constructor(candidates: readonly Candidate[], skippedTurns: number) {
    this.candidates = candidates
    this.schedule = new EdfSchedule(candidates.map((candidate) => candidate.weight))
    for (let turn = 0; turn < skippedTurns; turn++) this.pick()
  }

  pick(): Candidate | null {
    const candidate = this.candidates[this.schedule.next()]
    if (candidate === undefined) return null
    this.schedule.reschedule(candidate.weight)
    return candidate
  }
}
