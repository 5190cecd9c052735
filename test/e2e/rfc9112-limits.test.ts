/** Every limit has a defined answer (DESIGN rule 5, Istio semantics sheet 4.4 and 4.6); what is just within it is served. */
import { describe, expect, test } from "bun:test"
import { startGateway } from "../harness/gateway-under-test.ts"
import { exchangeOnce, RawClient } from "../harness/raw-client.ts"
import { expectRefused, type Refusal } from "../harness/refusal.ts"
import { routesTo, rulesTo } from "../harness/routes-to.ts"
import { answer, ScriptedUpstream } from "../harness/scripted-upstream.ts"
import { waitUntil } from "../harness/wait-until.ts"

const LINE = "GET / HTTP/1.1\r\nHost: a.example\r\n"

/** A request head of exactly so many bytes. */
function headOf(bytes: number): string {
  return `${LINE}X: ${"a".repeat(bytes - LINE.length - 7)}\r\n\r\n`
}

function headWithFields(count: number): string {
  return `${LINE}${"X: y\r\n".repeat(count - 1)}\r\n`
}

function tooLarge(details: string, fault: string): Refusal {
  return { status: 431, body: "Request Header Fields Too Large", details, fault }
}

describe("431: the head is too large", () => {
  const headTooLarge = tooLarge("http1.headers_too_large", "head_too_large")
  const tooMany = tooLarge("http1.too_many_headers", "too_many_fields")

  test("60 KiB are served, one byte more is refused", async () => {
    await using upstream = ScriptedUpstream.start()
    await using gateway = await startGateway(routesTo(upstream.port))
    expect((await exchangeOnce(gateway.port(80), headOf(60 * 1024))).status).toBe(200)
    expect((await exchangeOnce(gateway.port(80), headOf(60 * 1024 + 1))).status).toBe(431)
    const [, refused] = gateway.records
    expect(refused?.responseCodeDetails).toBe("http1.headers_too_large")
  })

  test("the limit is the same however the bytes are split, with an empty line before them too", async () => {
    await using upstream = ScriptedUpstream.start()
    await using gateway = await startGateway(routesTo(upstream.port), { limits: { headBytesMax: 128 } })
    for (const [bytes, status] of [
      [127, 200],
      [128, 200],
      [129, 431],
      [200, 431],
    ] as const) {
      for (const request of [headOf(bytes), `\r\n${headOf(bytes)}`]) {
        for (const offsets of [[], [20], Array.from({ length: request.length }, (_, index) => index)]) {
          using client = await RawClient.connect(gateway.port(80))
          await client.sendSplit(request, offsets)
          expect([bytes, (await client.readResponse()).status]).toEqual([bytes, status])
        }
      }
    }
  })

  test("one byte over the limit", () => expectRefused(headOf(129), headTooLarge, { headBytesMax: 128 }))
  test("a request line alone", () => {
    const request = `GET /${"a".repeat(200)} HTTP/1.1\r\nHost: a.example\r\n\r\n`
    return expectRefused(request, headTooLarge, { headBytesMax: 128 })
  })
  test("a head that never ends is refused at the limit, not held", async () => {
    await using upstream = ScriptedUpstream.start()
    await using gateway = await startGateway(routesTo(upstream.port))
    using client = await RawClient.connect(gateway.port(80))
    client.send(`${LINE}${"X: y\r\n".repeat(20_000)}`)
    expect((await client.readResponse()).status).toBe(431)
    await client.untilClosed()
    expect(upstream.connections.length).toBe(0)
  })

  test("100 fields are served, 101 are refused", async () => {
    await using upstream = ScriptedUpstream.start()
    await using gateway = await startGateway(routesTo(upstream.port))
    expect((await exchangeOnce(gateway.port(80), headWithFields(100))).status).toBe(200)
    expect((await exchangeOnce(gateway.port(80), headWithFields(101))).status).toBe(431)
  })
  test("one field over the limit", () => expectRefused(headWithFields(5), tooMany, { fieldCountMax: 4 }))
})

describe("413: the body is too large (requestBodyBytesMax)", () => {
  const limits = { requestBodyBytesMax: 10 }
  const bodyTooLarge: Refusal = {
    status: 413,
    body: "Payload Too Large",
    details: "request_payload_too_large",
    fault: "body_too_large",
  }
  const withLength = (length: number) =>
    `POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: ${length}\r\n\r\n${"a".repeat(length)}`

  test("a Content-Length over it is refused before anything goes upstream", () =>
    expectRefused(withLength(11), bodyTooLarge, limits))

  test("a Content-Length of exactly it is served", async () => {
    await using upstream = ScriptedUpstream.start()
    await using gateway = await startGateway(routesTo(upstream.port), { limits })
    expect((await exchangeOnce(gateway.port(80), withLength(10))).status).toBe(200)
  })

  test("a chunked body is cut when it passes the limit; the service never sees it whole", async () => {
    await using upstream = ScriptedUpstream.start()
    await using gateway = await startGateway(routesTo(upstream.port), { limits })
    using client = await RawClient.connect(gateway.port(80))
    client.send("POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n")
    client.send("a\r\naaaaaaaaaa\r\n")
    const connection = await upstream.connection(0)
    await connection.until(() => connection.peek().includes("aaaaaaaaaa"), "the first ten bytes")
    client.send("1\r\na\r\n0\r\n\r\n")
    const response = await client.readResponse()
    expect([response.status, response.text, response.field("connection")]).toEqual([413, "Payload Too Large", "close"])
    await client.untilClosed()
    await connection.untilClosed()
    expect(upstream.requests).toEqual([])
    expect((await gateway.record(0)).responseFlags).toBe("DPE")
  })
})

