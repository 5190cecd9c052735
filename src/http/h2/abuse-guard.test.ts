import { expect, test } from "bun:test"
import { AbuseGuard, TokenBucket } from "./abuse-guard.ts"
import { DEFAULT_HTTP2_LIMITS } from "./limits.ts"

function takeAll(bucket: TokenBucket, nowMs: number): number {
  let count = 0
  while (count < 10_000 && bucket.take(nowMs)) count++
  return count
}

test("a bucket gives so many at once, then so many per second, and never saves more than at first", () => {
  const bucket = new TokenBucket(5, 2, 1_000)
  expect(takeAll(bucket, 1_000)).toBe(5)
  expect(takeAll(bucket, 2_000)).toBe(2)
  expect(takeAll(bucket, 2_400)).toBe(0)
  expect(takeAll(bucket, 2_600)).toBe(1)
  expect(takeAll(bucket, 1_000_000)).toBe(5)
})

test("a clock that stands still or goes back gives nothing", () => {
  const bucket = new TokenBucket(1, 1_000, 5_000)
  expect(takeAll(bucket, 5_000)).toBe(1)
  expect(takeAll(bucket, 5_000)).toBe(0)
  expect(takeAll(bucket, 4_000)).toBe(0)
})

test("what is earned may go over what there is at first", () => {
  const bucket = new TokenBucket(2, 1, 0)
  bucket.give(10)
  expect(takeAll(bucket, 0)).toBe(12)
})

test("DATA that was sent explains WINDOW_UPDATE, in one burst too", () => {
  const limits = { ...DEFAULT_HTTP2_LIMITS, windowUpdatesMax: 3, windowUpdatesPerDataFrame: 2 }
  const guard = new AbuseGuard(limits, 0)
  for (let frame = 0; frame < 100; frame++) guard.onDataSent()
  for (let update = 0; update < 203; update++) expect(guard.allowsWindowUpdate(0)).toBe(true)
  expect(guard.allowsWindowUpdate(0)).toBe(false)
})
