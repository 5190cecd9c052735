import { expect, test } from "bun:test"
import fc from "fast-check"
import { parseDurationMs } from "./duration.ts"

test("Go and protobuf durations are read in milliseconds", () => {
  const cases: readonly (readonly [string, number])[] = [
    ["0", 0],
    ["0s", 0],
    ["1.5s", 1500],
    ["100ms", 100],
    ["1h30m", 5_400_000],
    ["2m0.5s", 120_500],
    [".5s", 500],
    ["1.s", 1000],
    ["100us", 0.1],
    ["1µs", 0.001],
    ["3ns", 0.000003],
    ["2562047h47m", 9_223_372_020_000],
  ]
  for (const [text, expected] of cases) expect([text, parseDurationMs(text)]).toEqual([text, expected])
})

test("what is not a duration is null", () => {
  for (const text of [
    "",
    "5",
    "1.5",
    "-1s",
    "+1s",
    "1 s",
    "s",
    ".s",
    "1d",
    "1S",
    "1s ",
    "1h30",
    "1e3s",
    "1_0s",
    "1s\n",
  ]) {
    expect([text, parseDurationMs(text)]).toEqual([text, null])
  }
})

test("a duration longer than Go's 292 years is null", () => {
  expect(parseDurationMs("2562048h")).toBeNull()
  expect(parseDurationMs(`${"9".repeat(60)}h`)).toBeNull()
})

test("hours, minutes and milliseconds add up", () => {
  const part = fc.integer({ min: 0, max: 999 })
  fc.assert(
    fc.property(part, part, part, (hours, minutes, ms) => {
      expect(parseDurationMs(`${hours}h${minutes}m${ms}ms`)).toBe(hours * 3_600_000 + minutes * 60_000 + ms)
    }),
  )
})

test("any text gives a number or null", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const durationMs = parseDurationMs(text)
      expect(durationMs === null || (Number.isFinite(durationMs) && durationMs >= 0)).toBe(true)
    }),
  )
})
