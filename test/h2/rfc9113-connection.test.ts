/** RFC 9113 sections 3 to 7 as far as they concern the connection: preface, frames, SETTINGS, PING, GOAWAY. */
import { describe, expect, test } from "bun:test"
import { DEFAULT_HTTP_LIMITS } from "../../src/http/limits.ts"
import { AnsweringServer } from "./answering-server.ts"
import { FrameClient } from "./frame-client.ts"
import {
  ACK,
  CONTINUATION,
  DATA,
  END_HEADERS,
  END_STREAM,
  fieldBlock,
  frameBytes,
  GET,
  GOAWAY,
  HAS_PRIORITY,
  HEADERS,
  PADDED,
  PING,
  PREFACE,
  PRIORITY,
  PUSH_PROMISE,
  RST_STREAM,
  SETTINGS,
  settingsPayload,
  uint32,
  WINDOW_UPDATE,
} from "./frames.ts"

const PROTOCOL_ERROR = 1
const FLOW_CONTROL_ERROR = 3
const SETTINGS_TIMEOUT = 4
const STREAM_CLOSED = 5
const FRAME_SIZE_ERROR = 6
const NO_ERROR = 0

const SETTINGS_FRAME = frameBytes(SETTINGS, 0, 0)

describe("section 3.4: the preface", () => {
  test("the server begins with SETTINGS, before it hears anything", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.connect(server.port)
    await client.until(() => client.frames.length > 0, "a frame")
    expect([client.frames[0]?.type, client.frames[0]?.flags, client.frames[0]?.streamId]).toEqual([SETTINGS, 0, 0])
  })

  test("requests may follow at once, before the server's SETTINGS are known", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.connect(server.port)
    client.send(
      Buffer.concat([
        Buffer.from(PREFACE),
        SETTINGS_FRAME,
        frameBytes(HEADERS, END_HEADERS | END_STREAM, 1, fieldBlock(GET)),
      ]),
    )
    expect((await client.response(1)).status).toBe(200)
  })

  test("the preface may come byte by byte", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.connect(server.port)
    for (const byte of Buffer.concat([Buffer.from(PREFACE), SETTINGS_FRAME])) {
      client.send(Buffer.from([byte]))
      await Bun.sleep(0)
    }
    client.request(1)
    expect((await client.response(1)).status).toBe(200)
  })

  test.each([
    ["an HTTP/1.1 request", "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"],
    ["a preface that differs in its last byte", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\r"],
  ])("%s instead ends the connection", async (_name, bytes) => {
    using server = new AnsweringServer()
    using client = await FrameClient.connect(server.port)
    client.send(bytes)
    expect((await client.goneAway()).code).toBe(PROTOCOL_ERROR)
    expect(server.counters.protocolErrors.get("h2_bad_preface")).toBe(1)
  })

  test("a first frame other than SETTINGS ends it, too", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.connect(server.port)
    client.send(PREFACE)
    client.frame(PING, 0, 0, "12345678")
    expect((await client.goneAway()).code).toBe(PROTOCOL_ERROR)
  })
})

/** Sends these frames on an open connection, and expects GOAWAY with this code. */
async function expectConnectionError(code: number, ...frames: readonly Buffer[]): Promise<void> {
  using server = new AnsweringServer()
  using client = await FrameClient.open(server.port)
  client.send(Buffer.concat(frames))
  expect((await client.goneAway()).code).toBe(code)
  expect(server.counters.protocolErrors.size).toBe(1)
}

/** Stream 1 is open: its request hangs and its body is not complete. */
const OPEN_1 = frameBytes(
  HEADERS,
  END_HEADERS,
  1,
  fieldBlock([
    [":method", "POST"],
    [":scheme", "http"],
    [":path", "/hang"],
    [":authority", "a.example"],
  ]),
)

