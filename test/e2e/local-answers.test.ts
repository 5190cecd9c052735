/** What the gateway answers by itself (Istio semantics sheet 3.3, 3.4, 4.4, 5): status, body, flag and details. */
import { describe, expect, test } from "bun:test"
import { startGateway } from "../harness/gateway-under-test.ts"
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
import { ScriptedUpstream } from "../harness/scripted-upstream.ts"
import { waitUntilStill } from "../harness/wait-until.ts"

const GET = "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"
const GRPC = "POST /pkg.Service/Method HTTP/1.1\r\nHost: a.example\r\nContent-Type: application/grpc\r\n"
const TO_SERVICE = `- route: [{ destination: { host: ${SERVICE_HOST} } }]`

/** Routes for one host name only. */
function oneHost(rules: string, ports: readonly number[]): string {
  return yamlOf(GATEWAY_YAML, serviceYaml(SERVICE_HOST, ports), virtualServiceYaml("routes", ["a.example"], rules))
}

interface Answer {
  readonly status: number
  readonly body: string
  readonly flags: string
  readonly details: string
}

/** Sends the request, expects the answer and its traces, and that the connection goes on. */
async function expectAnswer(yaml: string, request: string, answer: Answer): Promise<void> {
  await using gateway = await startGateway(yaml, { acceptsErrors: true })
  using client = await RawClient.connect(gateway.port(80))
  for (let index = 0; index < 2; index++) {
    client.send(request)
    const response = await client.readResponse(request.slice(0, request.indexOf(" ")))
    expect({ status: response.status, body: response.text }).toEqual({ status: answer.status, body: answer.body })
    expect(response.field("content-type")).toBe(answer.body === "" ? null : "text/plain")
    expect(response.field("content-length")).toBe(String(answer.body.length))
    expect(response.field("connection")).toBeNull()
    const { responseCode, responseFlags, responseCodeDetails } = await gateway.record(index)
    const { status, flags, details } = answer
    expect([responseCode, responseFlags, responseCodeDetails]).toEqual([status, flags, details])
  }
}

describe("Istio semantics sheet 5.2: no route, no cluster, no endpoint", () => {
  const notFound: Answer = { status: 404, body: "", flags: "NR", details: "route_not_found" }

  test("an unknown host is 404 with an empty body, NR", () =>
    expectAnswer(oneHost(TO_SERVICE, [1]), GET.replace("a.example", "b.example"), notFound))

  test("a host without a matching rule is 404 with an empty body, NR", () =>
    expectAnswer(oneHost(`- match: [{ uri: { prefix: /x } }]\n${TO_SERVICE.replace("-", " ")}`, [1]), GET, notFound))

  test("a host with another port is found, its name in any case", async () => {
    await using upstream = ScriptedUpstream.start()
    await using gateway = await startGateway(oneHost(TO_SERVICE, [upstream.port]))
    for (const host of ["a.example:8080", "A.Example", "A.EXAMPLE:80"]) {
      expect((await exchangeOnce(gateway.port(80), GET.replace("a.example", host))).status).toBe(200)
    }
    expect(upstream.requests.map(({ field }) => field("host"))).toEqual(["a.example:8080", "A.Example", "A.EXAMPLE:80"])
  })

  test("a destination that no resource defines is 503 with an empty body, NC", () => {
    const rules = "- route: [{ destination: { host: nowhere.example } }]"
    const answer: Answer = { status: 503, body: "", flags: "NC", details: "cluster_not_found" }
    return expectAnswer(oneHost(rules, [1]), GET, answer)
  })

  test("a service without endpoints is 503, UH", () => {
    const answer: Answer = { status: 503, body: "no healthy upstream", flags: "UH", details: "no_healthy_upstream" }
    return expectAnswer(oneHost(TO_SERVICE, []), GET, answer)
  })

  test("5.1: an answer to HEAD has the fields of the one to GET and no body", async () => {
    await using gateway = await startGateway(oneHost(TO_SERVICE, []))
    using client = await RawClient.connect(gateway.port(80))
    for (let count = 1; count <= 2; count++) {
      const response = await client.exchange("HEAD / HTTP/1.1\r\nHost: a.example\r\n\r\n")
      expect([response.status, response.field("content-length")]).toEqual([503, "19"])
      expect(response.field("content-type")).toBe("text/plain")
    }
  })
})

