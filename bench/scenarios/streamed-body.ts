/** CPU time per GB of response body that passes through, with several downloads at once. */
import { runContest } from "../contest.ts"
import { download } from "../download.ts"
import { readCpuSeconds } from "../process-usage.ts"
import { nginxLargeBuffers } from "../proxies/nginx.ts"
import { portcullis } from "../proxies/portcullis.ts"
import { benchHosts, type RunningProxy } from "../proxies/proxy.ts"
import type { Scenario } from "../scenario.ts"
import { median, medianRatio } from "../statistics.ts"
import { startUpstream } from "../upstream.ts"

const downloadsAtOnce = 4
const gigabyte = 1e9

interface BodySample {
  readonly cpuSecondsPerGigabyte: number
  readonly gigabytesPerSecond: number
}

export const streamedBody: Scenario = {
  name: "body",
  title: `${downloadsAtOnce} downloads at once of a large response body`,
  async run(context) {
    const [rounds, bodyBytes] = context.quick ? [1, 0.1 * gigabyte] : [5, gigabyte]
    const own = portcullis(context.useBinary)
    const hosts = benchHosts(1)
    const upstream = await startUpstream(context.folder, bodyBytes)
    try {
      const contenders = [...context.peers, nginxLargeBuffers, own].map((peer) => ({ peer, hosts }))
      const { samples, peakResidentBytes, remarks } = await runContest(
        context,
        contenders,
        upstream.port,
        rounds,
        (proxy) => measureDownloads(proxy, hosts[0] ?? "", bodyBytes),
      )
      const costsOf = (name: string) => (samples.get(name) ?? []).map((sample) => sample.cpuSecondsPerGigabyte)
      const ratioTo = (name: string) => medianRatio(costsOf(own.name), costsOf(name))
      return {
        columns: ["proxy", "CPU s/GB", "of nginx", "GB/s", "peak RSS MB"],
        rows: [...samples].map(([name, rounds]) => [
          name,
          median(costsOf(name)).toFixed(2),
          medianRatio(costsOf(name), costsOf("nginx")).toFixed(2),
          median(rounds.map((sample) => sample.gigabytesPerSecond)).toFixed(2),
          ((peakResidentBytes.get(name) ?? Number.NaN) / 1e6).toFixed(0),
        ]),
        figures: samples.has(own.name)
          ? [
              { what: "CPU per GB of body, of nginx", value: ratioTo("nginx"), unit: "x", bar: 1, aim: 0.5 },
              {
                what: "the same, of nginx with 64 KB buffers",
                value: ratioTo(nginxLargeBuffers.name),
                unit: "x",
                bar: 2,
                aim: 1,
              },
            ]
          : [],
        remarks,
      }
    } finally {
      await upstream.stop()
    }
  },
}

async function measureDownloads(proxy: RunningProxy, host: string, bodyBytes: number): Promise<BodySample> {
  const cpuSecondsBefore = readCpuSeconds(proxy.process.pid)
  const startedAtMs = performance.now()
  const sizes = await Promise.all(Array.from({ length: downloadsAtOnce }, () => download(proxy.port, host)))
  const seconds = (performance.now() - startedAtMs) / 1000
  const cpuSeconds = readCpuSeconds(proxy.process.pid) - cpuSecondsBefore
  if (sizes.some((size) => size !== bodyBytes)) throw new Error(`incomplete downloads: ${sizes.join(", ")} bytes`)
  const gigabytes = (downloadsAtOnce * bodyBytes) / gigabyte
  return { cpuSecondsPerGigabyte: cpuSeconds / gigabytes, gigabytesPerSecond: gigabytes / seconds }
}
