/** How much memory a proxy takes for a client that asks for a large body and then does not read it. */
import { runContest } from "../contest.ts"
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
const settleLoadSeconds = 3
const settleIdleMs = 2_000
/** What a client may have read before it counts as stalled. */
const stalledBytesMax = 4 * megabyte

export const stalledReader: Scenario = {
  name: "stalled-reader",
  title: "Growth of resident memory while a client does not read a 1 GB response",
  async run(context) {
    const [rounds, watchMs] = context.quick ? [1, 1_000] : [5, 3_000]
    const own = portcullis(context.useBinary)
    const hosts = benchHosts(1)
    const upstream = await startUpstream(context.folder, bodyBytes)
    try {
      const contenders = [...context.peers, own].map((peer) => ({ peer, hosts }))
      // Memory that a first stalled client made a proxy take is not growth for the second: all count from the same base.
      const residentBytesBase = new Map<string, number>()
      const { samples, remarks } = await runContest(context, contenders, upstream.port, rounds, async (proxy) => {
        const base = residentBytesBase.get(proxy.name) ?? (await settle(proxy))
        residentBytesBase.set(proxy.name, base)
        return (await watchStalledClient(proxy, hosts[0] ?? "", watchMs)) - base
      })
      const growth = median(samples.get(own.name) ?? [])
      return {
        columns: ["proxy", "RSS growth MB"],
        rows: [...samples].map(([name, growths]) => [name, (median(growths) / megabyte).toFixed(1)]),
        figures: Number.isFinite(growth)
          ? [{ what: "memory for a stalled reader", value: growth / megabyte, unit: "MB", bar: 4, aim: 1 }]
          : [],
        remarks,
      }
    } finally {
      await upstream.stop()
    }
  },
}

/** Lets the proxy work on small answers until its heap and its compiled code have their size; returns its resident bytes. */
async function settle(proxy: RunningProxy): Promise<number> {
  await runLoad(proxy.port, 1, settleLoadSeconds)
  await Bun.sleep(settleIdleMs)
  return readResidentBytes(proxy.process.pid)
}

/** Asks for the body, stops reading after the first bytes of it, and returns the proxy's highest resident bytes while watched. */
async function watchStalledClient(proxy: RunningProxy, host: string, watchMs: number): Promise<number> {
  let receivedBytes = 0
  const client = await Bun.connect({
    hostname: "127.0.0.1",
    port: proxy.port,
    socket: {
      open(socket) {
        socket.write(`GET /api/body HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
      },
      data(socket, bytes) {
        receivedBytes += bytes.byteLength
        socket.pause()
      },
    },
  })
  let residentBytesMax = 0
  const stopAtMs = performance.now() + watchMs
  while (performance.now() < stopAtMs) {
    await Bun.sleep(watchIntervalMs)
    residentBytesMax = Math.max(residentBytesMax, readResidentBytes(proxy.process.pid))
  }
  client.terminate()
  if (receivedBytes === 0 || receivedBytes > stalledBytesMax) throw new Error(`the client read ${receivedBytes} bytes`)
  return residentBytesMax
}