describe("Istio semantics sheet 4.4: methods and targets that no route takes", () => {
  test("CONNECT is 404 and nothing is tunnelled", async () => {
    await using upstream = ScriptedUpstream.start()
    await using gateway = await startGateway(routesTo(upstream.port))
    using client = await RawClient.connect(gateway.port(80))
    client.send("CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n")
    const response = await client.readResponse()
    expect([response.status, response.text]).toEqual([404, ""])
    expect((await gateway.record(0)).responseFlags).toBe("NR")
    expect(upstream.connections.length).toBe(0)
  })

  test("OPTIONS * is served by a rule for exactly *, else 404", async () => {
    await using upstream = ScriptedUpstream.start()
    const prefix = `- match: [{ uri: { prefix: / } }]\n${TO_SERVICE.replace("-", " ")}`
    await using gateway = await startGateway(rulesTo(upstream.port, prefix))
    const request = "OPTIONS * HTTP/1.1\r\nHost: a.example\r\n\r\n"
    expect((await exchangeOnce(gateway.port(80), request)).status).toBe(404)
    const exact = `- match: [{ uri: { exact: "*" } }]\n${TO_SERVICE.replace("-", " ")}`
    await gateway.apply(rulesTo(upstream.port, exact))
    expect((await exchangeOnce(gateway.port(80), request)).status).toBe(200)
    expect((await upstream.request(0)).startLine).toBe("OPTIONS * HTTP/1.1")
  })

  test("an upgrade that nobody knows is 403 with an empty body", async () => {
    await using upstream = ScriptedUpstream.start()
    await using gateway = await startGateway(routesTo(upstream.port))
    const request = "GET / HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: gopher\r\n\r\n"
    const response = await exchangeOnce(gateway.port(80), request)
    expect([response.status, response.text]).toEqual([403, ""])
    expect((await gateway.record(0)).responseCodeDetails).toBe("upgrade_failed")
    expect(upstream.connections.length).toBe(0)
  })
})

describe("Istio semantics sheet 5.3: gRPC gets trailers-only answers", () => {
  const rows: readonly (readonly [name: string, yaml: string, grpcStatus: string, message: string | null])[] = [
    ["no route is 12", oneHost(`- match: [{ uri: { prefix: /x } }]\n${TO_SERVICE.replace("-", " ")}`, [1]), "12", null],
    ["no endpoint is 14", oneHost(TO_SERVICE, []), "14", "no healthy upstream"],
    ["an unknown destination is 14", oneHost("- route: [{ destination: { host: x.example } }]", []), "14", null],
    [
      "a direct response is mapped, its body percent-encoded",
      oneHost('- directResponse: { status: 403, body: { string: "100% no\\n" } }', []),
      "7",
      "100%25 no%0A",
    ],
  ]
  for (const [name, yaml, grpcStatus, message] of rows) {
    test(name, async () => {
      await using gateway = await startGateway(yaml, { acceptsErrors: true })
      const { status, text, field } = await exchangeOnce(gateway.port(80), `${GRPC}\r\n`)
      expect([status, text, field("content-type")]).toEqual([200, "", "application/grpc"])
      expect([field("grpc-status"), field("grpc-message")]).toEqual([grpcStatus, message])
      expect((await gateway.record(0)).responseCode).toBe(200)
    })
  }

  test("application/grpc+proto is gRPC; application/grpc-web and application/grpcx are not", async () => {
    await using gateway = await startGateway(oneHost(TO_SERVICE, []))
    for (const [type, status] of [
      ["application/grpc+proto", 200],
      ["application/grpc-web", 503],
      ["application/grpcx", 503],
    ] as const) {
      const request = `${GRPC.replace("application/grpc", type)}\r\n`
      expect([type, (await exchangeOnce(gateway.port(80), request)).status]).toEqual([type, status])
    }
  })
})

describe("Istio semantics sheet 3.3: redirects", () => {
  const rows: readonly (readonly [name: string, redirect: string, status: number, location: string])[] = [
    ["authority", "{ authority: b.example }", 301, "http://b.example/p/q?r=s"],
    ["uri keeps the query", "{ uri: /new, redirectCode: 302 }", 302, "http://a.example:8080/new?r=s"],
    ["a uri with a query replaces it", "{ uri: /new?x, redirectCode: 307 }", 307, "http://a.example:8080/new?x"],
    ["scheme and port", "{ scheme: https, port: 8443, redirectCode: 308 }", 308, "https://a.example:8443/p/q?r=s"],
    ["scheme alone keeps the port", "{ scheme: https, redirectCode: 303 }", 303, "https://a.example:8080/p/q?r=s"],
  ]
  for (const [name, redirect, status, location] of rows) {
    test(name, async () => {
      await using gateway = await startGateway(oneHost(`- redirect: ${redirect}`, []))
      const request = "GET /p/q?r=s HTTP/1.1\r\nHost: a.example:8080\r\n\r\n"
      const response = await exchangeOnce(gateway.port(80), request)
      expect([response.status, response.field("location"), response.text]).toEqual([status, location, ""])
    })
  }
})