describe("sections 4 and 6: connection errors", () => {
  test.each([
    ["4.2: a frame over the announced size", FRAME_SIZE_ERROR, [frameBytes(DATA, 0, 1, Buffer.alloc(16_385))]],
    ["4.2: HEADERS over the announced size", FRAME_SIZE_ERROR, [frameBytes(HEADERS, 4, 1, Buffer.alloc(16_385))]],
    ["6.1: DATA on stream 0", PROTOCOL_ERROR, [frameBytes(DATA, 0, 0, "x")]],
    [
      "6.1: DATA whose padding is as long as its payload",
      PROTOCOL_ERROR,
      [OPEN_1, frameBytes(DATA, PADDED, 1, "\x05abcd")],
    ],
    ["6.1: DATA on an idle stream (5.1)", PROTOCOL_ERROR, [frameBytes(DATA, END_STREAM, 1, "x")]],
    ["6.2: HEADERS on stream 0", PROTOCOL_ERROR, [frameBytes(HEADERS, 5, 0, fieldBlock(GET))]],
    ["6.2: HEADERS with too much padding", PROTOCOL_ERROR, [frameBytes(HEADERS, 5 | PADDED, 1, "\x09abcdefgh")]],
    ["6.3: PRIORITY on stream 0", PROTOCOL_ERROR, [frameBytes(PRIORITY, 0, 0, "12345")]],
    ["6.3: PRIORITY of another length, on no stream", FRAME_SIZE_ERROR, [frameBytes(PRIORITY, 0, 1, "1234")]],
    ["6.4: RST_STREAM on stream 0", PROTOCOL_ERROR, [frameBytes(RST_STREAM, 0, 0, uint32(8))]],
    ["6.4: RST_STREAM of another length", FRAME_SIZE_ERROR, [OPEN_1, frameBytes(RST_STREAM, 0, 1, "123")]],
    ["6.4: RST_STREAM on an idle stream", PROTOCOL_ERROR, [frameBytes(RST_STREAM, 0, 1, uint32(8))]],
    ["6.5: SETTINGS on a stream", PROTOCOL_ERROR, [frameBytes(SETTINGS, 0, 1)]],
    ["6.5: SETTINGS ACK with a payload", FRAME_SIZE_ERROR, [frameBytes(SETTINGS, ACK, 0, "123456")]],
    ["6.5: SETTINGS of a length not divisible by 6", FRAME_SIZE_ERROR, [frameBytes(SETTINGS, 0, 0, "1234567")]],
    ["6.5.2: ENABLE_PUSH 2", PROTOCOL_ERROR, [frameBytes(SETTINGS, 0, 0, settingsPayload([2, 2]))]],
    ["6.5.2: a window over 2^31-1", FLOW_CONTROL_ERROR, [frameBytes(SETTINGS, 0, 0, settingsPayload([4, 0x80000000]))]],
    ["6.5.2: a frame size under 16384", PROTOCOL_ERROR, [frameBytes(SETTINGS, 0, 0, settingsPayload([5, 16_383]))]],
    ["6.5.2: a frame size over 2^24-1", PROTOCOL_ERROR, [frameBytes(SETTINGS, 0, 0, settingsPayload([5, 0x1000000]))]],
    ["6.6: PUSH_PROMISE from a client (8.4)", PROTOCOL_ERROR, [frameBytes(PUSH_PROMISE, 4, 1, uint32(2))]],
    ["6.7: PING on a stream", PROTOCOL_ERROR, [frameBytes(PING, 0, 1, "12345678")]],
    ["6.7: PING of another length", FRAME_SIZE_ERROR, [frameBytes(PING, 0, 0, "123456789")]],
    ["6.8: GOAWAY on a stream", PROTOCOL_ERROR, [frameBytes(GOAWAY, 0, 1, Buffer.alloc(8))]],
    ["6.9: WINDOW_UPDATE of another length", FRAME_SIZE_ERROR, [frameBytes(WINDOW_UPDATE, 0, 0, "123")]],
    ["6.9: WINDOW_UPDATE of 0 on the connection", PROTOCOL_ERROR, [frameBytes(WINDOW_UPDATE, 0, 0, uint32(0))]],
    ["6.9: WINDOW_UPDATE on an idle stream (5.1)", PROTOCOL_ERROR, [frameBytes(WINDOW_UPDATE, 0, 1, uint32(1))]],
    [
      "6.9.1: a connection window over 2^31-1",
      FLOW_CONTROL_ERROR,
      [frameBytes(WINDOW_UPDATE, 0, 0, uint32(0x7fffffff))],
    ],
    ["6.10: CONTINUATION without HEADERS", PROTOCOL_ERROR, [frameBytes(CONTINUATION, 4, 1, fieldBlock(GET))]],
    ["6.10: CONTINUATION on stream 0", PROTOCOL_ERROR, [frameBytes(HEADERS, 1, 1), frameBytes(CONTINUATION, 4, 0)]],
    [
      "6.10: another frame inside a field block",
      PROTOCOL_ERROR,
      [frameBytes(HEADERS, END_STREAM, 1, fieldBlock(GET)), frameBytes(PING, 0, 0, "12345678")],
    ],
    [
      "6.10: CONTINUATION of another stream",
      PROTOCOL_ERROR,
      [frameBytes(HEADERS, END_STREAM, 1, fieldBlock(GET)), frameBytes(CONTINUATION, 4, 3)],
    ],
    [
      "6.10: CONTINUATION after the end of the block",
      PROTOCOL_ERROR,
      [OPEN_1, frameBytes(CONTINUATION, END_HEADERS, 1)],
    ],
    ["5.1.1: a stream with an even number", PROTOCOL_ERROR, [frameBytes(HEADERS, 5, 2, fieldBlock(GET))]],
    [
      "5.1.1: a stream number lower than one before",
      STREAM_CLOSED,
      [frameBytes(HEADERS, 5, 5, fieldBlock(GET)), frameBytes(HEADERS, 5, 3, fieldBlock(GET))],
    ],
    [
      "a stream that depends on itself (RFC 7540 5.3.1)",
      PROTOCOL_ERROR,
      [frameBytes(HEADERS, 5 | HAS_PRIORITY, 1, Buffer.concat([uint32(1), Buffer.from([9]), fieldBlock(GET)]))],
    ],
  ] as const)("RFC 9113 %s", async (_name, code, frames) => {
    await expectConnectionError(code, ...frames)
  })
})

