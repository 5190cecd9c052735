/**
 * HTTP/2 to services, through the whole gateway: what goes out, what comes back, and on which connection
 * (RFC 9113 sections 3.4, 8.1, 8.7; Istio semantics sheet 3.6, 5.2, 6.5, 7.1).
 */
import { describe, expect, test } from "bun:test"
import { startGateway } from "../harness/gateway-under-test.ts"
import { exchangeOnce, RawClient } from "../harness/raw-client.ts"
import { waitUntil } from "../harness/wait-until.ts"
import { FrameClient } from "./frame-client.ts"
import { FrameUpstream } from "./frame-upstream.ts"
import {
  DATA,
  END_STREAM,
  fieldBlock,
  GET as GET_FIELDS,
  PREFACE,
  SETTINGS,
  settingsPayload,
  uint32,
} from "./frames.ts"
import { connectionPool, GET, gatewayTo, http2RoutesTo, NO_RETRIES, POST } from "./http2-routes.ts"

const PROTOCOL_ERROR = 1

describe("requests", () => {
  test("an HTTP/1.1 request goes out as one of HTTP/2 (sheet 7.1)", async () => {
    await using upstream = FrameUpstream.start(({ connection, streamId }) => connection.respond(streamId, "ok"))
    await using gateway = await gatewayTo(upstream)
    const response = await exchangeOnce(
      gateway.port(80),
      "GET /a?b HTTP/1.1\r\nHost: A.example:80\r\nX-Own: 1\r\nConnection: keep-alive, x-hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\n\r\n",
    )
    expect([response.status, response.text]).toEqual([200, "ok"])
    const { lines, isEndStream, streamId } = await upstream.request(0)
    expect([streamId, isEndStream]).toEqual([1, true])
    expect(lines.slice(0, 5)).toEqual([
      ":method: GET",
      ":scheme: http",
      ":authority: A.example:80",
      ":path: /a?b",
      "x-own: 1",
    ])
    expect(lines.filter((line) => /^(?:host|connection|keep-alive|x-hop|te|transfer-encoding):/.test(line))).toEqual([])
    expect(lines).toContain("x-forwarded-for: 127.0.0.1")
  })

  test("a body of known length ends with its last byte, one of unknown length with an empty frame", async () => {
    await using upstream = FrameUpstream.start()
    await using gateway = await gatewayTo(upstream)
    using client = await RawClient.connect(gateway.port(80))
    client.send(POST)
    const connection = await upstream.connection(0)
    await connection.until(() => connection.isEnded(1), "the end")
    connection.respond(1, "1")
    await client.readResponse()
    client.send("POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n")
    await connection.until(() => connection.isEnded(3), "the end")
    const dataOf = (id: number) => connection.frames.filter(({ type, streamId }) => type === DATA && streamId === id)
    expect(dataOf(1).map(({ flags, payload }) => [flags, payload.length])).toEqual([[END_STREAM, 4]])
    expect(dataOf(3).map(({ flags, payload }) => [flags, payload.length])).toEqual([
      [0, 4],
      [END_STREAM, 0],
    ])
    expect(upstream.requests[1]?.lines).not.toContain("transfer-encoding: chunked")
  })

  test("trailers go through, both ways", async () => {
    await using upstream = FrameUpstream.start()
    await using gateway = await gatewayTo(upstream)
    using client = await FrameClient.open(gateway.port(80))
    client.request(1, { te: "trailers" }, 0)
    client.data(1, "body")
    client.headers(1, [["x-request-trailer", "1"]])
    const connection = await upstream.connection(0)
    await connection.until(() => connection.blocks.length === 2, "the trailers")
    expect(connection.blocks[1]).toEqual({ streamId: 1, isEndStream: true, lines: ["x-request-trailer: 1"] })
    expect(upstream.requests[0]?.lines).toContain("te: trailers")
    connection.headers(1, [[":status", "200"]], 0)
    connection.headers(1, [["x-response-trailer", "2"]])
    expect((await client.response(1)).trailers).toEqual(["x-response-trailer: 2"])
  })

  test("a field that must not be indexed is marked so again (RFC 7541 7.1.3)", async () => {
    await using upstream = FrameUpstream.start(({ connection, streamId }) => connection.respond(streamId, "ok"))
    await using gateway = await gatewayTo(upstream)
    using client = await FrameClient.open(gateway.port(80))
    const literal = Buffer.concat([Buffer.from([0x10, 6]), Buffer.from("accept"), Buffer.from([2]), Buffer.from("ab")])
    client.frame(1, 5, 1, Buffer.concat([fieldBlock(GET_FIELDS), literal]))
    await client.response(1)
    const head = (await upstream.connection(0)).frames.find(({ type }) => type === 1)
    // Literal never indexed, name of static entry 19, then the value.
    expect(head?.payload.indexOf(Buffer.from([0x1f, 19 - 15, 2]))).toBeGreaterThan(0)
  })
})

