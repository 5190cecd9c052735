/**
 * HTTP/2 clients of the whole gateway: by prior knowledge and by ALPN, to services that speak HTTP/1.1; what foreign
 * clients (curl, nghttp, h2load) make of it.
 */
import { describe, expect, test } from "bun:test"
import { startGateway } from "../harness/gateway-under-test.ts"
import { eventLoopTurn, exchangeOnce, RawClient } from "../harness/raw-client.ts"
import { routesTo, rulesTo } from "../harness/routes-to.ts"
import { answer, ScriptedUpstream } from "../harness/scripted-upstream.ts"
import { type RequiredTool, requireTool } from "../peer-tools.ts"
import { FrameClient } from "./frame-client.ts"
import { ACK, END_STREAM, PING, PREFACE, SETTINGS } from "./frames.ts"

const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Own: 1\r\n\r\nok"

describe("which protocol (Istio semantics sheet 4.4)", () => {
  test("a port without TLS speaks both, by the first bytes", async () => {
    await using upstream = ScriptedUpstream.start(answer(OK))
    await using gateway = await startGateway(routesTo(upstream.port))
    expect((await exchangeOnce(gateway.port(80), "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")).text).toBe("ok")
    using client = await FrameClient.open(gateway.port(80))
    client.request(1)
    expect(await client.response(1)).toMatchObject({ status: 200, body: "ok" })
    expect([(await gateway.record(0)).protocol, (await gateway.record(1)).protocol]).toEqual(["HTTP/1.1", "HTTP/2"])
  })

  test.each([1, 3, 4, 14, 18, 23])("the preface cut after %d bytes is one all the same", async (cut) => {
    await using upstream = ScriptedUpstream.start(answer(OK))
    await using gateway = await startGateway(routesTo(upstream.port))
    using client = await FrameClient.connect(gateway.port(80))
    client.send(PREFACE.slice(0, cut))
    await eventLoopTurn()
    client.send(PREFACE.slice(cut))
    client.frame(SETTINGS, 0, 0)
    client.request(1)
    expect((await client.response(1)).status).toBe(200)
  })

  test.each([
    ["P", "OST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 0\r\n\r\n", 200],
    ["PRI", " / HTTP/1.1\r\nHost: a.example\r\n\r\n", 200],
    ["PRI * HTTP/2.0\r\n\r\nS", "X\r\n\r\n", 505],
  ])("what only begins like it (%j) is HTTP/1.1", async (start, rest, status) => {
    await using upstream = ScriptedUpstream.start(answer(OK))
    await using gateway = await startGateway(routesTo(upstream.port))
    using client = await RawClient.connect(gateway.port(80))
    client.send(start)
    await eventLoopTurn()
    client.send(rest)
    expect((await client.readResponse()).status).toBe(status)
  })
})

