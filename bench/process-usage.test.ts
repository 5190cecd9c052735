import { expect, test } from "bun:test"
import {
  parseStat,
  parseStatusBytes,
  readCpuSeconds,
  readPeakResidentBytes,
  readResidentBytes,
} from "./process-usage.ts"

test("user and system time are found behind a command name with spaces and parentheses", () => {
  const text = "4711 (a (b) c) S 42 4711 4711 0 -1 4194560 900 0 1 0 150 25 7 9 20 0 1 0 12345 1000000 500\n"
  expect(parseStat(text)).toEqual({ parentPid: 42, cpuTicks: 175 })
})

test("what is not a stat line is null", () => {
  expect(parseStat("")).toBeNull()
  expect(parseStat("4711 (cut off) S")).toBeNull()
})

test("memory fields are read in bytes, and a missing one is 0", () => {
  const status = "Name:\tnginx\nVmPeak:\t  200 kB\nVmHWM:\t   64 kB\nVmRSS:\t   32 kB\n"
  expect(parseStatusBytes(status, "VmHWM")).toBe(65_536)
  expect(parseStatusBytes(status, "VmRSS")).toBe(32_768)
  expect(parseStatusBytes(status, "VmSwap")).toBe(0)
})

test("the CPU time and memory of a child count with its parent", async () => {
  const script =
    "const child = Bun.spawn([process.execPath, '-e', 'setTimeout(() => {}, 60000)']); console.log(child.pid); await child.exited"
  const parent = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe" })
  const reader = parent.stdout.getReader()
  const childPid = Number(new TextDecoder().decode((await reader.read()).value))
  try {
    expect(readPeakResidentBytes(parent.pid)).toBeGreaterThan(readPeakResidentBytes(childPid))
    expect(readResidentBytes(parent.pid)).toBeGreaterThan(readResidentBytes(childPid))
    expect(readCpuSeconds(parent.pid)).toBeGreaterThanOrEqual(readCpuSeconds(childPid))
  } finally {
    process.kill(childPid)
    await parent.exited
  }
})

test("a process that does not exist uses nothing", () => {
  expect(readCpuSeconds(2 ** 30)).toBe(0)
  expect(readResidentBytes(2 ** 30)).toBe(0)
})
