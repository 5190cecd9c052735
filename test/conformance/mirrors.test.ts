/** Mirrors that are slow, silent or gone: they never slow the original, and nothing of them stays (Istio semantics sheet 3.8). */
import { expect, test } from "bun:test"
import { type GatewayUnderTest, startGateway } from "../harness/gateway-under-test.ts"
import { RawClient } from "../harness/raw-client.ts"
import { GATEWAY_YAML, serviceYaml, virtualServiceYaml, yamlOf } from "../harness/routes-to.ts"
import { ScriptedUpstream } from "../harness/scripted-upstream.ts"
import { waitUntil } from "../harness/wait-until.ts"

const GET = "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"
const MIB = 1024 * 1024

function mirroring(original: ScriptedUpstream, mirror: ScriptedUpstream, extra = ""): Promise<GatewayUnderTest> {
  const rule = `- route: [{ destination: { host: one.test } }]\n  mirror: { host: mirror.test }\n  ${extra}`
  return startGateway(
    yamlOf(
      GATEWAY_YAML,
      serviceYaml("one.test", [original.port]),
      serviceYaml("mirror.test", [mirror.port]),
      virtualServiceYaml("routes", ["*"], rule),
    ),
  )
}

const activeOf = (gateway: GatewayUnderTest) =>
  gateway.gateway.clusters.find(({ spec }) => spec.host === "mirror.test")?.stats.upstreamRqActive

test("http.mirror: one that never answers does not hold the original back", async () => {
  await using original = ScriptedUpstream.start()
  await using mirror = ScriptedUpstream.start({})
  await using gateway = await mirroring(original, mirror)
  using client = await RawClient.connect(gateway.port(80))
  for (let count = 1; count <= 20; count++) {
    expect((await client.exchange(GET)).text).toBe("ok")
    await mirror.request(count - 1)
  }
  expect(activeOf(gateway)).toBe(20)
})

test("http.mirror: one that never answers ends with the route's timeout", async () => {
  await using original = ScriptedUpstream.start()
  await using mirror = ScriptedUpstream.start({})
  await using gateway = await mirroring(original, mirror, "timeout: 250ms")
  using client = await RawClient.connect(gateway.port(80))
  expect((await client.exchange(GET)).text).toBe("ok")
  await (await mirror.connection(0)).untilClosed()
  await waitUntil(() => activeOf(gateway) === 0, "the end of the copy")
  expect((await client.exchange(GET)).text).toBe("ok")
})

test("http.mirror: a body of 1 MiB, what may wait for a mirror, reaches both, byte for byte", async () => {
  await using original = ScriptedUpstream.start()
  await using mirror = ScriptedUpstream.start()
  await using gateway = await mirroring(original, mirror)
  const body = Buffer.alloc(MIB)
  for (let offset = 0; offset < body.length; offset += 4)
    body.writeUInt32LE(Math.imul(offset, 2_654_435_761) >>> 0, offset)
  using client = await RawClient.connect(gateway.port(80))
  client.send(`POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: ${body.length}\r\n\r\n`)
  client.send(body)
  expect((await client.readResponse()).text).toBe("ok")
  expect((await original.request(0)).body.equals(body)).toBe(true)
  expect((await mirror.request(0)).body.equals(body)).toBe(true)
})

test("http.mirror: one that does not read is given up after 1 MiB, and the original gets everything", async () => {
  await using original = ScriptedUpstream.start()
  await using mirror = ScriptedUpstream.start({ onConnection: (connection) => connection.pause() })
  await using gateway = await mirroring(original, mirror)
  using client = await RawClient.connect(gateway.port(80))
  const body = Buffer.alloc(32 * MIB, "x")
  client.send(`POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: ${body.length}\r\n\r\n`)
  client.send(body)
  expect((await client.readResponse()).text).toBe("ok")
  expect((await original.request(0)).body.length).toBe(body.length)
  await waitUntil(() => activeOf(gateway) === 0, "the end of the copy")
  const connection = await mirror.connection(0)
  connection.resume()
  await connection.untilClosed()
  expect(mirror.requests.length).toBe(0)
})

test("http.mirror: a client that leaves in the middle of its body ends the copy", async () => {
  await using original = ScriptedUpstream.start()
  await using mirror = ScriptedUpstream.start()
  await using gateway = await mirroring(original, mirror)
  const client = await RawClient.connect(gateway.port(80))
  client.send("POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 10\r\n\r\nhalf")
  const copy = await mirror.connection(0)
  client.close()
  await copy.untilClosed()
  expect([mirror.requests.length, activeOf(gateway)]).toEqual([0, 0])
})

test("http.mirror: an original that answers before the end of the body ends the copy", async () => {
  const TOO_LARGE = "HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n"
  await using original = ScriptedUpstream.start({ onHead: (_, connection) => connection.send(TOO_LARGE) })
  await using mirror = ScriptedUpstream.start()
  await using gateway = await mirroring(original, mirror)
  using client = await RawClient.connect(gateway.port(80))
  client.send("POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 10\r\n\r\nhalf")
  expect((await client.readResponse()).status).toBe(413)
  await (await mirror.connection(0)).untilClosed()
  await waitUntil(() => activeOf(gateway) === 0, "the end of the copy")
  expect(mirror.requests.length).toBe(0)
})

test("http.mirror: a websocket is not copied", async () => {
  await using original = ScriptedUpstream.start({
    onHead(_, connection) {
      connection.readsRequests = false
      connection.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
    },
  })
  await using mirror = ScriptedUpstream.start()
  await using gateway = await mirroring(original, mirror)
  using client = await RawClient.connect(gateway.port(80))
  client.send("GET / HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
  expect((await client.readResponse()).status).toBe(101)
  expect(mirror.connections.length).toBe(0)
})
