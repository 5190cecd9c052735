/**
 * Ring hash (Istio semantics sheet 6.3; Envoy: RingHashLoadBalancer): each endpoint lies at many points of a ring, in
 * proportion to its weight, and a key belongs to the next point after its own hash.
 *
 * Unlike Envoy's, an endpoint's number of points does not depend on how many others there are (up to `pointsTotalMax`),
 * so that the keys of one that leaves are the only ones that move.
 */
import type { Balancer, BalancerCandidate } from "./balancer.ts"

/** What identifies a candidate for hashing: stable over restarts and gateways. */
export interface HashedCandidate extends BalancerCandidate {
  readonly key: string
}

/** Keeps a rebuild within a few milliseconds, unless a larger ring was asked for. */
const pointsTotalMax = 65_536
/** One double holds a point: its place in the upper 32 bits, its candidate in the lower ones. */
const candidatesMax = 1 << 20

export class RingHashBalancer<Candidate extends HashedCandidate> implements Balancer<Candidate> {
  private readonly candidates: readonly Candidate[]
  private readonly random: () => number
  /** Places on the ring, ascending. */
  private readonly places: Uint32Array
  /** By point: index of its candidate. */
  private readonly owners: Uint32Array

  /** @param ringSizeMin points of an endpoint of weight one */
  constructor(candidates: readonly Candidate[], ringSizeMin: number, random: () => number) {
    this.candidates = candidates.slice(0, candidatesMax)
    this.random = random
    const points = ringPoints(this.candidates, ringSizeMin)
    this.places = new Uint32Array(points.length)
    this.owners = new Uint32Array(points.length)
    for (let index = 0; index < points.length; index++) {
      const point = points[index] as number
      this.places[index] = Math.floor(point / candidatesMax)
      this.owners[index] = point % candidatesMax
    }
  }

  pick(hash: number): Candidate | null {
    const { places } = this
    const count = places.length
    if (count === 0) return null
    const wanted = hash < 0 ? Math.floor(this.random() * 4_294_967_296) : hash
    let low = 0
    let high = count
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((places[middle] as number) < wanted) low = middle + 1
      else high = middle
    }
    return this.candidates[this.owners[low === count ? 0 : low] as number] ?? null
  }
}

/** Every point as `place * candidatesMax + candidate index`, ascending. */
function ringPoints(candidates: readonly HashedCandidate[], ringSizeMin: number): Float64Array {
  const units = weightUnits(candidates)
  const unitsTotal = units.reduce((sum, unit) => sum + unit, 0)
  const totalMax = Math.max(pointsTotalMax, ringSizeMin)
  const perUnit = Math.min(ringSizeMin, totalMax / Math.max(1, unitsTotal))
  const counts = units.map((unit) => Math.max(1, Math.round(unit * perUnit)))
  const points = new Float64Array(counts.reduce((sum, count) => sum + count, 0))
  let next = 0
  for (const [index, { key }] of candidates.entries()) {
    const count = counts[index] ?? 0
    for (let point = 0; point < count; point++) {
      points[next++] = Bun.hash.xxHash32(`${key}_${point}`) * candidatesMax + index
    }
  }
  return points.sort()
}

/** Weights divided by what they have in common: 100 and 200 are 1 and 2. */
function weightUnits(candidates: readonly HashedCandidate[]): readonly number[] {
  const divisor = candidates.reduce((common, { weight }) => greatestCommonDivisor(weight, common), 0)
  return candidates.map(({ weight }) => weight / Math.max(1, divisor))
}

function greatestCommonDivisor(left: number, right: number): number {
  return right === 0 ? left : greatestCommonDivisor(right, left % right)
}
