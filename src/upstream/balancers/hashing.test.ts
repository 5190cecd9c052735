/** Ring hash and Maglev (Istio semantics sheet 6.3): even shares, weights, and few keys that move. */
import { describe, expect, test } from "bun:test"
import fc from "fast-check"
import { seededRandom } from "../cluster-examples.ts"
import type { Balancer } from "./balancer.ts"
import { MaglevBalancer } from "./maglev.ts"
import { type HashedCandidate, RingHashBalancer } from "./ring-hash.ts"

type CreateBalancer = (candidates: readonly HashedCandidate[]) => Balancer<HashedCandidate>

const ringSize = 1024
const tableSize = 65_537
const balancers: readonly (readonly [string, CreateBalancer])[] = [
  ["ring-hash", (candidates) => new RingHashBalancer(candidates, ringSize, seededRandom(1))],
  ["maglev", (candidates) => new MaglevBalancer(candidates, tableSize, seededRandom(1))],
]

function candidates(weights: readonly number[], firstNumber = 1): readonly HashedCandidate[] {
  return weights.map((weight, index) => ({ key: `10.0.0.${firstNumber + index}:8080`, weight, activeRequests: 0 }))
}

const keyCount = 100_000
/** Spread over all 32 bits, the same in every run. */
const hashes = Array.from({ length: keyCount }, (_, index) => Bun.hash.xxHash32(`user-${index}`))

function shares(balancer: Balancer<HashedCandidate>): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const hash of hashes) {
    const key = balancer.pick(hash)?.key ?? ""
    counts.set(key, (counts.get(key) ?? 0) + 1 / keyCount)
  }
  return counts
}

describe.each(balancers)("%s", (_name, create) => {
  test("without endpoints there is nothing to pick", () => {
    expect(create([]).pick(5)).toBeNull()
    expect(create([]).pick(-1)).toBeNull()
  })

  test("a key has one endpoint, whatever the order in which the endpoints are listed", () => {
    const list = candidates([1, 1, 1, 1, 1])
    const forward = create(list)
    for (const hash of hashes.slice(0, 1000)) expect(forward.pick(hash)).toBe(forward.pick(hash))
    const backward = new RingHashBalancer(list.toReversed(), ringSize, seededRandom(2))
    const ring = new RingHashBalancer(list, ringSize, seededRandom(3))
    for (const hash of hashes.slice(0, 1000)) expect(backward.pick(hash)).toBe(ring.pick(hash))
  })

  test("every hash has an endpoint, the first and the last one too", () => {
    const balancer = create(candidates([1, 2, 3]))
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4_294_967_295 }), (hash) => expect(balancer.pick(hash)).not.toBeNull()),
    )
    for (const hash of [0, 4_294_967_295]) expect(balancer.pick(hash)).not.toBeNull()
  })

  test("without a key the choice is random, and reaches every endpoint", () => {
    const balancer = create(candidates([1, 1, 1, 1]))
    expect(new Set(Array.from({ length: 500 }, () => balancer.pick(-1)?.key)).size).toBe(4)
  })

  /**
   * A share of the ring is a sum of 1024 gaps of mean 1/(N 1024): its standard deviation is at most 1/(N sqrt(1024)), a
   * thirty-second of the share. Five of them, and five of the sample's own, hold for every endpoint but once in 10^5 rings;
   * Maglev is within one slot.
   */
  test("equal endpoints have equal shares, to within what chance allows", () => {
    for (const count of [2, 3, 10, 30]) {
      const fair = 1 / count
      const allowed = 5 * (fair / Math.sqrt(ringSize)) + 5 * Math.sqrt((fair * (1 - fair)) / keyCount)
      for (const share of shares(create(candidates(new Array<number>(count).fill(1)))).values()) {
        expect(Math.abs(share - fair)).toBeLessThan(allowed)
      }
    }
  })

  test("shares are in proportion to weights", () => {
    const weights = [1, 2, 5]
    const balancer = create(candidates(weights))
    const found = shares(balancer)
    for (const [index, weight] of weights.entries()) {
      const fair = weight / 8
      const allowed = 5 * (fair / Math.sqrt(ringSize * weight)) + 5 * Math.sqrt((fair * (1 - fair)) / keyCount)
      expect(Math.abs((found.get(`10.0.0.${index + 1}:8080`) ?? 0) - fair)).toBeLessThan(allowed)
    }
  })

  test("when one of N endpoints goes, at most 1.5/N of the keys move", () => {
    for (const count of [2, 3, 4, 5, 8, 9, 10, 16, 17, 30, 60]) {
      const list = candidates(new Array<number>(count).fill(1))
      for (const leaves of [0, Math.floor(count / 2), count - 1]) {
        const before = create(list)
        const after = create(list.filter((_, index) => index !== leaves))
        const moved = hashes.reduce((sum, hash) => sum + Number(before.pick(hash) !== after.pick(hash)), 0)
        expect(moved / keyCount).toBeLessThan(1.5 / count)
      }
    }
  })
})

describe("ring-hash", () => {
  test("the keys of an endpoint that goes are the only ones that move", () => {
    const list = candidates([1, 1, 1, 1, 1, 1, 1])
    const before = new RingHashBalancer(list, ringSize, seededRandom(1))
    const after = new RingHashBalancer(list.slice(1), ringSize, seededRandom(1))
    for (const hash of hashes) {
      const owner = before.pick(hash)
      if (owner !== list[0]) expect(after.pick(hash)).toBe(owner)
    }
  })
})
