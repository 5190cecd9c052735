import { describe, expect, test } from "bun:test"
import fc from "fast-check"
import { expectedTimeoutMs, formatGrpcTimeout, parseGrpcTimeoutMs, shortenedPerTryTimeoutMs } from "./timeout.ts"

describe("the time of one try (Istio semantics sheet 3.5, 3.6; Envoy router.cc)", () => {
  test("not less than the whole: it is ignored; without a whole it counts", () => {
    expect(shortenedPerTryTimeoutMs(50, 100)).toBe(50)
    expect(shortenedPerTryTimeoutMs(100, 100)).toBe(0)
    expect(shortenedPerTryTimeoutMs(200, 100)).toBe(0)
    expect(shortenedPerTryTimeoutMs(200, 0)).toBe(200)
  })

  test("the service is told the try's time, else the whole, never more than is left", () => {
    expect(expectedTimeoutMs(0, 0, 0)).toBe(0)
    expect(expectedTimeoutMs(100, 0, 0)).toBe(100)
    expect(expectedTimeoutMs(100, 30, 0)).toBe(30)
    expect(expectedTimeoutMs(100, 30, 80)).toBe(20)
    expect(expectedTimeoutMs(0, 30, 80)).toBe(30)
  })

  test("0 would mean no limit: at least 1 ms is told where there is one", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e6 }), fc.nat(1e6), fc.nat(2e6), (timeoutMs, perTryMs, elapsedMs) => {
        const told = expectedTimeoutMs(timeoutMs, perTryMs, elapsedMs)
        expect(told).toBeGreaterThanOrEqual(1)
        expect(told).toBeLessThanOrEqual(Math.max(1, timeoutMs - elapsedMs))
      }),
    )
  })
})

describe("grpc-timeout (gRPC over HTTP/2, Timeout)", () => {
  test("milliseconds where they fit into eight digits, else seconds, else minutes", () => {
    expect(formatGrpcTimeout(1)).toBe("1m")
    expect(formatGrpcTimeout(99_999_999)).toBe("99999999m")
    expect(formatGrpcTimeout(100_000_999)).toBe("100000S")
    expect(formatGrpcTimeout(100_000_000_000)).toBe("1666666M")
  })

  test("what is written is read again, rounded down by less than its unit", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), (timeoutMs) => {
        const text = formatGrpcTimeout(timeoutMs)
        expect(text).toMatch(/^[0-9]{1,8}[mSM]$/)
        const unitMs = text.endsWith("m") ? 1 : text.endsWith("S") ? 1_000 : 60_000
        const read = parseGrpcTimeoutMs(text)
        expect(read).toBeLessThanOrEqual(timeoutMs)
        if (read < 99_999_999 * 60_000) expect(timeoutMs - read).toBeLessThan(unitMs)
      }),
    )
  })

  test("one to eight digits and a unit; anything else counts for nothing", () => {
    expect(["1H", "1M", "1S", "1m", "1u", "1n", "0S"].map(parseGrpcTimeoutMs)).toEqual([
      3_600_000, 60_000, 1_000, 1, 1, 1, 1,
    ])
    expect(["", "1", "m", "123456789m", "-1m", "1.5S", "1s", " 1S", "1S "].map(parseGrpcTimeoutMs)).toEqual(
      Array.from({ length: 9 }, () => -1),
    )
  })
})
