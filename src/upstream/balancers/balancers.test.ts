import { describe, expect, test } from "bun:test"
import fc from "fast-check"
import type { LoadBalancerKind } from "../../compile/cluster-policies.ts"
import { seededRandom } from "../cluster-examples.ts"
import type { Balancer } from "./balancer.ts"
import { createBalancer } from "./create-balancer.ts"
import { chiSquareMaxFor5Outcomes, chiSquareOfEqualShares } from "./distribution.ts"
import type { HashedCandidate } from "./ring-hash.ts"

interface Candidate extends HashedCandidate {
  readonly index: number
  activeRequests: number
}

function candidates(...weights: readonly number[]): readonly Candidate[] {
  return weights.map((weight, index) => ({ index, key: `10.0.0.${index}:80`, weight, activeRequests: 0 }))
}

function balance(
  loadBalancer: LoadBalancerKind,
  list: readonly Candidate[],
  random: () => number,
): Balancer<Candidate> {
  return createBalancer({ loadBalancer, hash: null, hasMovingWeights: false }, list, random)
}

function pickIndices(balancer: Balancer<Candidate>, count: number): readonly number[] {
  return Array.from({ length: count }, () => balancer.pick(-1)?.index ?? -1)
}

function countPicks(balancer: Balancer<Candidate>, candidateCount: number, pickCount: number): readonly number[] {
  const counts = new Array<number>(candidateCount).fill(0)
  for (const index of pickIndices(balancer, pickCount)) counts[index] = (counts[index] ?? 0) + 1
  return counts
}

const policies = ["least-request", "round-robin", "random"] as const

describe.each(policies)("%s", (policy) => {
  test("without endpoints there is nothing to pick", () => {
    expect(balance(policy, candidates(), seededRandom(1)).pick(-1)).toBeNull()
  })

  test("a single endpoint is always picked", () => {
    expect(pickIndices(balance(policy, candidates(3), seededRandom(1)), 3)).toEqual([0, 0, 0])
  })

  test("idle endpoints of equal weight get equal shares (a fair balancer fails one seed in 10^6)", () => {
    const counts = countPicks(balance(policy, candidates(1, 1, 1, 1, 1), seededRandom(20)), 5, 50_000)
    expect(chiSquareOfEqualShares(counts)).toBeLessThan(chiSquareMaxFor5Outcomes)
  })

  test("every pick is one of the endpoints, for any weights and any random numbers", () => {
    const weights = fc.array(fc.integer({ min: 1, max: 2 ** 32 - 1 }), { minLength: 1, maxLength: 6 })
    fc.assert(
      fc.property(weights, fc.integer(), (someWeights, seed) => {
        const balancer = balance(policy, candidates(...someWeights), seededRandom(seed))
        for (const index of pickIndices(balancer, 20)) {
          expect(index).toBeGreaterThanOrEqual(0)
          expect(index).toBeLessThan(someWeights.length)
        }
      }),
    )
  })
})

describe("least-request (sheet 6.3)", () => {
  test("of two endpoints the one with fewer active requests is picked, always", () => {
    const [busy, idle] = candidates(1, 1)
    if (busy === undefined || idle === undefined) throw new Error("two candidates were made")
    busy.activeRequests = 1
    const balancer = balance("least-request", [busy, idle], seededRandom(3))
    expect(new Set(pickIndices(balancer, 100))).toEqual(new Set([idle.index]))
  })

  test("the one endpoint with the most active requests is never picked among several", () => {
    const loads = fc.array(fc.integer({ min: 0, max: 99 }), { minLength: 1, maxLength: 9 })
    fc.assert(
      fc.property(loads, fc.integer(), (otherLoads, seed) => {
        const some = candidates(1, ...otherLoads.map(() => 1))
        for (const candidate of some) candidate.activeRequests = otherLoads[candidate.index - 1] ?? 100
        const balancer = balance("least-request", some, seededRandom(seed))
        expect(pickIndices(balancer, 20)).not.toContain(0)
      }),
    )
  })

  test("two choices: of three endpoints with loads 0, 1, 2 the shares are 2/3, 1/3, 0", () => {
    const some = candidates(1, 1, 1)
    for (const candidate of some) candidate.activeRequests = candidate.index
    const pickCount = 30_000
    const [first = 0, second = 0, third = 0] = countPicks(balance("least-request", some, seededRandom(4)), 3, pickCount)
    // Five standard deviations of a binomial draw with p = 2/3: a fair balancer fails one seed in 1.7 million.
    const tolerance = 5 * Math.sqrt((pickCount * 2) / 9)
    expect(Math.abs(first - (pickCount * 2) / 3)).toBeLessThan(tolerance)
    expect(Math.abs(second - pickCount / 3)).toBeLessThan(tolerance)
    expect(third).toBe(0)
  })

  test("with unequal weights idle endpoints get shares by weight", () => {
    expect(countPicks(balance("least-request", candidates(1, 2, 4), seededRandom(5)), 3, 700)).toEqual([100, 200, 400])
  })

  test("with unequal weights an active request halves the share of its endpoint", () => {
    const some = candidates(1, 2)
    for (const candidate of some) candidate.activeRequests = candidate.weight - 1
    expect(countPicks(balance("least-request", some, seededRandom(6)), 2, 200)).toEqual([100, 100])
  })

  test("with unequal weights the load at the moment of a pick counts, not that at the start", () => {
    const some = candidates(1, 2)
    const balancer = balance("least-request", some, seededRandom(6))
    countPicks(balancer, 2, 3)
    for (const candidate of some) candidate.activeRequests = candidate.index === 1 ? 7 : 0
    // Weights are 1 and 2/8 from now on: four to one, once the turns planned before are over.
    const [first = 0, second = 0] = countPicks(balancer, 2, 500)
    expect(Math.abs(first - 400)).toBeLessThanOrEqual(2)
    expect(Math.abs(second - 100)).toBeLessThanOrEqual(2)
  })
})

describe("round-robin (sheet 6.3)", () => {
  test("endpoints take turns in their order", () => {
    expect(
      pickIndices(
        balance("round-robin", candidates(1, 1, 1), () => 0),
        7,
      ),
    ).toEqual([0, 1, 2, 0, 1, 2, 0])
  })

  test("the starting point is drawn", () => {
    expect(
      pickIndices(
        balance("round-robin", candidates(1, 1, 1), () => 0.99),
        4,
      ),
    ).toEqual([2, 0, 1, 2])
  })

  test("with unequal weights shares follow the weights in every round, whatever the starting point", () => {
    for (const start of [0, 0.34, 0.67]) {
      const balancer = balance("round-robin", candidates(1, 2, 4), () => start)
      expect(countPicks(balancer, 3, 70)).toEqual([10, 20, 40])
    }
  })

  test("active requests do not matter", () => {
    const some = candidates(1, 1)
    for (const candidate of some) candidate.activeRequests = candidate.index * 100
    expect(
      countPicks(
        balance("round-robin", some, () => 0),
        2,
        10,
      ),
    ).toEqual([5, 5])
  })
})

describe("random (sheet 6.3)", () => {
  test("is uniform: weights do not matter (a fair balancer fails one seed in 10^6)", () => {
    const counts = countPicks(balance("random", candidates(1, 2, 4, 8, 16), seededRandom(7)), 5, 50_000)
    expect(chiSquareOfEqualShares(counts)).toBeLessThan(chiSquareMaxFor5Outcomes)
  })
})
