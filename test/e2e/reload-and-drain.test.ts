/** A new configuration and the end of the process lose no request (Istio semantics sheet 4.6). */
import { expect, test } from "bun:test"
import { startGateway } from "../harness/gateway-under-test.ts"
import { exchangeOnce, RawClient } from "../harness/raw-client.ts"
import { GATEWAY_YAML, routesTo, rulesTo, serviceYaml, virtualServiceYaml, yamlOf } from "../harness/routes-to.ts"
import { answer, ScriptedUpstream } from "../harness/scripted-upstream.ts"
import { waitUntil } from "../harness/wait-until.ts"

const GET = "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"
const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

test("an exchange ends with the configuration it began with; the next one sees the new", async () => {
  await using before = ScriptedUpstream.start({})
  await using after = ScriptedUpstream.start(answer(OK.replace("ok", "no")))
  await using gateway = await startGateway(routesTo(before.port, "headers: { response: { set: { x-version: one } } }"))
  using client = await RawClient.connect(gateway.port(80))
  client.send(GET)
  const connection = await before.connection(0)
  await connection.until(() => connection.requests.length === 1, "the request")
  await gateway.apply(routesTo(after.port, "headers: { response: { set: { x-version: two } } }"))
  connection.send(OK)
  const first = await client.readResponse()
  expect([first.text, first.field("x-version")]).toEqual(["ok", "one"])
  const second = await client.exchange(GET)
  expect([second.text, second.field("x-version")]).toEqual(["no", "two"])
  // The endpoint has left: its connection is closed, not kept.
  await connection.untilClosed()
})

test("a reload that changes nothing upstream keeps the pooled connections", async () => {
  await using upstream = ScriptedUpstream.start()
  await using gateway = await startGateway(routesTo(upstream.port))
  using client = await RawClient.connect(gateway.port(80))
  await client.exchange(GET)
  await gateway.apply(routesTo(upstream.port, "timeout: 10s"))
  await client.exchange(GET)
  expect([upstream.connections.length, upstream.requests.length]).toEqual([1, 2])
})

test("reloads under load lose no request", async () => {
  await using one = ScriptedUpstream.start()
  await using two = ScriptedUpstream.start()
  await using gateway = await startGateway(routesTo(one.port))
  let isLoading = true
  const statuses = new Map<number, number>()
  const load = async (): Promise<void> => {
    using client = await RawClient.connect(gateway.port(80))
    while (isLoading) {
      const { status } = await client.exchange(GET)
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
    }
  }
  const clients = Array.from({ length: 8 }, load)
  for (let count = 0; count < 30; count++) {
    const served = one.requests.length + two.requests.length
    await gateway.apply(routesTo(count % 2 === 0 ? two.port : one.port))
    await waitUntil(() => one.requests.length + two.requests.length > served + 16, "requests between two reloads")
  }
  isLoading = false
  await Promise.all(clients)
  expect([...statuses.keys()]).toEqual([200])
  expect(statuses.get(200)).toBe(one.requests.length + two.requests.length)
  expect(two.requests.length).toBeGreaterThan(0)
})

test("a listener that leaves accepts nothing more, and what is under way on it finishes", async () => {
  await using upstream = ScriptedUpstream.start({})
  await using gateway = await startGateway(routesTo(upstream.port))
  const port = gateway.port(80)
  using client = await RawClient.connect(port)
  client.send(GET)
  const connection = await upstream.connection(0)
  await connection.until(() => connection.requests.length === 1, "the request")
  const moved = GATEWAY_YAML.replace("number: 80", "number: 81")
  await gateway.apply(yamlOf(moved, serviceYaml("x.example", [1]), virtualServiceYaml("routes", ["*"], DIRECT)))
  await expectRefusedConnection(port)
  connection.send(OK)
  const response = await client.readResponse()
  expect([response.text, response.field("connection")]).toEqual(["ok", "close"])
  expect((await client.untilClosed()).length).toBe(0)
  expect((await exchangeOnce(gateway.port(81), GET)).status).toBe(200)
})