describe("to services that speak HTTP/1.1", () => {
  test("the request is one of HTTP/1.1, with Host first and nothing of HTTP/2", async () => {
    await using upstream = ScriptedUpstream.start(answer(OK))
    await using gateway = await startGateway(routesTo(upstream.port))
    using client = await FrameClient.open(gateway.port(80))
    client.request(1, { ":path": "/a?b", ":authority": "A.example:8080", "x-own": "1", cookie: "a=b" })
    expect((await client.response(1)).fields).toContain("x-own: 1")
    const { startLine, fields } = await upstream.request(0)
    expect(startLine).toBe("GET /a?b HTTP/1.1")
    expect(fields.slice(0, 3).map(([name, value]) => `${name}: ${value}`)).toEqual([
      "host: A.example:8080",
      "x-own: 1",
      "cookie: a=b",
    ])
    expect(fields.filter(([name]) => name.startsWith(":"))).toEqual([])
  })

  test("a body of unknown length is chunked, and trailers go through", async () => {
    await using upstream = ScriptedUpstream.start(
      answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Trailer: 1\r\n\r\n"),
    )
    await using gateway = await startGateway(routesTo(upstream.port))
    using client = await FrameClient.open(gateway.port(80))
    client.request(1, { ":method": "POST" }, 0)
    client.data(1, "body")
    client.headers(1, [["x-checksum", "2"]])
    expect(await client.response(1)).toMatchObject({ body: "ok", trailers: ["x-trailer: 1"] })
    const request = await upstream.request(0)
    expect(request.rawText).toEndWith("\r\n\r\n4\r\nbody\r\n0\r\nx-checksum: 2\r\n\r\n")
    // Trailers of the response need no TE from a client of HTTP/2, and none is invented.
    expect([request.field("te"), request.field("connection")]).toEqual([null, null])
  })

  test("te: trailers goes on as a field of the next hop (RFC 9110 10.1.4)", async () => {
    await using upstream = ScriptedUpstream.start(answer("HTTP/1.1 204 No Content\r\n\r\n"))
    await using gateway = await startGateway(routesTo(upstream.port))
    using client = await FrameClient.open(gateway.port(80))
    client.request(1, { te: "trailers" })
    await client.response(1)
    const request = await upstream.request(0)
    expect([request.field("te"), request.field("connection")]).toEqual(["trailers", "TE"])
  })

  test("fields of one hop stay there", async () => {
    await using upstream = ScriptedUpstream.start(
      answer(
        "HTTP/1.1 200 OK\r\nConnection: x-hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nContent-Length: 0\r\nX-Kept: 1\r\n\r\n",
      ),
    )
    await using gateway = await startGateway(routesTo(upstream.port))
    using client = await FrameClient.open(gateway.port(80))
    client.request(1)
    const { fields } = await client.response(1)
    expect(fields.filter((field) => /^(?:connection|keep-alive|x-hop|transfer-encoding)/.test(field))).toEqual([])
    expect(fields).toContain("x-kept: 1")
  })

  test("a websocket of HTTP/2 is an upgrade of HTTP/1.1, and its bytes go both ways (RFC 8441)", async () => {
    await using upstream = ScriptedUpstream.start({
      onHead: (_head, connection) => {
        connection.readsRequests = false
        connection.send(
          "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\nhello",
        )
      },
    })
    await using gateway = await startGateway(routesTo(upstream.port))
    using client = await FrameClient.open(gateway.port(80))
    client.headers(
      1,
      [
        [":method", "CONNECT"],
        [":protocol", "websocket"],
        [":scheme", "http"],
        [":path", "/chat"],
        [":authority", "a.example"],
        ["sec-websocket-version", "13"],
      ],
      0,
    )
    client.data(1, "early")
    await client.until(() => client.bodyOf(1) === "hello", "hello")
    expect(client.responseSoFar(1)).toMatchObject({ status: 200, isComplete: false })
    expect(client.responseSoFar(1).fields.filter((field) => /^(?:upgrade|connection|sec-)/.test(field))).toEqual([])
    const connection = await upstream.connection(0)
    await connection.until(() => connection.peek().toString().endsWith("early"), "early")
    expect(connection.peek().toString()).toStartWith("GET /chat HTTP/1.1\r\n")
    client.data(1, "", END_STREAM)
    await connection.until(() => connection.hasEnded, "FIN")
    await client.response(1)
  })

  test("a response that is cut resets its stream, and only that", async () => {
    await using upstream = ScriptedUpstream.start(({ request, connection }) => {
      if (request.target !== "/cut") return connection.send(OK)
      connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart")
      connection.halfClose()
    })
    await using gateway = await startGateway(routesTo(upstream.port))
    using client = await FrameClient.open(gateway.port(80))
    client.request(1, { ":path": "/cut" })
    const response = await client.response(1)
    expect([response.isComplete, response.resetCode]).toEqual([false, 2])
    client.request(3)
    expect((await client.response(3)).body).toBe("ok")
  })

  test("RST_STREAM gives the request up with its service: DC", async () => {
    await using upstream = ScriptedUpstream.start({})
    await using gateway = await startGateway(routesTo(upstream.port))
    using client = await FrameClient.open(gateway.port(80))
    client.request(1)
    const connection = await upstream.connection(0)
    await connection.until(() => connection.requests.length === 1, "the request")
    client.reset(1, 8)
    await connection.until(() => connection.isClosed || connection.hasEnded, "the service's connection closed")
    const { responseFlags, responseCode } = await gateway.record(0)
    expect([responseFlags, responseCode]).toEqual(["DC", 0])
  })
})

