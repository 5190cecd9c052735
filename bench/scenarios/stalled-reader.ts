/**
 * How much memory a proxy takes for a client that asks for a large body and then does not read it.
 *
 * Several clients stall at once and the growth is divided among them: the heap of a garbage-collected process moves by megabytes all by
 * itself, which would drown what a single client costs.
 */
import { runContest } from "../contest.ts"
import { download } from "../download.ts"
import { runLoad } from "../load.ts"
import { readResidentBytes } from "../process-usage.ts"
import { portcullis } from "../proxies/portcullis.ts"
import { benchHosts, type RunningProxy } from "../proxies/proxy.ts"
import type { Scenario } from "../scenario.ts"
import { median } from "../statistics.ts"
import { startUpstream } from "../upstream.ts"

const bodyBytes = 1e9
const megabyte = 1e6
const watchIntervalMs = 50
const clientsAtOnce = 16
const settleLoadSeconds = 3
const settleIdleMs = 2_000
/** What a client may have read before it counts as stalled. */
const stalledBytesMax = 4 * megabyte

interface StalledSample {
  /** While the kernel's buffers on the way to the client still fill up, some megabytes pass through. */
  readonly peakBytes: number
  /** At the end of the watch: what stays for as long as the client does not read. */
  readonly settledBytes: number
}

export const stalledReader: Scenario = {
  name: "stalled-reader",
  title: `Growth of resident memory per client while ${clientsAtOnce} clients do not read a 1 GB response each`,
  async run(context) {
    const [rounds, watchMs] = context.quick ? [1, 1_000] : [5, 3_000]
    const own = portcullis(context.useBinary)
    const hosts = benchHosts(1)
    const [host = ""] = hosts
    const upstream = await startUpstream(context.folder, bodyBytes)
    try {
      const contenders = [...context.peers, own].map((peer) => ({ peer, hosts }))
      // Memory that a first stalled client made a proxy take is not growth for the second: all count from the same base.
      const residentBytesBase = new Map<string, number>()
      const { samples, remarks } = await runContest(context, contenders, upstream.port, rounds, async (proxy) => {
        const base = residentBytesBase.get(proxy.name) ?? (await settle(proxy, host))
        residentBytesBase.set(proxy.name, base)
        const { peakBytes, settledBytes } = await watchStalledClients(proxy, host, watchMs)
        return { peakBytes: (peakBytes - base) / clientsAtOnce, settledBytes: (settledBytes - base) / clientsAtOnce }
      })
      const megabytesOf = (name: string, part: keyof StalledSample) =>
        median((samples.get(name) ?? []).map((sample) => sample[part])) / megabyte
      return {
        columns: ["proxy", "peak MB per client", "settled MB per client"],
        rows: [...samples.keys()].map((name) => [
          name,
          megabytesOf(name, "peakBytes").toFixed(2),
          megabytesOf(name, "settledBytes").toFixed(2),
        ]),
        figures: samples.has(own.name)
          ? [
              {
                what: "memory per stalled reader, at its peak",
                value: megabytesOf(own.name, "peakBytes"),
                unit: "MB",
                bar: 4,
                aim: 1,
              },
              {
                what: "the same, once settled",
                value: megabytesOf(own.name, "settledBytes"),
                unit: "MB",
                bar: 1,
                aim: 0.25,
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

/** Lets the proxy work on small answers and on a large one until its heap and its compiled code have their size. */
async function settle(proxy: RunningProxy, host: string): Promise<number> {
  await runLoad(proxy.port, 1, settleLoadSeconds)
  await download(proxy.port, host)
  await Bun.sleep(settleIdleMs)
  return readResidentBytes(proxy.process.pid)
}

/** Lets the clients stall, and returns the proxy's resident bytes: the highest while watched, and the last. */
async function watchStalledClients(proxy: RunningProxy, host: string, watchMs: number): Promise<StalledSample> {
  const clients = await Promise.all(Array.from({ length: clientsAtOnce }, () => stallClient(proxy.port, host)))
  let peakBytes = 0
  let settledBytes = 0
  const stopAtMs = performance.now() + watchMs
  while (performance.now() < stopAtMs) {
    await Bun.sleep(watchIntervalMs)
    settledBytes = readResidentBytes(proxy.process.pid)
    peakBytes = Math.max(peakBytes, settledBytes)
  }
  for (const client of clients) client.terminate()
  for (const { data } of clients) {
    if (data.receivedBytes > 0 && data.receivedBytes < stalledBytesMax) continue
    throw new Error(`a client that was to stall read ${data.receivedBytes} bytes`)
  }
  return { peakBytes, settledBytes }
}

/** Connects, asks for the body, and stops reading after the first bytes of it. */
function stallClient(port: number, host: string): Promise<Bun.Socket<{ receivedBytes: number }>> {
  return Bun.connect<{ receivedBytes: number }>({
    hostname: "127.0.0.1",
    port,
    data: { receivedBytes: 0 },
    socket: {
      open(socket) {
        socket.write(`GET /api/body HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
      },
      data(socket, bytes) {
        socket.data.receivedBytes += bytes.byteLength
        socket.pause()
      },
    },
  })
}
