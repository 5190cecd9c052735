/** Priorities, panic and locality shares (Istio semantics sheet 6.3, 6.4; Envoy: "Priority levels", "Panic threshold"). */
import { describe, expect, test } from "bun:test"
import fc from "fast-check"
import { seededRandom } from "./cluster-examples.ts"
import { EndpointSelection, type SelectableEndpoint } from "./endpoint-selection.ts"

interface Member extends SelectableEndpoint {
  readonly key: string
}

/** `count` endpoints of which the first `healthyCount` are healthy. */
function members(priority: number, count: number, healthyCount: number, locality = "", localityShare = 0): Member[] {
  return Array.from({ length: count }, (_, index) => ({
    key: `p${priority}${locality}-${index}`,
    weight: 1,
    activeRequests: 0,
    health: { isHealthy: index < healthyCount },
    spec: { priority, localityShare, locality },
  }))
}

function select(endpoints: readonly Member[], panicThresholdPercent = 0, seed = 1): EndpointSelection<Member> {
  const settings = { loadBalancer: "random" as const, hash: null, hasMovingWeights: false, panicThresholdPercent }
  return new EndpointSelection(settings, endpoints, seededRandom(seed))
}

const drawCount = 20_000
/** Six standard deviations of a share of that many draws: exceeded once in 10^9. */
const deviationMax = 6 * Math.sqrt(0.25 / drawCount)

function sharesBy(selection: EndpointSelection<Member>, groupOf: (member: Member) => string): Record<string, number> {
  const shares: Record<string, number> = {}
  for (let draw = 0; draw < drawCount; draw++) {
    const member = selection.pick(-1)
    const group = member === null ? "none" : groupOf(member)
    shares[group] = (shares[group] ?? 0) + 1 / drawCount
  }
  return shares
}

function expectShares(found: Record<string, number>, wanted: Record<string, number>): void {
  expect(Object.keys(found).sort()).toEqual(Object.keys(wanted).sort())
  for (const [group, share] of Object.entries(wanted)) {
    expect(Math.abs((found[group] ?? 0) - share)).toBeLessThan(deviationMax)
  }
}

const byPriority = ({ spec }: Member) => String(spec.priority)

describe("priorities", () => {
  test("a level that is whole takes everything", () => {
    expectShares(sharesBy(select([...members(0, 3, 3), ...members(1, 3, 3)]), byPriority), { "0": 1 })
  })

  test.each([
    // Of ten endpoints: healthy at level 0, share of level 0 (Envoy's table for the factor 1.4).
    [8, 1],
    [7, 0.98],
    [5, 0.7],
    [2, 0.28],
  ])("%d of ten healthy endpoints keep %d of the traffic, the next level takes the rest", (healthy, share) => {
    const found = sharesBy(select([...members(0, 10, healthy), ...members(1, 10, 10)]), byPriority)
    expectShares(found, share === 1 ? { "0": 1 } : { "0": share, "1": 1 - share })
  })

  test("a level without a healthy endpoint gives everything to the next", () => {
    expectShares(sharesBy(select([...members(0, 2, 0), ...members(1, 2, 2)]), byPriority), { "1": 1 })
  })

  test("where all levels together are not whole, each takes its part of what there is", () => {
    // 2/10 is 28, 3/10 is 42: 40 % and 60 %.
    const found = sharesBy(select([...members(0, 10, 2), ...members(1, 10, 3)]), byPriority)
    expectShares(found, { "0": 0.4, "1": 0.6 })
  })

  test("unhealthy endpoints are never picked while panic is off", () => {
    const counts = fc.integer({ min: 1, max: 6 })
    fc.assert(
      fc.property(counts, counts, fc.integer({ min: 0, max: 6 }), fc.integer(), (first, second, healthy, seed) => {
        const endpoints = [...members(0, first, healthy), ...members(1, second, healthy)]
        const selection = select(endpoints, 0, seed)
        for (let draw = 0; draw < 20; draw++) {
          const picked = selection.pick(draw % 2 === 0 ? -1 : draw)
          if (healthy === 0) expect(picked).toBeNull()
          else expect(picked?.health.isHealthy).toBe(true)
        }
      }),
    )
  })
})

describe("panic", () => {
  test("under the threshold all endpoints of the level are used", () => {
    const selection = select(members(0, 10, 4), 50)
    expect([selection.isInPanic, selection.usable.length]).toEqual([true, 10])
    expect([select(members(0, 10, 5), 50).isInPanic, select(members(0, 10, 5), 50).usable.length]).toEqual([false, 5])
  })

  test("threshold 0 is off: nobody healthy is nobody", () => {
    const selection = select(members(0, 3, 0), 0)
    expect([selection.isInPanic, selection.pick(-1)]).toEqual([false, null])
  })

  test("a level under the threshold does not panic while the others can carry everything", () => {
    expect(select([...members(0, 10, 1), ...members(1, 10, 10)], 50).isInPanic).toBe(false)
  })

  test("when every level panics each gets what its size is worth", () => {
    const found = sharesBy(select([...members(0, 6, 0), ...members(1, 2, 0)], 50), byPriority)
    expectShares(found, { "0": 0.75, "1": 0.25 })
  })
})

describe("locality shares", () => {
  const byLocality = ({ spec }: Member) => spec.locality

  test("each locality has its share, however many endpoints it has", () => {
    const endpoints = [...members(0, 1, 1, "a", 70), ...members(0, 9, 9, "b", 30)]
    expectShares(sharesBy(select(endpoints), byLocality), { a: 0.7, b: 0.3 })
  })

  test("a locality that loses health loses traffic to the others", () => {
    // Half of a is healthy: 50 x 0.7 against 50.
    const endpoints = [...members(0, 4, 2, "a", 50), ...members(0, 4, 4, "b", 50)]
    expectShares(sharesBy(select(endpoints), byLocality), { a: 35 / 85, b: 50 / 85 })
  })
})

test("a hash always leads to the same endpoint, across levels too", () => {
  const endpoints = [...members(0, 10, 5), ...members(1, 10, 10)]
  const settings = { loadBalancer: "maglev" as const, hash: null, hasMovingWeights: false, panicThresholdPercent: 0 }
  const first = new EndpointSelection(settings, endpoints, seededRandom(1))
  const second = new EndpointSelection(settings, endpoints, seededRandom(2))
  const levels = new Set<number>()
  for (let user = 0; user < 200; user++) {
    const hash = Bun.hash.xxHash32(`user-${user}`)
    expect(first.pick(hash)).toBe(second.pick(hash))
    levels.add(first.pick(hash)?.spec.priority ?? -1)
  }
  expect(levels).toEqual(new Set([0, 1]))
})
