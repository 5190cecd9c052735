/** Bodies through TLS: whole, in both directions, and with back pressure from end to end. */
import { beforeAll, expect, test } from "bun:test"
import { createHash } from "node:crypto"
import { DevelopmentPki, type IssuedCertificate } from "../../src/security/development-pki.ts"
import { type GatewayUnderTest, startGateway } from "../harness/gateway-under-test.ts"
import { ScriptedUpstream } from "../harness/scripted-upstream.ts"
import { connectTls } from "../harness/tls-client.ts"
import { tlsRoutesTo } from "../harness/tls-routes.ts"
import { waitUntil } from "../harness/wait-until.ts"

const HOST = "a.example"
const BODY_BYTES = 32 * 1024 * 1024
/** More than all sockets between two ends hold together. */
const BUFFERED_BYTES_MAX = 24 * 1024 * 1024

let issued: IssuedCertificate
beforeAll(async () => {
  const pki = await DevelopmentPki.create(Date.now())
  issued = await pki.issue({ commonName: HOST, subjectAltNames: [HOST], purpose: "server" })
})

function startHttps(upstream: ScriptedUpstream): Promise<GatewayUnderTest> {
  return startGateway(tlsRoutesTo(HOST, issued, upstream.port))
}

/** Bytes that no compression or repetition would leave right by accident. */
function noise(length: number): Buffer {
  const bytes = Buffer.alloc(length)
  for (let offset = 0, state = 1; offset < length; offset += 4) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    bytes.writeUInt32LE(state, offset)
  }
  return bytes
}

const digest = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex")

test("a large response arrives byte for byte", async () => {
  const body = noise(8 * 1024 * 1024)
  await using upstream = ScriptedUpstream.start(({ connection }) => {
    connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`)
    connection.send(body)
  })
  await using gateway = await startHttps(upstream)
  using client = await connectTls(gateway.port(443), { serverName: HOST })
  const response = await client.exchange(`GET / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`)
  expect(digest(response.body)).toBe(digest(body))
})

test("a large request arrives byte for byte", async () => {
  const body = noise(8 * 1024 * 1024)
  await using upstream = ScriptedUpstream.start()
  await using gateway = await startHttps(upstream)
  using client = await connectTls(gateway.port(443), { serverName: HOST })
  client.send(`POST / HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: ${body.length}\r\n\r\n`)
  client.send(body)
  expect((await client.readResponse()).status).toBe(200)
  expect(digest((await upstream.request(0)).body)).toBe(digest(body))
})

test("a client that does not read stops its service", async () => {
  await using upstream = ScriptedUpstream.start(({ connection }) => {
    connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${BODY_BYTES}\r\n\r\n`)
    connection.send(Buffer.alloc(BODY_BYTES))
  })
  await using gateway = await startHttps(upstream)
  using client = await connectTls(gateway.port(443), { serverName: HOST })
  client.keepsBytes = false
  client.send(`GET / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`)
  client.pause()
  const connection = await upstream.connection(0)
  await waitUntil(() => connection.bytesUnsent > 0, "the service is stopped")
  await Bun.sleep(100)
  expect(BODY_BYTES - connection.bytesUnsent).toBeLessThan(BUFFERED_BYTES_MAX)
  client.resume()
  await client.until(() => client.bytesReceived > BODY_BYTES, "the whole response")
  expect(connection.bytesUnsent).toBe(0)
})

test("a service that does not read stops its client", async () => {
  await using upstream = ScriptedUpstream.start({
    onHead: (_head, connection) => {
      connection.readsRequests = false
      connection.keepsBytes = false
      connection.pause()
    },
  })
  await using gateway = await startHttps(upstream)
  using client = await connectTls(gateway.port(443), { serverName: HOST })
  client.send(`POST / HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: ${BODY_BYTES}\r\n\r\n`)
  client.send(Buffer.alloc(BODY_BYTES))
  const connection = await upstream.connection(0)
  await waitUntil(() => client.bytesUnsent > 0, "the client is stopped")
  await Bun.sleep(100)
  expect(BODY_BYTES - client.bytesUnsent).toBeLessThan(BUFFERED_BYTES_MAX)
  connection.resume()
  await connection.until(() => connection.bytesReceived > BODY_BYTES, "the whole request")
})

test("a client that goes away in the middle takes its request with it", async () => {
  await using upstream = ScriptedUpstream.start({})
  await using gateway = await startHttps(upstream)
  {
    using client = await connectTls(gateway.port(443), { serverName: HOST })
    client.send(`GET / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`)
    await upstream.request(0)
  }
  expect((await gateway.record(0)).responseFlags).toBe("DC")
  await waitUntil(() => gateway.counters.downstreamConnectionsActive === 0, "the connection is no longer counted")
})

test("a WebSocket and its bytes go through", async () => {
  await using upstream = ScriptedUpstream.start(({ connection }) => {
    connection.readsRequests = false
    connection.send(
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nfrom the service",
    )
  })
  await using gateway = await startHttps(upstream)
  using client = await connectTls(gateway.port(443), { serverName: HOST })
  client.send(`GET / HTTP/1.1\r\nHost: ${HOST}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`)
  expect((await client.readResponse()).status).toBe(101)
  expect((await client.takeExactly(16)).toString()).toBe("from the service")
  client.send("from the client")
  const connection = await upstream.connection(0)
  expect((await connection.takeExactly(15)).toString()).toBe("from the client")
})
