import { afterEach, beforeEach, expect, test } from "bun:test"
import { TimerWheel } from "../net/timer-wheel.ts"
import { ConnectAttempt } from "./connect-attempt.ts"

const TIMEOUT_MS = 100

class RecordingAttempt extends ConnectAttempt {
  /** What it came to; each entry is told to the pool. */
  readonly outcomes: string[] = []

  succeed(): void {
    if (this.open()) this.outcomes.push(`open ${this.isOpen}`)
  }

  protected override onFailed(reason: string): void {
    this.outcomes.push(`failed ${JSON.stringify(reason)} ${this.isOpen}`)
  }
}

let nowMs: number
let wheel: TimerWheel
let attempt: RecordingAttempt
let cancelled: number
let failConnect: (reason: string) => void
beforeEach(() => {
  nowMs = 1_000
  wheel = new TimerWheel(
    () => nowMs,
    (error) => {
      throw error
    },
  )
  attempt = new RecordingAttempt(wheel, TIMEOUT_MS)
  cancelled = 0
  attempt.begin((onFailed) => {
    failConnect = onFailed
    return () => cancelled++
  })
})
afterEach(() => wheel.stop())

function pass(ms: number): void {
  nowMs += ms
  wheel.advance()
}

test("it comes about: the deadline is lifted, and nothing that comes later counts", () => {
  attempt.succeed()
  pass(10 * TIMEOUT_MS)
  failConnect("reset")
  attempt.succeed()
  expect([attempt.outcomes, cancelled]).toEqual([["open true"], 0])
})

test("it takes too long: it is cancelled, told once with no reason, and comes about too late to count", () => {
  pass(TIMEOUT_MS - 20)
  expect(attempt.outcomes).toEqual([])
  pass(40)
  attempt.succeed()
  failConnect("refused")
  expect([attempt.outcomes, cancelled]).toEqual([['failed "" false'], 1])
})

test("it fails: told once with its reason, and no deadline passes after it", () => {
  failConnect("refused")
  failConnect("refused")
  pass(10 * TIMEOUT_MS)
  expect([attempt.outcomes, cancelled]).toEqual([['failed "refused" false'], 0])
})

test("it fails before connecting returns", () => {
  attempt.succeed()
  const sudden = new RecordingAttempt(wheel, TIMEOUT_MS)
  sudden.begin((onFailed) => {
    onFailed("no such address")
    return () => cancelled++
  })
  pass(10 * TIMEOUT_MS)
  expect([sudden.outcomes, cancelled]).toEqual([['failed "no such address" false'], 0])
})
