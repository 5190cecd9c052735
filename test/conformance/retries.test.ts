/**
 * Retries where one exchange is not enough to show them: bodies, several requests at once, connections that a case cannot
 * script (Istio semantics sheet 3.6, 6.5).
 */
import { describe, expect, test } from "bun:test"
import { type GatewayUnderTest, startGateway } from "../harness/gateway-under-test.ts"
import { RawClient } from "../harness/raw-client.ts"
import { GATEWAY_YAML, routesTo, SERVICE_HOST, virtualServiceYaml, yamlOf } from "../harness/routes-to.ts"
import { ScriptedUpstream, type UpstreamExchange, type UpstreamRequest } from "../harness/scripted-upstream.ts"
import { waitUntil } from "../harness/wait-until.ts"
import { refusingPort } from "./fixture-services.ts"

const MIB = 1024 * 1024
const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
const UNAVAILABLE = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 3\r\n\r\nbad"

/** Answers in order, then always the last. "" = says nothing. */
function answers(...bytes: readonly string[]): (exchange: UpstreamExchange) => void {
  let next = 0
  return ({ connection }) => {
    connection.send(bytes[Math.min(next, bytes.length - 1)] ?? "")
    next++
  }
}

function destinationRule(trafficPolicy: string): string {
  return `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: service }
spec: { host: ${SERVICE_HOST}, trafficPolicy: ${trafficPolicy} }
`
}

const GET = "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"
const post = (body: string, ...lines: readonly string[]) =>
  `POST / HTTP/1.1\r\nHost: a.example\r\n${lines.map((line) => `${line}\r\n`).join("")}Content-Length: ${body.length}\r\n\r\n${body}`

async function send(gateway: GatewayUnderTest, request: string): Promise<RawClient> {
  const client = await RawClient.connect(gateway.port(80))
  client.send(request)
  return client
}

describe("bodies", () => {
  test("http.retries: a body up to the buffer is sent again, byte for byte", async () => {
    const body = Buffer.alloc(MIB, "0123456789abcdef").toString("latin1")
    await using upstream = ScriptedUpstream.start(answers(UNAVAILABLE, OK))
    await using gateway = await startGateway(routesTo(upstream.port, "retries: { attempts: 1, retryOn: 5xx }"))
    using client = await send(gateway, post(body))
    expect((await client.readResponse()).status).toBe(200)
    expect(upstream.requests.map((request) => request.body.equals(Buffer.from(body, "latin1")))).toEqual([true, true])
  })

  test("http.retries: a body of 2 MiB is over the buffer of 1 MiB: the first answer is final, without URX", async () => {
    await using upstream = ScriptedUpstream.start(answers(UNAVAILABLE, OK))
    await using gateway = await startGateway(routesTo(upstream.port, "retries: { attempts: 1, retryOn: 5xx }"))
    using client = await send(gateway, post("x".repeat(2 * MIB)))
    expect((await client.readResponse()).status).toBe(503)
    expect(upstream.requests.length).toBe(1)
    expect(upstream.requests[0]?.body.length).toBe(2 * MIB)
    expect((await gateway.record(0)).responseFlags).toBe("")
  })

  test("http.retries: one byte over the buffer is over it", async () => {
    await using upstream = ScriptedUpstream.start(answers(UNAVAILABLE, OK))
    await using gateway = await startGateway(routesTo(upstream.port, "retries: { attempts: 1, retryOn: 5xx }"))
    using client = await send(gateway, post("x".repeat(MIB + 1)))
    expect((await client.readResponse()).status).toBe(503)
    expect(upstream.requests.length).toBe(1)
  })

  test("http.retries: a chunked body is sent again, with its framing made anew", async () => {
    await using upstream = ScriptedUpstream.start(answers(UNAVAILABLE, OK))
    await using gateway = await startGateway(routesTo(upstream.port, "retries: { attempts: 1, retryOn: 5xx }"))
    const head = "POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n"
    using client = await send(gateway, `${head}3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n`)
    expect((await client.readResponse()).status).toBe(200)
    expect(upstream.requests.map(({ body }) => body.toString())).toEqual(["abcdefg", "abcdefg"])
  })

  test("http.retries: a POST is not sent again unless a condition asks for it", async () => {
    await using upstream = ScriptedUpstream.start(({ connection }) => connection.halfClose())
    await using gateway = await startGateway(routesTo(upstream.port))
    using client = await send(gateway, post("pay"))
    expect((await client.readResponse()).status).toBe(503)
    expect(upstream.requests.length).toBe(1)
  })

  test("http.retries: an answer before the end of the body is tried again with the rest of it", async () => {
    let isFirst = true
    await using upstream = ScriptedUpstream.start({
      onHead(_, connection) {
        if (isFirst) connection.send(UNAVAILABLE)
        isFirst = false
      },
      onRequest: ({ connection }) => connection.send(OK),
    })
    await using gateway = await startGateway(
      routesTo(upstream.port, "retries: { attempts: 1, retryOn: 5xx, backoff: 1ms }"),
    )
    using client = await send(gateway, "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 6\r\n\r\nabc")
    await upstream.connection(1)
    client.send("def")
    expect((await client.readResponse()).status).toBe(200)
    expect((await upstream.request(0)).body.toString()).toBe("abcdef")
  })
})

