/**
 * Where a request body ends (RFC 9112 sections 6 and 7): what is ambiguous is refused, what is valid goes on byte for
 * byte, however the bytes are split.
 */
import { describe, expect, test } from "bun:test"
import { DEFAULT_HTTP_LIMITS } from "../../src/http/limits.ts"
import { type GatewayUnderTest, startGateway } from "../harness/gateway-under-test.ts"
import { exchangeOnce, RawClient } from "../harness/raw-client.ts"
import { routesTo } from "../harness/routes-to.ts"
import { ScriptedUpstream, type UpstreamRequest } from "../harness/scripted-upstream.ts"

const CHUNKED_HEAD = "POST /upload HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n"
const EXTENSION_BYTES_MAX = DEFAULT_HTTP_LIMITS.chunkExtensionBytesMax
const SMUGGLED = "GET /smuggled HTTP/1.1\r\nHost: a.example\r\n\r\n"

/** Sends a POST with this chunked body and a request behind it; what the service has got of it must never be whole. */
async function expectBodyRefused(
  body: string,
  status: number,
  fault: string,
  offsets: readonly number[],
): Promise<void> {
  await using upstream = ScriptedUpstream.start()
  await using gateway = await startGateway(routesTo(upstream.port))
  using client = await RawClient.connect(gateway.port(80))
  await client.sendSplit(CHUNKED_HEAD + body + SMUGGLED, offsets)
  const response = await client.readResponse()
  expect([response.status, response.field("connection")]).toEqual([status, "close"])
  expect((await client.untilClosed()).toString("latin1")).toBe("")
  const { responseCode, responseFlags } = await gateway.record(0)
  expect({ responseCode, responseFlags }).toEqual({ responseCode: status, responseFlags: "DPE" })
  expect([...gateway.counters.protocolErrors]).toEqual([[fault, 1]])
  expect(upstream.requests).toEqual([])
  for (const connection of upstream.connections) await connection.untilClosed()
  expect(gateway.gateway.clusters.flatMap(({ endpoints }) => endpoints.map(({ pool }) => pool.idleCount))).toEqual([0])
}

describe("9112 7.1: a chunk size is 1 to 16 hex digits", () => {
  const rows: readonly (readonly [name: string, body: string])[] = [
    ["no digit", "\r\n0\r\n\r\n"],
    ["no digit before an extension", ";a=b\r\n0\r\n\r\n"],
    ["a letter that is no hex digit", "g\r\n"],
    ["a sign", "+1\r\na\r\n0\r\n\r\n"],
    ["a minus", "-1\r\na\r\n0\r\n\r\n"],
    ["0x", "0x1\r\na\r\n0\r\n\r\n"],
    ["a space before", " 1\r\na\r\n0\r\n\r\n"],
    ["a space behind", "1 \r\na\r\n0\r\n\r\n"],
    ["an underscore", "1_0\r\n"],
    ["17 digits", "00000000000000001\r\na\r\n0\r\n\r\n"],
    ["17 zeros", "00000000000000000\r\n\r\n"],
    ["16 digits that overflow 53 bits", "ffffffffffffffff\r\na"],
    ["2 to the 64th plus one", "10000000000000001\r\na\r\n0\r\n\r\n"],
    ["a bare LF behind", "1\na\r\n0\r\n\r\n"],
    ["a bare CR behind", "1\ra\r\n0\r\n\r\n"],
    ["a bare LF behind an extension", "1;a\nb\r\na\r\n0\r\n\r\n"],
    ["a NUL in an extension", "1;a\0b\r\na\r\n0\r\n\r\n"],
    ["a bare CR in an extension", "1;a\rb\r\na\r\n0\r\n\r\n"],
    ["an extension over the limit", `1;${"a".repeat(EXTENSION_BYTES_MAX + 1)}\r\na\r\n0\r\n\r\n`],
    ["extensions of many chunks over the limit together", "1;aaaaaaa\r\na\r\n".repeat(EXTENSION_BYTES_MAX / 8 + 1)],
    ["junk after a chunk", "1\r\nab\r\n0\r\n\r\n"],
    ["a bare LF after a chunk", "1\r\na\n0\r\n\r\n"],
    ["a bare CR after a chunk", "1\r\na\r0\r\n\r\n"],
    ["the next size at once", "1\r\na0\r\n\r\n"],
  ]
  for (const [name, body] of rows) {
    test(name, async () => {
      await expectBodyRefused(body, 400, "bad_chunk", [])
      // The head first: then the service has it already.
      await expectBodyRefused(body, 400, "bad_chunk", [CHUNKED_HEAD.length])
    })
  }
})

