/** CPU time per GET over HTTP/2 and TLS: 16 connections with 10 streams at once on each, HTTP/1.1 behind the proxy. */
import { runContest } from "../contest.ts"
import { browserFields, browserPath, runHttp2Load } from "../http2-load.ts"
import { readCpuSeconds } from "../process-usage.ts"
import { prepareHaproxy } from "../proxies/haproxy.ts"
import { nginx, prepareNginx, proxyBlocks } from "../proxies/nginx.ts"
import { benchHosts, findProgram, type Peer, type RunningProxy } from "../proxies/proxy.ts"
import { type BenchCertificates, makeCertificates, proxiesWithTls } from "../proxies/with-tls.ts"
import type { Scenario } from "../scenario.ts"
import { median, medianRatio } from "../statistics.ts"
import { startUpstream } from "../upstream.ts"

const hostCount = 10

interface Http2Sample {
  readonly cpuMicrosPerRequest: number
  readonly requestsPerSecond: number
}

export const http2Get: Scenario = {
  name: "h2",
  title: "The GET of `get` over HTTP/2 and TLS: 16 connections, 10 streams at once on each",
  async run(context) {
    const noLoad = findProgram("h2load") === null
    if (noLoad) return { columns: [], rows: [], figures: [], remarks: ["h2load is not installed (nghttp2-client)"] }
    const certificates = await makeCertificates(context.folder)
    const { peers, own } = proxiesWithTls(certificates, false, context.useBinary)
    const installed = peers.map((peer) => overHttp2(peer, certificates)).filter((peer) => peer.readVersion() !== null)
    const upstream = await startUpstream(context.folder, 0)
    const [rounds, seconds] = context.quick ? [2, 1] : [7, 5]
    const hosts = benchHosts(hostCount)
    try {
      const { samples, peakResidentBytes, remarks } = await runContest(
        context,
        // Portcullis offers both protocols to every client, as Istio does.
        [...installed, own].map((peer) => ({ peer, hosts })),
        upstream.port,
        rounds,
        (proxy) => measure(proxy, hosts[0] ?? "", seconds),
      )
      const costsOf = (name: string) => (samples.get(name) ?? []).map((sample) => sample.cpuMicrosPerRequest)
      const ratio = medianRatio(costsOf(own.name), costsOf("nginx"))
      return {
        columns: ["proxy", "CPU us/request", "of nginx", "requests/s", "peak RSS MB"],
        rows: [...samples].map(([name, each]) => [
          name,
          median(costsOf(name)).toFixed(1),
          medianRatio(costsOf(name), costsOf("nginx")).toFixed(2),
          median(each.map((sample) => sample.requestsPerSecond)).toFixed(0),
          ((peakResidentBytes.get(name) ?? Number.NaN) / 1e6).toFixed(0),
        ]),
        figures: Number.isFinite(ratio)
          ? [{ what: "CPU per HTTP/2 request, of nginx", value: ratio, unit: "x", bar: 1.3, aim: 0.9 }]
          : [],
        remarks,
      }
    } finally {
      await upstream.stop()
    }
  },
}

/** The same proxy, offering HTTP/2 as well. */
function overHttp2(peer: Peer, { certificateFile, privateKeyFile, bundleFile }: BenchCertificates): Peer {
  if (peer.name !== nginx.name) {
    return { ...peer, prepare: (plan) => prepareHaproxy(plan, ` ssl crt ${bundleFile} alpn h2,http/1.1`) }
  }
  const tls = `  ssl_certificate ${certificateFile};
  ssl_certificate_key ${privateKeyFile};
  ssl_protocols TLSv1.2 TLSv1.3;
`
  return { ...peer, prepare: (plan) => prepareNginx(plan.folder, tls + proxyBlocks(plan, " ssl http2")) }
}

async function measure(proxy: RunningProxy, host: string, durationSeconds: number): Promise<Http2Sample> {
  const cpuSecondsBefore = readCpuSeconds(proxy.process.pid)
  const request = { url: `https://127.0.0.1:${proxy.port}${browserPath}`, host, fields: browserFields, bodyFile: "" }
  const { requests, requestsPerSecond, failed } = await runHttp2Load(request, durationSeconds)
  const cpuSeconds = readCpuSeconds(proxy.process.pid) - cpuSecondsBefore
  if (failed > 0 || requests === 0) throw new Error(`${failed} of ${requests} requests failed`)
  return { cpuMicrosPerRequest: (cpuSeconds / requests) * 1e6, requestsPerSecond }
}
