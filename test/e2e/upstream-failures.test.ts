/** What a client gets when its service fails (Istio semantics sheet 3.5, 3.6, 5.2), and what is tried before. */
import { describe, expect, test } from "bun:test"
import { type GatewayUnderTest, startGateway } from "../harness/gateway-under-test.ts"
import { exchangeOnce, RawClient } from "../harness/raw-client.ts"
import {
  GATEWAY_YAML,
  routesTo,
  rulesTo,
  SERVICE_HOST,
  serviceYaml,
  virtualServiceYaml,
  yamlOf,
} from "../harness/routes-to.ts"
import { answerOk, ScriptedUpstream } from "../harness/scripted-upstream.ts"

const GET = "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"
const POST = "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n\r\nhello"
const BEFORE_HEADERS = "upstream connect error or disconnect/reset before headers."
const REFUSED = "remote connection failure, transport failure reason: delayed connect error: Connection refused"

/** A loopback port that refuses connections. */
function closedPort(): number {
  const upstream = ScriptedUpstream.start()
  upstream.stop()
  return upstream.port
}

async function outcome(gateway: GatewayUnderTest, index: number): Promise<readonly unknown[]> {
  const { responseCode, responseFlags, responseCodeDetails } = await gateway.record(index)
  return [responseCode, responseFlags, responseCodeDetails]
}

describe("connection refused", () => {
  test("503 after two retries, with the reason in the text, URX, and three connects", async () => {
    await using gateway = await startGateway(routesTo(closedPort()))
    const response = await exchangeOnce(gateway.port(80), GET)
    expect(response.status).toBe(503)
    expect(response.text).toBe(`${BEFORE_HEADERS} retried and the latest reset reason: ${REFUSED}`)
    expect(await outcome(gateway, 0)).toEqual([
      503,
      "UF,URX",
      "upstream_reset_before_response_started{remote_connection_failure|delayed_connect_error:_Connection_refused}",
    ])
    const [cluster] = gateway.gateway.clusters
    expect([cluster?.stats.upstreamCxConnectFail, cluster?.stats.upstreamRqRetry]).toEqual([3, 2])
    expect((await gateway.record(0)).upstreamTransportFailureReason).toBe("delayed connect error: Connection refused")
  })

  test("attempts: 0 tries once, UF", async () => {
    await using gateway = await startGateway(routesTo(closedPort(), "retries: { attempts: 0 }"))
    const response = await exchangeOnce(gateway.port(80), GET)
    expect([response.status, response.text]).toEqual([503, `${BEFORE_HEADERS} reset reason: ${REFUSED}`])
    expect((await gateway.record(0)).responseFlags).toBe("UF")
  })

  test("a retry avoids the endpoint that failed: a POST with a body arrives at the other, once", async () => {
    await using upstream = ScriptedUpstream.start()
    const yaml = yamlOf(
      GATEWAY_YAML,
      serviceYaml(SERVICE_HOST, [closedPort(), upstream.port]),
      virtualServiceYaml("routes", ["*"], `- route: [{ destination: { host: ${SERVICE_HOST} } }]`),
    )
    await using gateway = await startGateway(yaml)
    for (let count = 1; count <= 8; count++) {
      const response = await exchangeOnce(gateway.port(80), POST)
      expect([response.status, response.text]).toEqual([200, "ok"])
      expect(upstream.requests.length).toBe(count)
    }
    const attempts = upstream.requests.map(({ field, body }) => [field("x-envoy-attempt-count"), body.toString()])
    expect(new Set(attempts.map(([, body]) => body))).toEqual(new Set(["hello"]))
    expect(new Set(attempts.map(([attempt]) => attempt))).toContain("2")
  })
})