describe("what is ignored", () => {
  test.each([
    ["4.1: a frame of unknown type", [frameBytes(0x16, 0xff, 0, "whatever")]],
    ["4.1: undefined flags of PING", [frameBytes(PING, 0xfe, 0, "12345678")]],
    ["4.1: the reserved bit of a stream number", [frameBytes(PRIORITY, 0, 0x80000007, "12345")]],
    ["5.1: PRIORITY on an idle stream", [frameBytes(PRIORITY, 0, 9, "12345")]],
    ["5.5: an unknown setting", [frameBytes(SETTINGS, 0, 0, settingsPayload([0xff, 1]))]],
    ["6.9: the reserved bit of WINDOW_UPDATE", [frameBytes(WINDOW_UPDATE, 0, 0, uint32(0x80000001))]],
  ])("RFC 9113 %s", async (_name, frames) => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port)
    client.send(Buffer.concat(frames))
    client.request(1)
    expect((await client.response(1)).status).toBe(200)
  })

  test("5.3.2: a priority in HEADERS", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port)
    const block = Buffer.concat([uint32(0x80000003), Buffer.from([255]), fieldBlock(GET)])
    client.frame(HEADERS, END_STREAM | END_HEADERS | HAS_PRIORITY, 1, block)
    expect((await client.response(1)).status).toBe(200)
  })
})