describe("9112 7.1.2: a trailer section is as strict as a head", () => {
  const rows: readonly (readonly [name: string, trailers: string, status: number, fault: string])[] = [
    ["a bare LF", "X: a\nY: b\r\n\r\n", 400, "bad_trailer"],
    ["a space before the colon", "X : a\r\n\r\n", 400, "bad_trailer"],
    ["a folded line", "X: a\r\n b\r\n\r\n", 400, "bad_trailer"],
    ["a NUL", "X: a\0\r\n\r\n", 400, "bad_trailer"],
    ["an empty name", ": a\r\n\r\n", 400, "bad_trailer"],
    ["too many fields", `${"X: a\r\n".repeat(101)}\r\n`, 400, "bad_trailer"],
    ["too many bytes", `X: ${"a".repeat(9_000)}\r\n\r\n`, 431, "trailers_too_large"],
  ]
  for (const [name, trailers, status, fault] of rows) {
    test(name, () => expectBodyRefused(`1\r\na\r\n0\r\n${trailers}`, status, fault, [CHUNKED_HEAD.length]))
  }

  test("the limit is the same however the bytes are split", async () => {
    await using upstream = ScriptedUpstream.start()
    await using gateway = await startGateway(routesTo(upstream.port), { limits: { trailerBytesMax: 64 } })
    for (const [bytes, status] of [
      [64, 200],
      [65, 431],
      [68, 431],
    ] as const) {
      const section = `X: ${"a".repeat(bytes - 7)}\r\n\r\n`
      expect(section.length).toBe(bytes)
      const request = `${CHUNKED_HEAD}0\r\n${section}`
      for (const offsets of [[], bytesOf(request)]) {
        using client = await RawClient.connect(gateway.port(80))
        await client.sendSplit(request, offsets)
        expect([bytes, (await client.readResponse()).status]).toEqual([bytes, status])
      }
    }
  })
})

describe("9112 6.3: the framing that is not ambiguous", () => {
  test("equal Content-Length repeats are one", async () => {
    await using upstream = ScriptedUpstream.start()
    await using gateway = await startGateway(routesTo(upstream.port))
    const head = "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 3\r\nX: y\r\ncontent-length: 3\r\n\r\n"
    expect((await exchangeOnce(gateway.port(80), `${head}abc`)).status).toBe(200)
    const request = await upstream.request(0)
    expect([request.field("content-length"), request.body.toString()]).toEqual(["3", "abc"])
  })

  test("Content-Length with leading zeros is its number", async () => {
    await using upstream = ScriptedUpstream.start()
    await using gateway = await startGateway(routesTo(upstream.port))
    const request = "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 003\r\n\r\nabc"
    expect((await exchangeOnce(gateway.port(80), request)).status).toBe(200)
    expect((await upstream.request(0)).body.toString()).toBe("abc")
  })

  test("the name of the coding may have any case", async () => {
    await using upstream = ScriptedUpstream.start()
    await using gateway = await startGateway(routesTo(upstream.port))
    const request = "POST / HTTP/1.1\r\nHost: a.example\r\ntransfer-ENCODING:\tChunkeD \r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    expect((await exchangeOnce(gateway.port(80), request)).status).toBe(200)
    const { body, fields } = await upstream.request(0)
    expect(body.toString()).toBe("abc")
    expect(fields.filter(([name]) => name.toLowerCase() === "transfer-encoding")).toHaveLength(1)
  })

  test("a GET may have a body, and a body of length 0 is one", async () => {
    await using upstream = ScriptedUpstream.start()
    await using gateway = await startGateway(routesTo(upstream.port))
    using client = await RawClient.connect(gateway.port(80))
    await client.exchange("GET /a HTTP/1.1\r\nHost: a.example\r\nContent-Length: 2\r\n\r\nhi")
    await client.exchange("GET /b HTTP/1.1\r\nHost: a.example\r\nContent-Length: 0\r\n\r\n")
    await client.exchange("GET /c HTTP/1.1\r\nHost: a.example\r\n\r\n")
    const seen = upstream.requests.map(({ target, body, field }) => [target, body.toString(), field("content-length")])
    expect(seen).toEqual([
      ["/a", "hi", "2"],
      ["/b", "", "0"],
      ["/c", "", null],
    ])
  })

  test("9112 7.1.1: chunk extensions are ignored and not passed on", async () => {
    await using upstream = ScriptedUpstream.start()
    await using gateway = await startGateway(routesTo(upstream.port))
    const body = '1;a\r\na\r\n1;b="c;d"\r\nb\r\n00000001;\r\nc\r\n0;last=yes\r\n\r\n'
    expect((await exchangeOnce(gateway.port(80), CHUNKED_HEAD + body)).status).toBe(200)
    const request = await upstream.request(0)
    expect(request.body.toString()).toBe("abc")
    expect(request.rawText).not.toContain(";")
  })
})

