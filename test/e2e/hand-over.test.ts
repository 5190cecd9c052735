/** One gateway takes over from another on the same ports (--reuse-port), as a service manager does it: two processes. */
import { describe, expect, test } from "bun:test"
import { GatewayProcessUnderTest, type ProcessPorts } from "../harness/gateway-process.ts"
import { exchangeOnce, RawClient } from "../harness/raw-client.ts"
import { routesTo, rulesTo } from "../harness/routes-to.ts"
import { ScriptedUpstream } from "../harness/scripted-upstream.ts"

const GET = "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"
const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

const answering = (text: string) => rulesTo(1, `- directResponse: { status: 200, body: { string: ${text} } }`)

/** The same ports again, as the successor's flags. */
function beside({ admin, status }: ProcessPorts): readonly string[] {
  return ["--reuse-port", "--admin", `127.0.0.1:${admin}`, "--status-port", `${status}`]
}

async function answersOf(port: number, count: number): Promise<ReadonlySet<string>> {
  const texts = new Set<string>()
  for (let each = 0; each < count; each++) texts.add((await exchangeOnce(port, GET)).text)
  return texts
}

describe.skipIf(process.platform !== "linux")("a successor on the same ports", () => {
  test("gets the new connections, the probes and the admin interface; the old one finishes what it has and ends with 0", async () => {
    await using upstream = ScriptedUpstream.start({})
    await using old = await GatewayProcessUnderTest.start(routesTo(upstream.port), ["--reuse-port", "--drain", "60"])
    const { ports } = old
    using busy = await RawClient.connect(ports.http)
    busy.send(GET)
    const connection = await upstream.connection(0)
    await connection.until(() => connection.requests.length === 1, "the request under way")
    using kept = await RawClient.connect(ports.http)
    await using next = await GatewayProcessUnderTest.start(answering("next"), beside(ports), ports.http)
    expect(next.ports).toEqual(ports)

    old.command.kill("SIGTERM")
    await old.command.waitFor(/info {2}handing over: new connections go to whoever else listens on these ports$/m)
    // Accepted by the old one, which still answers it.
    kept.send(GET)
    const second = await upstream.connection(1)
    await second.until(() => second.requests.length === 1, "the kept connection's request")
    expect(await answersOf(ports.http, 30)).toEqual(new Set(["next"]))
    for (let each = 0; each < 10; each++) {
      expect(await old.readiness()).toBe(200)
      expect(await old.admin("/ready")).toBe("LIVE\n")
    }
    second.send(OK)
    connection.send(OK)
    for (const client of [kept, busy]) {
      const response = await client.readResponse()
      expect([response.text, response.field("connection")]).toEqual(["ok", "close"])
      client.close()
    }
    expect((await old.command.end()).code).toBe(0)
    expect(await answersOf(ports.http, 10)).toEqual(new Set(["next"]))
    expect(next.command.stderr).not.toContain("error")
  })

  test("that cannot start gives back what it took: clients see only the old one's answers, or its own", async () => {
    await using old = await GatewayProcessUnderTest.start(answering("same"), ["--reuse-port"])
    const { ports } = old
    using somebody = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response() })
    const texts = new Set<string>()
    let isOver = false
    const load = async (): Promise<void> => {
      while (!isOver) texts.add((await exchangeOnce(ports.http, GET)).text)
    }
    const clients = Promise.all([load(), load(), load()])
    const flags = ["--reuse-port", "--admin", `127.0.0.1:${somebody.port}`]
    const failure = await GatewayProcessUnderTest.start(answering("same"), flags, ports.http).then(String, String)
    expect(failure).toContain(`portcullis: cannot listen on 127.0.0.1:${somebody.port}: it is already in use`)
    isOver = true
    await clients
    expect(texts).toEqual(new Set(["same"]))
  })

  test("with none, the old one goes on answering that it is not ready, until it ends", async () => {
    await using upstream = ScriptedUpstream.start({})
    await using gateway = await GatewayProcessUnderTest.start(routesTo(upstream.port), [
      "--reuse-port",
      "--drain",
      "60",
    ])
    using busy = await RawClient.connect(gateway.ports.http)
    busy.send(GET)
    const connection = await upstream.connection(0)
    await connection.until(() => connection.requests.length === 1, "the request under way")
    gateway.command.kill("SIGTERM")
    await gateway.command.waitFor(/draining reason=SIGTERM/)
    expect(await gateway.readiness()).toBe(503)
    // The port is given up, with nobody to take it.
    const isRefused = () =>
      RawClient.connect(gateway.ports.http).then(
        (client) => client.close() ?? false,
        () => true,
      )
    while (!(await isRefused())) await Bun.sleep(10)
    expect(await gateway.readiness()).toBe(503)
    connection.send(OK)
    expect((await busy.readResponse()).text).toBe("ok")
    busy.close()
    expect((await gateway.command.end()).code).toBe(0)
  })

  test("with --drain 0 the port is closed at once", async () => {
    await using gateway = await GatewayProcessUnderTest.start(answering("one"), ["--reuse-port", "--drain", "0"])
    await exchangeOnce(gateway.ports.http, GET)
    expect((await gateway.stop()).code).toBe(0)
    await expect(RawClient.connect(gateway.ports.http)).rejects.toMatchObject({ code: "ECONNREFUSED" })
  })

  test("in the same process: a port that passes to another listener refuses nobody meanwhile", async () => {
    await using first = await GatewayProcessUnderTest.start(answering("old"), ["--reuse-port"])
    const { http } = first.ports
    await using gateway = await GatewayProcessUnderTest.start(answering("old"), ["--reuse-port"], http)
    expect((await first.stop()).code).toBe(0)
    const texts = new Set<string>()
    const load = async (): Promise<void> => {
      while (!texts.has("new")) texts.add((await exchangeOnce(http, GET)).text)
    }
    const clients = Promise.all([load(), load(), load()])
    // Another address: another listener, and one that the first excludes.
    await gateway.write(answering("new").replace("- port:", "- bind: 127.0.0.1\n      port:"))
    gateway.command.kill("SIGHUP")
    await clients
    expect(gateway.command.stderr).not.toContain("listener not bound")
    expect(texts).toEqual(new Set(["old", "new"]))
  })
})