describe("field blocks (section 4.3)", () => {
  test.each([1, 7, 40])("a block in CONTINUATION frames of %d bytes is one block", async (pieceBytes) => {
    using server = new AnsweringServer({
      http2: { ...DEFAULT_HTTP_LIMITS.http2, continuationFramesMax: 100 },
    })
    using client = await FrameClient.open(server.port)
    const block = fieldBlock(GET)
    client.frame(HEADERS, END_STREAM, 1, block.subarray(0, pieceBytes))
    for (let start = pieceBytes; start < block.length; start += pieceBytes) {
      const isLast = start + pieceBytes >= block.length
      client.frame(CONTINUATION, isLast ? END_HEADERS : 0, 1, block.subarray(start, start + pieceBytes))
    }
    expect((await client.response(1)).body).toBe("GET / ")
  })

  test("empty HEADERS and CONTINUATION frames are part of a block like others", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port)
    client.frame(HEADERS, END_STREAM, 1)
    client.frame(CONTINUATION, 0, 1)
    client.frame(CONTINUATION, 0, 1, fieldBlock(GET))
    client.frame(CONTINUATION, END_HEADERS, 1)
    expect((await client.response(1)).status).toBe(200)
  })

  test("padding is not part of it", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port)
    const padded = Buffer.concat([Buffer.from([200]), fieldBlock(GET), Buffer.alloc(200)])
    client.frame(HEADERS, END_STREAM | END_HEADERS | PADDED, 1, padded)
    expect((await client.response(1)).status).toBe(200)
  })

  test("a response head longer than a frame is sent in CONTINUATION, within the client's frame size", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port)
    client.request(1, { ":path": "/head/50000" })
    const response = await client.response(1)
    expect(response.fields).toContain(`x-long: ${"v".repeat(50_000)}`)
    const sizes = client.frames
      .filter(({ streamId }) => streamId === 1)
      .map(({ type, payload }) => [type, payload.length])
    expect(sizes.slice(0, 2)).toEqual([
      [HEADERS, 16_384],
      [CONTINUATION, 16_384],
    ])
  })
})

describe("SETTINGS (section 6.5)", () => {
  test("the server announces its limits", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port)
    const payload = client.frames[0]?.payload ?? Buffer.alloc(0)
    const announced = new Map<number, number>()
    for (let at = 0; at < payload.length; at += 6) announced.set(payload.readUInt16BE(at), payload.readUInt32BE(at + 2))
    const { http2, headBytesMax } = server.limits
    expect([...announced]).toEqual([
      [3, http2.concurrentStreamsMax],
      [4, http2.streamWindowBytes],
      [6, headBytesMax],
      [8, 1],
    ])
  })

  test("each SETTINGS is acknowledged, in order", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port)
    client.frame(SETTINGS, 0, 0, settingsPayload([1, 100]))
    client.frame(SETTINGS, 0, 0)
    await client.settled()
    expect(client.frames.filter(({ type, flags }) => type === SETTINGS && flags === ACK).length).toBe(3)
  })

  test("6.5.3: SETTINGS that are never acknowledged end the connection", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.connect(server.port)
    client.send(Buffer.concat([Buffer.from(PREFACE), SETTINGS_FRAME]))
    await client.settled()
    server.advance(server.limits.http2.settingsAckTimeoutMs + 1)
    expect((await client.goneAway()).code).toBe(SETTINGS_TIMEOUT)
    expect(server.counters.protocolErrors.get("h2_settings_timeout")).toBe(1)
  })
})

describe("PING (section 6.7)", () => {
  test("is answered with the same payload", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port)
    client.frame(PING, 0, 0, "\x01\x02\x03\x04\xff\xfe\xfd\xfc")
    const answer = await client.waitFor(PING, 0, "PING")
    expect([answer.flags, answer.payload.toString("latin1")]).toEqual([ACK, "\x01\x02\x03\x04\xff\xfe\xfd\xfc"])
  })

  test("an acknowledgement is not answered", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port)
    client.frame(PING, ACK, 0, "12345678")
    await client.settled()
    expect(client.frames.filter(({ type }) => type === PING).length).toBe(1)
  })
})

