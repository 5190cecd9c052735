/** PINGs on upstream connections, with a clock that is moved by hand (Istio semantics sheet 6.5: http2KeepAlive). */
import { expect, test } from "bun:test"
import { TimerWheel } from "../net/timer-wheel.ts"
import { Http2Probe } from "./http2-probe.ts"

class FakeConnection {
  pings = 0
  isCut = false
  hasHeardSinceProbe = false

  probe(): void {
    this.pings++
    this.hasHeardSinceProbe = false
  }

  terminate(): void {
    this.isCut = true
  }
}

function createProbe(intervalMs: number, timeoutMs: number) {
  let nowMs = 0
  let unanswered = 0
  const wheel = new TimerWheel(
    () => nowMs,
    (error) => {
      throw error
    },
  )
  const connection = new FakeConnection()
  const probe = new Http2Probe(connection, { intervalMs, timeoutMs }, wheel, () => unanswered++)
  const advanceTo = (ms: number): void => {
    nowMs = ms
    wheel.advance()
  }
  return { connection, probe, wheel, advanceTo, unansweredCount: () => unanswered }
}

test("a PING goes out after the interval and no more than 15 % later", () => {
  const { connection, advanceTo, wheel } = createProbe(1000, 500)
  advanceTo(990)
  expect(connection.pings).toBe(0)
  advanceTo(1170)
  expect(connection.pings).toBe(1)
  wheel.stop()
})

test("silence until the timeout: the connection is counted and cut", () => {
  const { connection, advanceTo, wheel, unansweredCount } = createProbe(1000, 500)
  advanceTo(1200)
  advanceTo(1690)
  expect(connection.isCut).toBe(false)
  advanceTo(1710)
  expect([connection.isCut, unansweredCount(), wheel.count]).toEqual([true, 1, 0])
})

test("anything that comes is an answer, and the next PING follows an interval after the last", () => {
  const { connection, advanceTo, wheel } = createProbe(1000, 500)
  advanceTo(1200)
  connection.hasHeardSinceProbe = true
  advanceTo(1710)
  expect(connection.isCut).toBe(false)
  advanceTo(2190)
  expect(connection.pings).toBe(1)
  advanceTo(2400)
  expect(connection.pings).toBe(2)
  wheel.stop()
})

test("a connection that is gone is not asked any more", () => {
  const { probe, wheel } = createProbe(1000, 500)
  probe.stop()
  expect(wheel.count).toBe(0)
})