describe("100 Continue", () => {
  test("http.retries: after the client was told to go on there is no other try (Envoy onUpstream1xxHeaders)", async () => {
    await using upstream = ScriptedUpstream.start({
      onHead: (_, connection) => connection.send("HTTP/1.1 100 Continue\r\n\r\n"),
      onRequest: answers(UNAVAILABLE, OK),
    })
    await using gateway = await startGateway(routesTo(upstream.port, "retries: { attempts: 1, retryOn: 5xx }"))
    const head = "POST / HTTP/1.1\r\nHost: a.example\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"
    using client = await send(gateway, head)
    expect((await client.readHead()).startLine).toBe("HTTP/1.1 100 Continue")
    client.send("abc")
    expect((await client.readResponse()).status).toBe(503)
    expect(upstream.requests.length).toBe(1)
  })
})

describe("times", () => {
  test("http.retries.perTryTimeout: once the response has begun it may take longer (Envoy onPerTryTimeout)", async () => {
    await using upstream = ScriptedUpstream.start(answers("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab"))
    await using gateway = await startGateway(
      routesTo(upstream.port, "retries: { attempts: 1, perTryTimeout: 250ms, retryOn: reset }"),
    )
    using client = await send(gateway, GET)
    await client.until(() => client.peek().toString().endsWith("ab"), "the first half")
    // Twice as long as a try may wait for its response head.
    await Bun.sleep(500)
    ;(await upstream.connection(0)).send("cd")
    expect((await client.readResponse()).text).toBe("abcd")
    expect((await gateway.record(0)).responseFlags).toBe("")
  })

  test("http.timeout: the time left is told to each try (Envoy setTimeoutHeaders)", async () => {
    await using upstream = ScriptedUpstream.start(answers(UNAVAILABLE, UNAVAILABLE, OK))
    const rule = "timeout: 10s\nretries: { attempts: 2, retryOn: 5xx, backoff: 20ms }"
    await using gateway = await startGateway(routesTo(upstream.port, rule))
    using client = await send(gateway, GET)
    expect((await client.readResponse()).status).toBe(200)
    const told = upstream.requests.map(({ field }) => Number(field("x-envoy-expected-rq-timeout-ms")))
    expect(told[0]).toBe(10_000)
    const [, second = 0, third = 0] = told
    expect(second).toBeLessThan(10_000)
    expect(third).toBeLessThanOrEqual(second)
    expect(third).toBeGreaterThan(0)
  })
})

describe("where to", () => {
  const priorities = (one: number) => `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: tiers }
spec:
  hosts: [tiers.example]
  resolution: STATIC
  ports: [{ number: 80, name: http, protocol: HTTP }]
  endpoints:
    - { address: 127.0.0.1, ports: { http: ${refusingPort()} }, labels: { tier: first } }
    - { address: 127.0.0.1, ports: { http: ${one} }, labels: { tier: second } }
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: tiers }
spec:
  host: tiers.example
  trafficPolicy:
    outlierDetection: { consecutive5xxErrors: 0 }
    loadBalancer: { localityLbSetting: { failoverPriority: [tier=first] } }
`
  const rule = (attempts: number, more: string) => `
- route: [{ destination: { host: tiers.example } }]
  retries: { attempts: ${attempts}, retryOn: connect-failure, retryIgnorePreviousHosts: false, backoff: 1ms, ${more} }`

  async function statusWith(attempts: number, more: string): Promise<number> {
    await using upstream = ScriptedUpstream.start()
    const routes = virtualServiceYaml("routes", ["*"], rule(attempts, more))
    await using gateway = await startGateway(yamlOf(GATEWAY_YAML, priorities(upstream.port), routes))
    using client = await send(gateway, GET)
    return (await client.readResponse()).status
  }

  test("http.retries.retryRemoteLocalities: after two failed tries another priority is asked", async () => {
    expect(await statusWith(2, "retryRemoteLocalities: true")).toBe(200)
  })

  test("http.retries.retryRemoteLocalities: not after one, and not without it", async () => {
    expect(await statusWith(1, "retryRemoteLocalities: true")).toBe(503)
    expect(await statusWith(4, "retryRemoteLocalities: false")).toBe(503)
  })
})

