/**
 * Responses of an upstream: what breaks the rules is a 502 and its connection is never used again (DESIGN section 5); what
 * is valid ends where RFC 9112 section 6.3 says.
 */
import { describe, expect, test } from "bun:test"
import { startGateway } from "../harness/gateway-under-test.ts"
import { exchangeOnce, RawClient } from "../harness/raw-client.ts"
import { routesTo } from "../harness/routes-to.ts"
import { answer, answerOk, ScriptedUpstream } from "../harness/scripted-upstream.ts"

const GET = "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"
const PROTOCOL_ERROR = "upstream connect error or disconnect/reset before headers. reset reason: protocol error"

describe("a malformed response head is 502", () => {
  const ok = (...lines: string[]) => `HTTP/1.1 200 OK\r\n${lines.map((line) => `${line}\r\n`).join("")}\r\nok`
  const rows: readonly (readonly [name: string, response: string])[] = [
    ["9112 4: no status line", "hello\r\n\r\n"],
    ["9112 4: another protocol", "ICY 200 OK\r\n\r\n"],
    ["9112 4: HTTP/2", "HTTP/2 200\r\n\r\n"],
    ["9112 4: HTTP/1.2", "HTTP/1.2 200 OK\r\nContent-Length: 0\r\n\r\n"],
    ["9112 4: a status of two digits", "HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n"],
    ["9112 4: a status of four digits", "HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n"],
    ["9112 4: a status below 100", "HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n"],
    ["9110 15: a status over 599", "HTTP/1.1 600 OK\r\nContent-Length: 0\r\n\r\n"],
    ["9112 4: two spaces before the status", "HTTP/1.1  200 OK\r\nContent-Length: 0\r\n\r\n"],
    ["9112 4: a control character in the reason", "HTTP/1.1 200 O\x01K\r\nContent-Length: 0\r\n\r\n"],
    ["9112 4: a bare CR in the reason", "HTTP/1.1 200 O\rK\r\nContent-Length: 0\r\n\r\n"],
    ["9112 2.2: bare LFs", "HTTP/1.1 200 OK\nContent-Length: 2\n\nok"],
    ["9112 2.2: a bare LF after a field", "HTTP/1.1 200 OK\r\nX: y\nContent-Length: 2\r\n\r\nok"],
    ["9112 5.1: a space before the colon", ok("Content-Length : 2")],
    ["9112 5.2: a folded line", ok("Content-Length: 2", "X: y", " z")],
    ["9110 5.5: a NUL in a value", ok("Content-Length: 2", "X: \0")],
    ["9110 5.1: an empty name", ok("Content-Length: 2", ": y")],
    ["9110 5.1: a name that is no token", ok("Content-Length: 2", "X(y): z")],
    ["9112 6.2: a Content-Length that is no number", ok("Content-Length: two")],
    ["9112 6.2: a negative Content-Length", ok("Content-Length: -2")],
    ["9112 6.3: differing Content-Lengths", ok("Content-Length: 2", "Content-Length: 3")],
    ["9112 6.3: Content-Length and Transfer-Encoding", ok("Content-Length: 2", "Transfer-Encoding: chunked")],
    ["9112 6.1: a transfer coding other than chunked", ok("Transfer-Encoding: gzip")],
    ["9112 6.1: chunked behind another coding", ok("Transfer-Encoding: gzip, chunked")],
    ["9112 6.1: Transfer-Encoding in HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
    ["9110 7.8: a 101 that nobody asked for", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"],
    ["9110 15.2: 1xx without end", "HTTP/1.1 102 Processing\r\n\r\n".repeat(40)],
  ]
  for (const [name, response] of rows) {
    test(name, async () => {
      // The first connection answers with the malformed response, all others properly.
      await using upstream = ScriptedUpstream.start((exchange) => {
        if (exchange.connection.index === 0) exchange.connection.send(response)
        else answerOk(exchange)
      })
      await using gateway = await startGateway(routesTo(upstream.port))
      using client = await RawClient.connect(gateway.port(80))
      client.send(GET)
      const refused = await client.readResponse()
      expect([refused.status, refused.text]).toEqual([502, PROTOCOL_ERROR])
      expect((await client.exchange(GET)).text).toBe("ok")
      await (await upstream.connection(0)).untilClosed()
      expect(upstream.requests.length).toBe(2)
      const { responseCode, responseFlags, responseCodeDetails } = await gateway.record(0)
      expect([responseCode, responseFlags]).toEqual([502, "UPE"])
      expect(responseCodeDetails).toBe("upstream_reset_before_response_started{protocol_error}")
    })
  }
})

describe("a response that breaks the rules in its body is cut, so that the client sees it", () => {
  const chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
  const rows: readonly (readonly [name: string, response: string])[] = [
    ["9112 7.1: a chunk size that is no number", `${chunked}2\r\nok\r\nx\r\n`],
    ["9112 7.1: junk after a chunk", `${chunked}2\r\nokay\r\n0\r\n\r\n`],
    ["9112 7.1: 17 digits", `${chunked}2\r\nok\r\n00000000000000000\r\n\r\n`],
    ["9112 7.1.2: a malformed trailer", `${chunked}2\r\nok\r\n0\r\nX y\r\n\r\n`],
  ]
  for (const [name, response] of rows) {
    test(name, async () => {
      await using upstream = ScriptedUpstream.start(answer(response))
      await using gateway = await startGateway(routesTo(upstream.port))
      using client = await RawClient.connect(gateway.port(80))
      client.send(GET)
      const bytes = (await client.untilClosed()).toString("latin1")
      expect(bytes).toStartWith("HTTP/1.1 200 OK\r\n")
      expect(bytes).not.toContain("\r\n0\r\n\r\n")
      await (await upstream.connection(0)).untilClosed()
      const { responseCode, responseFlags, responseCodeDetails } = await gateway.record(0)
      expect([responseCode, responseFlags]).toEqual([200, "UPE"])
      expect(responseCodeDetails).toBe("upstream_reset_after_response_started{protocol_error}")
    })
  }

  for (const [name, response] of [
    ["9112 8: a body that ends before its Content-Length", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"],
    ["9112 8: a chunked body without its last chunk", `${chunked}4\r\nhalf\r\n`],
  ] as const) {
    test(name, async () => {
      await using upstream = ScriptedUpstream.start(({ connection }) => {
        connection.send(response)
        connection.halfClose()
      })
      await using gateway = await startGateway(routesTo(upstream.port))
      using client = await RawClient.connect(gateway.port(80))
      client.send(GET)
      const bytes = (await client.untilClosed()).toString("latin1")
      expect(bytes).toContain("half")
      expect(bytes).not.toContain("\r\n0\r\n\r\n")
      const { responseCode, responseFlags, responseCodeDetails } = await gateway.record(0)
      expect([responseCode, responseFlags]).toEqual([200, "UC"])
      expect(responseCodeDetails).toBe("upstream_reset_after_response_started{connection_termination}")
    })
  }
})

describe("an upstream connection that could carry a foreign answer is not used again", () => {
  const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
  const rows: readonly (readonly [name: string, response: string])[] = [
    ["bytes after a response with a length", `${ok}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil`],
    ["bytes after a chunked response", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nHTTP"],
    ["a body after 204", "HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok"],
    ["a body after 304", "HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\nok"],
    ["Connection: close", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"],
    ["close among other options", "HTTP/1.1 200 OK\r\nConnection: x-a, Close\r\nContent-Length: 2\r\n\r\nok"],
    ["HTTP/1.0 without keep-alive", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"],
  ]
  for (const [name, response] of rows) {
    test(name, async () => {
      await using upstream = ScriptedUpstream.start(answer(response))
      await using gateway = await startGateway(routesTo(upstream.port))
      using client = await RawClient.connect(gateway.port(80))
      for (let count = 1; count <= 2; count++) {
        client.send(GET)
        const got = await client.readResponse()
        expect(got.status).toBe(Number(response.slice(9, 12)))
        expect(got.text).toBe(got.status === 200 ? "ok" : "")
      }
      expect(upstream.connections.length).toBe(2)
      for (const connection of upstream.connections) await connection.untilClosed()
    })
  }

  test("bytes that come while it idles", async () => {
    await using upstream = ScriptedUpstream.start()
    await using gateway = await startGateway(routesTo(upstream.port))
    using client = await RawClient.connect(gateway.port(80))
    expect((await client.exchange(GET)).text).toBe("ok")
    const connection = await upstream.connection(0)
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
    await connection.untilClosed()
    expect((await client.exchange(GET)).text).toBe("ok")
    expect(upstream.connections.length).toBe(2)
  })

  test("a HEAD answered with a body", async () => {
    await using upstream = ScriptedUpstream.start(answer(ok))
    await using gateway = await startGateway(routesTo(upstream.port))
    using client = await RawClient.connect(gateway.port(80))
    const head = await client.exchange("HEAD / HTTP/1.1\r\nHost: a.example\r\n\r\n")
    expect([head.status, head.field("content-length")]).toEqual([200, "2"])
    expect((await client.exchange(GET)).text).toBe("ok")
    expect(upstream.connections.length).toBe(2)
  })

  test("an answer that comes before the request has gone out in full", async () => {
    await using upstream = ScriptedUpstream.start({
      onHead: (_head, connection) => connection.send("HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno"),
    })
    await using gateway = await startGateway(routesTo(upstream.port))
    using client = await RawClient.connect(gateway.port(80))
    client.send("POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 10\r\n\r\nhello")
    const response = await client.readResponse()
    expect([response.status, response.text]).toEqual([401, "no"])
    await (await upstream.connection(0)).untilClosed()
    // The rest of the body is not the next request.
    client.send("world")
    client.send(GET)
    expect((await client.readResponse()).status).toBe(401)
    expect(upstream.connections.length).toBe(2)
  })
})

describe("9112 6.3: where a response ends", () => {
  test("1: HEAD has no body, whatever its fields say", async () => {
    for (const framing of ["Content-Length: 5", "Transfer-Encoding: chunked"]) {
      await using upstream = ScriptedUpstream.start(answer(`HTTP/1.1 200 OK\r\n${framing}\r\nX: y\r\n\r\n`))
      await using gateway = await startGateway(routesTo(upstream.port))
      using client = await RawClient.connect(gateway.port(80))
      for (let count = 1; count <= 2; count++) {
        const response = await client.exchange("HEAD / HTTP/1.1\r\nHost: a.example\r\n\r\n")
        expect([response.status, response.field("x")]).toEqual([200, "y"])
        expect(response.field("content-length")).toBe(framing.startsWith("Content") ? "5" : null)
      }
      // One connection for both: nothing was left on it.
      expect(upstream.connections.length).toBe(1)
    }
  })

  test("1: 204 has no body and no length, 304 keeps the length it tells of", async () => {
    for (const [status, length] of [
      ["204 No Content", null],
      ["304 Not Modified", "5"],
    ] as const) {
      await using upstream = ScriptedUpstream.start(answer(`HTTP/1.1 ${status}\r\nContent-Length: 5\r\n\r\n`))
      await using gateway = await startGateway(routesTo(upstream.port))
      using client = await RawClient.connect(gateway.port(80))
      for (let count = 1; count <= 2; count++) {
        const response = await client.exchange(GET)
        expect([response.startLine, response.field("content-length")]).toEqual([`HTTP/1.1 ${status}`, length])
        expect(response.field("transfer-encoding")).toBeNull()
      }
      expect(upstream.connections.length).toBe(1)
    }
  })

  test("1: 1xx responses come before the one that counts and have no body", async () => {
    const early = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\nContent-Length: 5\r\n\r\n"
    await using upstream = ScriptedUpstream.start(answer(`${early}HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok`))
    await using gateway = await startGateway(routesTo(upstream.port))
    const response = await exchangeOnce(gateway.port(80), GET)
    expect([response.status, response.text]).toEqual([200, "ok"])
    // Istio semantics sheet 4.4: other 1xx than the 100 a client waits for are dropped.
    expect(response.informational).toEqual([])
  })

  test("4: chunked is passed on chunked, whatever the chunks were", async () => {
    const body = "1;x=y\r\na\r\n00002\r\nbc\r\n0\r\n\r\n"
    await using upstream = ScriptedUpstream.start(
      answer(`HTTP/1.1 200 OK\r\ntransfer-encoding: CHUNKED\r\n\r\n${body}`),
    )
    await using gateway = await startGateway(routesTo(upstream.port))
    using client = await RawClient.connect(gateway.port(80))
    for (let count = 1; count <= 2; count++) {
      const response = await client.exchange(GET)
      expect([response.text, response.field("transfer-encoding")]).toEqual(["abc", "chunked"])
      expect(response.field("content-length")).toBeNull()
    }
    expect(upstream.connections.length).toBe(1)
  })

  test("6: equal Content-Lengths are one", async () => {
    await using upstream = ScriptedUpstream.start(
      answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\ncontent-length: 2\r\n\r\nok"),
    )
    await using gateway = await startGateway(routesTo(upstream.port))
    const response = await exchangeOnce(gateway.port(80), GET)
    expect([response.text, response.field("content-length")]).toEqual(["ok", "2"])
  })

  test("8: without any framing the body lasts until the upstream closes; the client's connection goes on", async () => {
    await using upstream = ScriptedUpstream.start(({ connection }) => {
      connection.send("HTTP/1.1 200 OK\r\n\r\nuntil ")
      connection.send("close")
      connection.halfClose()
    })
    await using gateway = await startGateway(routesTo(upstream.port))
    using client = await RawClient.connect(gateway.port(80))
    for (let count = 1; count <= 2; count++) {
      const response = await client.exchange(GET)
      expect([response.text, response.field("transfer-encoding")]).toEqual(["until close", "chunked"])
      expect(response.field("connection")).toBeNull()
    }
    expect(upstream.connections.length).toBe(2)
    expect((await gateway.record(0)).responseFlags).toBe("")
  })

  test("8: HTTP/1.0 with keep-alive and a length is used again", async () => {
    await using upstream = ScriptedUpstream.start(
      answer("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok"),
    )
    await using gateway = await startGateway(routesTo(upstream.port))
    using client = await RawClient.connect(gateway.port(80))
    for (let count = 1; count <= 2; count++) {
      const response = await client.exchange(GET)
      // RFC 9112 section 2.3: our own version, whatever the upstream's.
      expect([response.startLine, response.text]).toEqual(["HTTP/1.1 200 OK", "ok"])
    }
    expect(upstream.connections.length).toBe(1)
  })

  test("a response of any split of the bytes is the same", async () => {
    const text =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX: y\r\n\r\n5\r\nhello\r\n7;a\r\n, world\r\n0\r\nX-Sum: 12\r\n\r\n"
    let split = 0
    await using upstream = ScriptedUpstream.start(({ connection }) => {
      connection.send(text.slice(0, split))
      setImmediate(() => connection.send(text.slice(split)))
    })
    await using gateway = await startGateway(routesTo(upstream.port))
    using client = await RawClient.connect(gateway.port(80))
    for (; split <= text.length; split++) {
      const response = await client.exchange("GET / HTTP/1.1\r\nHost: a.example\r\nTE: trailers\r\n\r\n")
      expect([split, response.text, response.field("x")]).toEqual([split, "hello, world", "y"])
      expect(response.trailers).toEqual([["X-Sum", "12"]])
    }
    expect(upstream.connections.length).toBe(1)
  })
})

test("an empty reason phrase is accepted, with and without its space", async () => {
  for (const startLine of ["HTTP/1.1 299 ", "HTTP/1.1 299"]) {
    await using upstream = ScriptedUpstream.start(answer(`${startLine}\r\nContent-Length: 0\r\n\r\n`))
    await using gateway = await startGateway(routesTo(upstream.port))
    expect((await exchangeOnce(gateway.port(80), GET)).status).toBe(299)
  }
})
