/** `Upgrade: websocket`: after a 101 both directions are raw bytes, untouched (Istio semantics sheet 4.4, RFC 9110 7.8). */
import { describe, expect, test } from "bun:test"
import { type Demo, startDemo } from "../../src/demo/demo.ts"
import { startGateway } from "../harness/gateway-under-test.ts"
import { RawClient } from "../harness/raw-client.ts"
import { GATEWAY_YAML, routesTo, virtualServiceYaml, yamlOf } from "../harness/routes-to.ts"
import { ScriptedUpstream, type UpstreamConnection } from "../harness/scripted-upstream.ts"
import { waitUntil, waitUntilStill } from "../harness/wait-until.ts"

const UPGRADE =
  "GET /ws HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
const SWITCHING =
  "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
  "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"

/** An upstream that switches as soon as it is asked, and leaves what follows to the test. */
function switchingUpstream(early = ""): ScriptedUpstream {
  return ScriptedUpstream.start(({ connection }) => {
    connection.readsRequests = false
    connection.send(SWITCHING + early)
  })
}

async function expectBytes(connection: UpstreamConnection | RawClient, text: string): Promise<void> {
  expect((await connection.takeExactly(text.length)).toString("latin1")).toBe(text)
}

/** What is no HTTP in any reading, and what is only too much of it. */
const RAW = ["\x81\x05hello\x00\xff\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 500 No\r\nContent-Length: 5\r\n\r\n"]