describe("the upstream closes before the response head", () => {
  test("503, UC, delivered once: the default policy does not retry it", async () => {
    for (const request of [GET, POST]) {
      await using upstream = ScriptedUpstream.start(({ connection }) => connection.halfClose())
      await using gateway = await startGateway(routesTo(upstream.port))
      const response = await exchangeOnce(gateway.port(80), request)
      expect([response.status, response.text]).toEqual([503, `${BEFORE_HEADERS} reset reason: connection termination`])
      expect(await outcome(gateway, 0)).toEqual([
        503,
        "UC",
        "upstream_reset_before_response_started{connection_termination}",
      ])
      expect(upstream.requests.length).toBe(1)
    }
  })

  test("in the middle of the head", async () => {
    await using upstream = ScriptedUpstream.start(({ connection }) => {
      connection.send("HTTP/1.1 200 OK\r\nContent-Le")
      connection.halfClose()
    })
    await using gateway = await startGateway(routesTo(upstream.port))
    expect((await exchangeOnce(gateway.port(80), GET)).text).toEndWith("reset reason: connection termination")
  })

  test("with a reset instead of FIN", async () => {
    await using upstream = ScriptedUpstream.start(({ connection }) => connection.close())
    await using gateway = await startGateway(routesTo(upstream.port))
    const response = await exchangeOnce(gateway.port(80), GET)
    expect([response.status, response.text]).toEqual([503, `${BEFORE_HEADERS} reset reason: connection termination`])
  })

  test("retryOn reset tries again, and the second answer counts", async () => {
    await using upstream = ScriptedUpstream.start((exchange) => {
      if (exchange.connection.index === 0) exchange.connection.halfClose()
      else answerOk(exchange)
    })
    await using gateway = await startGateway(routesTo(upstream.port, "retries: { attempts: 1, retryOn: reset }"))
    expect((await exchangeOnce(gateway.port(80), GET)).text).toBe("ok")
    expect(upstream.requests.map(({ field }) => field("x-envoy-attempt-count"))).toEqual(["1", "2"])
    const ids = upstream.requests.map(({ field }) => field("x-request-id"))
    expect(ids[0]).toBe(ids[1] ?? "")
    expect(gateway.records.map(({ responseFlags }) => responseFlags)).toEqual([""])
  })
})

describe("upstream connections", () => {
  test("are used again: many requests, one connection", async () => {
    await using upstream = ScriptedUpstream.start()
    await using gateway = await startGateway(routesTo(upstream.port))
    for (let count = 0; count < 5; count++) {
      expect((await exchangeOnce(gateway.port(80), count % 2 === 0 ? GET : POST)).text).toBe("ok")
    }
    expect([upstream.connections.length, upstream.requests.length]).toEqual([1, 5])
  })

  test("one that was closed while it idled is not used", async () => {
    await using upstream = ScriptedUpstream.start()
    await using gateway = await startGateway(routesTo(upstream.port))
    using client = await RawClient.connect(gateway.port(80))
    expect((await client.exchange(POST)).text).toBe("ok")
    const connection = await upstream.connection(0)
    connection.halfClose()
    await connection.until(() => connection.isClosed, "the gateway's side closed")
    expect((await client.exchange(POST)).text).toBe("ok")
    expect(upstream.connections.length).toBe(2)
  })

  test("closed as the next request arrives: a GET is sent anew, a POST never twice", async () => {
    for (const [request, status, deliveries] of [
      [GET, 200, 2],
      [POST, 503, 1],
      ["DELETE / HTTP/1.1\r\nHost: a.example\r\n\r\n", 503, 1],
    ] as const) {
      // The first request of each connection is answered, the second finds it closing.
      await using upstream = ScriptedUpstream.start((exchange) => {
        const { connection } = exchange
        if (connection.requests.length === 2) connection.halfClose()
        else answerOk(exchange)
      })
      await using gateway = await startGateway(routesTo(upstream.port))
      using client = await RawClient.connect(gateway.port(80))
      expect((await client.exchange("GET /warm HTTP/1.1\r\nHost: a.example\r\n\r\n")).status).toBe(200)
      expect((await client.exchange(request)).status).toBe(status)
      expect(upstream.requests.filter(({ target }) => target === "/").length).toBe(deliveries)
    }
  })
})

