/** What TLS costs: per request on connections that stay, and per full handshake, with and without client certificates. */
import { type ContestResult, runContest } from "../contest.ts"
import { runHandshakes } from "../handshakes.ts"
import { runLoad } from "../load.ts"
import { readCpuSeconds } from "../process-usage.ts"
import { benchHosts, type RunningProxy } from "../proxies/proxy.ts"
import { type BenchCertificates, makeCertificates, proxiesWithTls } from "../proxies/with-tls.ts"
import type { BenchContext, Figure, Scenario, ScenarioResult } from "../scenario.ts"
import { median, medianRatio } from "../statistics.ts"
import { startUpstream } from "../upstream.ts"

const hostCount = 10

interface TlsSample {
  readonly cpuMicros: number
  readonly perSecond: number
}

type Measure = (proxy: RunningProxy, certificates: BenchCertificates, seconds: number) => Promise<TlsSample>

export const httpsGet: Scenario = {
  name: "https-get",
  title: "The GET of `get` over TLS: 10 virtual hosts, 64 keep-alive connections",
  run: (context) =>
    contestTls(context, false, "request", measureGets, { what: "CPU per HTTPS request", bar: 1.25, aim: 1 }),
}

export const handshakes: Scenario = {
  name: "handshakes",
  title: "Full TLS 1.3 handshakes (ECDSA P-256), one request on each connection",
  run: (context) =>
    contestTls(context, false, "handshake", measureHandshakes, { what: "CPU per handshake", bar: 1.25, aim: 1 }),
}

export const mutualHandshakes: Scenario = {
  name: "mutual-handshakes",
  title: "The same with client certificates through an intermediate",
  run: (context) =>
    contestTls(context, true, "handshake", measureHandshakes, { what: "CPU per mutual handshake", bar: 1.25, aim: 1 }),
}

async function contestTls(
  context: BenchContext,
  isMutual: boolean,
  unit: "request" | "handshake",
  measure: Measure,
  comparison: { readonly what: string; readonly bar: number; readonly aim: number },
): Promise<ScenarioResult> {
  const certificates = await makeCertificates(context.folder)
  const { peers, own } = proxiesWithTls(certificates, isMutual, context.useBinary)
  const installed = peers.filter((peer) => peer.readVersion() !== null)
  const upstream = await startUpstream(context.folder, 0)
  const [rounds, seconds] = context.quick ? [2, 1] : [7, 5]
  const hosts = benchHosts(hostCount)
  try {
    const contest = await runContest(
      context,
      [...installed, own].map((peer) => ({ peer, hosts })),
      upstream.port,
      rounds,
      (proxy) => measure(proxy, certificates, seconds),
    )
    return resultOf(contest, unit, own.name, comparison)
  } finally {
    await upstream.stop()
  }
}

async function measureGets(proxy: RunningProxy, _certificates: BenchCertificates, seconds: number): Promise<TlsSample> {
  const before = readCpuSeconds(proxy.process.pid)
  const { requests, requestsPerSecond, failed } = await runLoad(proxy.port, hostCount, seconds, "https")
  const cpuSeconds = readCpuSeconds(proxy.process.pid) - before
  if (failed > 0 || requests === 0) throw new Error(`${failed} of ${requests} requests failed`)
  return { cpuMicros: (cpuSeconds / requests) * 1e6, perSecond: requestsPerSecond }
}

async function measureHandshakes(
  proxy: RunningProxy,
  { clientCertificateFile, clientKeyFile }: BenchCertificates,
  seconds: number,
): Promise<TlsSample> {
  const before = readCpuSeconds(proxy.process.pid)
  // Who asks for no certificate is shown none.
  const identity = { certificateFile: clientCertificateFile, keyFile: clientKeyFile }
  const load = await runHandshakes(`127.0.0.1:${proxy.port}`, seconds, identity)
  const cpuSeconds = readCpuSeconds(proxy.process.pid) - before
  return { cpuMicros: (cpuSeconds / load.handshakes) * 1e6, perSecond: load.handshakesPerSecond }
}

function resultOf(
  { samples, peakResidentBytes, remarks }: ContestResult<TlsSample>,
  unit: string,
  own: string,
  { what, bar, aim }: { readonly what: string; readonly bar: number; readonly aim: number },
): ScenarioResult {
  const costsOf = (name: string) => (samples.get(name) ?? []).map(({ cpuMicros }) => cpuMicros)
  const ratio = medianRatio(costsOf(own), costsOf("nginx"))
  const figures: Figure[] = Number.isFinite(ratio)
    ? [{ what: `${what}, of nginx`, value: ratio, unit: "x", bar, aim }]
    : []
  return {
    columns: ["proxy", `CPU us/${unit}`, "of nginx", `${unit}s per CPU second`, `${unit}s/s`, "peak RSS MB"],
    rows: [...samples].map(([name, rounds]) => [
      name,
      median(costsOf(name)).toFixed(1),
      medianRatio(costsOf(name), costsOf("nginx")).toFixed(2),
      (1e6 / median(costsOf(name))).toFixed(0),
      median(rounds.map(({ perSecond }) => perSecond)).toFixed(0),
      ((peakResidentBytes.get(name) ?? Number.NaN) / 1e6).toFixed(0),
    ]),
    figures,
    remarks,
  }
}