describe("a tunnel", () => {
  test("the 101 and its fields are relayed, then bytes go both ways untouched", async () => {
    await using upstream = switchingUpstream()
    await using gateway = await startGateway(routesTo(upstream.port))
    using client = await RawClient.connect(gateway.port(80))
    client.send(UPGRADE)
    const response = await client.readResponse()
    expect([response.status, response.field("connection"), response.field("upgrade")]).toEqual([
      101,
      "Upgrade",
      "websocket",
    ])
    expect(response.field("sec-websocket-accept")).toBe("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    expect([response.field("transfer-encoding"), response.field("content-length")]).toEqual([null, null])
    const request = await upstream.request(0)
    expect([request.field("connection"), request.field("upgrade")]).toEqual(["Upgrade", "websocket"])
    expect(request.field("sec-websocket-key")).toBe("dGhlIHNhbXBsZSBub25jZQ==")

    const connection = await upstream.connection(0)
    for (const text of RAW) {
      client.send(text)
      await expectBytes(connection, text)
      connection.send(text)
      await expectBytes(client, text)
    }
    expect([gateway.counters.upgradesTotal, gateway.counters.requestsTotal]).toEqual([1, 1])
    expect(gateway.records).toEqual([])
  })

  test("bytes that the client sends right behind its request arrive after the switch", async () => {
    await using upstream = switchingUpstream()
    await using gateway = await startGateway(routesTo(upstream.port))
    using client = await RawClient.connect(gateway.port(80))
    client.send(UPGRADE + RAW.join(""))
    expect((await client.readResponse()).status).toBe(101)
    client.send("later")
    await expectBytes(await upstream.connection(0), `${RAW.join("")}later`)
  })

  test("bytes that the service sends right behind its 101 arrive", async () => {
    await using upstream = switchingUpstream(RAW.join(""))
    await using gateway = await startGateway(routesTo(upstream.port))
    using client = await RawClient.connect(gateway.port(80))
    client.send(UPGRADE)
    expect((await client.readResponse()).status).toBe(101)
    await expectBytes(client, RAW.join(""))
  })

  test("ends when the service closes: what it sent before arrives, then the client's connection is closed", async () => {
    await using upstream = switchingUpstream()
    await using gateway = await startGateway(routesTo(upstream.port))
    using client = await RawClient.connect(gateway.port(80))
    client.send(UPGRADE)
    expect((await client.readResponse()).status).toBe(101)
    const connection = await upstream.connection(0)
    connection.send("bye")
    connection.halfClose()
    expect((await client.untilClosed()).toString("latin1")).toBe("bye")
    expect((await gateway.record(0)).responseCode).toBe(101)
    expect([gateway.counters.upgradesActive, gateway.counters.requestsActive]).toEqual([0, 0])
  })

  test("ends when the client closes: the service's connection is closed and never used again", async () => {
    await using upstream = switchingUpstream()
    await using gateway = await startGateway(routesTo(upstream.port))
    const client = await RawClient.connect(gateway.port(80))
    client.send(UPGRADE)
    expect((await client.readResponse()).status).toBe(101)
    client.close()
    await (await upstream.connection(0)).untilClosed()
    const { responseCode, bytesReceived } = await gateway.record(0)
    expect([responseCode, bytesReceived]).toEqual([101, 0])
    const pools = gateway.gateway.clusters.flatMap(({ endpoints }) => endpoints.map(({ pool }) => pool.connectionCount))
    expect(pools).toEqual([0])
  })

  test("holds a fast service back while the client does not read", async () => {
    await using upstream = switchingUpstream()
    await using gateway = await startGateway(routesTo(upstream.port))
    using client = await RawClient.connect(gateway.port(80))
    client.send(UPGRADE)
    expect((await client.readResponse()).status).toBe(101)
    client.pause()
    client.keepsBytes = false
    const connection = await upstream.connection(0)
    const bytes = 64 * 1024 * 1024
    const before = client.bytesReceived
    for (let sent = 0; sent < bytes; sent += 1024 * 1024) connection.send(Buffer.alloc(1024 * 1024, 0x61))
    await waitUntilStill(() => bytes - connection.bytesUnsent)
    expect(connection.bytesUnsent).toBeGreaterThan(bytes / 2)
    client.resume()
    await client.until(() => client.bytesReceived - before === bytes, "every byte")
  })
})

describe("no tunnel", () => {
  test("where the service answers something else, it is an ordinary answer and the connection goes on", async () => {
    await using upstream = ScriptedUpstream.start(({ connection }) =>
      connection.send("HTTP/1.1 426 Upgrade Required\r\nContent-Length: 2\r\n\r\nno"),
    )
    await using gateway = await startGateway(routesTo(upstream.port))
    using client = await RawClient.connect(gateway.port(80))
    for (let count = 1; count <= 2; count++) {
      const response = await client.exchange(UPGRADE)
      expect([response.status, response.text]).toEqual([426, "no"])
    }
    expect(upstream.connections.length).toBe(1)
  })

  test("a request pipelined behind a refused upgrade is a request", async () => {
    await using upstream = ScriptedUpstream.start()
    await using gateway = await startGateway(routesTo(upstream.port))
    using client = await RawClient.connect(gateway.port(80))
    client.send(`${UPGRADE}GET /next HTTP/1.1\r\nHost: a.example\r\n\r\n`)
    expect((await client.readResponse()).text).toBe("ok")
    expect((await client.readResponse()).text).toBe("ok")
    expect(upstream.requests.map(({ target }) => target)).toEqual(["/ws", "/next"])
  })
})

describe("a WebSocket client of somebody else's, to the demo webapp", () => {
  test("text, binary, a large message and the closing handshake", async () => {
    const demo: Demo = await startDemo()
    try {
      const yaml = yamlOf(GATEWAY_YAML, virtualServiceYaml("w", ["*"], "- route: [{ destination: { host: webapp } }]"))
      await using gateway = await startGateway(yaml, { demoServices: demo.services })
      const socket = new WebSocket(`ws://127.0.0.1:${gateway.port(80)}/ws`)
      socket.binaryType = "arraybuffer"
      const messages: unknown[] = []
      let closeCode = 0
      socket.onmessage = ({ data }) => messages.push(data instanceof ArrayBuffer ? new Uint8Array(data) : data)
      socket.onclose = ({ code }) => {
        closeCode = code
      }
      await waitUntil(() => socket.readyState === WebSocket.OPEN, "the connection")
      const large = "x".repeat(500_000)
      socket.send("hello")
      socket.send(new Uint8Array([0, 255, 13, 10]))
      socket.send(large)
      await waitUntil(() => messages.length === 3, "three echoes")
      expect(messages).toEqual(["hello", new Uint8Array([0, 255, 13, 10]), large])
      socket.close(1000)
      await waitUntil(() => closeCode !== 0, "the closing handshake")
      expect(closeCode).toBe(1000)
      expect((await gateway.record(0)).responseCode).toBe(101)
    } finally {
      await demo.stop()
    }
  })
})
