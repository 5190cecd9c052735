/** `http.timeout` while bytes flow: when it begins, and what it does to a response under way (Istio semantics sheet 3.5). */
import { describe, expect, test } from "bun:test"
import { startGateway } from "../harness/gateway-under-test.ts"
import { RawClient } from "../harness/raw-client.ts"
import { routesTo } from "../harness/routes-to.ts"
import { answer, ScriptedUpstream } from "../harness/scripted-upstream.ts"

const GET = "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"
/** Of the routes here: long enough for an answer to come in time on a busy machine. */
const TIMEOUT_MS = 250
const TIMEOUT = `timeout: ${TIMEOUT_MS}ms`

describe("after the response head was sent", () => {
  const responses = [
    ["a response of known length", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", "half"],
    ["a chunked response", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", "4\r\nhalf\r\n"],
  ] as const
  for (const [name, sent, received] of responses) {
    test(`http.timeout: ${name} is cut, so that nobody takes it for complete`, async () => {
      await using upstream = ScriptedUpstream.start(answer(sent))
      await using gateway = await startGateway(routesTo(upstream.port, TIMEOUT))
      using client = await RawClient.connect(gateway.port(80))
      client.send(GET)
      const { headText, startLine } = await client.readHead()
      expect(startLine).toBe("HTTP/1.1 200 OK")
      const rest = (await client.untilClosed()).subarray(headText.length)
      expect(rest.toString()).toBe(received)
      const { responseCode, responseFlags, responseCodeDetails } = await gateway.record(0)
      const logged = { responseCode, responseFlags, responseCodeDetails }
      const details = "upstream_response_timeout"
      expect(logged).toEqual({ responseCode: 200, responseFlags: "UT", responseCodeDetails: details })
      await (await upstream.connection(0)).untilClosed()
    })
  }

  test("http.timeout: a stream that goes on is cut too: the whole response must end in time", async () => {
    await using upstream = ScriptedUpstream.start(({ connection }) => {
      connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
      const ticks = setInterval(() => {
        connection.send("1\r\n.\r\n")
        if (connection.isClosed) clearInterval(ticks)
      }, 5)
    })
    await using gateway = await startGateway(routesTo(upstream.port, TIMEOUT))
    using client = await RawClient.connect(gateway.port(80))
    client.send(GET)
    const all = (await client.untilClosed()).toString()
    expect(all).toContain("1\r\n.\r\n")
    expect(all).not.toContain("0\r\n\r\n")
    expect((await gateway.record(0)).responseFlags).toBe("UT")
  })

  test("http.timeout: a response that has ended in time is left alone, and so is the next request", async () => {
    await using upstream = ScriptedUpstream.start()
    await using gateway = await startGateway(routesTo(upstream.port, TIMEOUT))
    using client = await RawClient.connect(gateway.port(80))
    expect((await client.exchange(GET)).text).toBe("ok")
    await Bun.sleep(2 * TIMEOUT_MS)
    expect((await client.exchange(GET)).text).toBe("ok")
  })
})

describe("when it begins", () => {
  test("http.timeout: not before the request is complete", async () => {
    await using upstream = ScriptedUpstream.start()
    await using gateway = await startGateway(routesTo(upstream.port, TIMEOUT))
    using client = await RawClient.connect(gateway.port(80))
    client.send("POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 6\r\n\r\nabc")
    await Bun.sleep(3 * TIMEOUT_MS)
    client.send("def")
    expect((await client.readResponse()).text).toBe("ok")
  })

  test("http.timeout: a websocket's handshake has it, the tunnel has not", async () => {
    await using upstream = ScriptedUpstream.start({
      onHead(_, connection) {
        connection.readsRequests = false
        connection.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
      },
    })
    await using gateway = await startGateway(routesTo(upstream.port, TIMEOUT))
    using client = await RawClient.connect(gateway.port(80))
    client.send("GET / HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
    expect((await client.readResponse()).status).toBe(101)
    await Bun.sleep(3 * TIMEOUT_MS)
    ;(await upstream.connection(0)).send("still here")
    expect((await client.takeExactly(10)).toString()).toBe("still here")
  })

  test("http.timeout: a websocket's handshake that is not answered is 504", async () => {
    await using upstream = ScriptedUpstream.start({})
    await using gateway = await startGateway(routesTo(upstream.port, TIMEOUT))
    using client = await RawClient.connect(gateway.port(80))
    client.send("GET / HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
    expect((await client.readResponse()).status).toBe(504)
  })
})
