/** RFC 9113 sections 5.1, 5.4.2, 6.1, 6.4 and 8.7: the states of streams, their errors and resets. */
import { describe, expect, test } from "bun:test"
import { AnsweringServer } from "./answering-server.ts"
import { FrameClient } from "./frame-client.ts"
import { DATA, END_STREAM, PADDED, PRIORITY, RST_STREAM, uint32, WINDOW_UPDATE } from "./frames.ts"

const NO_ERROR = 0
const PROTOCOL_ERROR = 1
const FLOW_CONTROL_ERROR = 3
const STREAM_CLOSED = 5
const FRAME_SIZE_ERROR = 6
const REFUSED_STREAM = 7
const CANCEL = 8

describe("half-closed by the client (section 5.1)", () => {
  test("DATA is a stream error STREAM_CLOSED", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port)
    client.request(1, { ":path": "/stream/10000000" })
    client.data(1, "late")
    expect(await client.resetOf(1)).toBe(STREAM_CLOSED)
    await client.settled()
    expect(server.gone).toBe(1)
  })

  test("HEADERS are a stream error STREAM_CLOSED", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port)
    client.request(1, { ":path": "/stream/10000000" })
    client.headers(1, [["x-late", "1"]])
    expect(await client.resetOf(1)).toBe(STREAM_CLOSED)
    await client.settled()
  })

  test("WINDOW_UPDATE, PRIORITY and RST_STREAM are allowed", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port)
    client.request(1, { ":path": "/stream/10000000" })
    client.frame(WINDOW_UPDATE, 0, 1, uint32(10))
    client.frame(PRIORITY, 0, 1, "12345")
    client.frame(RST_STREAM, 0, 1, uint32(CANCEL))
    await client.settled()
    expect(server.gone).toBe(1)
    client.request(3)
    expect((await client.response(3)).status).toBe(200)
  })
})

describe("closed (section 5.1)", () => {
  test("DATA after both sides have ended is a connection error STREAM_CLOSED", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port)
    client.request(1)
    await client.response(1)
    client.data(1, "late")
    expect((await client.goneAway()).code).toBe(STREAM_CLOSED)
  })

  test("HEADERS after both sides have ended are a connection error STREAM_CLOSED", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port)
    client.request(1)
    await client.response(1)
    client.request(1)
    expect((await client.goneAway()).code).toBe(STREAM_CLOSED)
  })

  test.each([
    ["DATA", (client: FrameClient) => client.data(1, "late")],
    ["HEADERS", (client: FrameClient) => client.request(1)],
  ])("%s after the client's own RST_STREAM are a connection error STREAM_CLOSED", async (_name, send) => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port)
    client.request(1, { ":path": "/hang" }, 0)
    client.frame(RST_STREAM, 0, 1, uint32(CANCEL))
    send(client)
    expect((await client.goneAway()).code).toBe(STREAM_CLOSED)
  })

  test("what the client sent before it heard of the server's reset is ignored, and its DATA given back", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port)
    client.request(1, { "content-length": "1", ":method": "POST" }, 0)
    client.data(1, "too long")
    expect(await client.resetOf(1)).toBe(PROTOCOL_ERROR)
    const rounds = 100
    for (let round = 0; round < rounds; round++) client.data(1, Buffer.alloc(16_000))
    client.headers(1, [["x-trailer", "1"]])
    await client.settled()
    client.request(3)
    expect((await client.response(3)).status).toBe(200)
  })

  test("WINDOW_UPDATE, PRIORITY and RST_STREAM after the end are ignored", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port)
    client.request(1)
    await client.response(1)
    client.frame(WINDOW_UPDATE, 0, 1, uint32(10))
    client.frame(PRIORITY, 0, 1, "12345")
    client.frame(RST_STREAM, 0, 1, uint32(CANCEL))
    await client.settled()
  })
})

describe("stream identifiers (section 5.1.1)", () => {
  test("numbers may be left out", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port)
    client.request(11)
    client.request(0x7fffffff)
    expect((await client.response(11)).status).toBe(200)
    expect((await client.response(0x7fffffff)).status).toBe(200)
  })

  test("a number that was left out cannot be used any more", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port)
    client.request(11)
    await client.response(11)
    client.request(9)
    expect((await client.goneAway()).code).toBe(STREAM_CLOSED)
  })
})