describe("responses", () => {
  test.each([
    ["with a body of known length", [["content-length", "2"]], "ok", "content-length", "2"],
    ["with a body of unknown length", [], "ok", "transfer-encoding", "chunked"],
  ] as const)("%s", async (_name, fields, body, framing, value) => {
    await using upstream = FrameUpstream.start(({ connection, streamId }) => {
      connection.headers(streamId, [[":status", "200"], ...fields], 0)
      connection.data(streamId, body, END_STREAM)
    })
    await using gateway = await gatewayTo(upstream)
    const response = await exchangeOnce(gateway.port(80), GET)
    expect([response.text, response.field(framing)]).toEqual([body, value])
  })

  test.each([
    ["without a body, length not said", [], "0"],
    ["without a body, length 0", [["content-length", "0"]], "0"],
  ] as const)("%s, have a length in HTTP/1.1", async (_name, fields, length) => {
    await using upstream = FrameUpstream.start(({ connection, streamId }) =>
      connection.headers(streamId, [[":status", "200"], ...fields]),
    )
    await using gateway = await gatewayTo(upstream)
    const response = await exchangeOnce(gateway.port(80), GET)
    expect([response.text, response.field("content-length")]).toEqual(["", length])
  })

  test("of length 0 with trailers say no length in HTTP/1.1, where they would end before them", async () => {
    await using upstream = FrameUpstream.start(({ connection, streamId }) => {
      connection.headers(
        streamId,
        [
          [":status", "200"],
          ["content-length", "0"],
        ],
        0,
      )
      connection.headers(streamId, [["x-trailer", "1"]])
    })
    await using gateway = await gatewayTo(upstream)
    const response = await exchangeOnce(gateway.port(80), GET)
    expect([response.field("content-length"), response.field("transfer-encoding")]).toEqual([null, "chunked"])
  })

  test("to HEAD keep their length and have no body", async () => {
    await using upstream = FrameUpstream.start(({ connection, streamId }) =>
      connection.headers(streamId, [
        [":status", "200"],
        ["content-length", "5"],
      ]),
    )
    await using gateway = await gatewayTo(upstream)
    const response = await exchangeOnce(gateway.port(80), "HEAD / HTTP/1.1\r\nHost: a.example\r\n\r\n")
    expect([response.status, response.field("content-length"), response.text]).toEqual([200, "5", ""])
  })

  test("100 is relayed to who waits for it, other 1xx are dropped (sheet 4.4)", async () => {
    await using upstream = FrameUpstream.start(({ connection, streamId }) => {
      connection.headers(streamId, [[":status", "103"]], 0)
      connection.headers(streamId, [[":status", "100"]], 0)
    })
    await using gateway = await gatewayTo(upstream)
    using client = await RawClient.connect(gateway.port(80))
    client.send("POST / HTTP/1.1\r\nHost: a.example\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
    await client.until(() => client.peek().toString().endsWith("\r\n\r\n"), "100")
    client.send("body")
    const connection = await upstream.connection(0)
    await connection.until(() => connection.isEnded(1), "the body")
    connection.respond(1, "ok")
    const response = await client.readResponse()
    expect([response.informational.length, response.status]).toEqual([1, 200])
    expect(response.informational[0]).toStartWith("HTTP/1.1 100 ")
  })

  test.each([
    [
      "an upper-case name",
      [
        [":status", "200"],
        ["X-Test", "1"],
      ],
    ],
    [
      "a connection-specific field",
      [
        [":status", "200"],
        ["connection", "close"],
      ],
    ],
    [
      "transfer-encoding",
      [
        [":status", "200"],
        ["transfer-encoding", "chunked"],
      ],
    ],
    ["no status", [["x-test", "1"]]],
    ["a status that is no number", [[":status", "2xx"]]],
    ["a status of two digits", [[":status", "20"]]],
    ["status 101 (8.6)", [[":status", "101"]]],
    [
      "a pseudo-field of requests",
      [
        [":status", "200"],
        [":path", "/"],
      ],
    ],
    [
      "two statuses",
      [
        [":status", "200"],
        [":status", "200"],
      ],
    ],
    [
      "a line in a value",
      [
        [":status", "200"],
        ["x-test", "a\r\nb: c"],
      ],
    ],
    [
      "a content-length that is none",
      [
        [":status", "200"],
        ["content-length", "two"],
      ],
    ],
    [
      "a content-length, and no body",
      [
        [":status", "200"],
        ["content-length", "2"],
      ],
    ],
    [
      "two content-lengths",
      [
        [":status", "200"],
        ["content-length", "2"],
        ["content-length", "3"],
      ],
    ],
    ["a 1xx that ends the stream", [[":status", "103"]]],
  ] as const)("that are malformed are 502 (RFC 9113 8.1.1): %s", async (_name, fields) => {
    await using upstream = FrameUpstream.start(({ connection, streamId }) => connection.headers(streamId, fields))
    await using gateway = await gatewayTo(upstream)
    const response = await exchangeOnce(gateway.port(80), GET)
    expect([response.status, response.text]).toEqual([
      502,
      "upstream connect error or disconnect/reset before headers. reset reason: protocol error",
    ])
    expect((await gateway.record(0)).responseFlags).toBe("UPE")
    expect(await (await upstream.connection(0)).resetOf(1)).toBe(PROTOCOL_ERROR)
  })

  test.each([
    ["longer than they said", "2", "too long"],
    ["shorter than they said", "20", "too short"],
  ])("%s are cut", async (_name, length, body) => {
    await using upstream = FrameUpstream.start(({ connection, streamId }) => {
      connection.headers(
        streamId,
        [
          [":status", "200"],
          ["content-length", length],
        ],
        0,
      )
      connection.data(streamId, body, END_STREAM)
    })
    await using gateway = await gatewayTo(upstream)
    using client = await FrameClient.open(gateway.port(80))
    client.request(1)
    const response = await client.response(1)
    expect([response.status, response.isComplete]).toEqual([200, false])
    expect((await gateway.record(0)).responseFlags).toBe("UPE")
  })

  test("DATA before the head is 502", async () => {
    await using upstream = FrameUpstream.start(({ connection, streamId }) => connection.data(streamId, "early"))
    await using gateway = await gatewayTo(upstream)
    expect((await exchangeOnce(gateway.port(80), GET)).status).toBe(502)
  })

  test.each([
    ["a frame out of order", (connection: { frame: FrameClient["frame"] }) => connection.frame(9, 4, 1)],
    ["a push", (connection: { frame: FrameClient["frame"] }) => connection.frame(5, 4, 1, uint32(2))],
    [
      "fields that cannot be decoded",
      (connection: { frame: FrameClient["frame"] }) => connection.frame(1, 5, 1, "\x80"),
    ],
  ])("a service that breaks the connection's protocol is 502: %s", async (_name, send) => {
    await using upstream = FrameUpstream.start(({ connection }) => send(connection))
    await using gateway = await gatewayTo(upstream)
    expect((await exchangeOnce(gateway.port(80), GET)).status).toBe(502)
    const connection = await upstream.connection(0)
    await connection.until(() => connection.isClosed || connection.hasEnded, "the connection closed")
  })
})

describe("one connection for many requests", () => {
  test("requests at the same time share it, and are answered in any order", async () => {
    await using upstream = FrameUpstream.start()
    await using gateway = await gatewayTo(upstream)
    using first = await RawClient.connect(gateway.port(80))
    using second = await RawClient.connect(gateway.port(80))
    first.send(GET)
    await upstream.request(0)
    second.send(GET)
    await upstream.request(1)
    expect(upstream.connections.length).toBe(1)
    upstream.connections[0]?.respond(3, "second")
    expect((await second.readResponse()).text).toBe("second")
    upstream.connections[0]?.respond(1, "first")
    expect((await first.readResponse()).text).toBe("first")
  })

  test("over the service's MAX_CONCURRENT_STREAMS another one is made (RFC 9113 5.1.2)", async () => {
    await using upstream = FrameUpstream.start({ settings: settingsPayload([3, 1]) })
    await using gateway = await gatewayTo(upstream)
    using first = await RawClient.connect(gateway.port(80))
    using second = await RawClient.connect(gateway.port(80))
    first.send(GET)
    await upstream.request(0)
    second.send(GET)
    await upstream.request(1)
    expect(upstream.connections.length).toBe(2)
    for (const connection of upstream.connections) connection.respond(1, "ok")
    expect((await first.readResponse()).text + (await second.readResponse()).text).toBe("okok")
  })

  test("over maxConnections a request waits for its place (sheet 6.5)", async () => {
    await using upstream = FrameUpstream.start({ settings: settingsPayload([3, 1]) })
    const rule = connectionPool("{ tcp: { maxConnections: 1 } }")
    await using gateway = await startGateway(http2RoutesTo(upstream.port, NO_RETRIES, rule))
    using first = await RawClient.connect(gateway.port(80))
    using second = await RawClient.connect(gateway.port(80))
    first.send(GET)
    await upstream.request(0)
    second.send(GET)
    await waitUntil(() => gateway.gateway.clusters[0]?.stats.upstreamRqPendingActive === 1, "a waiting request")
    upstream.connections[0]?.respond(1, "first")
    expect((await first.readResponse()).text).toBe("first")
    await upstream.request(1)
    upstream.connections[0]?.respond(3, "second")
    expect((await second.readResponse()).text).toBe("second")
    expect(upstream.connections.length).toBe(1)
  })

  test("maxRequestsPerConnection ends it after so many (sheet 6.5)", async () => {
    await using upstream = FrameUpstream.start(({ connection, streamId }) => connection.respond(streamId, "ok"))
    const rule = connectionPool("{ http: { maxRequestsPerConnection: 2 } }")
    await using gateway = await startGateway(http2RoutesTo(upstream.port, NO_RETRIES, rule))
    using client = await RawClient.connect(gateway.port(80))
    for (let index = 0; index < 3; index++) expect((await client.exchange(GET)).text).toBe("ok")
    expect(upstream.requests.map(({ streamId }) => streamId)).toEqual([1, 3, 1])
    await upstream.connections[0]?.goneAway()
  })

  test("no request is sent before the service has said its SETTINGS (RFC 9113 3.4)", async () => {
    await using upstream = FrameUpstream.start({ settings: null })
    await using gateway = await gatewayTo(upstream)
    using client = await RawClient.connect(gateway.port(80))
    client.send(GET)
    const connection = await upstream.connection(0)
    await connection.waitFor(SETTINGS, 0, "SETTINGS")
    await connection.settled().catch(() => {})
    expect(upstream.requests.length).toBe(0)
  })

  test("it begins with the preface and SETTINGS that turn push off", async () => {
    await using upstream = FrameUpstream.start(({ connection, streamId }) => connection.respond(streamId, "ok"))
    await using gateway = await gatewayTo(upstream)
    await exchangeOnce(gateway.port(80), GET)
    const settings = upstream.connections[0]?.frames[0]
    expect([settings?.type, settings?.payload.subarray(0, 6).toString("hex")]).toEqual([SETTINGS, "000200000000"])
    expect(PREFACE.length).toBe(24)
  })
})
