/**
 * What must hold of any build, the single binary too: these tests use nothing but ports and files.
 * `PORTCULLIS_BINARY=dist/portcullis bun test test/e2e/smoke` runs them against it.
 */
import { expect, test } from "bun:test"
import { startServingGateway } from "../harness/gateway-under-test.ts"
import { exchangeOnce, RawClient } from "../harness/raw-client.ts"
import { routesTo, rulesTo } from "../harness/routes-to.ts"
import { ScriptedUpstream } from "../harness/scripted-upstream.ts"

test("a GET is answered by the service behind the route", async () => {
  await using upstream = ScriptedUpstream.start()
  await using gateway = await startServingGateway(routesTo(upstream.port))
  const response = await exchangeOnce(gateway.port(80), "GET /a?b=c HTTP/1.1\r\nHost: a.example\r\n\r\n")
  expect([response.status, response.text]).toEqual([200, "ok"])
  expect((await upstream.request(0)).startLine).toBe("GET /a?b=c HTTP/1.1")
})

test("a malformed request is refused, its connection is closed, and the service never sees it", async () => {
  await using upstream = ScriptedUpstream.start()
  await using gateway = await startServingGateway(routesTo(upstream.port))
  using client = await RawClient.connect(gateway.port(80))
  client.send("GET / HTTP/1.1\r\nHost : a.example\r\n\r\n")
  expect((await client.readResponse()).status).toBe(400)
  expect((await client.untilClosed()).length).toBe(0)
  expect(upstream.connections.length).toBe(0)
})

test("a new configuration takes over without closing a client's connection", async () => {
  await using upstream = ScriptedUpstream.start()
  await using gateway = await startServingGateway(routesTo(upstream.port))
  using client = await RawClient.connect(gateway.port(80))
  const request = "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"
  expect((await client.exchange(request)).text).toBe("ok")
  await gateway.apply(rulesTo(upstream.port, "- directResponse: { status: 418, body: { string: teapot } }"))
  const response = await client.exchange(request)
  expect([response.status, response.text]).toEqual([418, "teapot"])
})

test("a drain lets the request under way finish, then the connection ends", async () => {
  await using upstream = ScriptedUpstream.start({})
  await using gateway = await startServingGateway(routesTo(upstream.port))
  using client = await RawClient.connect(gateway.port(80))
  client.send("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
  const connection = await upstream.connection(0)
  await connection.until(() => connection.requests.length === 1, "the request")
  const drained = gateway.drain(5_000)
  connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone")
  const response = await client.readResponse()
  expect([response.status, response.text]).toEqual([200, "done"])
  await client.untilClosed()
  await drained
})