const DIRECT = "- directResponse: { status: 200 }"

test("a drain: no new connection, idle ones close, the request under way ends with Connection: close", async () => {
  await using upstream = ScriptedUpstream.start({})
  await using gateway = await startGateway(routesTo(upstream.port))
  const port = gateway.port(80)
  using idle = await RawClient.connect(port)
  using busy = await RawClient.connect(port)
  busy.send(GET)
  const connection = await upstream.connection(0)
  await connection.until(() => connection.requests.length === 1, "the request")
  await waitUntil(() => gateway.counters.downstreamConnectionsActive === 2, "both connections")
  let isDrained = false
  const drained = gateway.drain(4_000).then(() => {
    isDrained = true
  })
  expect((await idle.untilClosed()).length).toBe(0)
  await expectRefusedConnection(port)
  expect(isDrained).toBe(false)
  connection.send(OK)
  const response = await busy.readResponse()
  expect([response.text, response.field("connection")]).toEqual(["ok", "close"])
  expect((await busy.untilClosed()).length).toBe(0)
  await drained
  expect((await gateway.record(0)).responseFlags).toBe("")
})

test("a drain waits for a response that is being read slowly, and it arrives whole", async () => {
  const bytes = 16 * 1024 * 1024
  await using upstream = ScriptedUpstream.start({})
  await using gateway = await startGateway(routesTo(upstream.port))
  using client = await RawClient.connect(gateway.port(80))
  client.send(GET)
  const connection = await upstream.connection(0)
  await connection.until(() => connection.requests.length === 1, "the request")
  client.pause()
  connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${bytes}\r\n\r\n`)
  connection.send(Buffer.alloc(bytes, 0x61))
  await waitUntil(() => connection.bytesUnsent < bytes, "the first bytes")
  const drained = gateway.drain(4_000)
  client.resume()
  expect((await client.readResponse()).body.length).toBe(bytes)
  await drained
})

test("a drain that runs out of time cuts what is left, and it is logged", async () => {
  await using upstream = ScriptedUpstream.start({})
  await using gateway = await startGateway(routesTo(upstream.port))
  using client = await RawClient.connect(gateway.port(80))
  client.send(GET)
  const connection = await upstream.connection(0)
  await connection.until(() => connection.requests.length === 1, "the request")
  await gateway.drain(0)
  expect((await client.untilClosed()).length).toBe(0)
  await connection.untilClosed()
  expect(gateway.records.map(({ responseCode }) => responseCode)).toEqual([0])
})

test("a configuration with an error is thrown as its diagnostics, and the old one serves", async () => {
  await using gateway = await startGateway(rulesTo(1, DIRECT))
  const failure = await gateway.apply(rulesTo(1, "- direkt: {}")).then(String, String)
  expect(failure).toContain("test.yaml:")
  expect((await exchangeOnce(gateway.port(80), GET)).status).toBe(200)
})

test("a drain waits for a tunnel, then cuts it", async () => {
  await using upstream = ScriptedUpstream.start(({ connection }) => {
    connection.readsRequests = false
    connection.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
  })
  await using gateway = await startGateway(routesTo(upstream.port))
  using client = await RawClient.connect(gateway.port(80))
  client.send("GET / HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
  expect((await client.readResponse()).status).toBe(101)
  const connection = await upstream.connection(0)
  const drained = gateway.drain(100)
  client.send("still")
  expect((await connection.takeExactly(5)).toString()).toBe("still")
  await drained
  await client.untilClosed()
  await connection.untilClosed()
  expect(gateway.counters.upgradesActive).toBe(0)
})

async function expectRefusedConnection(port: number): Promise<void> {
  const outcome = await RawClient.connect(port).then(
    () => "connected",
    (error: unknown) => (error instanceof Error && "code" in error ? error.code : error),
  )
  expect(outcome).toBe("ECONNREFUSED")
}
