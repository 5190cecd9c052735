/**
 * Bytes of clients, counted exactly: `portcullis_downstream_received_bytes_total` and `..._sent_bytes_total` (Envoy's
 * `downstream_cx_rx_bytes_total` and `downstream_cx_tx_bytes_total`).
 */
import { beforeAll, describe, expect, test } from "bun:test"
import { DevelopmentPki, type IssuedCertificate } from "../../src/security/development-pki.ts"
import { FrameClient } from "../h2/frame-client.ts"
import { type GatewayUnderTest, startGateway } from "../harness/gateway-under-test.ts"
import { RawClient } from "../harness/raw-client.ts"
import { routesTo } from "../harness/routes-to.ts"
import { scrape } from "../harness/scraped-metrics.ts"
import { ScriptedUpstream } from "../harness/scripted-upstream.ts"
import { TCP_PORT, TcpService, tcpRoutesTo } from "../harness/tcp-service.ts"
import { connectTls } from "../harness/tls-client.ts"
import { tlsRoutesTo } from "../harness/tls-routes.ts"

const HOST = "a.example"
const GET = `GET / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`

let issued: IssuedCertificate
beforeAll(async () => {
  const pki = await DevelopmentPki.create(Date.now())
  issued = await pki.issue({ commonName: HOST, subjectAltNames: [HOST], purpose: "server" })
})

function startHttps(upstream: ScriptedUpstream): Promise<GatewayUnderTest> {
  return startGateway(tlsRoutesTo(HOST, issued, upstream.port))
}

interface Traffic {
  readonly bytesReceived: number
  readonly bytesSent: number
}

/** What the gateway read is what the client sent, and the other way round. */
function expectCounted(gateway: GatewayUnderTest, client: Traffic): void {
  expect(gateway.counters.downstreamTraffic).toEqual({
    bytesReceived: client.bytesSent,
    bytesSent: client.bytesReceived,
  })
}

