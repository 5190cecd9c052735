/** Bodies flow in both directions as they come, and a reader that stalls stops its writer (DESIGN rule 6). */
import { describe, expect, test } from "bun:test"
import { type GatewayUnderTest, startGateway } from "../harness/gateway-under-test.ts"
import { readHead, readMessage } from "../harness/http-message.ts"
import { RawClient } from "../harness/raw-client.ts"
import { routesTo } from "../harness/routes-to.ts"
import { ScriptedUpstream } from "../harness/scripted-upstream.ts"
import { waitUntilStill } from "../harness/wait-until.ts"

const GET = "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"
const MIB = 1024 * 1024
/** More than the kernel's buffers of two loopback connections hold. */
const LARGE_BYTES = 64 * MIB
/** What may have left a writer whose reader takes nothing: the gateway holds next to nothing, the kernel up to 20 MiB. */
const TAKEN_BYTES_MAX = 32 * MIB

/** Every byte tells its place, so that a lost or doubled piece shows. */
const PATTERN = Buffer.from(Array.from({ length: MIB }, (_, index) => (index * 31 + (index >> 8)) & 0xff))

describe("a large response", () => {
  for (const framing of ["content-length", "chunked", "until-close"] as const) {
    test(`${framing}: waits for a client that does not read, then arrives whole`, async () => {
      await using upstream = ScriptedUpstream.start({})
      await using gateway = await startGateway(routesTo(upstream.port))
      using client = await RawClient.connect(gateway.port(80))
      client.send(GET)
      const connection = await upstream.connection(0)
      await connection.until(() => connection.requests.length === 1, "the request")
      client.pause()
      const fields = {
        "content-length": `Content-Length: ${LARGE_BYTES}\r\n`,
        chunked: "Transfer-Encoding: chunked\r\n",
      }
      connection.send(`HTTP/1.1 200 OK\r\n${framing === "until-close" ? "" : fields[framing]}\r\n`)
      const bytes = sendLarge(connection.send.bind(connection), framing === "chunked")
      if (framing === "chunked") connection.send("0\r\n\r\n")
      if (framing === "until-close") connection.halfClose()
      await waitUntilStill(() => bytes - connection.bytesUnsent)
      expect(bytes - connection.bytesUnsent).toBeLessThan(TAKEN_BYTES_MAX)

      client.resume()
      const response = await client.readResponse()
      expect(response.body.length).toBe(LARGE_BYTES)
      expect(isPattern(response.body)).toBe(true)
      const { responseCode, responseFlags, bytesSent } = await gateway.record(0)
      expect([responseCode, responseFlags, bytesSent]).toEqual([200, "", LARGE_BYTES])
    })
  }

  test("a client that leaves while it is held back frees the upstream", async () => {
    await using upstream = ScriptedUpstream.start({})
    await using gateway = await startGateway(routesTo(upstream.port))
    using client = await RawClient.connect(gateway.port(80))
    client.send(GET)
    const connection = await upstream.connection(0)
    await connection.until(() => connection.requests.length === 1, "the request")
    client.pause()
    connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${LARGE_BYTES}\r\n\r\n`)
    const bytes = sendLarge(connection.send.bind(connection), false)
    await waitUntilStill(() => bytes - connection.bytesUnsent)
    client.close()
    await connection.untilClosed()
    expect((await gateway.record(0)).responseFlags).toBe("DC")
  })
})

describe("a large request", () => {
  for (const framing of ["content-length", "chunked"] as const) {
    test(`${framing}: waits for an upstream that does not read, then arrives whole`, async () => {
      await using upstream = ScriptedUpstream.start({ onConnection: (connection) => connection.pause() })
      await using gateway = await startGateway(routesTo(upstream.port))
      using client = await RawClient.connect(gateway.port(80))
      const length = framing === "chunked" ? "Transfer-Encoding: chunked" : `Content-Length: ${LARGE_BYTES}`
      client.send(`POST / HTTP/1.1\r\nHost: a.example\r\n${length}\r\n\r\n`)
      const bytes = sendLarge(client.send.bind(client), framing === "chunked")
      if (framing === "chunked") client.send("0\r\n\r\n")
      await waitUntilStill(() => bytes - client.bytesUnsent)
      expect(bytes - client.bytesUnsent).toBeLessThan(TAKEN_BYTES_MAX)

      const connection = await upstream.connection(0)
      // Requests are read by the test here: looking for one after every read would cost their length each time.
      connection.readsRequests = false
      connection.resume()
      await connection.until(() => readHead(connection.peek()) !== null, "the head")
      const wholeBytes = LARGE_BYTES + (readHead(connection.peek())?.headText.length ?? 0)
      await connection.until(
        () => (framing === "chunked" ? connection.endsWith("\r\n0\r\n\r\n") : connection.bytesReceived === wholeBytes),
        "the whole body",
      )
      connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
      expect((await client.readResponse()).text).toBe("ok")
      const { responseCode, responseFlags, bytesReceived } = await gateway.record(0)
      expect([responseCode, responseFlags, bytesReceived]).toEqual([200, "", LARGE_BYTES])
      const body = readMessage(connection.peek(), "by-fields", false, false)?.body ?? Buffer.alloc(0)
      expect([body.length, isPattern(body)]).toEqual([LARGE_BYTES, true])
    })
  }
})

/** Sends the pattern up to LARGE_BYTES. @returns the bytes handed over, chunk framing included */
function sendLarge(send: (bytes: Uint8Array | string) => void, isChunked: boolean): number {
  let bytes = 0
  const put = (piece: Uint8Array | string) => {
    send(piece)
    bytes += piece.length
  }
  for (let count = 0; count < LARGE_BYTES / MIB; count++) {
    if (isChunked) put(`${MIB.toString(16)}\r\n`)
    put(PATTERN)
    if (isChunked) put("\r\n")
  }
  return bytes
}

function isPattern(body: Buffer): boolean {
  for (let start = 0; start < body.length; start += MIB) {
    if (!body.subarray(start, start + MIB).equals(PATTERN)) return false
  }
  return true
}

describe("nothing waits for what comes later", () => {
  test("a server-sent event arrives while the response goes on", async () => {
    await using upstream = ScriptedUpstream.start(({ connection }) =>
      connection.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"),
    )
    await using gateway = await startGateway(routesTo(upstream.port))
    using client = await RawClient.connect(gateway.port(80))
    client.send(GET)
    expect((await client.readHead()).startLine).toBe("HTTP/1.1 200 OK")
    const connection = await upstream.connection(0)
    for (const event of ["data: one\n\n", "data: two\n\n"]) {
      connection.send(`${event.length.toString(16)}\r\n${event}\r\n`)
      await client.until(() => client.peek().includes(event), "the event")
      expect(gateway.records).toEqual([])
    }
    connection.send("0\r\n\r\n")
    expect((await client.readResponse()).text).toBe("data: one\n\ndata: two\n\n")
  })

  test("a piece of a request body reaches the service while the request goes on, and an answer may come first", async () => {
    await using upstream = ScriptedUpstream.start({})
    await using gateway = await startGateway(routesTo(upstream.port))
    using client = await RawClient.connect(gateway.port(80))
    client.send("POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
    const connection = await upstream.connection(0)
    await connection.until(() => connection.peek().includes("5\r\nhello\r\n"), "the first chunk")
    connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n")
    await client.until(() => client.peek().includes("2\r\nhi\r\n"), "the first chunk of the answer")
    client.send("5\r\nworld\r\n0\r\n\r\n")
    await connection.until(() => connection.requests.length === 1, "the rest of the request")
    expect(connection.requests[0]?.body.toString()).toBe("helloworld")
    connection.send("0\r\n\r\n")
    expect((await client.readResponse()).text).toBe("hi")
  })
})

describe("Istio semantics sheet 4.4: Expect: 100-continue", () => {
  const head = "POST / HTTP/1.1\r\nHost: a.example\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"

  test("goes upstream; the service's 100 is relayed, then the body, then the answer", async () => {
    await using upstream = ScriptedUpstream.start({
      onHead: (_head, connection) => connection.send("HTTP/1.1 100 Continue\r\n\r\n"),
      onRequest: ({ connection }) => connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    })
    await using gateway = await startGateway(routesTo(upstream.port))
    using client = await RawClient.connect(gateway.port(80))
    for (let count = 1; count <= 2; count++) {
      client.send(head)
      expect((await client.readHead()).startLine).toBe("HTTP/1.1 100 Continue")
      client.send("hello")
      const response = await client.readResponse()
      expect([response.text, response.informational.length]).toEqual(["ok", 1])
    }
    const [request] = upstream.requests
    expect([request?.field("expect"), request?.body.toString()]).toEqual(["100-continue", "hello"])
    expect(upstream.connections.length).toBe(1)
  })

  test("the gateway never invents a 100: nothing comes before the service speaks", async () => {
    await using upstream = ScriptedUpstream.start({ onRequest: ({ connection }) => connection.send(OK) })
    await using gateway = await startGateway(routesTo(upstream.port))
    using client = await RawClient.connect(gateway.port(80))
    client.send(head)
    const connection = await upstream.connection(0)
    await connection.until(() => connection.peek().includes("\r\n\r\n"), "the head")
    client.send("hello")
    const response = await client.readResponse()
    expect([response.text, response.informational]).toEqual(["ok", []])
  })

  test("9110 10.1.1: after a final answer instead, the connection is closed: nobody knows whether the body comes", async () => {
    await using upstream = ScriptedUpstream.start({
      onHead: (_head, connection) => connection.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"),
    })
    await using gateway = await startGateway(routesTo(upstream.port))
    using client = await RawClient.connect(gateway.port(80))
    client.send(head)
    const response = await client.readResponse()
    expect([response.status, response.field("connection")]).toEqual([403, "close"])
    client.send(`hello${GET}`)
    expect((await client.untilClosed()).length).toBe(0)
    expect(gateway.records.length).toBe(1)
    await (await upstream.connection(0)).untilClosed()
  })

  test("a 100 that nobody waits for is dropped", async () => {
    await using upstream = ScriptedUpstream.start(({ connection }) =>
      connection.send(`HTTP/1.1 100 Continue\r\n\r\n${OK}`),
    )
    await using gateway = await startGateway(routesTo(upstream.port))
    using client = await RawClient.connect(gateway.port(80))
    const response = await client.exchange(GET)
    expect([response.text, response.informational]).toEqual(["ok", []])
  })
})

const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

describe("trailers of a response", () => {
  const response =
    "HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 2\r\n\r\n"

  test("are forwarded to a client that says TE: trailers, and dropped for another", async () => {
    await using upstream = ScriptedUpstream.start(({ connection }) => connection.send(response))
    await using gateway = await startGateway(routesTo(upstream.port))
    using client = await RawClient.connect(gateway.port(80))
    const asked = await client.exchange("GET / HTTP/1.1\r\nHost: a.example\r\nTE: trailers\r\nConnection: TE\r\n\r\n")
    expect([asked.text, asked.trailers]).toEqual(["ok", [["X-Sum", "2"]]])
    const other = await client.exchange(GET)
    expect([other.text, other.trailers]).toEqual(["ok", []])
    expect(upstream.connections.length).toBe(1)
  })
})

describe("a request body that nobody wants", () => {
  test("is read and dropped, and the connection goes on", async () => {
    await using gateway = await serving404()
    using client = await RawClient.connect(gateway.port(80))
    client.send(`POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 20000\r\n\r\n${"x".repeat(10_000)}`)
    expect((await client.readResponse()).status).toBe(404)
    client.send(`${"x".repeat(10_000)}${GET}`)
    expect((await client.readResponse()).status).toBe(404)
  })

  test("ends the connection when it is long", async () => {
    await using gateway = await serving404()
    using client = await RawClient.connect(gateway.port(80))
    client.send(`POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: ${10 * MIB}\r\n\r\n`)
    expect((await client.readResponse()).status).toBe(404)
    client.send(PATTERN)
    expect((await client.untilClosed()).length).toBe(0)
  })
})

function serving404(): Promise<GatewayUnderTest> {
  return startGateway(routesTo(1).replace('"*"]\n  gateways', '"b.example"]\n  gateways'))
}
