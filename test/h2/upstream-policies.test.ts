/** What a DestinationRule says about HTTP/2 connections to services (Istio semantics sheet 6.5). */
import { describe, expect, test } from "bun:test"
import { createServer } from "node:http2"
import { withPolicy } from "../harness/destination-rule.ts"
import { startGateway } from "../harness/gateway-under-test.ts"
import { exchangeOnce, RawClient } from "../harness/raw-client.ts"
import { routesTo } from "../harness/routes-to.ts"
import { answer, ScriptedUpstream } from "../harness/scripted-upstream.ts"
import { waitUntil } from "../harness/wait-until.ts"
import { FrameClient } from "./frame-client.ts"
import { FrameUpstream } from "./frame-upstream.ts"
import { PING, settingsPayload } from "./frames.ts"
import { connectionPool, GET, http2RoutesTo, NO_RETRIES } from "./http2-routes.ts"

const MAX_CONCURRENT_STREAMS = 3

async function gatewayWith(port: number, settings: string) {
  return await startGateway(http2RoutesTo(port, NO_RETRIES, connectionPool(settings)))
}

describe("maxConcurrentStreams", () => {
  test("one request more goes out on another connection", async () => {
    await using upstream = FrameUpstream.start()
    await using gateway = await gatewayWith(upstream.port, "{ http: { maxConcurrentStreams: 2 } }")
    using client = await FrameClient.open(gateway.port(80))
    for (const streamId of [1, 3, 5]) client.request(streamId)
    await upstream.request(2)
    const counts = upstream.connections.map(({ blocks }) => blocks.length)
    expect(counts.toSorted()).toEqual([1, 2])
  })

  test("as many connections are made at once as the waiting requests need", async () => {
    await using upstream = FrameUpstream.start({ settings: null })
    await using gateway = await gatewayWith(upstream.port, "{ http: { maxConcurrentStreams: 1 } }")
    using client = await FrameClient.open(gateway.port(80))
    for (const streamId of [1, 3, 5]) client.request(streamId)
    await upstream.connection(2)
  })

  test("the service's own number counts where it is lower", async () => {
    await using upstream = FrameUpstream.start({ settings: settingsPayload([MAX_CONCURRENT_STREAMS, 1]) })
    await using gateway = await gatewayWith(upstream.port, "{ http: { maxConcurrentStreams: 2 } }")
    using client = await FrameClient.open(gateway.port(80))
    for (const streamId of [1, 3]) client.request(streamId)
    await upstream.request(1)
    expect(upstream.connections.map(({ blocks }) => blocks.length)).toEqual([1, 1])
  })
})

describe("http2KeepAlive", () => {
  const keepAlive = "{ http: { http2KeepAlive: { interval: 20ms, timeout: 20ms } } }"

  test("a connection on which a PING stays unanswered is cut, and counted; the next request gets another one", async () => {
    await using upstream = FrameUpstream.start()
    await using gateway = await gatewayWith(upstream.port, keepAlive)
    using client = await RawClient.connect(gateway.port(80))
    client.send(GET)
    const first = await upstream.connection(0)
    await first.waitFor(PING, 0, "a PING")
    const { status, text } = await client.readResponse()
    expect([status, text]).toEqual([
      503,
      "upstream connect error or disconnect/reset before headers. reset reason: connection termination",
    ])
    expect(gateway.gateway.clusters[0]?.stats.http2KeepaliveTimeout).toBe(1)
    client.send(GET)
    const second = await upstream.connection(1)
    await second.until(() => second.blocks.length === 1, "the request")
    second.respond(1, "ok")
    expect((await client.readResponse()).status).toBe(200)
  })

  test("a connection whose PINGs are answered stays", async () => {
    const server = createServer((_request, response) => response.end("ok"))
    let pings = 0
    let sessions = 0
    server.on("session", (session) => {
      sessions++
      session.on("ping", () => pings++)
    })
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    const address = server.address()
    if (address === null || typeof address === "string") throw new Error("no port")
    try {
      await using gateway = await gatewayWith(
        address.port,
        "{ http: { http2KeepAlive: { interval: 20ms, timeout: 2s } } }",
      )
      await exchangeOnce(gateway.port(80), GET)
      await waitUntil(() => pings > 0, "a PING")
      expect((await exchangeOnce(gateway.port(80), GET)).status).toBe(200)
      expect([sessions, gateway.gateway.clusters[0]?.stats.http2KeepaliveTimeout]).toEqual([1, 0])
    } finally {
      server.close()
    }
  })
})

describe("useClientProtocol", () => {
  const policy = { connectionPool: { http: { useClientProtocol: true } } }

  test("a client of HTTP/2 gets to the service over HTTP/2", async () => {
    await using upstream = FrameUpstream.start(({ connection, streamId }) => connection.respond(streamId, "ok"))
    await using gateway = await startGateway(withPolicy(routesTo(upstream.port), policy))
    using client = await FrameClient.open(gateway.port(80))
    client.request(1)
    expect((await client.response(1)).body).toBe("ok")
  })

  test("a client of HTTP/1.1 gets to it over HTTP/1.1, even where the port says HTTP/2", async () => {
    await using upstream = ScriptedUpstream.start(answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
    await using gateway = await gatewayWith(upstream.port, "{ http: { useClientProtocol: true } }")
    expect((await exchangeOnce(gateway.port(80), GET)).text).toBe("ok")
  })

  test("each version has connections of its own", async () => {
    await using upstream = FrameUpstream.start(({ connection, streamId }) => connection.respond(streamId, "ok"))
    await using gateway = await startGateway(withPolicy(routesTo(upstream.port), policy))
    using client = await FrameClient.open(gateway.port(80))
    for (const streamId of [1, 3]) {
      client.request(streamId)
      await client.response(streamId)
    }
    const { stats } = gateway.gateway.clusters[0] ?? {}
    expect([stats?.upstreamCxHttp2Total, stats?.upstreamCxHttp1Total]).toEqual([1, 0])
  })
})