describe("how many at once", () => {
  /** The first answer to each request is 503; what its retry gets is the test's to say. */
  function failingFirst(): ScriptedUpstream {
    return ScriptedUpstream.start(({ connection, request }) => {
      if (request.field("x-envoy-attempt-count") === "1") connection.send(UNAVAILABLE)
    })
  }
  const RETRY = "retries: { attempts: 1, retryOn: 5xx, backoff: 1ms }"
  const isRetry = ({ field }: UpstreamRequest) => field("x-envoy-attempt-count") === "2"
  const retriesOf = (upstream: ScriptedUpstream) => upstream.requests.filter(isRetry).length

  test("connectionPool.http.maxRetries: beyond it the answer is final, flag UO; one that ends makes room", async () => {
    await using upstream = failingFirst()
    const limit = destinationRule("{ connectionPool: { http: { maxRetries: 1 } } }")
    await using gateway = await startGateway(yamlOf(routesTo(upstream.port, RETRY), limit))
    using first = await send(gateway, GET)
    await waitUntil(() => retriesOf(upstream) === 1, "the first retry")

    using second = await send(gateway, GET)
    const refused = await second.readResponse()
    expect([refused.status, refused.text]).toEqual([503, "bad"])
    expect((await gateway.record(0)).responseFlags).toBe("UO")
    const stats = gateway.gateway.clusters.find(({ spec }) => spec.host === SERVICE_HOST)?.stats
    expect([stats?.upstreamRqRetry, stats?.upstreamRqRetryOverflow, stats?.upstreamRqRetryLimitExceeded]).toEqual([
      1, 1, 0,
    ])

    for (const connection of upstream.connections) if (connection.requests.some(isRetry)) connection.send(OK)
    expect((await first.readResponse()).status).toBe(200)
    using third = await send(gateway, GET)
    await waitUntil(() => retriesOf(upstream) === 2, "another retry")
    third.close()
  })

  test("connectionPool.http.maxRetries: a client that leaves makes room", async () => {
    await using upstream = failingFirst()
    const limit = destinationRule("{ connectionPool: { http: { maxRetries: 1 } } }")
    await using gateway = await startGateway(yamlOf(routesTo(upstream.port, RETRY), limit))
    const first = await send(gateway, GET)
    await waitUntil(() => retriesOf(upstream) === 1, "the first retry")
    first.close()
    await waitUntil(() => gateway.records.length === 1, "the end of the first")
    using second = await send(gateway, GET)
    await waitUntil(() => retriesOf(upstream) === 2, "another retry")
    second.close()
  })

  test("retryBudget: a share of the active requests, and never less than its minimum", async () => {
    await using upstream = ScriptedUpstream.start(({ connection, request }) => {
      if (request.target === "/fails" && request.field("x-envoy-attempt-count") === "1") connection.send(UNAVAILABLE)
    })
    const limit = destinationRule("{ retryBudget: { percent: 50, minRetryConcurrency: 1 } }")
    await using gateway = await startGateway(yamlOf(routesTo(upstream.port, RETRY), limit))
    const failing = GET.replace("GET /", "GET /fails")
    using alone = await send(gateway, failing)
    await waitUntil(() => retriesOf(upstream) === 1, "the retry that the minimum allows")

    // One active, and itself: half of two is one, which is taken.
    using refused = await send(gateway, failing)
    expect((await refused.readResponse()).status).toBe(503)

    using busy1 = await send(gateway, GET)
    using busy2 = await send(gateway, GET)
    await waitUntil(() => upstream.requests.length === 5, "two more active requests")
    // Three active, and itself: half of four is two.
    using allowed = await send(gateway, failing)
    await waitUntil(() => retriesOf(upstream) === 2, "the retry that the share allows")
    for (const client of [alone, busy1, busy2, allowed]) client.close()
  })
})
