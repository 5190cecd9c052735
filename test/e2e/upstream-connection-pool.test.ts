/** `connectionPool` over real sockets (Istio semantics sheet 6.5, 5.2). */
import { describe, expect, test } from "bun:test"
import { withPolicy } from "../harness/destination-rule.ts"
import { type GatewayUnderTest, startGateway } from "../harness/gateway-under-test.ts"
import { exchangeOnce, RawClient } from "../harness/raw-client.ts"
import { routesTo } from "../harness/routes-to.ts"
import { ScriptedUpstream, type UpstreamConnection } from "../harness/scripted-upstream.ts"
import { waitUntil } from "../harness/wait-until.ts"

const GET = "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"
const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
const OVERFLOW_BODY = "upstream connect error or disconnect/reset before headers. reset reason: overflow"

/** An upstream that answers only when the test says so. */
function startHolding(): { readonly upstream: ScriptedUpstream; readonly held: UpstreamConnection[] } {
  const held: UpstreamConnection[] = []
  return { upstream: ScriptedUpstream.start(({ connection }) => held.push(connection)), held }
}

function stat(gateway: GatewayUnderTest, name: string): number {
  const [cluster] = gateway.gateway.clusters
  return cluster?.stats.snapshotStats().find((sample) => sample.name === name)?.value ?? -1
}

async function sendAll(gateway: GatewayUnderTest, count: number): Promise<readonly RawClient[]> {
  const clients = await Promise.all(Array.from({ length: count }, () => RawClient.connect(gateway.port(80))))
  for (const client of clients) client.send(GET)
  return clients
}

describe("circuit breakers", () => {
  test("maxConnections 1: a second request waits for the connection and is served on it", async () => {
    const { upstream, held } = startHolding()
    await using _upstream = upstream
    await using gateway = await startGateway(
      withPolicy(routesTo(upstream.port), { connectionPool: { tcp: { maxConnections: 1 } } }),
    )
    const clients = await sendAll(gateway, 2)
    await waitUntil(() => stat(gateway, "upstream_rq_pending_active") === 1 && held.length === 1, "one waits")
    held[0]?.send(OK)
    await upstream.request(1)
    held[1]?.send(OK)
    for (const client of clients) expect((await client.readResponse()).status).toBe(200)
    expect(upstream.connections).toHaveLength(1)
    expect(stat(gateway, "upstream_cx_overflow")).toBeGreaterThanOrEqual(1)
    for (const client of clients) client.close()
  })

  test("the classic demo: maxConnections 1, http1MaxPendingRequests 1: the third request is 503 UO with Envoy's body", async () => {
    const { upstream, held } = startHolding()
    await using _upstream = upstream
    const connectionPool = { tcp: { maxConnections: 1 }, http: { http1MaxPendingRequests: 1 } }
    await using gateway = await startGateway(withPolicy(routesTo(upstream.port), { connectionPool }))
    const [first] = await sendAll(gateway, 1)
    await waitUntil(() => held.length === 1, "the first is sent")
    const [second] = await sendAll(gateway, 1)
    await waitUntil(() => stat(gateway, "upstream_rq_pending_active") === 1, "the second waits")
    const third = await exchangeOnce(gateway.port(80), GET)
    expect([third.status, third.text, third.field("x-envoy-overloaded")]).toEqual([503, OVERFLOW_BODY, "true"])
    const record = await gateway.record(0)
    expect([record.responseFlags, record.responseCodeDetails]).toEqual([
      "UO",
      "upstream_reset_before_response_started{overflow}",
    ])
    expect(stat(gateway, "upstream_rq_pending_overflow")).toBe(1)
    held[0]?.send(OK)
    await upstream.request(1)
    held[1]?.send(OK)
    expect((await second?.readResponse())?.status).toBe(200)
    first?.close()
    second?.close()
  })

  test("an overflow is never retried (sheet 3.6)", async () => {
    const { upstream, held } = startHolding()
    await using _upstream = upstream
    await using gateway = await startGateway(
      withPolicy(routesTo(upstream.port, "retries: { attempts: 3, retryOn: 5xx }"), {
        connectionPool: { http: { http2MaxRequests: 1 } },
      }),
    )
    const [first] = await sendAll(gateway, 1)
    await waitUntil(() => held.length === 1, "the first is sent")
    const second = await exchangeOnce(gateway.port(80), GET)
    expect([second.status, second.text]).toEqual([503, OVERFLOW_BODY])
    expect(stat(gateway, "upstream_rq_retry")).toBe(0)
    first?.close()
  })

  test("http2MaxRequests counts the whole cluster, and an idle connection beyond it stays unused", async () => {
    const { upstream, held } = startHolding()
    await using _upstream = upstream
    await using gateway = await startGateway(
      withPolicy(routesTo(upstream.port), { connectionPool: { http: { http2MaxRequests: 2 } } }),
    )
    const clients = await sendAll(gateway, 2)
    await waitUntil(() => held.length === 2, "two are sent")
    expect((await exchangeOnce(gateway.port(80), GET)).status).toBe(503)
    held[0]?.send(OK)
    await waitUntil(() => stat(gateway, "upstream_rq_active") === 1, "one is over")
    clients[0]?.send(GET)
    clients[1]?.send(GET)
    await waitUntil(() => held.length === 3, "another is sent")
    held[1]?.send(OK)
    held[2]?.send(OK)
    for (const client of clients) client.close()
  })

  test("what ends frees its place: the gauges are at zero in the end", async () => {
    await using upstream = ScriptedUpstream.start()
    const connectionPool = { tcp: { maxConnections: 2 }, http: { http1MaxPendingRequests: 4, http2MaxRequests: 3 } }
    await using gateway = await startGateway(withPolicy(routesTo(upstream.port), { connectionPool }))
    const answers = await Promise.all(Array.from({ length: 30 }, () => exchangeOnce(gateway.port(80), GET)))
    for (const { status, field } of answers) {
      expect(status === 200 || (status === 503 && field("x-envoy-overloaded") === "true")).toBe(true)
    }
    expect(upstream.connections.length).toBeLessThanOrEqual(2)
    expect([stat(gateway, "upstream_rq_active"), stat(gateway, "upstream_rq_pending_active")]).toEqual([0, 0])
  })
})

