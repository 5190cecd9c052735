/**
 * `%START_TIME%`, `%START_TIME(FORMAT)%` and other times, in UTC.
 * FORMAT is strftime's language as Envoy extends it (`%3f` = milliseconds), as far as it needs no locale or time zone.
 */
import type { AccessLogRecord } from "./access-log-record.ts"

type ReadTime = (record: AccessLogRecord) => string

const specifiers: ReadonlyMap<string, (date: Date) => string> = new Map<string, (date: Date) => string>([
  ["%", () => "%"],
  ["Y", (date) => String(date.getUTCFullYear())],
  ["m", (date) => padded(date.getUTCMonth() + 1, 2)],
  ["d", (date) => padded(date.getUTCDate(), 2)],
  ["H", (date) => padded(date.getUTCHours(), 2)],
  ["M", (date) => padded(date.getUTCMinutes(), 2)],
  ["S", (date) => padded(date.getUTCSeconds(), 2)],
  ["F", (date) => date.toISOString().slice(0, 10)],
  ["T", (date) => date.toISOString().slice(11, 19)],
  ["s", (date) => String(Math.floor(date.getTime() / 1000))],
  ["z", () => "+0000"],
  ["Z", () => "UTC"],
  ["3f", (date) => padded(date.getUTCMilliseconds(), 3)],
])

/** When the request or connection began. */
export function compileStartTime(format: string): ReadTime | { readonly error: string } {
  const time = compileTime(format)
  return typeof time === "function" ? (record) => time(record.startUnixMs) : time
}

/** @param format "" = as `%START_TIME%` is without one. @returns Unix milliseconds to text, or what is wrong */
export function compileTime(format: string): ((unixMs: number) => string) | { readonly error: string } {
  if (format === "") {
    const time = new IsoTime()
    return (unixMs) => time.format(unixMs)
  }
  const parts: ((date: Date) => string)[] = []
  for (const match of format.matchAll(/%(%|3f|.)|[^%]+|%$/gsu)) {
    const name = match[1]
    if (name === undefined && match[0] !== "%") {
      const text = match[0]
      parts.push(() => text)
      continue
    }
    const specifier = specifiers.get(name ?? "")
    if (specifier === undefined) {
      const known = [...specifiers.keys()].map((key) => `%${key}`).join(" ")
      return { error: `time format has ${match[0]}, which is not one of ${known}` }
    }
    parts.push(specifier)
  }
  return (unixMs) => {
    const date = new Date(unixMs)
    return parts.map((part) => part(date)).join("")
  }
}

/** `2026-01-02T03:04:05.678Z`. Requests come in the order of time: many share a millisecond, more a second. */
export class IsoTime {
  #unixMs = -1
  #text = ""
  #second = -1
  #prefix = ""

  /** @param unixMs may have a fraction */
  format(unixMs: number): string {
    const wholeMs = Math.floor(unixMs)
    if (wholeMs === this.#unixMs) return this.#text
    const second = Math.floor(wholeMs / 1000)
    if (second !== this.#second) {
      this.#second = second
      this.#prefix = new Date(second * 1000).toISOString().slice(0, 20)
    }
    this.#unixMs = wholeMs
    this.#text = `${this.#prefix}${padded(wholeMs - second * 1000, 3)}Z`
    return this.#text
  }
}

function padded(value: number, digits: number): string {
  return String(value).padStart(digits, "0")
}
