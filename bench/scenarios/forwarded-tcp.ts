/**
 * Forwarded TCP: what a byte costs, and what a client costs that is connected and says nothing, which is what most
 * clients of a database do most of the time.
 *
 * The bytes are HTTP to the two ends and nothing to the proxies between them.
 */
import { runContest } from "../contest.ts"
import { download } from "../download.ts"
import { readCpuSeconds, readResidentBytes } from "../process-usage.ts"
import type { Peer, RunningProxy } from "../proxies/proxy.ts"
import { haproxyTcp, nginxStream, portcullisTcp } from "../proxies/tcp.ts"
import type { BenchContext, Scenario } from "../scenario.ts"
import { median, medianRatio } from "../statistics.ts"
import { startUpstream } from "../upstream.ts"

const downloadsAtOnce = 4
const gigabyte = 1e9
const kilobyte = 1e3
const idleClients = 5_000
/** Before the first measure: what a proxy takes for its first clients it does not take again. */
const settlingClients = 200
const clientsPerBatch = 100
const settleMs = 2_000

interface SpliceSample {
  readonly cpuSecondsPerGigabyte: number
  readonly gigabytesPerSecond: number
}

export const forwardedTcp: Scenario = {
  name: "tcp",
  title: `Forwarded TCP: ${downloadsAtOnce} downloads at once, and ${idleClients} clients that say nothing`,
  async run(context) {
    const own = portcullisTcp(context.useBinary)
    const peers = [haproxyTcp, nginxStream].filter((peer) => peer.readVersion() !== null)
    const contenders = [...peers, own].map((peer) => ({ peer, hosts: ["tcp.bench.example"] }))
    const idle = await measureIdleClients(context, contenders)
    const splice = await measureDownloads(context, contenders)
    const costsOf = (name: string) => (splice.samples.get(name) ?? []).map((sample) => sample.cpuSecondsPerGigabyte)
    const kilobytesOf = (name: string) => median(idle.samples.get(name) ?? []) / kilobyte
    const figures = [
      ...(splice.samples.has(haproxyTcp.name) && splice.samples.has(own.name)
        ? [
            {
              what: "CPU per GB of forwarded TCP, of HAProxy",
              value: medianRatio(costsOf(own.name), costsOf(haproxyTcp.name)),
              unit: "x",
              bar: 1,
              aim: 0.8,
            },
          ]
        : []),
      ...(idle.samples.has(own.name)
        ? [{ what: "memory per idle TCP client", value: kilobytesOf(own.name), unit: "kB", bar: 8, aim: 4 }]
        : []),
    ]
    return {
      columns: ["proxy", "CPU s/GB", "of HAProxy", "GB/s", "kB per idle client"],
      rows: contenders
        .map(({ peer }) => peer.name)
        .filter((name) => splice.samples.has(name) || idle.samples.has(name))
        .map((name) => [
          name,
          median(costsOf(name)).toFixed(2),
          medianRatio(costsOf(name), costsOf(haproxyTcp.name)).toFixed(2),
          median((splice.samples.get(name) ?? []).map((sample) => sample.gigabytesPerSecond)).toFixed(2),
          kilobytesOf(name).toFixed(1),
        ]),
      figures,
      remarks: [...idle.remarks, ...splice.remarks],
    }
  },
}

interface TcpContender {
  readonly peer: Peer
  readonly hosts: readonly string[]
}

async function measureDownloads(context: BenchContext, contenders: readonly TcpContender[]) {
  const [rounds, bodyBytes] = context.quick ? [1, 0.1 * gigabyte] : [5, gigabyte]
  const upstream = await startUpstream(context.folder, bodyBytes)
  try {
    return await runContest(context, contenders, upstream.port, rounds, (proxy, { hosts }) =>
      downloadAtOnce(proxy, hosts[0] ?? "", bodyBytes),
    )
  } finally {
    await upstream.stop()
  }
}

async function downloadAtOnce(proxy: RunningProxy, host: string, bodyBytes: number): Promise<SpliceSample> {
  const cpuSecondsBefore = readCpuSeconds(proxy.process.pid)
  const startedAtMs = performance.now()
  const sizes = await Promise.all(Array.from({ length: downloadsAtOnce }, () => download(proxy.port, host)))
  const seconds = (performance.now() - startedAtMs) / 1000
  const cpuSeconds = readCpuSeconds(proxy.process.pid) - cpuSecondsBefore
  if (sizes.some((size) => size !== bodyBytes)) throw new Error(`incomplete downloads: ${sizes.join(", ")} bytes`)
  const gigabytes = (downloadsAtOnce * bodyBytes) / gigabyte
  return { cpuSecondsPerGigabyte: cpuSeconds / gigabytes, gigabytesPerSecond: gigabytes / seconds }
}

/** Bytes per client, on processes that have done nothing else before. */
async function measureIdleClients(context: BenchContext, contenders: readonly TcpContender[]) {
  const upstream = startHoldingUpstream()
  const baseBytes = new Map<string, number>()
  try {
    return await runContest(context, contenders, upstream.port, 1, async (proxy) => {
      const base = baseBytes.get(proxy.name)
      // The round that does not count finds out what to count from.
      if (base === undefined) {
        const settling = await connectClients(proxy.port, settlingClients)
        await Bun.sleep(settleMs)
        baseBytes.set(proxy.name, readResidentBytes(proxy.process.pid))
        for (const client of settling) client.terminate()
        return 0
      }
      const clients = await connectClients(proxy.port, idleClients)
      await Bun.sleep(settleMs)
      const growthBytes = readResidentBytes(proxy.process.pid) - base
      for (const client of clients) client.terminate()
      return growthBytes / idleClients
    })
  } finally {
    upstream.stop(true)
  }
}

/** Answers the first bytes of a connection, so that the proxy has it on both sides, and then keeps it open. */
function startHoldingUpstream() {
  const answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
  return Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      data: (socket) => void socket.write(answer),
      // A client that broke off: nobody to tell.
      error: (socket) => socket.terminate(),
    },
  })
}

type Client = Bun.Socket<{ readonly onAnswer: () => void }>

async function connectClients(port: number, count: number): Promise<readonly Client[]> {
  const clients: Client[] = []
  while (clients.length < count) {
    const batch = Array.from({ length: Math.min(clientsPerBatch, count - clients.length) }, () => connectClient(port))
    clients.push(...(await Promise.all(batch)))
  }
  return clients
}

/** Resolves once the client was answered. */
async function connectClient(port: number): Promise<Client> {
  const answered = Promise.withResolvers<void>()
  const client = await Bun.connect({
    hostname: "127.0.0.1",
    port,
    data: { onAnswer: answered.resolve },
    socket: {
      open: (socket) => void socket.write("x"),
      data: (socket) => socket.data.onAnswer(),
      close: () => answered.reject(new Error("a client that was to stay was closed")),
    },
  })
  await answered.promise
  // From here on its close is the bench's own doing.
  return client
}
