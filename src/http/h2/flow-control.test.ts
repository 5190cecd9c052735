import { expect, test } from "bun:test"
import fc from "fast-check"
import { ReceiveWindow, SendWindow } from "./flow-control.ts"

test("RFC 9113 6.9.1: a window over 2^31-1 is an overflow", () => {
  const window = new SendWindow(65_535)
  expect(window.grow(0x7fffffff - 65_535)).toBe(true)
  expect(window.grow(1)).toBe(false)
})

test("RFC 9113 6.9.2: a window may become negative, and must come back before anything is sent", () => {
  const window = new SendWindow(100)
  window.take(80)
  expect(window.grow(-60)).toBe(true)
  expect(window.bytes).toBe(-40)
})

test("RFC 9113 6.9: a peer that sends more than it was given is told apart", () => {
  const window = new ReceiveWindow(100)
  expect(window.receive(100)).toBe(true)
  expect(window.receive(1)).toBe(false)
})

test("bytes are given back in portions of half a window", () => {
  const window = new ReceiveWindow(100)
  window.receive(100)
  expect([window.credit(49), window.credit(1), window.credit(50)]).toEqual([0, 50, 50])
  expect(window.receive(100)).toBe(true)
})

test("a peer that waits for what was taken always gets on, and never has more than the window", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1000 }), fc.array(fc.nat(1000)), (sizeBytes, wishes) => {
      const window = new ReceiveWindow(sizeBytes)
      let available = sizeBytes
      for (const wish of wishes) {
        const sent = Math.min(wish, available)
        available -= sent
        expect(window.receive(sent)).toBe(true)
        available += window.credit(sent)
        expect(available).toBeGreaterThan(0)
        expect(available).toBeLessThanOrEqual(sizeBytes)
      }
    }),
  )
})
