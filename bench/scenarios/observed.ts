/**
 * What watching the gateway costs: the GETs of `get` with the JSON access log in a file and the metrics scraped, against
 * neither; and beside it the same with tracing, at Istio's one percent.
 *
 * The counters themselves cannot be turned off: an addition is cheaper than asking whether to make it.
 */
import { join } from "node:path"
import { type Contender, runContest } from "../contest.ts"
import { runLoad } from "../load.ts"
import { findFreePort } from "../measured-process.ts"
import { readCpuSeconds } from "../process-usage.ts"
import { portcullis } from "../proxies/portcullis.ts"
import { benchHosts, type Peer, type RunningProxy } from "../proxies/proxy.ts"
import type { Figure, Scenario } from "../scenario.ts"
import { median, medianRatio } from "../statistics.ts"
import { startUpstream } from "../upstream.ts"

const hostCount = 10
/** Prometheus' usual interval is 15 seconds: this is far more often. */
const scrapeIntervalMs = 1_000

interface ObservedContender extends Contender {
  /** Of the admin interface; 0 = nobody scrapes. */
  readonly adminPort: number
}

interface ObservedSample {
  readonly cpuMicrosPerRequest: number
  readonly requestsPerSecond: number
  readonly p99Micros: number
}

export const observed: Scenario = {
  name: "observed",
  title: "The same GET with metrics scraped and the JSON access log on, against both off",
  async run(context) {
    const [rounds, seconds] = context.quick ? [2, 1] : [7, 5]
    const hosts = benchHosts(hostCount)
    const upstream = await startUpstream(context.folder, 0)
    const collector = startCollector()
    const [off, on, traced] = ["portcullis-unobserved", "portcullis-observed", "portcullis-observed-traced"] as const
    const tracing = ["--tracing-otlp", `http://127.0.0.1:${collector.port}`]
    try {
      const adminPorts = [await findFreePort(), await findFreePort()] as const
      const contenders: ObservedContender[] = [
        { peer: portcullis(context.useBinary, off), hosts, adminPort: 0 },
        { peer: observedPeer(context.useBinary, on, adminPorts[0], []), hosts, adminPort: adminPorts[0] },
        { peer: observedPeer(context.useBinary, traced, adminPorts[1], tracing), hosts, adminPort: adminPorts[1] },
      ]
      const { samples, peakResidentBytes, remarks } = await runContest(
        context,
        contenders,
        upstream.port,
        rounds,
        (proxy, { adminPort }) => measure(proxy, adminPort, seconds),
      )
      const costsOf = (name: string) => (samples.get(name) ?? []).map((sample) => sample.cpuMicrosPerRequest)
      const figures: Figure[] = []
      for (const [what, name, bar, aim] of [
        ["CPU per request with metrics and JSON access log, of that without", on, 1.15, 1.08],
        ["the same with tracing at 1 %", traced, 1.25, 1.15],
      ] as const) {
        const value = medianRatio(costsOf(name), costsOf(off))
        if (Number.isFinite(value)) figures.push({ what, value, unit: "x", bar, aim })
      }
      return {
        columns: ["proxy", "CPU us/request", "of unobserved", "requests/s", "p99 us", "peak RSS MB"],
        rows: [...samples].map(([name, each]) => [
          name,
          median(costsOf(name)).toFixed(1),
          medianRatio(costsOf(name), costsOf(off)).toFixed(2),
          median(each.map((sample) => sample.requestsPerSecond)).toFixed(0),
          median(each.map((sample) => sample.p99Micros)).toFixed(0),
          ((peakResidentBytes.get(name) ?? Number.NaN) / 1e6).toFixed(0),
        ]),
        figures,
        remarks,
      }
    } finally {
      await collector.stop(true)
      await upstream.stop()
    }
  },
}

/** The gateway with its eyes open. Later flags win over those that keep it quiet. */
function observedPeer(useBinary: boolean, name: string, adminPort: number, flags: readonly string[]): Peer {
  const quiet = portcullis(useBinary, name)
  return {
    ...quiet,
    async prepare(plan) {
      const command = await quiet.prepare(plan)
      const log = ["--access-log", join(plan.folder, "access.log"), "--access-log-format", "json"]
      return { ...command, argv: [...command.argv, ...log, "--admin", `127.0.0.1:${adminPort}`, ...flags] }
    },
  }
}

/** Takes every span. */
function startCollector(): Bun.Server<undefined> {
  return Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      await request.arrayBuffer()
      return Response.json({})
    },
  })
}

async function measure(proxy: RunningProxy, adminPort: number, seconds: number): Promise<ObservedSample> {
  const cpuSecondsBefore = readCpuSeconds(proxy.process.pid)
  const scraping = adminPort === 0 ? null : setInterval(() => void scrape(adminPort), scrapeIntervalMs)
  try {
    const { requests, requestsPerSecond, p99Micros, failed } = await runLoad(proxy.port, hostCount, seconds)
    const cpuSeconds = readCpuSeconds(proxy.process.pid) - cpuSecondsBefore
    if (failed > 0 || requests === 0) throw new Error(`${failed} of ${requests} requests failed`)
    return { cpuMicrosPerRequest: (cpuSeconds / requests) * 1e6, requestsPerSecond, p99Micros }
  } finally {
    if (scraping !== null) clearInterval(scraping)
  }
}

async function scrape(adminPort: number): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${adminPort}/stats/prometheus`)
  if (!response.ok) throw new Error(`the metrics answered ${response.status}`)
  await response.text()
}