describe("Istio semantics sheet 3.4: direct responses", () => {
  test("status, body, content-type and length; the request's body is read and dropped", async () => {
    await using gateway = await startGateway(oneHost("- directResponse: { status: 418, body: { string: teapot } }", []))
    using client = await RawClient.connect(gateway.port(80))
    for (let count = 1; count <= 2; count++) {
      client.send("POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n\r\nhello")
      const response = await client.readResponse()
      expect([response.status, response.text, response.field("content-type")]).toEqual([418, "teapot", "text/plain"])
    }
    const { responseFlags, responseCodeDetails, bytesSent } = await gateway.record(0)
    expect([responseFlags, responseCodeDetails, bytesSent]).toEqual(["", "direct_response", 6])
  })

  test("bytes are base64, 204 and 304 have no body, and the rule may set the content-type", async () => {
    const yaml = oneHost(
      `- match: [{ uri: { exact: /bytes } }]
  directResponse: { status: 200, body: { bytes: AAEC/w== } }
- match: [{ uri: { exact: /json } }]
  directResponse: { status: 200, body: { string: "{}" } }
  headers: { response: { set: { content-type: application/json } } }
- directResponse: { status: 204 }`,
      [],
    )
    await using gateway = await startGateway(yaml)
    using client = await RawClient.connect(gateway.port(80))
    const get = (path: string) => client.exchange(`GET ${path} HTTP/1.1\r\nHost: a.example\r\n\r\n`)
    expect([...(await get("/bytes")).body]).toEqual([0, 1, 2, 255])
    expect((await get("/json")).field("content-type")).toBe("application/json")
    const empty = await get("/")
    expect([empty.status, empty.text, empty.field("content-length")]).toEqual([204, "", null])
  })
})

describe("pipelined requests with local answers", () => {
  test("9112 9.3.2: answers come in the order of the requests, local and forwarded mixed", async () => {
    await using upstream = ScriptedUpstream.start(({ request, connection }) => {
      const body = request.target
      connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
    })
    const rules = `- match: [{ uri: { prefix: /local } }]
  directResponse: { status: 200, body: { string: local } }
- match: [{ uri: { prefix: /forward } }]
  route: [{ destination: { host: ${SERVICE_HOST} } }]`
    await using gateway = await startGateway(oneHost(rules, [upstream.port]))
    using client = await RawClient.connect(gateway.port(80))
    const kinds = ["forward", "local", "none", "forward", "forward", "local", "local", "none", "forward"]
    const requests = Array.from({ length: 20 }, () => kinds).flat()
    client.send(
      requests
        .map((kind, index) => `POST /${kind}/${index} HTTP/1.1\r\nHost: a.example\r\nContent-Length: 2\r\n\r\nhi`)
        .join(""),
    )
    for (const [index, kind] of requests.entries()) {
      const response = await client.readResponse()
      const expected = { forward: [200, `/forward/${index}`], local: [200, "local"], none: [404, ""] }[kind]
      expect([response.status, response.text]).toEqual(expected ?? [])
    }
    expect(gateway.records.map(({ path }) => path)).toEqual(requests.map((kind, index) => `/${kind}/${index}`))
  })

  test("a large pipeline to a client that reads nothing is held back, then answered in full", async () => {
    // More in both directions than the kernel's buffers of a connection hold.
    const count = 20_000
    const body = "hello".repeat(400)
    const request = `GET / HTTP/1.1\r\nHost: a.example\r\nX: ${"y".repeat(1_000)}\r\n\r\n`
    const yaml = oneHost(`- directResponse: { status: 200, body: { string: ${body} } }`, [])
    await using gateway = await startGateway(yaml, { accessLog: false })
    using client = await RawClient.connect(gateway.port(80))
    client.keepsBytes = false
    client.pause()
    client.send(request.repeat(count))
    await waitUntilStill(() => gateway.counters.requestsTotal)
    expect(client.bytesUnsent).toBeGreaterThan(0)
    expect(gateway.counters.requestsTotal).toBeLessThan(count)
    client.resume()
    using other = await RawClient.connect(gateway.port(80))
    const { headText } = await other.exchange(request)
    await client.until(() => client.bytesReceived === (headText.length + body.length) * count, "every answer")
    expect(gateway.counters.responses2xx).toBe(count + 1)
  })
})