describe("answers of the gateway", () => {
  test("a malformed request is in the access log: 400 DPE", async () => {
    await using gateway = await startGateway(routesTo(1))
    using client = await FrameClient.open(gateway.port(80))
    client.request(1, { "X-Upper": "1" })
    expect((await client.response(1)).status).toBe(400)
    const { responseCode, responseFlags, responseCodeDetails } = await gateway.record(0)
    expect([responseCode, responseFlags, responseCodeDetails]).toEqual([400, "DPE", "http2.invalid.header.field"])
  })

  test("no route is 404, and CONNECT has none (Istio semantics sheet 4.4)", async () => {
    await using gateway = await startGateway(
      rulesTo(1, "- match: [{ uri: { exact: /a } }]\n  directResponse: { status: 200 }"),
    )
    using client = await FrameClient.open(gateway.port(80))
    client.request(1)
    expect((await client.response(1)).status).toBe(404)
    client.headers(3, [
      [":method", "CONNECT"],
      [":authority", "a.example:443"],
    ])
    expect((await client.response(3)).status).toBe(404)
  })

  test("a gRPC request gets a trailers-only response (Istio semantics sheet 5.3)", async () => {
    await using gateway = await startGateway(
      rulesTo(1, "- match: [{ uri: { exact: /a } }]\n  directResponse: { status: 200 }"),
    )
    using client = await FrameClient.open(gateway.port(80))
    client.request(1, { ":method": "POST", "content-type": "application/grpc", te: "trailers" }, 0)
    const response = await client.response(1)
    expect([response.status, response.isComplete, response.trailers]).toEqual([200, true, null])
    expect(response.fields).toContain("grpc-status: 12")
    expect(client.frames.filter(({ streamId, type }) => streamId === 1 && type === 0)).toEqual([])
  })

  test("a drain is a GOAWAY, and what is under way finishes", async () => {
    await using upstream = ScriptedUpstream.start({})
    await using gateway = await startGateway(routesTo(upstream.port))
    using client = await FrameClient.open(gateway.port(80))
    client.request(1)
    const connection = await upstream.connection(0)
    await connection.until(() => connection.requests.length === 1, "the request")
    const drained = gateway.drain(5_000)
    await client.waitFor(7, 0, "GOAWAY")
    connection.send(OK)
    expect((await client.response(1)).body).toBe("ok")
    const ping = await client.waitFor(PING, 0, "PING")
    client.frame(PING, ACK, 0, ping.payload)
    expect((await client.goneAway()).code).toBe(0)
    client.close()
    await drained
  })
})

/** Runs a foreign client. @returns its standard output */
async function run(tool: RequiredTool, ...args: readonly string[]): Promise<string> {
  const child = Bun.spawn([tool.path ?? "", ...args], { stdout: "pipe", stderr: "pipe", stdin: "ignore" })
  const [output, errors, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  if (code !== 0) throw new Error(`${tool.path} failed with ${code}: ${errors}${output}`)
  return output
}

describe("foreign clients", () => {
  const curl = requireTool("curl")
  const nghttp = requireTool("nghttp")
  const h2load = requireTool("h2load")
  const largeBytes = 3_000_000
  const large = `HTTP/1.1 200 OK\r\nContent-Length: ${largeBytes}\r\n\r\n${"x".repeat(largeBytes)}`

  test.skipIf(curl.path === null)(curl.named("curl: GET, a large download, an upload"), async () => {
    await using upstream = ScriptedUpstream.start(({ request, connection }) =>
      connection.send(
        request.method === "POST"
          ? `HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n${String(request.body.length).padStart(7)}`
          : request.target === "/large"
            ? large
            : OK,
      ),
    )
    await using gateway = await startGateway(routesTo(upstream.port))
    const url = `http://127.0.0.1:${gateway.port(80)}`
    const fetch = (...args: readonly string[]) =>
      run(curl, "-sS", "--http2-prior-knowledge", "--max-time", "10", ...args)
    expect(await fetch("-w", " %{http_version}", `${url}/`)).toBe("ok 2")
    expect((await fetch(`${url}/large`)).length).toBe(largeBytes)
    const body = Buffer.alloc(1_000_000, "x").toString()
    const file = `${import.meta.dir}/frames.ts`
    expect((await fetch("-F", `a=@${file}`, "--form-string", `b=${body.slice(0, 50_000)}`, url)).trim()).toMatch(
      /^[0-9]+$/,
    )
  })

  test.skipIf(nghttp.path === null)(nghttp.named("nghttp: many resources on one connection"), async () => {
    await using upstream = ScriptedUpstream.start(answer(OK))
    await using gateway = await startGateway(routesTo(upstream.port))
    const urls = Array.from({ length: 20 }, (_, index) => `http://127.0.0.1:${gateway.port(80)}/${index}`)
    const output = await run(nghttp, "-n", "-s", "--no-dep", ...urls)
    expect(output.match(/ 200 +2 \//g)?.length).toBe(20)
  })

  test.skipIf(h2load.path === null)(h2load.named("h2load: thousands of requests, all answered"), async () => {
    await using upstream = ScriptedUpstream.start(answer(OK))
    await using gateway = await startGateway(routesTo(upstream.port))
    const output = await run(h2load, "-n", "3000", "-c", "4", "-m", "50", `http://127.0.0.1:${gateway.port(80)}/`)
    expect(output).toContain("3000 succeeded, 0 failed, 0 errored, 0 timeout")
    expect(gateway.counters.protocolErrors.size).toBe(0)
  })
})
