/**
 * How upstream requests end, as an operator reads it: who reset one (`upstream_rq_tx_reset`, `upstream_rq_rx_reset`), and
 * which counted as errors of their endpoint (`rq_error`; Envoy router.cc `chargeUpstreamCode`, `chargeUpstreamAbort`).
 */
import { describe, expect, test } from "bun:test"
import { type GatewayUnderTest, startGateway } from "../harness/gateway-under-test.ts"
import { exchangeOnce, RawClient } from "../harness/raw-client.ts"
import { routesTo } from "../harness/routes-to.ts"
import { ScriptedUpstream } from "../harness/scripted-upstream.ts"
import { waitUntil } from "../harness/wait-until.ts"

const GET = "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"
const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

/** Ended by the gateway, ended by the service. */
function resets(gateway: GatewayUnderTest): readonly number[] {
  const samples = gateway.gateway.clusters[0]?.stats.snapshotStats() ?? []
  return ["upstream_rq_tx_reset", "upstream_rq_rx_reset"].map(
    (name) => samples.find((sample) => sample.name === name)?.value ?? -1,
  )
}

describe("resets of upstream requests", () => {
  test("an answered request was reset by nobody", async () => {
    await using upstream = ScriptedUpstream.start(({ connection }) => connection.send(OK))
    await using gateway = await startGateway(routesTo(upstream.port))
    expect((await exchangeOnce(gateway.port(80), GET)).status).toBe(200)
    expect(resets(gateway)).toEqual([0, 0])
  })

  test("the client goes away: the gateway resets it", async () => {
    await using upstream = ScriptedUpstream.start(() => {})
    await using gateway = await startGateway(routesTo(upstream.port))
    const client = await RawClient.connect(gateway.port(80))
    client.send(GET)
    await upstream.request(0)
    client.close()
    await waitUntil(() => resets(gateway)[0] === 1, "the request is reset")
    expect(resets(gateway)).toEqual([1, 0])
  })

  test("the route's timeout: the gateway resets it", async () => {
    await using upstream = ScriptedUpstream.start(() => {})
    await using gateway = await startGateway(routesTo(upstream.port, "timeout: 20ms"))
    expect((await exchangeOnce(gateway.port(80), GET)).status).toBe(504)
    expect(resets(gateway)).toEqual([1, 0])
  })

  test("each try that is given up for another one counts", async () => {
    await using upstream = ScriptedUpstream.start(() => {})
    const retries = "retries: { attempts: 2, perTryTimeout: 20ms, retryOn: 5xx }"
    await using gateway = await startGateway(routesTo(upstream.port, retries))
    expect((await exchangeOnce(gateway.port(80), GET)).status).toBe(504)
    expect(resets(gateway)).toEqual([3, 0])
  })

  test("the service ends its connection: it was not the gateway", async () => {
    await using upstream = ScriptedUpstream.start(({ connection }) => connection.close())
    await using gateway = await startGateway(routesTo(upstream.port, "retries: { attempts: 0 }"))
    expect((await exchangeOnce(gateway.port(80), GET)).status).toBe(503)
    expect(resets(gateway)).toEqual([0, 1])
  })
})

describe("errors of an endpoint", () => {
  const answered = (status: string) => `HTTP/1.1 ${status}\r\nContent-Length: 0\r\n\r\n`
  for (const [what, answer, extra, status, errors] of [
    ["an answer is none", answered("200 OK"), "", 200, 0],
    ["nor is one that blames the client", answered("404 Not Found"), "", 404, 0],
    ["a 5xx answer is one", answered("500 Internal Server Error"), "", 500, 1],
    ["a timeout is one", "", "timeout: 20ms", 504, 1],
    [
      "each failed try is one",
      answered("503 Service Unavailable"),
      "retries: { attempts: 2, retryOn: 5xx, backoff: 1ms }",
      503,
      3,
    ],
  ] as const) {
    test(what, async () => {
      await using upstream = ScriptedUpstream.start(({ connection }) => connection.send(answer))
      await using gateway = await startGateway(routesTo(upstream.port, extra))
      expect((await exchangeOnce(gateway.port(80), GET)).status).toBe(status)
      expect(gateway.gateway.clusters[0]?.endpoints.map(({ requestErrors }) => requestErrors)).toEqual([errors])
    })
  }

  test("a client that goes away is none", async () => {
    await using upstream = ScriptedUpstream.start(() => {})
    await using gateway = await startGateway(routesTo(upstream.port))
    const client = await RawClient.connect(gateway.port(80))
    client.send(GET)
    await upstream.request(0)
    client.close()
    await waitUntil(() => resets(gateway)[0] === 1, "the request is reset")
    expect(gateway.gateway.clusters[0]?.endpoints.map(({ requestErrors }) => requestErrors)).toEqual([0])
  })
})