describe("any split of the bytes gives the same request", () => {
  const trailers = "X-Sum: 3\r\nX-Other:  a b \r\n"
  const body = `5\r\nhello\r\nB;ext=1\r\n, world: 12\r\n1\r\n!\r\n0\r\n${trailers}\r\n`
  const head = "POST /upload?a=b HTTP/1.1\r\nHost: a.example\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\n\r\n"
  const bytes = head + body

  async function send(
    gateway: GatewayUnderTest,
    upstream: ScriptedUpstream,
    offsets: readonly number[],
  ): Promise<void> {
    const index = upstream.requests.length
    using client = await RawClient.connect(gateway.port(80))
    await client.sendSplit(bytes, offsets)
    const response = await client.readResponse()
    expect([response.status, response.text, offsets]).toEqual([200, "ok", offsets])
    expectWhole(await upstream.request(index))
  }

  function expectWhole(request: UpstreamRequest): void {
    expect(request.startLine).toBe("POST /upload?a=b HTTP/1.1")
    expect(request.body.toString()).toBe("hello, world: 12!")
    expect(request.trailers).toEqual([
      ["X-Sum", "3"],
      ["X-Other", "a b"],
    ])
  }

  test("in two parts, at every place", async () => {
    await using upstream = ScriptedUpstream.start()
    await using gateway = await startGateway(routesTo(upstream.port))
    for (let split = 0; split <= bytes.length; split++) await send(gateway, upstream, [split])
    expect(gateway.records.length).toBe(bytes.length + 1)
    expect(new Set(gateway.records.map(({ bytesReceived }) => bytesReceived))).toEqual(new Set([17]))
  })

  test("one byte at a time", async () => {
    await using upstream = ScriptedUpstream.start()
    await using gateway = await startGateway(routesTo(upstream.port))
    await send(gateway, upstream, bytesOf(bytes))
  })

  test("three requests on one connection, one byte at a time", async () => {
    await using upstream = ScriptedUpstream.start()
    await using gateway = await startGateway(routesTo(upstream.port))
    using client = await RawClient.connect(gateway.port(80))
    await client.sendSplit(bytes.repeat(3), bytesOf(bytes.repeat(3)))
    for (let index = 0; index < 3; index++) {
      expect((await client.readResponse()).text).toBe("ok")
      expectWhole(await upstream.request(index))
    }
  })

  test("three requests on one connection, in two parts, at every third place", async () => {
    await using upstream = ScriptedUpstream.start()
    await using gateway = await startGateway(routesTo(upstream.port))
    for (let split = 0; split <= bytes.length * 3; split += 3) {
      const index = upstream.requests.length
      using client = await RawClient.connect(gateway.port(80))
      await client.sendSplit(bytes.repeat(3), [split])
      for (let next = index; next < index + 3; next++) {
        expect((await client.readResponse()).text).toBe("ok")
        expectWhole(await upstream.request(next))
      }
    }
  })
})

test("9110 6.5.1: what may not be a trailer is dropped, the rest goes on", async () => {
  await using upstream = ScriptedUpstream.start()
  await using gateway = await startGateway(routesTo(upstream.port))
  const names = ["Host", "Content-Length", "Transfer-Encoding", "X-Forwarded-For", "x-request-id", "X-Envoy-Internal"]
  const lines = names.map((name) => `${name}: evil\r\n`).join("")
  expect((await exchangeOnce(gateway.port(80), `${CHUNKED_HEAD}0\r\n${lines}X-Sum: 3\r\n\r\n`)).status).toBe(200)
  expect((await upstream.request(0)).trailers).toEqual([["X-Sum", "3"]])
})

/** Every place between two bytes. */
function bytesOf(text: string): number[] {
  return Array.from({ length: text.length }, (_, index) => index)
}
