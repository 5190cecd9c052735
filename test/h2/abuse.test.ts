/**
 * Peers that make work for nothing: each kind of flood has a limit, an answer and a counter, and honest use of the same
 * frames stays below it.
 */
import { describe, expect, test } from "bun:test"
import { DEFAULT_HTTP_LIMITS } from "../../src/http/limits.ts"
import { waitUntil, waitUntilStill } from "../harness/wait-until.ts"
import { AnsweringServer } from "./answering-server.ts"
import { FrameClient } from "./frame-client.ts"
import {
  ACK,
  CONTINUATION,
  END_HEADERS,
  END_STREAM,
  fieldBlock,
  frameBytes,
  GET,
  HEADERS,
  PING,
  PRIORITY,
  RST_STREAM,
  SETTINGS,
  settingsPayload,
  uint32,
  WINDOW_UPDATE,
} from "./frames.ts"

const FLOW_CONTROL_WINDOW = 4
const CANCEL = 8
const COMPRESSION_ERROR = 9
const ENHANCE_YOUR_CALM = 0xb
const { http2 } = DEFAULT_HTTP_LIMITS

async function expectCalmed(client: FrameClient, server: AnsweringServer, name: string): Promise<void> {
  const { code, debug } = await client.goneAway()
  expect([code, debug]).toEqual([ENHANCE_YOUR_CALM, name])
  expect(server.counters.protocolErrors.get(name)).toBe(1)
}

function repeat(count: number, frame: Buffer): Buffer {
  return Buffer.concat(Array.from({ length: count }, () => frame))
}

function hangingPost(streamId: number): Buffer {
  const fields = GET.map(([name, value]) => [name, name === ":path" ? "/hang" : value] as const)
  return frameBytes(HEADERS, END_HEADERS, streamId, fieldBlock(fields))
}

describe("rapid reset (CVE-2023-44487)", () => {
  function openAndReset(streams: number, firstStreamId = 1): Buffer {
    const frames = Array.from({ length: streams }, (_, index) => {
      const streamId = firstStreamId + 2 * index
      return Buffer.concat([hangingPost(streamId), frameBytes(RST_STREAM, 0, streamId, uint32(CANCEL))])
    })
    return Buffer.concat(frames)
  }

  test("more resets than a browser makes end the connection", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port)
    client.send(openAndReset(http2.prematureResetsMax + 1))
    await expectCalmed(client, server, "h2_rapid_reset")
    expect(server.answers.length).toBe(http2.prematureResetsMax + 1)
  })

  test("as many as allowed do not, and more are allowed as time passes", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port)
    client.send(openAndReset(http2.prematureResetsMax))
    await client.settled()
    server.advance(10_000)
    client.send(openAndReset(10 * http2.prematureResetsPerSecond, 10_001))
    await client.settled()
    client.send(openAndReset(1, 20_001))
    await expectCalmed(client, server, "h2_rapid_reset")
  })

  test("resets that the client provokes from the server count as well", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port)
    const frames = Array.from({ length: http2.prematureResetsMax + 1 }, (_, index) =>
      Buffer.concat([hangingPost(2 * index + 1), frameBytes(WINDOW_UPDATE, 0, 2 * index + 1, uint32(0))]),
    )
    client.send(Buffer.concat(frames))
    await expectCalmed(client, server, "h2_rapid_reset")
  })

  test("so do malformed requests", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port)
    const frames = Array.from({ length: http2.prematureResetsMax + 1 }, (_, index) =>
      frameBytes(HEADERS, END_HEADERS | END_STREAM, 2 * index + 1, fieldBlock([["X", "1"]])),
    )
    client.send(Buffer.concat(frames))
    await expectCalmed(client, server, "h2_rapid_reset")
  })

  test("so do streams over the announced number", async () => {
    using server = new AnsweringServer({ http2: { ...http2, prematureResetsMax: 5, concurrentStreamsMax: 1 } })
    using client = await FrameClient.open(server.port)
    client.send(Buffer.concat(Array.from({ length: 8 }, (_, index) => hangingPost(2 * index + 1))))
    await expectCalmed(client, server, "h2_rapid_reset")
    expect(server.answers.length).toBe(1)
  })
})

