/** How a running gateway stops, end to end: a process, a signal, and what its clients see. */
import { expect, test } from "bun:test"
import { FrameClient } from "../h2/frame-client.ts"
import { GatewayProcessUnderTest } from "../harness/gateway-process.ts"
import { RawClient } from "../harness/raw-client.ts"
import { routesTo } from "../harness/routes-to.ts"
import { ScriptedUpstream } from "../harness/scripted-upstream.ts"

const GET = "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"
const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
const GOAWAY = 7

async function connectionOutcome(port: number): Promise<string> {
  try {
    using client = await RawClient.connect(port)
    return client.isClosed ? "closed" : "connected"
  } catch (error) {
    return error instanceof Error && "code" in error ? String(error.code) : String(error)
  }
}

test("SIGTERM: unready, no new connection, requests on kept connections are answered with Connection: close or after a GOAWAY, exit 0", async () => {
  await using upstream = ScriptedUpstream.start({})
  await using gateway = await GatewayProcessUnderTest.start(routesTo(upstream.port), ["--drain", "60"])
  const { http } = gateway.ports
  using busy = await RawClient.connect(http)
  busy.send(GET)
  const first = await upstream.connection(0)
  await first.until(() => first.requests.length === 1, "the request under way")
  using multiplexed = await FrameClient.open(http)
  multiplexed.request(1)
  const second = await upstream.connection(1)
  await second.until(() => second.requests.length === 1, "the stream under way")
  // Kept alive: it has had an answer, and its next request comes while the gateway already drains.
  using kept = await RawClient.connect(http)
  kept.send(GET)
  const third = await upstream.connection(2)
  await third.until(() => third.requests.length === 1, "the request before")
  third.send(OK)
  expect((await kept.readResponse()).field("connection")).toBeNull()
  using idle = await RawClient.connect(http)
  idle.send(GET)
  await third.until(() => third.requests.length === 2, "the idle client's request")
  third.send(OK)
  await idle.readResponse()

  gateway.command.kill("SIGTERM")
  await gateway.command.waitFor(/draining reason=SIGTERM seconds=60/)
  kept.send(GET)
  expect(await gateway.readiness()).toBe(503)
  expect(await gateway.admin("/ready")).toBe("DRAINING\n")
  await multiplexed.waitFor(GOAWAY, 0, "GOAWAY")
  expect(await connectionOutcome(http)).toBe("ECONNREFUSED")

  await third.until(() => third.requests.length === 3, "the request that came during the drain")
  third.send(OK)
  const late = await kept.readResponse()
  expect([late.status, late.text, late.field("connection")]).toEqual([200, "ok", "close"])
  expect((await kept.untilClosed()).length).toBe(0)
  expect((await idle.untilClosed()).length).toBe(0)
  expect(idle.hasEnded).toBe(true)

  first.send(OK)
  const response = await busy.readResponse()
  expect([response.status, response.text, response.field("connection")]).toEqual([200, "ok", "close"])
  second.send(OK)
  expect((await multiplexed.response(1)).status).toBe(200)
  multiplexed.close()
  expect((await gateway.command.end()).code).toBe(0)
})

test("what is left at the end of --drain is cut, an idle client sees an orderly end, and both are logged; exit 0", async () => {
  await using upstream = ScriptedUpstream.start({})
  await using gateway = await GatewayProcessUnderTest.start(routesTo(upstream.port), [
    "--drain",
    "0.2",
    "--access-log-format",
    "%REQ(:PATH)% %RESPONSE_CODE%",
  ])
  using idle = await RawClient.connect(gateway.ports.http)
  using busy = await RawClient.connect(gateway.ports.http)
  busy.send(GET)
  const connection = await upstream.connection(0)
  await connection.until(() => connection.requests.length === 1, "the request under way")
  const finished = gateway.stop()
  expect((await busy.untilClosed()).length).toBe(0)
  await idle.untilClosed()
  expect(idle.hasEnded).toBe(true)
  await connection.untilClosed()
  expect(await finished).toMatchObject({ code: 0, stdout: "/ 0\n" })
})

for (const [signal, code] of [
  ["SIGTERM", 143],
  ["SIGINT", 130],
] as const) {
  test(`a second ${signal} ends it at once`, async () => {
    await using upstream = ScriptedUpstream.start({})
    await using gateway = await GatewayProcessUnderTest.start(routesTo(upstream.port), ["--drain", "60"])
    using busy = await RawClient.connect(gateway.ports.http)
    busy.send(GET)
    const connection = await upstream.connection(0)
    await connection.until(() => connection.requests.length === 1, "the request under way")
    gateway.command.kill(signal)
    await gateway.command.waitFor(new RegExp(`draining reason=${signal}`))
    gateway.command.kill(signal)
    expect((await gateway.command.end()).code).toBe(code)
  })
}
