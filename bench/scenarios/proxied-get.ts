/** CPU time per proxied GET: against every peer with 10 virtual hosts, and against ourselves with 10,000. */
import { type Contender, type ContestResult, runContest } from "../contest.ts"
import { richRule } from "../gateway-configuration.ts"
import { runLoad } from "../load.ts"
import { readCpuSeconds } from "../process-usage.ts"
import { portcullis } from "../proxies/portcullis.ts"
import { benchHosts, type RunningProxy } from "../proxies/proxy.ts"
import type { BenchContext, Figure, Scenario, ScenarioResult } from "../scenario.ts"
import { median, medianRatio } from "../statistics.ts"
import { startUpstream } from "../upstream.ts"

const hostCountFew = 10
const hostCountMany = 10_000

interface GetSample {
  readonly cpuMicrosPerRequest: number
  readonly requestsPerSecond: number
  readonly p50Micros: number
  readonly p99Micros: number
}

interface GetContender extends Contender {
  /** The requests go to the first so many of its hosts, in turn. */
  readonly askedHostCount: number
}

export const proxiedGet: Scenario = {
  name: "get",
  title: "GET with 16 request headers and a 357-byte JSON answer, 10 virtual hosts, 64 keep-alive connections",
  async run(context) {
    const hosts = benchHosts(hostCountFew)
    const own = portcullis(context.useBinary)
    const contest = await contestGets(
      context,
      [...context.peers, own].map((peer) => ({ peer, hosts, askedHostCount: hostCountFew })),
    )
    return resultOf(
      contest,
      "nginx",
      { what: "CPU per request, of nginx", own: own.name, reference: "nginx", bar: 1.3, aim: 0.95 },
      { what: "CPU per request, of HAProxy", own: own.name, reference: "haproxy", bar: 1.1, aim: 0.8 },
      { what: "CPU per request, of Bun.serve with fetch", own: own.name, reference: "bun-fetch", bar: 0.6, aim: 0.4 },
    )
  },
}

export const manyVirtualServices: Scenario = {
  name: "many-hosts",
  title: "The same GET with 10,000 VirtualServices against 10",
  async run(context) {
    const few = portcullis(context.useBinary, "portcullis-10")
    const many = portcullis(context.useBinary, "portcullis-10000")
    const spread = portcullis(context.useBinary, "portcullis-10000-asked-all")
    const contenders: GetContender[] = [
      { peer: few, hosts: benchHosts(hostCountFew), askedHostCount: hostCountFew },
      { peer: many, hosts: benchHosts(hostCountMany), askedHostCount: hostCountFew },
      // Here every request meets routes that the processor's caches have long forgotten, whatever finds them.
      { peer: spread, hosts: benchHosts(hostCountMany), askedHostCount: hostCountMany },
    ]
    return resultOf(
      await contestGets(context, contenders),
      few.name,
      {
        what: "CPU per request with 10,000 VirtualServices, of that with 10",
        own: many.name,
        reference: few.name,
        bar: 1.1,
        aim: 1.02,
      },
      {
        what: "the same, each of the 10,000 asked in turn",
        own: spread.name,
        reference: few.name,
        bar: 1.3,
        aim: 1.1,
      },
    )
  },
}

export const richRules: Scenario = {
  name: "rich-rule",
  title: "The same GET through a rule with three header matches, a rewrite, header operations, a timeout and retries",
  async run(context) {
    const hosts = benchHosts(hostCountFew)
    const plain = portcullis(context.useBinary, "portcullis-plain")
    const rich = portcullis(context.useBinary, "portcullis-rich", richRule)
    return resultOf(
      await contestGets(
        context,
        [plain, rich].map((peer) => ({ peer, hosts, askedHostCount: hostCountFew })),
      ),
      plain.name,
      {
        what: "CPU per request of a rich rule, of a plain one",
        own: rich.name,
        reference: plain.name,
        bar: 1.15,
        aim: 1.05,
      },
    )
  },
}

async function contestGets(
  context: BenchContext,
  contenders: readonly GetContender[],
): Promise<ContestResult<GetSample>> {
  const upstream = await startUpstream(context.folder, 0)
  const [rounds, seconds] = context.quick ? [2, 1] : [7, 5]
  try {
    return await runContest(context, contenders, upstream.port, rounds, (proxy, { askedHostCount }) =>
      measureGets(proxy, askedHostCount, seconds),
    )
  } finally {
    await upstream.stop()
  }
}

async function measureGets(proxy: RunningProxy, hostCount: number, seconds: number): Promise<GetSample> {
  const cpuSecondsBefore = readCpuSeconds(proxy.process.pid)
  const { requests, requestsPerSecond, p50Micros, p99Micros, failed } = await runLoad(proxy.port, hostCount, seconds)
  const cpuSeconds = readCpuSeconds(proxy.process.pid) - cpuSecondsBefore
  if (failed > 0 || requests === 0) throw new Error(`${failed} of ${requests} requests failed`)
  return { cpuMicrosPerRequest: (cpuSeconds / requests) * 1e6, requestsPerSecond, p50Micros, p99Micros }
}

interface Comparison {
  readonly what: string
  readonly own: string
  readonly reference: string
  readonly bar: number
  readonly aim: number
}

function resultOf(
  { samples, peakResidentBytes, remarks }: ContestResult<GetSample>,
  baseline: string,
  ...comparisons: readonly Comparison[]
): ScenarioResult {
  const costsOf = (name: string) => (samples.get(name) ?? []).map((sample) => sample.cpuMicrosPerRequest)
  const figures: Figure[] = []
  for (const { what, own, reference, bar, aim } of comparisons) {
    const ratio = medianRatio(costsOf(own), costsOf(reference))
    if (Number.isFinite(ratio)) figures.push({ what, value: ratio, unit: "x", bar, aim })
  }
  return {
    columns: ["proxy", "CPU us/request", `of ${baseline}`, "requests/s", "p50 us", "p99 us", "peak RSS MB"],
    rows: [...samples].map(([name, rounds]) => [
      name,
      median(costsOf(name)).toFixed(1),
      medianRatio(costsOf(name), costsOf(baseline)).toFixed(2),
      median(rounds.map((sample) => sample.requestsPerSecond)).toFixed(0),
      median(rounds.map((sample) => sample.p50Micros)).toFixed(0),
      median(rounds.map((sample) => sample.p99Micros)).toFixed(0),
      ((peakResidentBytes.get(name) ?? Number.NaN) / 1e6).toFixed(0),
    ]),
    figures,
    remarks,
  }
}