describe("connections", () => {
  test("maxRequestsPerConnection 1: every request has a connection of its own", async () => {
    await using upstream = ScriptedUpstream.start()
    await using gateway = await startGateway(
      withPolicy(routesTo(upstream.port), { connectionPool: { http: { maxRequestsPerConnection: 1 } } }),
    )
    for (let request = 0; request < 3; request++) expect((await exchangeOnce(gateway.port(80), GET)).status).toBe(200)
    expect(upstream.connections.map(({ requests }) => requests.length)).toEqual([1, 1, 1])
    expect(stat(gateway, "upstream_cx_max_requests")).toBe(3)
  })

  test("maxRequestsPerConnection 2: the third request needs a second connection", async () => {
    await using upstream = ScriptedUpstream.start()
    await using gateway = await startGateway(
      withPolicy(routesTo(upstream.port), { connectionPool: { http: { maxRequestsPerConnection: 2 } } }),
    )
    for (let request = 0; request < 3; request++) await exchangeOnce(gateway.port(80), GET)
    expect(upstream.connections.map(({ requests }) => requests.length)).toEqual([2, 1])
  })

  test("connectTimeout: a service that does not finish a TLS handshake is 503 UF, connection timeout", async () => {
    await using upstream = ScriptedUpstream.start({ onConnection: (connection) => (connection.readsRequests = false) })
    await using gateway = await startGateway(
      withPolicy(routesTo(upstream.port, "retries: { attempts: 0 }"), {
        connectionPool: { tcp: { connectTimeout: "50ms" } },
        tls: { mode: "SIMPLE", sni: "a.example" },
      }),
    )
    const { status, text } = await exchangeOnce(gateway.port(80), GET)
    expect([status, text]).toEqual([
      503,
      "upstream connect error or disconnect/reset before headers. reset reason: connection timeout",
    ])
    expect((await gateway.record(0)).responseFlags).toBe("UF")
    expect(stat(gateway, "upstream_cx_connect_timeout")).toBe(1)
    const [connection] = upstream.connections
    await waitUntil(() => connection?.isClosed === true, "the connection is given up")
  })

  test("tcpKeepalive is accepted and requests go through", async () => {
    await using upstream = ScriptedUpstream.start()
    await using gateway = await startGateway(
      withPolicy(routesTo(upstream.port), { connectionPool: { tcp: { tcpKeepalive: { time: "5s" } } } }),
    )
    expect((await exchangeOnce(gateway.port(80), GET)).status).toBe(200)
  })

  test("maxConnectionDuration: an old connection is not used again", async () => {
    await using upstream = ScriptedUpstream.start()
    await using gateway = await startGateway(
      withPolicy(routesTo(upstream.port), { connectionPool: { tcp: { maxConnectionDuration: "1ms" } } }),
    )
    using client = await RawClient.connect(gateway.port(80))
    await waitUntil(async () => {
      expect((await client.exchange(GET)).status).toBe(200)
      return upstream.connections.length > 1
    }, "a second connection")
    expect(stat(gateway, "upstream_cx_max_duration_reached")).toBeGreaterThanOrEqual(1)
  })

  test.each([
    ["2s", 1],
    ["0s", 0],
  ])(
    "idleTimeout %s: %d of one connection is closed after an hour (sheet 6.5: 0 s disables)",
    async (idleTimeout, closed) => {
      await using upstream = ScriptedUpstream.start()
      await using gateway = await startGateway(
        withPolicy(routesTo(upstream.port), { connectionPool: { http: { idleTimeout } } }),
      )
      await exchangeOnce(gateway.port(80), GET)
      const [endpoint] = gateway.gateway.clusters[0]?.endpoints ?? []
      await waitUntil(() => endpoint?.pool.idleCount === 1, "the connection is idle")
      endpoint?.pool.closeExpired(performance.now() + 3_600_000)
      expect(stat(gateway, "upstream_cx_idle_timeout")).toBe(closed)
      expect(endpoint?.pool.idleCount).toBe(1 - closed)
    },
  )
})