describe("HTTP/1.1", () => {
  test("heads, bodies and framing, request after request", async () => {
    await using upstream = ScriptedUpstream.start()
    await using gateway = await startGateway(routesTo(upstream.port))
    using client = await RawClient.connect(gateway.port(80))
    await client.exchange(GET)
    await client.exchange(`POST / HTTP/1.1\r\nHost: ${HOST}\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`)
    expect(client.bytesSent).toBeGreaterThan(GET.length)
    expectCounted(gateway, client)
  })

  test("the metrics have them", async () => {
    await using upstream = ScriptedUpstream.start()
    await using gateway = await startGateway(routesTo(upstream.port))
    using client = await RawClient.connect(gateway.port(80))
    await client.exchange(GET)
    const metrics = await scrape(gateway)
    expect(metrics.values("portcullis_downstream_received_bytes_total")).toEqual([GET.length])
    expect(metrics.values("portcullis_downstream_sent_bytes_total")).toEqual([client.bytesReceived])
  })

  test("a response that waits for its client counts as it leaves", async () => {
    const body = Buffer.alloc(24 * 1024 * 1024)
    await using upstream = ScriptedUpstream.start(({ connection }) => {
      connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`)
      connection.send(body)
    })
    await using gateway = await startGateway(routesTo(upstream.port))
    using client = await RawClient.connect(gateway.port(80))
    client.keepsBytes = false
    client.pause()
    client.send(GET)
    const connection = await upstream.connection(0)
    await connection.until(() => connection.requests.length === 1, "the request")
    const { downstreamTraffic } = gateway.counters
    expect(downstreamTraffic.bytesSent).toBeLessThan(body.length)
    client.resume()
    await client.until(() => client.bytesReceived > body.length, "the response")
    expectCounted(gateway, client)
  })

  test("what is refused was read", async () => {
    await using upstream = ScriptedUpstream.start()
    await using gateway = await startGateway(routesTo(upstream.port))
    using client = await RawClient.connect(gateway.port(80))
    expect((await client.exchange("GET / HTTP/1.1\r\nHost : a\r\n\r\n")).status).toBe(400)
    expectCounted(gateway, client)
  })

  test("tunnels, with what goes through them", async () => {
    await using upstream = ScriptedUpstream.start(({ connection }) => {
      connection.readsRequests = false
      connection.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello")
    })
    await using gateway = await startGateway(routesTo(upstream.port))
    using client = await RawClient.connect(gateway.port(80))
    client.send(`GET / HTTP/1.1\r\nHost: ${HOST}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`)
    await client.until(() => client.endsWith("hello"), "the service's first words")
    client.send("0123456789")
    await (await upstream.connection(0)).takeExactly(10)
    expectCounted(gateway, client)
  })
})

describe("TLS: the bytes inside it", () => {
  const names = [
    { named: "nothing", alpnProtocols: undefined },
    { named: "http/1.1", alpnProtocols: "\x08http/1.1" },
  ]

  test.each(names)("HTTP/1.1, where the handshake agreed on $named", async ({ alpnProtocols }) => {
    await using upstream = ScriptedUpstream.start()
    await using gateway = await startHttps(upstream)
    const options = { serverName: HOST, ...(alpnProtocols === undefined ? {} : { alpnProtocols }) }
    using client = await connectTls(gateway.port(443), options)
    expect((await client.exchange(GET)).status).toBe(200)
    expect(client.bytesSent).toBe(GET.length)
    expectCounted(gateway, client)
  })

  test("HTTP/2, frames included", async () => {
    await using upstream = ScriptedUpstream.start()
    await using gateway = await startHttps(upstream)
    using client = await FrameClient.openTls(gateway.port(443), HOST, "\x02h2")
    client.request(1, { ":authority": HOST })
    expect((await client.response(1)).status).toBe(200)
    await client.settled()
    expectCounted(gateway, client)
  })

  test("a handshake alone is nothing", async () => {
    await using upstream = ScriptedUpstream.start()
    await using gateway = await startHttps(upstream)
    using _client = await connectTls(gateway.port(443), { serverName: HOST })
    expectCounted(gateway, { bytesReceived: 0, bytesSent: 0 })
  })
})

test("HTTP/2 without TLS: preface and frames, once each", async () => {
  await using upstream = ScriptedUpstream.start()
  await using gateway = await startGateway(routesTo(upstream.port))
  using client = await FrameClient.open(gateway.port(80))
  for (const streamId of [1, 3, 5]) client.request(streamId)
  for (const streamId of [1, 3, 5]) await client.response(streamId)
  await client.settled()
  expectCounted(gateway, client)
})

test("a PROXY header is not the client's", async () => {
  await using upstream = ScriptedUpstream.start()
  const yaml = routesTo(upstream.port).replace(
    "metadata: { name: edge }",
    "metadata: { name: edge, annotations: { portcullis.dev/proxy-protocol: from=127.0.0.0/8 } }",
  )
  await using gateway = await startGateway(yaml)
  using client = await RawClient.connect(gateway.port(80))
  const header = "PROXY TCP4 192.0.2.7 192.0.2.1 4321 80\r\n"
  expect((await client.exchange(header + GET)).status).toBe(200)
  expectCounted(gateway, { bytesSent: GET.length, bytesReceived: client.bytesReceived })
})

test("forwarded TCP is counted apart", async () => {
  await using service = TcpService.start((connection) => connection.send("220 hello\r\n"))
  await using gateway = await startGateway(tcpRoutesTo(service.port))
  using client = await RawClient.connect(gateway.port(TCP_PORT))
  await client.takeExactly(11)
  client.send("0123456789")
  await (await service.connection()).takeExactly(10)
  const { counters } = gateway
  expect([counters.downstreamTcpBytesReceived, counters.downstreamTcpBytesSent]).toEqual([10, 11])
  expectCounted(gateway, { bytesReceived: 0, bytesSent: 0 })
})
