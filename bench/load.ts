/** The load: wrk, one thread, keep-alive connections, and what came of it. */
import { join } from "node:path"
import { findProgram } from "./proxies/proxy.ts"

const connections = 64

export interface LoadFigures {
  readonly requests: number
  readonly requestsPerSecond: number
  readonly p50Micros: number
  readonly p99Micros: number
  /** Connections that failed, timeouts, and answers that are not 2xx or 3xx. */
  readonly failed: number
}

/** Loads `127.0.0.1:port` with requests to `hostCount` virtual hosts in turn. Throws when wrk cannot be run. */
export async function runLoad(
  port: number,
  hostCount: number,
  durationSeconds: number,
  scheme: "http" | "https" = "http",
): Promise<LoadFigures> {
  const script = join(import.meta.dir, "requests.lua")
  const options = ["-t1", `-c${connections}`, `-d${durationSeconds}s`, "-s", script]
  const command = [findProgram("wrk") ?? "wrk", ...options, `${scheme}://127.0.0.1:${port}`, "--", `${hostCount}`]
  const run = Bun.spawn(command, { stdin: "ignore", stdout: "pipe", stderr: "pipe" })
  const [output, problems] = await Promise.all([run.stdout.text(), run.stderr.text()])
  const figures = parseFigures(output)
  if ((await run.exited) !== 0 || figures === null) throw new Error(`wrk failed: ${problems}${output}`)
  return figures
}

/** Reads the line that requests.lua prints; null when there is none. */
export function parseFigures(output: string): LoadFigures | null {
  const fields = /^figures requests=(\d+) durationMicros=(\d+) p50Micros=(\d+) p99Micros=(\d+) failed=(\d+)$/m.exec(
    output,
  )
  if (fields === null) return null
  const [requests = 0, durationMicros = 0, p50Micros = 0, p99Micros = 0, failed = 0] = fields.slice(1).map(Number)
  return { requests, requestsPerSecond: (requests / durationMicros) * 1e6, p50Micros, p99Micros, failed }
}
