/** `tcpKeepalive` as the system has it: `/proc/net/tcp` names the timer of each connection (Istio semantics sheet 6.5). */
import { describe, expect, test } from "bun:test"
import { existsSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { withPolicy } from "../harness/destination-rule.ts"
import { startGateway } from "../harness/gateway-under-test.ts"
import { exchangeOnce } from "../harness/raw-client.ts"
import { routesTo } from "../harness/routes-to.ts"
import { answer, ScriptedUpstream } from "../harness/scripted-upstream.ts"

const TABLE = "/proc/net/tcp"
const TICKS_PER_SECOND = 100
const KEEPALIVE_TIMER = "02"

/** Seconds until the system probes the connection to this port; null = it does not. */
async function secondsToProbe(port: number): Promise<number | null> {
  const portHex = port.toString(16).toUpperCase().padStart(4, "0")
  const columns = (await readFile(TABLE, "latin1")).split("\n").map((line) => line.trim().split(/\s+/))
  const own = columns.find(([, , remote, state]) => remote === `0100007F:${portHex}` && state === "01")
  if (own === undefined) throw new Error("no such connection")
  const [timer, ticks = ""] = (own[5] ?? "").split(":")
  return timer === KEEPALIVE_TIMER ? Number.parseInt(ticks, 16) / TICKS_PER_SECOND : null
}

async function probeAfterRequest(tcp: object): Promise<number | null> {
  await using upstream = ScriptedUpstream.start(answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
  await using gateway = await startGateway(withPolicy(routesTo(upstream.port), { connectionPool: { tcp } }))
  await exchangeOnce(gateway.port(80), "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
  return await secondsToProbe(upstream.port)
}

describe.skipIf(!existsSync(TABLE))("on Linux", () => {
  test("off without tcpKeepalive", async () => {
    expect(await probeAfterRequest({ connectTimeout: "5s" })).toBeNull()
  })

  test("`time` is when probes begin", async () => {
    const seconds = await probeAfterRequest({ tcpKeepalive: { time: "300s" } })
    expect(seconds).toBeGreaterThan(200)
    expect(seconds).toBeLessThanOrEqual(300)
  })

  test("without `time`: two hours", async () => {
    expect(await probeAfterRequest({ tcpKeepalive: {} })).toBeGreaterThan(7_000)
  })
})
