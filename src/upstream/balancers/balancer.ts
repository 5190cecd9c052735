/**
 * What a load balancer is: made for one fixed list of endpoints, asked once per try. When the list changes, a new one
 * is made; so a balancer may prepare whatever it likes for its list and never has to look for changes.
 */

/** What balancing needs to know of an endpoint. */
export interface BalancerCandidate {
  /** ≥ 1; fixed as long as the balancer lives, except that a warming endpoint's weight grows. */
  readonly weight: number
  /** Changes at any time. */
  readonly activeRequests: number
}

export interface Balancer<Candidate extends BalancerCandidate> {
  /**
   * The next endpoint; null only when there is none. Allocates nothing.
   * @param hash of the request's key, 32 bits unsigned; -1 = none. Only the hashing balancers look at it.
   */
  pick(hash: number): Candidate | null
}

/** Whether weights need no attention. True for an empty list. */
export function hasEqualWeights(candidates: readonly BalancerCandidate[]): boolean {
  const first = candidates[0]
  return first === undefined || candidates.every((candidate) => candidate.weight === first.weight)
}

/** A uniformly drawn index below `count` (0 when `count` is 0). @param random gives numbers in [0, 1). */
export function drawIndex(random: () => number, count: number): number {
  return Math.floor(random() * count)
}
