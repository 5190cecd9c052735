/**
 * HTTP/2 to services, through the whole gateway: which failures may be tried again, and who waits for whom
 * (RFC 9113 sections 3.4, 8.1, 8.7; Istio semantics sheet 3.6, 5.2, 6.5, 7.1).
 */
import { describe, expect, test } from "bun:test"
import { startGateway } from "../harness/gateway-under-test.ts"
import { exchangeOnce, RawClient } from "../harness/raw-client.ts"
import { ScriptedUpstream } from "../harness/scripted-upstream.ts"
import { FrameClient } from "./frame-client.ts"
import { FrameUpstream, type UpstreamScript } from "./frame-upstream.ts"
import { END_STREAM, GOAWAY, settingsPayload, uint32, WINDOW_UPDATE } from "./frames.ts"
import { GET, gatewayTo, http2RoutesTo, NO_RETRIES, POST } from "./http2-routes.ts"

const REFUSED_STREAM = 7
const CANCEL = 8
const NO_ERROR = 0

describe("failures", () => {
  function once(first: UpstreamScript["onRequest"]): UpstreamScript {
    let count = 0
    return {
      onRequest: (request) => {
        if (count++ === 0) first?.(request)
        else request.connection.respond(request.streamId, "second try")
      },
    }
  }

  test("RST_STREAM before the head is 503 UR `remote reset` (sheet 5.2)", async () => {
    await using upstream = FrameUpstream.start(({ connection, streamId }) => connection.reset(streamId, CANCEL))
    await using gateway = await gatewayTo(upstream)
    const response = await exchangeOnce(gateway.port(80), POST)
    expect([response.status, response.text]).toEqual([
      503,
      "upstream connect error or disconnect/reset before headers. reset reason: remote reset",
    ])
    const { responseFlags, responseCodeDetails } = await gateway.record(0)
    expect([responseFlags, responseCodeDetails]).toEqual(["UR", "upstream_reset_before_response_started{remote_reset}"])
  })

  test("REFUSED_STREAM is 503 UR `remote refused stream reset`, where nobody asked for retries", async () => {
    await using upstream = FrameUpstream.start(({ connection, streamId }) => connection.reset(streamId, REFUSED_STREAM))
    await using gateway = await gatewayTo(upstream)
    const response = await exchangeOnce(gateway.port(80), POST)
    expect([response.status, response.text]).toEqual([
      503,
      "upstream connect error or disconnect/reset before headers. reset reason: remote refused stream reset",
    ])
  })

  test("REFUSED_STREAM is tried again by default, whatever the method (sheet 3.6)", async () => {
    await using upstream = FrameUpstream.start(
      once(({ connection, streamId }) => connection.reset(streamId, REFUSED_STREAM)),
    )
    await using gateway = await gatewayTo(upstream, "timeout: 0s")
    const response = await exchangeOnce(
      gateway.port(80),
      "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 0\r\n\r\n",
    )
    expect([response.status, response.text]).toEqual([200, "second try"])
  })

  test("any other reset is not, unless `reset` is asked for", async () => {
    const script = () => once(({ connection, streamId }) => connection.reset(streamId, CANCEL))
    await using first = FrameUpstream.start(script())
    await using byDefault = await gatewayTo(first, "timeout: 0s")
    expect((await exchangeOnce(byDefault.port(80), GET)).status).toBe(503)
    await using second = FrameUpstream.start(script())
    await using asked = await gatewayTo(second, "retries: { attempts: 1, retryOn: reset }")
    expect((await exchangeOnce(asked.port(80), GET)).text).toBe("second try")
  })

  test("what a GOAWAY says was not looked at goes to a new connection, the rest is served (RFC 9113 6.8)", async () => {
    await using upstream = FrameUpstream.start()
    await using gateway = await gatewayTo(upstream)
    using first = await RawClient.connect(gateway.port(80))
    using second = await RawClient.connect(gateway.port(80))
    first.send(GET)
    await upstream.request(0)
    second.send(GET)
    await upstream.request(1)
    upstream.connections[0]?.frame(GOAWAY, 0, 0, Buffer.concat([uint32(1), uint32(NO_ERROR)]))
    expect((await upstream.request(2)).streamId).toBe(1)
    upstream.connections[1]?.respond(1, "second")
    expect((await second.readResponse()).text).toBe("second")
    upstream.connections[0]?.respond(1, "first")
    expect((await first.readResponse()).text).toBe("first")
    await upstream.connections[0]?.until(
      () => upstream.connections[0]?.hasEnded === true,
      "the first connection closed",
    )
  })

  test("the connection lost before the head is 503 UC, after the head the response is cut", async () => {
    await using upstream = FrameUpstream.start(({ connection, lines, streamId }) => {
      if (lines.includes(":path: /head")) {
        connection.headers(streamId, [[":status", "200"]], 0)
        connection.data(streamId, "part")
        setImmediate(() => connection.halfClose())
      } else {
        connection.close()
      }
    })
    await using gateway = await gatewayTo(upstream)
    const response = await exchangeOnce(gateway.port(80), POST)
    expect([response.status, (await gateway.record(0)).responseFlags]).toEqual([503, "UC"])
    using client = await FrameClient.open(gateway.port(80))
    client.request(1, { ":path": "/head" })
    expect(await client.response(1)).toMatchObject({ status: 200, body: "part", isComplete: false })
    expect((await gateway.record(1)).responseFlags).toBe("UC")
  })

  test("RST_STREAM after the head cuts the response: UR", async () => {
    await using upstream = FrameUpstream.start(({ connection, streamId }) => {
      connection.headers(streamId, [[":status", "200"]], 0)
      connection.reset(streamId, CANCEL)
    })
    await using gateway = await gatewayTo(upstream)
    using client = await FrameClient.open(gateway.port(80))
    client.request(1)
    expect((await client.response(1)).isComplete).toBe(false)
    const { responseFlags, responseCodeDetails } = await gateway.record(0)
    expect([responseFlags, responseCodeDetails]).toEqual(["UR", "upstream_reset_after_response_started{remote_reset}"])
  })

  test("RST_STREAM NO_ERROR after the complete response takes nothing from it (RFC 9113 8.1)", async () => {
    await using upstream = FrameUpstream.start(({ connection, streamId }) => {
      connection.respond(streamId, "complete")
      connection.reset(streamId, NO_ERROR)
    })
    await using gateway = await gatewayTo(upstream)
    using client = await FrameClient.open(gateway.port(80))
    client.request(1, { ":method": "POST" }, 0)
    expect(await client.response(1)).toMatchObject({ status: 200, body: "complete", isComplete: true })
  })

  test("a complete response is not lost with its connection, however slow the client", async () => {
    await using upstream = FrameUpstream.start(({ connection, streamId }) => {
      connection.headers(streamId, [[":status", "200"]], 0)
      connection.data(streamId, "first ")
      connection.data(streamId, "second ")
      connection.data(streamId, "third", END_STREAM)
      connection.halfClose()
    })
    await using gateway = await gatewayTo(upstream)
    using client = await FrameClient.open(gateway.port(80), settingsPayload([4, 0]))
    client.request(1)
    const connection = await upstream.connection(0)
    await connection.until(() => connection.isClosed || connection.hasEnded, "the service's connection closed")
    client.frame(WINDOW_UPDATE, 0, 1, uint32(100))
    expect(await client.response(1)).toMatchObject({ status: 200, body: "first second third", isComplete: true })
    expect((await gateway.record(0)).responseFlags).toBe("")
  })

  test("a service that speaks HTTP/1.1 is a failed connection that says so", async () => {
    await using upstream = ScriptedUpstream.start({
      onConnection: (connection) => {
        connection.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        connection.halfClose()
      },
    })
    await using gateway = await startGateway(http2RoutesTo(upstream.port, NO_RETRIES))
    const response = await exchangeOnce(gateway.port(80), GET)
    expect(response.status).toBe(503)
    expect(response.text).toContain("the service closed the connection before its HTTP/2 SETTINGS")
  })

  test("a client that goes away resets the stream, not the connection", async () => {
    await using upstream = FrameUpstream.start()
    await using gateway = await gatewayTo(upstream)
    using client = await RawClient.connect(gateway.port(80))
    client.send(GET)
    await upstream.request(0)
    client.close()
    expect(await upstream.connections[0]?.resetOf(1)).toBe(CANCEL)
    using other = await RawClient.connect(gateway.port(80))
    other.send(GET)
    expect((await upstream.request(1)).streamId).toBe(3)
  })
})