describe("field blocks", () => {
  test("too many CONTINUATION frames end the connection, however small", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port)
    client.frame(HEADERS, END_STREAM, 1)
    client.send(repeat(http2.continuationFramesMax + 1, frameBytes(CONTINUATION, 0, 1)))
    await expectCalmed(client, server, "h2_continuation_flood")
    expect(server.answers.length).toBe(0)
  })

  test("a block of too many bytes ends the connection", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port)
    client.frame(HEADERS, END_STREAM, 1)
    const pieces = Math.ceil(http2.fieldBlockBytesMax / 16_384) + 1
    client.send(repeat(pieces, frameBytes(CONTINUATION, 0, 1, Buffer.alloc(16_384))))
    await expectCalmed(client, server, "h2_field_block_too_large")
  })

  test("a block that does not end in time ends the connection", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port)
    client.request(1, { ":path": "/hang" })
    await client.settled()
    client.frame(HEADERS, END_STREAM, 3)
    // Nothing may be sent inside a block that could tell when it has arrived.
    await waitUntil(() => {
      server.advance(server.limits.requestHeadTimeoutMs + 1)
      return client.hasEnded
    }, "the end of the connection")
    await expectCalmed(client, server, "h2_field_block_timeout")
  })

  test("an HPACK bomb is 431, and costs no memory: references to one long entry", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port)
    const long = Buffer.from("v".repeat(3_000))
    const insert = Buffer.concat([Buffer.from([0x40, 1, 0x78, 0x7f, ...[0xb9, 0x16]]), long])
    expect(long.length).toBe(127 + 0x39 + 0x16 * 128)
    client.frame(
      HEADERS,
      END_HEADERS | END_STREAM,
      1,
      Buffer.concat([fieldBlock(GET), insert, Buffer.alloc(10_000, 0xbe)]),
    )
    expect((await client.response(1)).status).toBe(431)
    expect(server.faults).toEqual(["h2_head_too_large"])
    client.request(3)
    expect((await client.response(3)).status).toBe(200)
  })
})

describe("RFC 7541: what cannot be decoded ends the connection with COMPRESSION_ERROR (RFC 9113 4.3)", () => {
  test.each([
    ["2.3.3: index 0", "80"],
    ["2.3.3: an index over the table", "be"],
    ["4.2: a size update after a field", "8220"],
    ["6.3: a size over the announced one", "3fe21f"],
    ["5.1: an integer without end", "ff80808080808000"],
    ["5.2: a string that is cut", "000561"],
    ["5.2: padding over seven bits", "000161821fff"],
    ["5.2: padding that is not of ones", "0001618118"],
    ["5.2: EOS in a string", "00016184ffffffff"],
  ])("%s", async (_name, hex) => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port)
    client.frame(HEADERS, END_HEADERS | END_STREAM, 1, Buffer.from(hex, "hex"))
    expect((await client.goneAway()).code).toBe(COMPRESSION_ERROR)
    expect(server.counters.protocolErrors.get("h2_compression_error")).toBe(1)
  })

  test("in trailers, too, and in a block for a stream that is refused", async () => {
    using server = new AnsweringServer({ http2: { ...http2, concurrentStreamsMax: 1 } })
    for (const streamId of [1, 3]) {
      using client = await FrameClient.open(server.port)
      client.send(hangingPost(1))
      client.frame(HEADERS, END_HEADERS | END_STREAM, streamId, Buffer.from("80", "hex"))
      expect((await client.goneAway()).code).toBe(COMPRESSION_ERROR)
    }
  })

  test("a block for a stream that was reset still changes the table", async () => {
    using server = new AnsweringServer({ http2: { ...http2, concurrentStreamsMax: 1 } })
    using client = await FrameClient.open(server.port)
    client.send(hangingPost(1))
    const indexed = Buffer.concat([fieldBlock(GET), Buffer.from("4001780179", "hex")])
    client.frame(HEADERS, END_HEADERS | END_STREAM, 3, indexed)
    await client.resetOf(3)
    client.frame(RST_STREAM, 0, 1, uint32(CANCEL))
    client.frame(HEADERS, END_HEADERS | END_STREAM, 5, Buffer.concat([fieldBlock(GET), Buffer.from("be", "hex")]))
    expect((await client.response(5)).status).toBe(200)
    expect(server.heads.at(-1)).toContain("x: y\r\n")
  })

  test("a smaller table of the client is honoured, and said at the start of the next block (4.2)", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port, settingsPayload([1, 0]))
    for (const streamId of [1, 3]) {
      client.request(streamId, { ":path": "/head/3" })
      expect((await client.response(streamId)).fields).toContain("x-long: vvv")
    }
    const first = client.frames.find(({ type }) => type === HEADERS)
    expect(first?.payload[0]).toBe(0x20)
  })
})

