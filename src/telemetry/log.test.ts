import { describe, expect, test } from "bun:test"
import { createLog, type LogFormat, type LogLevel } from "./log.ts"

function capture(level: LogLevel, format: LogFormat) {
  const lines: string[] = []
  const log = createLog({ level, format, write: (line) => lines.push(line), nowUnixMs: () => 1_767_323_045_678 })
  return { log, lines }
}

describe("process log", () => {
  test("text: time, level, message, then fields, quoted where they need it", () => {
    const { log, lines } = capture("info", "text")
    log.warn("listener failed", { address: "0.0.0.0:80", reason: "permission denied", attempts: 3, fatal: false })
    expect(lines).toEqual([
      '2026-01-02T03:04:05.678Z warn  listener failed address=0.0.0.0:80 reason="permission denied" attempts=3 fatal=false\n',
    ])
  })

  test("json: one object per line", () => {
    const { log, lines } = capture("info", "json")
    log.error("listener failed", { port: 80 })
    expect(JSON.parse(lines[0] ?? "")).toEqual({
      time: "2026-01-02T03:04:05.678Z",
      level: "error",
      message: "listener failed",
      port: 80,
    })
  })

  test("json: a field cannot replace the level, time or message", () => {
    const { log, lines } = capture("info", "json")
    log.info("real", { message: "forged", level: "debug" })
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({ message: "real", level: "info" })
  })

  test("messages below the level are not written, and the level can change while running", () => {
    const { log, lines } = capture("warn", "text")
    log.info("a")
    log.debug("b")
    expect(lines).toEqual([])
    expect(log.isEnabled("info")).toBe(false)
    log.setLevel("debug")
    log.debug("c")
    expect(log.level).toBe("debug")
    expect(lines).toEqual(["2026-01-02T03:04:05.678Z debug c\n"])
  })

  test("no text can begin a line of its own", () => {
    const { log, lines } = capture("info", "text")
    log.info("a\nb\u2028", { value: "x\r\n2026 error forged", more: "\u0085\x1b[2J" })
    expect(lines.join("").match(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]/)).toBeNull()
    expect(lines.join("").split("\n")).toHaveLength(2)
  })
})
