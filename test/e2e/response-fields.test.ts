/** What comes back to the client: the upstream's answer, but for what Istio semantics sheet 4.3 lists. */
import { describe, expect, test } from "bun:test"
import { startGateway } from "../harness/gateway-under-test.ts"
import { exchangeOnce, RawClient, type RawResponse } from "../harness/raw-client.ts"
import { routesTo, rulesTo } from "../harness/routes-to.ts"
import { answer, ScriptedUpstream } from "../harness/scripted-upstream.ts"

const GET = "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"
const IMF_FIXDATE =
  /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d\d:\d\d:\d\d GMT$/

/** What the client gets of an answer with these lines. */
async function responseWith(...lines: string[]): Promise<RawResponse> {
  const head = `HTTP/1.1 200 OK\r\n${[...lines, "Content-Length: 2"].map((line) => `${line}\r\n`).join("")}\r\n`
  await using upstream = ScriptedUpstream.start(answer(`${head}ok`))
  await using gateway = await startGateway(routesTo(upstream.port))
  return await exchangeOnce(gateway.port(80), GET)
}

test("order, case, spelling and repeats of the fields stay", async () => {
  const lines = ["X-B: 1", "x-a:2", "Set-Cookie: a=b", "SET-COOKIE: c=d", "X-B:  3 ", "X-Raw: \x80\xff"]
  const { headText } = await responseWith(...lines)
  expect(headText).toStartWith(`HTTP/1.1 200 OK\r\n${lines.join("\r\n")}\r\nContent-Length: 2\r\n`)
})

test("the reason phrase stays", async () => {
  await using upstream = ScriptedUpstream.start(answer("HTTP/1.1 404 Gone Fishing\r\nContent-Length: 0\r\n\r\n"))
  await using gateway = await startGateway(routesTo(upstream.port))
  expect((await exchangeOnce(gateway.port(80), GET)).startLine).toBe("HTTP/1.1 404 Gone Fishing")
})

describe("Istio semantics sheet 4.3", () => {
  test("server is ours, whatever the upstream says, once", async () => {
    const { fields } = await responseWith("Server: nginx/1.22", "server: other")
    expect(fields.filter(([name]) => name.toLowerCase() === "server").map(([, value]) => value)).toEqual(["portcullis"])
  })

  test("date is kept where there is one and added where there is none", async () => {
    const date = "Tue, 15 Nov 1994 08:12:31 GMT"
    expect((await responseWith(`Date: ${date}`)).field("date")).toBe(date)
    expect((await responseWith()).field("date")).toMatch(IMF_FIXDATE)
  })

  test("x-envoy-upstream-service-time is the gateway's, in whole milliseconds", async () => {
    expect((await responseWith("X-Envoy-Upstream-Service-Time: x")).field("x-envoy-upstream-service-time")).toMatch(
      /^\d+$/,
    )
  })

  test("fields of one hop are removed, those that Connection names too", async () => {
    const hop = ["Connection: keep-alive, X-Hop", "Keep-Alive: timeout=5", "Proxy-Connection: close", "X-Hop: 1"]
    const { field } = await responseWith(...hop, "Upgrade: h2c", "X-End: 1")
    const names = ["connection", "keep-alive", "proxy-connection", "x-hop", "upgrade", "x-end"]
    expect(names.map(field)).toEqual([null, null, null, null, null, "1"])
  })

  test("a Connection that names Content-Length does not hide where the body ends", async () => {
    const { field, text } = await responseWith("Connection: content-length")
    expect([field("content-length"), text]).toEqual(["2", "ok"])
  })

  test("mesh metadata is consumed", async () => {
    const mesh = ["x-envoy-peer-metadata: abc", "X-Envoy-Peer-Metadata-Id: router~1", "x-envoy-decorator-operation: op"]
    const { headText } = await responseWith(...mesh)
    expect(headText.toLowerCase()).not.toMatch(/peer-metadata|decorator/)
  })

  test("an answer of the gateway's own has server and date, and no service time", async () => {
    await using gateway = await startGateway(rulesTo(1, "- directResponse: { status: 200, body: { string: hi } }"))
    const { headText, field, text } = await exchangeOnce(gateway.port(80), GET)
    expect(headText).toBe(
      `HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-type: text/plain\r\ndate: ${field("date")}\r\nserver: portcullis\r\n\r\n`,
    )
    expect([text, field("date")]).toEqual(["hi", expect.stringMatching(IMF_FIXDATE)])
  })
})

describe("the client's connection", () => {
  test("goes on by default, and ends with Connection: close where the client asks for it", async () => {
    await using upstream = ScriptedUpstream.start()
    await using gateway = await startGateway(routesTo(upstream.port))
    using client = await RawClient.connect(gateway.port(80))
    expect((await client.exchange(GET)).field("connection")).toBeNull()
    client.send("GET / HTTP/1.1\r\nHost: a.example\r\nConnection: x-a, CLOSE\r\n\r\n")
    expect((await client.readResponse()).field("connection")).toBe("close")
    expect((await client.untilClosed()).length).toBe(0)
    // The upstream's connection is another matter.
    expect(upstream.connections.length).toBe(1)
  })

  test("a request behind one with Connection: close is not served", async () => {
    await using upstream = ScriptedUpstream.start()
    await using gateway = await startGateway(routesTo(upstream.port))
    using client = await RawClient.connect(gateway.port(80))
    client.send(`GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n${GET}`)
    expect((await client.readResponse()).status).toBe(200)
    expect((await client.untilClosed()).length).toBe(0)
    expect(upstream.requests.length).toBe(1)
  })
})