describe("GOAWAY and the end (sections 5.4.1 and 6.8)", () => {
  test("after an error the server names the last stream it looked at, then closes", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port)
    client.request(1, { ":path": "/hang" }, 0)
    client.request(7, { ":path": "/hang" }, 0)
    client.frame(PING, 0, 0, "short")
    const { code, lastStreamId } = await client.goneAway()
    expect([code, lastStreamId]).toEqual([FRAME_SIZE_ERROR, 7])
    expect(server.gone).toBe(2)
  })

  test("a client that does not close its end is cut after a while", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port)
    client.frame(PING, 0, 0, "short")
    await client.goneAway()
    server.advance(server.limits.delayedCloseMs + 1)
    await client.until(() => client.isClosed, "the connection cut")
    expect(server.closed).toBe(1)
  })

  test("after the client's GOAWAY what it still asks is served, then the connection ends", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port)
    client.request(1, { ":path": "/echo" }, 0)
    client.frame(GOAWAY, 0, 0, Buffer.alloc(8))
    client.request(3)
    expect((await client.response(3)).status).toBe(200)
    client.data(1, "still here", END_STREAM)
    expect((await client.response(1)).body).toBe("still here")
    expect((await client.goneAway()).code).toBe(NO_ERROR)
  })

  test("a drain announces itself, serves what was on its way, and names the last stream after a round trip", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port)
    client.request(1, { ":path": "/echo" }, 0)
    await client.settled()
    server.connections[0]?.drain()
    const first = await client.waitFor(GOAWAY, 0, "GOAWAY")
    expect([first.payload.readUInt32BE(0), first.payload.readUInt32BE(4)]).toEqual([0x7fffffff, NO_ERROR])
    client.request(3)
    expect((await client.response(3)).status).toBe(200)
    const ping = client.frames.findLast(({ type, flags }) => type === PING && flags === 0)
    client.frame(PING, ACK, 0, ping?.payload ?? "")
    await client.until(() => client.frames.filter(({ type }) => type === GOAWAY).length === 2, "the second GOAWAY")
    // On its way when the client hears it: ignored, body and all, but its fields count for the table.
    client.request(5, { ":method": "POST" }, 0)
    client.data(5, "ignored", END_STREAM)
    client.data(1, "end", END_STREAM)
    expect((await client.response(1)).body).toBe("end")
    expect((await client.goneAway()).lastStreamId).toBe(3)
    expect(client.responseSoFar(5).status).toBe(0)
  })

  test("a drain of an idle connection ends it without the client's help", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port)
    server.connections[0]?.drain()
    server.advance(server.limits.delayedCloseMs + 1)
    expect((await client.goneAway()).code).toBe(NO_ERROR)
  })

  test("where the listener drains, the first answer is the last", async () => {
    using server = new AnsweringServer()
    server.isDraining = true
    using client = await FrameClient.open(server.port)
    client.request(1)
    expect((await client.response(1)).status).toBe(200)
    expect(await client.goneAway()).toMatchObject({ code: NO_ERROR, lastStreamId: 1 })
  })

  test("an idle connection is closed with GOAWAY (Istio semantics sheet 4.6)", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port)
    client.request(1)
    await client.response(1)
    server.advance(server.limits.idleTimeoutMs)
    await client.settled()
    server.advance(1)
    expect((await client.goneAway()).code).toBe(NO_ERROR)
  })

  test("a connection without a first request is closed sooner, one with a request never", async () => {
    using server = new AnsweringServer()
    using silent = await FrameClient.open(server.port)
    using busy = await FrameClient.open(server.port)
    busy.request(1, { ":path": "/hang" }, 0)
    await busy.settled()
    server.advance(server.limits.requestHeadTimeoutMs + 1)
    expect((await silent.goneAway()).code).toBe(NO_ERROR)
    server.advance(server.limits.idleTimeoutMs + 1)
    await busy.settled()
  })
})