describe("concurrency (section 5.1.2)", () => {
  test("a stream over the announced number is refused, and the others go on", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port)
    const { concurrentStreamsMax } = server.limits.http2
    for (let index = 0; index <= concurrentStreamsMax; index++) client.request(2 * index + 1, { ":path": "/echo" }, 0)
    expect(await client.resetOf(2 * concurrentStreamsMax + 1)).toBe(REFUSED_STREAM)
    expect(server.answers.length).toBe(concurrentStreamsMax)
    expect(server.counters.protocolErrors.get("h2_too_many_streams")).toBe(1)
    client.data(1, "one", END_STREAM)
    expect((await client.response(1)).body).toBe("one")
    const next = 2 * concurrentStreamsMax + 3
    client.request(next)
    expect((await client.response(next)).status).toBe(200)
  })

  test("streams are answered as they are ready, in any order", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port)
    client.request(1, { ":path": "/echo" }, 0)
    client.request(3, { ":path": "/echo" }, 0)
    client.data(3, "three", END_STREAM)
    expect((await client.response(3)).body).toBe("three")
    client.data(1, "one", END_STREAM)
    expect((await client.response(1)).body).toBe("one")
  })
})

describe("stream errors (section 5.4.2)", () => {
  test.each([
    ["6.3: PRIORITY of another length", FRAME_SIZE_ERROR, (client: FrameClient) => client.frame(PRIORITY, 0, 1, "123")],
    ["6.9: WINDOW_UPDATE of 0", PROTOCOL_ERROR, (client: FrameClient) => client.frame(WINDOW_UPDATE, 0, 1, uint32(0))],
    [
      "6.9.1: a window over 2^31-1",
      FLOW_CONTROL_ERROR,
      (client: FrameClient) => client.frame(WINDOW_UPDATE, 0, 1, uint32(0x7fffffff)),
    ],
  ])("RFC 9113 %s resets that stream only", async (_name, code, send) => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port)
    client.request(1, { ":path": "/echo" }, 0)
    send(client)
    expect(await client.resetOf(1)).toBe(code)
    client.request(3)
    expect((await client.response(3)).status).toBe(200)
    expect(server.gone).toBe(1)
  })
})

describe("RST_STREAM from the client (section 6.4)", () => {
  test("ends the exchange, and no frame of the stream follows", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port)
    client.updatesWindows = false
    client.request(1, { ":path": "/stream/10000000" })
    await client.waitFor(DATA, 1, "DATA")
    client.frame(RST_STREAM, 0, 1, uint32(CANCEL))
    await client.settled()
    const count = client.frames.length
    client.frame(WINDOW_UPDATE, 0, 0, uint32(1_000_000))
    await client.settled()
    expect(client.frames.slice(count).filter(({ streamId }) => streamId === 1)).toEqual([])
    expect(server.gone).toBe(1)
  })
})

describe("a response before the request is complete (section 8.1)", () => {
  test("is followed by RST_STREAM NO_ERROR", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port)
    client.request(1, { ":path": "/bytes/10" }, 0)
    const response = await client.response(1)
    expect([response.status, response.body.length]).toEqual([200, 10])
    expect(await client.resetOf(1)).toBe(NO_ERROR)
    expect(server.counters.protocolErrors.size).toBe(0)
  })
})

describe("DATA (section 6.1)", () => {
  test("padding is not part of the body", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port)
    client.request(1, { ":path": "/echo" }, 0)
    client.data(1, "\x04body\0\0\0\0", PADDED)
    client.data(1, "\x00more", PADDED)
    client.data(1, `\xff${"\0".repeat(255)}`, PADDED)
    client.data(1, "", END_STREAM)
    expect((await client.response(1)).body).toBe("bodymore")
  })

  test("an empty frame may end the stream", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port)
    client.request(1, { ":path": "/a" }, 0)
    client.data(1, "", END_STREAM)
    expect((await client.response(1)).body).toBe("GET /a ")
  })

  test("END_STREAM goes with the last byte of a body of known length", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port)
    client.request(1, { ":path": "/bytes/5" })
    await client.response(1)
    await client.settled()
    const own = client.frames.filter(({ streamId, type }) => streamId === 1 && type === DATA)
    expect(own.map(({ flags, payload }) => [flags, payload.length])).toEqual([[END_STREAM, 5]])
  })
})