describe("flow control", () => {
  test("the body waits for the service's windows, and the client with it", async () => {
    await using upstream = FrameUpstream.start({
      settings: settingsPayload([4, 10]),
      onRequest: ({ connection }) => {
        connection.updatesWindows = false
      },
    })
    await using gateway = await gatewayTo(upstream)
    using client = await FrameClient.open(gateway.port(80))
    client.request(1, { ":method": "POST" }, 0)
    client.data(1, "0123456789abcdef", END_STREAM)
    const connection = await upstream.connection(0)
    await connection.until(() => connection.bodyOf(1).length === 10, "ten bytes")
    await connection.settled()
    expect(connection.bodyOf(1)).toBe("0123456789")
    connection.frame(WINDOW_UPDATE, 0, 1, uint32(6))
    await connection.until(() => connection.isEnded(1), "the end")
    expect(connection.bodyOf(1)).toBe("0123456789abcdef")
  })

  test("a client that does not read holds back its service, not the others on the connection", async () => {
    await using upstream = FrameUpstream.start(({ connection, lines, streamId }) => {
      if (!lines.includes(":path: /large")) return connection.respond(streamId, "small")
      connection.headers(streamId, [[":status", "200"]], 0)
      for (let index = 0; index < 16; index++) connection.data(streamId, Buffer.alloc(16_384, "x"))
    })
    await using gateway = await gatewayTo(upstream)
    using slow = await FrameClient.open(gateway.port(80), settingsPayload([4, 0]))
    slow.updatesWindows = false
    slow.request(1, { ":path": "/large" })
    await slow.until(() => slow.responseSoFar(1).status === 200, "the head")
    const connection = await upstream.connection(0)
    await connection.settled()
    expect(connection.frames.some(({ type, streamId }) => type === WINDOW_UPDATE && streamId === 1)).toBe(false)
    expect((await exchangeOnce(gateway.port(80), GET)).text).toBe("small")
    slow.frame(WINDOW_UPDATE, 0, 0, uint32(1_000_000))
    slow.frame(WINDOW_UPDATE, 0, 1, uint32(1_000_000))
    await slow.until(() => slow.bodyOf(1).length === 16 * 16_384, "the body")
  })
})