describe("Istio semantics sheet 3.5: timeouts", () => {
  test("504 before the response head, UT; the upstream request is cancelled", async () => {
    await using upstream = ScriptedUpstream.start({})
    await using gateway = await startGateway(routesTo(upstream.port, "timeout: 50ms"))
    using client = await RawClient.connect(gateway.port(80))
    const response = await client.exchange(GET)
    expect([response.status, response.text]).toEqual([504, "upstream request timeout"])
    expect(await outcome(gateway, 0)).toEqual([504, "UT", "upstream_response_timeout"])
    await (await upstream.connection(0)).untilClosed()
    expect((await upstream.request(0)).field("x-envoy-expected-rq-timeout-ms")).toBe("50")
  })

  test("after the response head: the response is cut", async () => {
    await using upstream = ScriptedUpstream.start(({ connection }) =>
      connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"),
    )
    await using gateway = await startGateway(routesTo(upstream.port, "timeout: 50ms"))
    using client = await RawClient.connect(gateway.port(80))
    client.send(GET)
    expect((await client.untilClosed()).toString("latin1")).toEndWith("\r\n\r\nhalf")
    expect(await outcome(gateway, 0)).toEqual([200, "UT", "upstream_response_timeout"])
    await (await upstream.connection(0)).untilClosed()
  })

  test("a gRPC request gets status 14", async () => {
    await using upstream = ScriptedUpstream.start({})
    await using gateway = await startGateway(routesTo(upstream.port, "timeout: 50ms"))
    const grpc = "POST /a HTTP/1.1\r\nHost: a.example\r\nContent-Type: application/grpc\r\nContent-Length: 0\r\n\r\n"
    const { status, field } = await exchangeOnce(gateway.port(80), grpc)
    expect([status, field("grpc-status"), field("grpc-message")]).toEqual([200, "14", "upstream request timeout"])
  })

  test("the clock starts when the request is complete: a slow upload is not timed out", async () => {
    await using upstream = ScriptedUpstream.start()
    await using gateway = await startGateway(routesTo(upstream.port, "timeout: 50ms"))
    using slow = await RawClient.connect(gateway.port(80))
    slow.send("POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n\r\nhel")
    await upstream.connection(0)
    // Another request is sent later and times out first: time enough has passed for the slow one too.
    await using silent = ScriptedUpstream.start({})
    await using other = await startGateway(routesTo(silent.port, "timeout: 60ms"))
    expect((await exchangeOnce(other.port(80), GET)).status).toBe(504)
    slow.send("lo")
    expect((await slow.readResponse()).text).toBe("ok")
  })
})

describe("the client goes away", () => {
  test("before the response: the upstream request is cancelled, code 0, DC", async () => {
    for (const leave of ["close", "halfClose"] as const) {
      await using upstream = ScriptedUpstream.start({})
      await using gateway = await startGateway(routesTo(upstream.port))
      using client = await RawClient.connect(gateway.port(80))
      client.send(GET)
      const connection = await upstream.connection(0)
      await connection.until(() => connection.requests.length === 1, "the request")
      client[leave]()
      await connection.untilClosed()
      expect(await outcome(gateway, 0)).toEqual([0, "DC", "downstream_remote_disconnect"])
      expect([gateway.counters.responsesNone, gateway.counters.requestsActive]).toEqual([1, 0])
    }
  })

  test("in the middle of a request body: the service never sees it whole", async () => {
    await using upstream = ScriptedUpstream.start()
    await using gateway = await startGateway(routesTo(upstream.port))
    using client = await RawClient.connect(gateway.port(80))
    client.send("POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
    const connection = await upstream.connection(0)
    await connection.until(() => connection.peek().includes("hello"), "the first chunk")
    client.close()
    await connection.untilClosed()
    expect(upstream.requests).toEqual([])
    expect(await outcome(gateway, 0)).toEqual([0, "DC", "downstream_remote_disconnect"])
  })

  test("in the middle of the response: the upstream is told, the status stays", async () => {
    await using upstream = ScriptedUpstream.start(({ connection }) =>
      connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"),
    )
    await using gateway = await startGateway(routesTo(upstream.port))
    using client = await RawClient.connect(gateway.port(80))
    client.send(GET)
    await client.until(() => client.peek().includes("half"), "the first half")
    client.close()
    await (await upstream.connection(0)).untilClosed()
    expect(await outcome(gateway, 0)).toEqual([200, "DC", "downstream_remote_disconnect"])
  })
})

test("Istio semantics sheet 3.10: a rule's response operations apply to 503 answers on its route", async () => {
  const rules = `- route: [{ destination: { host: ${SERVICE_HOST} } }]
  retries: { attempts: 0 }
  headers: { response: { set: { x-rule: "yes" } } }`
  await using gateway = await startGateway(rulesTo(closedPort(), rules))
  const response = await exchangeOnce(gateway.port(80), GET)
  expect([response.status, response.field("x-rule")]).toEqual([503, "yes"])
})
