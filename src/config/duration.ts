/**
 * Durations as Istio's YAML writes them: Go's `1h30m`, `1.5s`, `100ms`, which contain protobuf's JSON form `3.5s`.
 * Source: Go `time.ParseDuration`, protobuf `google.protobuf.Duration` JSON mapping.
 */

const unitMs: ReadonlyMap<string, number> = new Map([
  ["ns", 1e-6],
  ["us", 1e-3],
  ["µs", 1e-3],
  ["μs", 1e-3],
  ["ms", 1],
  ["s", 1000],
  ["m", 60_000],
  ["h", 3_600_000],
])

/** The largest duration Go can hold: 2^63 - 1 nanoseconds, about 292 years. */
const durationMsMax = 9_223_372_036_854

const segment = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)/y

/**
 * Milliseconds of a duration text; fractions of a millisecond stay fractions.
 *
 * @returns null when the text is not a duration, is negative, or is longer than Go can hold.
 */
export function parseDurationMs(text: string): number | null {
  if (text === "0") return 0
  if (text.length === 0 || text.length > 64) return null
  let totalMs = 0
  segment.lastIndex = 0
  while (segment.lastIndex < text.length) {
    const match = segment.exec(text)
    if (match === null) return null
    const factor = unitMs.get(match[2] ?? "")
    if (factor === undefined) return null
    // Division keeps `100us` exactly 0.1, where multiplying by an inexact 1e-3 would not.
    const amount = Number(match[1])
    totalMs += factor < 1 ? amount / Math.round(1 / factor) : amount * factor
  }
  return totalMs <= durationMsMax ? totalMs : null
}
