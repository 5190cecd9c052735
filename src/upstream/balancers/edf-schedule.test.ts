import { expect, test } from "bun:test"
import fc from "fast-check"
import { EdfSchedule } from "./edf-schedule.ts"

function takeTurns(weights: readonly number[], count: number): readonly number[] {
  const schedule = new EdfSchedule(weights)
  return Array.from({ length: count }, () => {
    const member = schedule.next()
    schedule.reschedule(weights[member] ?? 1)
    return member
  })
}

test("a heavy member is spread among the others instead of coming in a burst", () => {
  expect(takeTurns([2, 1, 1], 8)).toEqual([0, 1, 2, 0, 0, 1, 2, 0])
})

test("members of the same weight take turns in their order", () => {
  expect(takeTurns([4, 4, 4], 7)).toEqual([0, 1, 2, 0, 1, 2, 0])
})

test("after whole rounds each member has had its weight's share, to within one turn", () => {
  const weights = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 12 })
  fc.assert(
    fc.property(weights, fc.integer({ min: 1, max: 5 }), (memberWeights, rounds) => {
      const totalWeight = memberWeights.reduce((sum, weight) => sum + weight, 0)
      const turns = takeTurns(memberWeights, totalWeight * rounds)
      for (const [member, weight] of memberWeights.entries()) {
        const count = turns.filter((turn) => turn === member).length
        expect(Math.abs(count - weight * rounds)).toBeLessThanOrEqual(1)
      }
    }),
  )
})

test("the next member is the one a linear search for the earliest deadline finds", () => {
  const weights = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 20 })
  fc.assert(
    fc.property(weights, (memberWeights) => {
      const waiting = memberWeights.map((weight, member) => ({ member, deadline: 1 / weight, turn: member }))
      let turn = memberWeights.length
      const expected = Array.from({ length: 100 }, () => {
        const [earliest] = [...waiting].sort((a, b) => a.deadline - b.deadline || a.turn - b.turn)
        if (earliest === undefined) return -1
        earliest.deadline += 1 / (memberWeights[earliest.member] ?? 1)
        earliest.turn = turn++
        return earliest.member
      })
      expect(takeTurns(memberWeights, 100)).toEqual(expected)
    }),
  )
})

test("without members there is no next one", () => {
  const schedule = new EdfSchedule([])
  schedule.reschedule(1)
  expect(schedule.next()).toBe(-1)
})