describe("websockets (RFC 8441)", () => {
  const UPGRADE =
    "GET /chat HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

  test("one of HTTP/1.1 becomes an extended CONNECT, and its answer a 101", async () => {
    await using upstream = FrameUpstream.start({
      settings: settingsPayload([8, 1]),
      onRequest: ({ connection, streamId }) => connection.headers(streamId, [[":status", "200"]], 0),
    })
    await using gateway = await gatewayTo(upstream)
    using client = await RawClient.connect(gateway.port(80))
    client.send(UPGRADE)
    const response = await client.readResponse()
    expect([response.status, response.field("upgrade"), response.field("sec-websocket-accept")]).toEqual([
      101,
      "websocket",
      "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
    ])
    const { lines, isEndStream } = await upstream.request(0)
    expect(lines.slice(0, 5)).toEqual([
      ":method: CONNECT",
      ":scheme: http",
      ":authority: a.example",
      ":path: /chat",
      ":protocol: websocket",
    ])
    expect([isEndStream, lines.some((line) => line.startsWith("sec-websocket-key"))]).toEqual([false, false])
    client.send("ping")
    const connection = await upstream.connection(0)
    await connection.until(() => connection.bodyOf(1) === "ping", "ping")
    connection.data(1, "pong")
    expect((await client.takeExactly(4)).toString()).toBe("pong")
    connection.data(1, "", END_STREAM)
    await client.untilClosed()
  })

  test("a service that refuses it is heard", async () => {
    await using upstream = FrameUpstream.start({
      settings: settingsPayload([8, 1]),
      onRequest: ({ connection, streamId }) => connection.headers(streamId, [[":status", "403"]]),
    })
    await using gateway = await gatewayTo(upstream)
    expect((await exchangeOnce(gateway.port(80), UPGRADE)).status).toBe(403)
  })

  test("a service that offers none is 502", async () => {
    await using upstream = FrameUpstream.start()
    await using gateway = await gatewayTo(upstream)
    expect((await exchangeOnce(gateway.port(80), UPGRADE)).status).toBe(502)
    expect(upstream.requests.length).toBe(0)
    const connection = await upstream.connection(0)
    await connection.settled()
  })
})