describe("without the flag on both", () => {
  for (const [first, second, reason] of [
    [["--reuse-port"], [], "address already in use"],
    [[], ["--reuse-port"], "address already in use, by a program that does not share it"],
    [[], [], "address already in use"],
  ] as const) {
    test(`${first.join() || "nothing"}, then ${second.join() || "nothing"}: the second fails, and says why`, async () => {
      await using gateway = await GatewayProcessUnderTest.start(answering("first"), first)
      const { http } = gateway.ports
      const failure = await GatewayProcessUnderTest.start(answering("second"), second, http).then(String, String)
      expect(failure).toContain(`cannot listen on 127.0.0.1:${http}: ${reason}`)
      expect(await answersOf(http, 5)).toEqual(new Set(["first"]))
    })
  }

  test("one gateway does not share a port with itself: a listener, the status port and the admin interface", async () => {
    await using gateway = await GatewayProcessUnderTest.start(answering("first"), ["--reuse-port"])
    const { http, status } = gateway.ports
    const start = (...flags: string[]) =>
      GatewayProcessUnderTest.start(answering("second"), ["--reuse-port", ...flags], http).then(String, String)
    expect(await start("--status-port", `${http}`)).toContain(`cannot listen on port ${http}: it is already in use`)
    expect(await start("--status-port", `${status}`, "--admin", `127.0.0.1:${status}`)).toContain(
      `cannot listen on 127.0.0.1:${status}: it is already in use`,
    )
  })
})