describe("floods of control frames", () => {
  test.each([
    ["PING", frameBytes(PING, 0, 0, "12345678")],
    ["SETTINGS", frameBytes(SETTINGS, 0, 0)],
    ["SETTINGS ACK", frameBytes(SETTINGS, ACK, 0)],
    ["PRIORITY", frameBytes(PRIORITY, 0, 3, "12345")],
    ["frames of unknown type", frameBytes(0x42, 0, 0)],
    ["empty DATA", frameBytes(0, 0, 1)],
    ["RST_STREAM after the end", frameBytes(RST_STREAM, 0, 3, uint32(CANCEL))],
  ])("%s end the connection", async (_name, frame) => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port)
    client.send(hangingPost(1))
    client.request(3)
    await client.response(3)
    client.send(repeat(http2.controlFramesMax, frame))
    await expectCalmed(client, server, "h2_control_flood")
  })

  test("as many as allowed do not, and more are allowed as time passes", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port)
    client.send(repeat(http2.controlFramesMax - 10, frameBytes(PING, 0, 0, "12345678")))
    await client.settled()
    server.advance(1_000)
    client.send(repeat(http2.controlFramesPerSecond, frameBytes(PING, 0, 0, "12345678")))
    await client.settled()
  })

  test("WINDOW_UPDATE for nothing ends the connection", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port)
    client.send(repeat(http2.windowUpdatesMax + 1, frameBytes(WINDOW_UPDATE, 0, 0, uint32(1))))
    await expectCalmed(client, server, "h2_window_update_flood")
  })

  test("WINDOW_UPDATE for DATA does not, however much", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port, settingsPayload([FLOW_CONTROL_WINDOW, 100]))
    client.request(1, { ":path": `/stream/${100 * (http2.windowUpdatesMax + 1_000)}` })
    await client.response(1)
    await client.settled()
  })
})

describe("DATA in crumbs", () => {
  test("frames of one byte without end end the connection", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port)
    client.send(hangingPost(1))
    client.send(repeat(http2.smallDataFramesMax + 1, frameBytes(0, 0, 1, "x")))
    await expectCalmed(client, server, "h2_data_dribble")
  })

  test("as many small messages of gRPC do not", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port)
    client.send(hangingPost(1))
    client.send(repeat(http2.smallDataFramesMax + 1, frameBytes(0, 0, 1, "\0\0\0\0\0")))
    await client.settled()
  })
})

describe("clients that do not read", () => {
  test("a response that waits for a window too long is reset, and only that", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port)
    client.updatesWindows = false
    client.request(1, { ":path": "/stream/100000" })
    client.request(3, { ":path": "/hang" })
    await client.settled()
    server.advance(http2.blockedOutputTimeoutMs)
    await client.settled()
    expect(client.responseSoFar(1).resetCode).toBeNull()
    server.advance(1)
    expect(await client.resetOf(1)).toBe(CANCEL)
    expect([server.gone, server.counters.protocolErrors.get("h2_blocked_output")]).toEqual([1, 1])
    await client.settled()
  })

  test("progress starts the wait anew", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port)
    client.updatesWindows = false
    client.request(1, { ":path": "/stream/100000" })
    await client.settled()
    server.advance(http2.blockedOutputTimeoutMs - 1)
    client.frame(WINDOW_UPDATE, 0, 0, uint32(1))
    client.frame(WINDOW_UPDATE, 0, 1, uint32(1))
    await client.settled()
    server.advance(2)
    await client.settled()
    expect(client.responseSoFar(1).resetCode).toBeNull()
  })

  test("a client that asks and never reads is not read any more, so that its answers need no memory", async () => {
    using server = new AnsweringServer({ http2: { ...http2, controlFramesMax: 10_000_000 } })
    using client = await FrameClient.open(server.port)
    client.pause()
    const requests = 40_000
    for (let index = 0; index < requests; index++) client.request(2 * index + 1, { ":path": "/head/1000" })
    await waitUntilStill(() => server.answers.length)
    expect(server.answers.length).toBeLessThan(requests)
    const waiting = server.connections[0]?.output.waitingBytes ?? 0
    expect(waiting).toBeLessThan(2_000_000)
  })
})
