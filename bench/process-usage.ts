/**
 * What a process costs, as the operating system counts it: CPU time and resident memory of a process and its descendants.
 *
 * CPU time, not throughput, is the figure the bench is about: it does not depend on who else uses the machine's other core.
 * Source: proc(5), `/proc/PID/stat` (utime, stime: all threads, those that have ended included) and `/proc/PID/status`.
 */
import { readdirSync, readFileSync } from "node:fs"

/** `sysconf(_SC_CLK_TCK)`: 100 on every Linux that this runs on. */
const ticksPerSecond = 100
const bytesPerKibibyte = 1024

export interface ProcessStat {
  readonly parentPid: number
  readonly cpuTicks: number
}

/** CPU seconds, user and system, that the process and its living descendants have used so far. */
export function readCpuSeconds(pid: number): number {
  let ticks = 0
  for (const member of findProcessTree(pid)) ticks += readStat(member)?.cpuTicks ?? 0
  return ticks / ticksPerSecond
}

/** Resident bytes now, summed over the process and its descendants. */
export function readResidentBytes(pid: number): number {
  return sumStatusField(pid, "VmRSS")
}

/** The highest resident bytes so far, summed over the process and its descendants. */
export function readPeakResidentBytes(pid: number): number {
  return sumStatusField(pid, "VmHWM")
}

/** Parses `/proc/PID/stat`; null when the text is not one. The command's name may hold spaces and parentheses. */
export function parseStat(text: string): ProcessStat | null {
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ")
  // After the name: state(3) ppid(4) … utime(14) stime(15), numbered as in proc(5).
  const parentPid = Number(fields[1])
  const cpuTicks = Number(fields[11]) + Number(fields[12])
  return Number.isInteger(parentPid) && Number.isInteger(cpuTicks) ? { parentPid, cpuTicks } : null
}

/** Reads one field of `/proc/PID/status` in bytes; 0 when it is not there. */
export function parseStatusBytes(text: string, field: string): number {
  const kibibytes = new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(text)?.[1]
  return kibibytes === undefined ? 0 : Number(kibibytes) * bytesPerKibibyte
}

function sumStatusField(pid: number, field: string): number {
  let bytes = 0
  for (const member of findProcessTree(pid)) bytes += parseStatusBytes(readProc(member, "status"), field)
  return bytes
}

function findProcessTree(rootPid: number): number[] {
  const childrenOf = new Map<number, number[]>()
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry)) continue
    const pid = Number(entry)
    const stat = readStat(pid)
    if (stat === null) continue
    const siblings = childrenOf.get(stat.parentPid)
    if (siblings === undefined) childrenOf.set(stat.parentPid, [pid])
    else siblings.push(pid)
  }
  const tree = [rootPid]
  for (const member of tree) tree.push(...(childrenOf.get(member) ?? []))
  return tree
}

function readStat(pid: number): ProcessStat | null {
  return parseStat(readProc(pid, "stat"))
}

function readProc(pid: number, file: "stat" | "status"): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "latin1")
  } catch {
    // The process ended between being listed and being read: it no longer uses anything.
    return ""
  }
}