test("9112 9.6: the answer arrives although the client is still sending: what comes is read and dropped", async () => {
  await using upstream = ScriptedUpstream.start()
  await using gateway = await startGateway(routesTo(upstream.port), { limits: { requestBodyBytesMax: 10 } })
  using client = await RawClient.connect(gateway.port(80))
  const bytes = 32 * 1024 * 1024
  client.send(`POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: ${bytes}\r\n\r\n`)
  client.send(Buffer.alloc(bytes, 0x61))
  await client.until(() => client.bytesUnsent === 0, "everything sent")
  expect((await client.readResponse()).status).toBe(413)
  expect((await client.untilClosed()).length).toBe(0)
  expect(gateway.counters.requestsTotal).toBe(1)
})

describe("408: the head does not arrive in time (requestHeadTimeoutMs)", () => {
  const limits = { requestHeadTimeoutMs: 1, delayedCloseMs: 60_000 }

  test.concurrent("a head that has begun is answered, and the connection closed", async () => {
    await using upstream = ScriptedUpstream.start()
    await using gateway = await startGateway(routesTo(upstream.port), { limits })
    using client = await RawClient.connect(gateway.port(80))
    client.send("GET / HTTP/1.1\r\nHost:")
    const response = await client.readResponse()
    expect([response.status, response.text]).toEqual([408, "request header timeout"])
    await client.untilClosed()
    const { responseCode, responseFlags, responseCodeDetails } = await gateway.record(0)
    expect([responseCode, responseCodeDetails]).toEqual([408, "request_header_timeout"])
    expect(responseFlags).toBe("DPE")
    expect(upstream.connections.length).toBe(0)
  })

  test.concurrent("a connection that never sends a byte is closed without an answer", async () => {
    await using gateway = await startGateway(rulesTo(1, "- directResponse: { status: 200 }"), { limits })
    using client = await RawClient.connect(gateway.port(80))
    expect((await client.untilClosed()).length).toBe(0)
    expect(gateway.records).toEqual([])
  })

  test.concurrent("a slow response does not count", async () => {
    await using upstream = ScriptedUpstream.start({})
    await using gateway = await startGateway(routesTo(upstream.port), { limits })
    using first = await RawClient.connect(gateway.port(80))
    first.send("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
    const connection = await upstream.connection(0)
    // The gateway looks at its timeouts once for all connections: once it has closed this one, the other was spared.
    using second = await RawClient.connect(gateway.port(80))
    await second.untilClosed()
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    expect((await first.readResponse()).text).toBe("ok")
  })
})

test.concurrent("an idle connection is closed after idleTimeoutMs", async () => {
  await using upstream = ScriptedUpstream.start()
  await using gateway = await startGateway(routesTo(upstream.port), { limits: { idleTimeoutMs: 1 } })
  using client = await RawClient.connect(gateway.port(80))
  expect((await client.exchange("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")).status).toBe(200)
  expect((await client.untilClosed()).length).toBe(0)
})

test.concurrent("a client that does not close after an error is closed after delayedCloseMs", async () => {
  await using gateway = await startGateway(rulesTo(1, "- directResponse: { status: 200 }"), {
    limits: { delayedCloseMs: 1 },
  })
  using client = await RawClient.connect(gateway.port(80))
  client.send("bad\r\n\r\n")
  expect((await client.readResponse()).status).toBe(400)
  // Keeps its own side open, and would for ever.
  await waitUntil(() => gateway.counters.downstreamConnectionsActive === 0, "the connection closed")
})

test.concurrent("delayedCloseMs never takes back a response that is read slowly", async () => {
  // All of it fits into the kernel's buffers: the gateway is done with it long before the client is.
  const bytes = 256 * 1024
  await using upstream = ScriptedUpstream.start(({ connection }) => {
    connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${bytes}\r\n\r\n`)
    connection.send(Buffer.alloc(bytes, 0x61))
  })
  await using gateway = await startGateway(routesTo(upstream.port), { limits: { delayedCloseMs: 1 } })
  using slow = await RawClient.connect(gateway.port(80))
  slow.pause()
  slow.send("GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n")
  await gateway.record(0)
  await waitUntil(() => gateway.counters.downstreamConnectionsActive === 0, "the connection closed")
  slow.resume()
  expect((await slow.readResponse()).body.length).toBe(bytes)
})

test("connections over downstreamConnectionsMax are closed at accept and counted", async () => {
  await using gateway = await startGateway(rulesTo(1, "- directResponse: { status: 200 }"), {
    limits: { downstreamConnectionsMax: 1 },
  })
  using first = await RawClient.connect(gateway.port(80))
  expect((await first.exchange("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")).status).toBe(200)
  using second = await RawClient.connect(gateway.port(80))
  expect((await second.untilClosed()).length).toBe(0)
  expect(gateway.counters.downstreamConnectionsOverflow).toBe(1)
  // The place is free again once the first has gone.
  first.close()
  await waitUntil(() => gateway.counters.downstreamConnectionsActive === 0, "a free place")
  using third = await RawClient.connect(gateway.port(80))
  expect((await third.exchange("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")).status).toBe(200)
})

test("a response head over the limits is 502, and its connection is not used again", async () => {
  const fields = (count: number) => `HTTP/1.1 200 OK\r\nContent-Length: 0\r\n${"X: y\r\n".repeat(count - 1)}\r\n`
  const bytes = (count: number) => `HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: ${"a".repeat(count)}\r\n\r\n`
  for (const response of [fields(101), bytes(61 * 1024)]) {
    await using upstream = ScriptedUpstream.start(answer(response))
    await using gateway = await startGateway(routesTo(upstream.port))
    const got = await exchangeOnce(gateway.port(80), "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
    expect(got.status).toBe(502)
    for (const connection of upstream.connections) await connection.untilClosed()
  }
})
