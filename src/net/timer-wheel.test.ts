import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import fc from "fast-check"
import { Deadline, TimerWheel } from "./timer-wheel.ts"

const TICK_MS = 10
const TURN_MS = 1024 * TICK_MS

let nowMs = 0
const fail = (error: unknown): void => {
  throw error
}
let wheel = new TimerWheel(() => nowMs, fail)
let fired: string[] = []

beforeEach(() => {
  nowMs = 5_003
  wheel = new TimerWheel(() => nowMs, fail)
  fired = []
})

// The wheel's own interval must not outlive the test; here only `advance` moves it.
afterEach(() => wheel.stop())

function named(name: string): Deadline {
  return new Deadline(() => fired.push(name))
}

function advanceTo(ms: number): void {
  nowMs = ms
  wheel.advance()
}

describe("TimerWheel", () => {
  test("never fires early, and at most one tick late", () => {
    wheel.set(named("a"), 25)
    for (let ms = 5_003; ms < 5_028; ms++) advanceTo(ms)
    expect(fired).toEqual([])
    advanceTo(5_028 + TICK_MS)
    expect(fired).toEqual(["a"])
  })

  test("fires once", () => {
    const deadline = named("a")
    wheel.set(deadline, 1)
    expect([deadline.isSet, wheel.count]).toEqual([true, 1])
    advanceTo(6_000)
    advanceTo(30_000)
    expect([fired, deadline.isSet, wheel.count]).toEqual([["a"], false, 0])
  })

  test("a deadline of 0 fires with the next tick, not inside the call", () => {
    wheel.set(named("a"), 0)
    expect(fired).toEqual([])
    advanceTo(5_010)
    expect(fired).toEqual(["a"])
  })

  test("a cleared deadline does not fire, and its neighbours in the slot do", () => {
    const deadlines = ["a", "b", "c"].map(named)
    for (const deadline of deadlines) wheel.set(deadline, 20)
    for (const deadline of deadlines.slice(1, 2)) wheel.clear(deadline)
    expect(wheel.count).toBe(2)
    advanceTo(6_000)
    expect(fired.toSorted()).toEqual(["a", "c"])
  })

  test("clearing what is not set does nothing", () => {
    const deadline = named("a")
    wheel.clear(deadline)
    wheel.set(deadline, 10)
    wheel.clear(deadline)
    wheel.clear(deadline)
    expect(wheel.count).toBe(0)
  })

  test("setting it again moves it", () => {
    const deadline = named("a")
    wheel.set(deadline, 20)
    wheel.set(deadline, 500)
    expect(wheel.count).toBe(1)
    advanceTo(5_100)
    expect(fired).toEqual([])
    advanceTo(5_520)
    expect(fired).toEqual(["a"])
  })

  test("deadlines further away than one turn of the wheel wait for theirs", () => {
    wheel.set(named("near"), 50)
    wheel.set(named("far"), 50 + TURN_MS)
    wheel.set(named("farther"), 50 + 3 * TURN_MS)
    advanceTo(5_003 + 50 + TICK_MS)
    expect(fired).toEqual(["near"])
    advanceTo(5_003 + 50 + TURN_MS + TICK_MS)
    expect(fired).toEqual(["near", "far"])
    advanceTo(5_003 + 50 + 3 * TURN_MS - TICK_MS)
    expect(fired).toEqual(["near", "far"])
    advanceTo(5_003 + 50 + 3 * TURN_MS + TICK_MS)
    expect(fired).toEqual(["near", "far", "farther"])
  })

  test("after a stall longer than a turn everything due fires", () => {
    for (let index = 0; index < 50; index++) wheel.set(named(String(index)), index * 700)
    advanceTo(5_003 + 50 * 700 + TURN_MS)
    expect(fired.length).toBe(50)
    expect(wheel.count).toBe(0)
  })

  test("one that fires may clear or move another that is due in the same turn", () => {
    const cleared = named("cleared")
    const moved = named("moved")
    const first = new Deadline(() => {
      fired.push("first")
      wheel.clear(cleared)
      wheel.set(moved, 100)
    })
    wheel.set(first, 10)
    wheel.set(cleared, 30)
    wheel.set(moved, 30)
    advanceTo(5_500)
    expect(fired).toEqual(["first"])
    expect(wheel.count).toBe(1)
    advanceTo(5_700)
    expect(fired).toEqual(["first", "moved"])
  })

  test("one that fires may set itself again", () => {
    const again = new Deadline(() => {
      fired.push("again")
      wheel.set(again, 50)
    })
    wheel.set(again, 50)
    for (let ms = 5_003; ms <= 5_503; ms += TICK_MS) advanceTo(ms)
    // Every 50 ms, rounded up to the tick that this clock looks at next.
    expect(fired.length).toBe(8)
    expect(wheel.count).toBe(1)
  })

  test("a wheel that was idle for long starts from the present", () => {
    wheel.set(named("a"), 10)
    advanceTo(5_100)
    nowMs = 9_000_000
    wheel.set(named("b"), 30)
    advanceTo(9_000_020)
    expect(fired).toEqual(["a"])
    advanceTo(9_000_040)
    expect(fired).toEqual(["a", "b"])
  })

  test("any sequence of set, clear and time fires exactly what a plain list of deadlines would", () => {
    const step = fc.oneof(
      { weight: 3, arbitrary: fc.record({ kind: fc.constant("set" as const), id: fc.nat(5), ms: fc.nat(25_000) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant("clear" as const), id: fc.nat(5), ms: fc.constant(0) }) },
      {
        weight: 4,
        arbitrary: fc.record({
          kind: fc.constant("pass" as const),
          id: fc.constant(0),
          ms: fc.oneof(fc.nat(60), fc.nat(30_000)),
        }),
      },
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        nowMs = 7
        const ownWheel = new TimerWheel(() => nowMs, fail)
        const firedIds: number[] = []
        const deadlines = Array.from({ length: 6 }, (_, id) => new Deadline(() => firedIds.push(id)))
        const dueMs = new Map<number, number>()
        for (const { kind, id, ms } of steps) {
          const deadline = deadlines[id]
          if (deadline === undefined) continue
          if (kind === "set") {
            ownWheel.set(deadline, ms)
            // Ticks are on multiples of 10 ms, and the present tick is over.
            dueMs.set(id, Math.max(Math.ceil((nowMs + ms) / TICK_MS), Math.floor(nowMs / TICK_MS) + 1) * TICK_MS)
          } else if (kind === "clear") {
            ownWheel.clear(deadline)
            dueMs.delete(id)
          } else {
            nowMs += ms
            ownWheel.advance()
            const expected = [...dueMs].filter(([, at]) => at <= nowMs).map(([due]) => due)
            for (const due of expected) dueMs.delete(due)
            expect(firedIds.splice(0).toSorted()).toEqual(expected.toSorted())
          }
          expect(ownWheel.count).toBe(dueMs.size)
        }
        ownWheel.stop()
      }),
      { numRuns: 1000 },
    )
  })
})

test("a deadline whose owner throws does not keep the others from firing", () => {
  const errors: unknown[] = []
  const ownWheel = new TimerWheel(
    () => nowMs,
    (error) => errors.push(error),
  )
  const order: string[] = []
  const bug = new Error("bug")
  const throwing = new Deadline(() => {
    throw bug
  })
  const calm = new Deadline(() => order.push("calm"))
  for (const deadline of [calm, throwing, new Deadline(() => order.push("other"))]) ownWheel.set(deadline, 20)
  nowMs += 40
  ownWheel.advance()
  ownWheel.stop()
  expect(errors).toEqual([bug])
  expect(order.toSorted()).toEqual(["calm", "other"])
})
