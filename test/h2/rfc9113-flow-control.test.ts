/** RFC 9113 sections 5.2 and 6.9: neither side gets more than it can take, and everybody gets their turn. */
import { describe, expect, test } from "bun:test"
import { DEFAULT_HTTP_LIMITS } from "../../src/http/limits.ts"
import { waitUntilStill } from "../harness/wait-until.ts"
import { AnsweringServer } from "./answering-server.ts"
import { FrameClient } from "./frame-client.ts"
import { DATA, END_STREAM, PADDED, SETTINGS, settingsPayload, uint32, WINDOW_UPDATE } from "./frames.ts"

const FLOW_CONTROL_ERROR = 3
const INITIAL_WINDOW_SIZE = 4
const INITIAL_WINDOW = 65_535

function bodyBytes(client: FrameClient, streamId: number): number {
  return client.responseSoFar(streamId).body.length
}

describe("what the server sends", () => {
  test("stays within the client's connection window, and goes on when it grows (6.9.1)", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port, settingsPayload([INITIAL_WINDOW_SIZE, 1_000_000]))
    client.updatesWindows = false
    client.request(1, { ":path": "/stream/200000" })
    await client.settled()
    expect(bodyBytes(client, 1)).toBe(INITIAL_WINDOW)
    client.frame(WINDOW_UPDATE, 0, 0, uint32(1))
    await client.settled()
    expect(bodyBytes(client, 1)).toBe(INITIAL_WINDOW + 1)
    client.frame(WINDOW_UPDATE, 0, 0, uint32(1_000_000))
    expect((await client.response(1)).body.length).toBe(200_000)
  })

  test("stays within the client's stream window (6.9.1)", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port, settingsPayload([INITIAL_WINDOW_SIZE, 10]))
    client.updatesWindows = false
    client.request(1, { ":path": "/bytes/25" })
    await client.settled()
    expect(bodyBytes(client, 1)).toBe(10)
    client.frame(WINDOW_UPDATE, 0, 1, uint32(5))
    await client.settled()
    expect(bodyBytes(client, 1)).toBe(15)
    client.frame(WINDOW_UPDATE, 0, 1, uint32(10))
    expect((await client.response(1)).body.length).toBe(25)
  })

  test("a window of 0 lets heads, empty bodies and trailers through (6.9)", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port, settingsPayload([INITIAL_WINDOW_SIZE, 0]))
    client.request(1, { ":path": "/stream/0" })
    const response = await client.response(1)
    expect([response.status, response.trailers]).toEqual([200, ["x-checksum: 1"]])
  })

  test("a later initial window changes the streams that are open (6.9.2)", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port, settingsPayload([INITIAL_WINDOW_SIZE, 0]))
    client.updatesWindows = false
    client.request(1, { ":path": "/bytes/5" })
    await client.settled()
    expect(bodyBytes(client, 1)).toBe(0)
    client.frame(SETTINGS, 0, 0, settingsPayload([INITIAL_WINDOW_SIZE, 3]))
    await client.settled()
    expect(bodyBytes(client, 1)).toBe(3)
    client.frame(SETTINGS, 0, 0, settingsPayload([INITIAL_WINDOW_SIZE, 5]))
    expect((await client.response(1)).body.length).toBe(5)
  })

  test("a window that became negative must come back first (6.9.2)", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port, settingsPayload([INITIAL_WINDOW_SIZE, 100]))
    client.updatesWindows = false
    client.request(1, { ":path": "/bytes/200" })
    await client.settled()
    client.frame(SETTINGS, 0, 0, settingsPayload([INITIAL_WINDOW_SIZE, 60]))
    client.frame(WINDOW_UPDATE, 0, 1, uint32(40))
    await client.settled()
    expect(bodyBytes(client, 1)).toBe(100)
    client.frame(WINDOW_UPDATE, 0, 1, uint32(1))
    await client.settled()
    expect(bodyBytes(client, 1)).toBe(101)
  })

  test("an initial window that makes an open stream's overflow ends the connection (6.9.2)", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port)
    client.request(1, { ":path": "/echo" }, 0)
    client.frame(WINDOW_UPDATE, 0, 1, uint32(0x7fffffff - INITIAL_WINDOW))
    client.frame(SETTINGS, 0, 0, settingsPayload([INITIAL_WINDOW_SIZE, INITIAL_WINDOW + 1]))
    expect((await client.goneAway()).code).toBe(FLOW_CONTROL_ERROR)
  })

  test("a stalled stream does not hold up the others, and streams take turns", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port)
    client.updatesWindows = false
    client.request(1, { ":path": "/stream/1000000" })
    await client.settled()
    expect(bodyBytes(client, 1)).toBe(INITIAL_WINDOW)
    client.request(3, { ":path": "/stream/1000000" })
    client.request(5, { ":path": "/stream/1000000" })
    client.frame(WINDOW_UPDATE, 0, 0, uint32(64_000))
    await client.settled()
    expect(bodyBytes(client, 1)).toBe(INITIAL_WINDOW)
    expect(bodyBytes(client, 3) + bodyBytes(client, 5)).toBe(64_000)
    expect(Math.min(bodyBytes(client, 3), bodyBytes(client, 5))).toBeGreaterThan(30_000)
  })

  test("what makes the response is stopped, not buffered (back pressure)", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port)
    client.updatesWindows = false
    client.request(1, { ":path": "/stream/100000000" })
    await client.settled()
    expect(server.bytesProduced).toBeLessThan(INITIAL_WINDOW + 2 * 32 * 1024)
    expect(server.drains).toBe(0)
  })

  test("a client that stops reading stops everything, and loses nothing", async () => {
    using server = new AnsweringServer()
    const bytes = 30_000_000
    using client = await FrameClient.open(server.port, settingsPayload([INITIAL_WINDOW_SIZE, 0x7fffffff]))
    client.updatesWindows = false
    client.frame(WINDOW_UPDATE, 0, 0, uint32(0x7fffffff - INITIAL_WINDOW))
    await client.settled()
    client.pause()
    client.request(1, { ":path": `/stream/${bytes}` })
    await waitUntilStill(() => server.bytesProduced)
    expect(server.bytesProduced).toBeLessThan(bytes)
    client.resume()
    await client.until(
      () => client.frames.some(({ flags, streamId }) => streamId === 1 && (flags & 1) !== 0),
      "the end",
    )
    expect(client.frames.reduce((sum, { type, payload }) => sum + (type === DATA ? payload.length : 0), 0)).toBe(bytes)
  })
})

const SMALL_WINDOWS = { ...DEFAULT_HTTP_LIMITS.http2, streamWindowBytes: 100_000, connectionWindowBytes: 150_000 }

describe("what the client sends", () => {
  test("is given back as the exchange takes it (6.9)", async () => {
    using server = new AnsweringServer({ http2: SMALL_WINDOWS })
    using client = await FrameClient.open(server.port)
    client.request(1, { ":path": "/a", ":method": "POST" }, 0)
    for (let sent = 0; sent < 40_000; sent += 10_000) client.data(1, Buffer.alloc(10_000, "x"))
    await client.settled()
    expect(client.frames.some(({ type, streamId }) => type === WINDOW_UPDATE && streamId === 1)).toBe(false)
    client.data(1, Buffer.alloc(10_000, "x"))
    const update = await client.waitFor(WINDOW_UPDATE, 1, "WINDOW_UPDATE")
    expect(update.payload.readUInt32BE(0)).toBe(50_000)
  })

  test("is not given back while the exchange takes nothing", async () => {
    using server = new AnsweringServer({ http2: SMALL_WINDOWS })
    using client = await FrameClient.open(server.port)
    client.request(1, { ":path": "/paused", ":method": "POST" }, 0)
    for (let sent = 0; sent < 100_000; sent += 10_000) client.data(1, Buffer.alloc(10_000, "x"))
    await client.settled()
    expect(server.bytesTaken).toBe(0)
    expect(client.frames.some(({ type, streamId }) => type === WINDOW_UPDATE && streamId === 1)).toBe(false)
    server.resumeAll()
    await client.waitFor(WINDOW_UPDATE, 1, "WINDOW_UPDATE")
    expect(server.bytesTaken).toBe(100_000)
    client.data(1, "end", END_STREAM)
    expect((await client.response(1)).body.length).toBe("POST /paused ".length + 100_003)
  })

  test("over its stream window is a stream error FLOW_CONTROL_ERROR (6.9.1)", async () => {
    using server = new AnsweringServer({ http2: SMALL_WINDOWS })
    using client = await FrameClient.open(server.port)
    client.request(1, { ":path": "/paused", ":method": "POST" }, 0)
    for (let sent = 0; sent < 110_000; sent += 10_000) client.data(1, Buffer.alloc(10_000))
    expect(await client.resetOf(1)).toBe(FLOW_CONTROL_ERROR)
    client.request(3)
    expect((await client.response(3)).status).toBe(200)
  })

  test("over the connection window is a connection error FLOW_CONTROL_ERROR (6.9.1)", async () => {
    using server = new AnsweringServer({ http2: SMALL_WINDOWS })
    using client = await FrameClient.open(server.port)
    client.request(1, { ":path": "/paused", ":method": "POST" }, 0)
    client.request(3, { ":path": "/paused", ":method": "POST" }, 0)
    for (let sent = 0; sent < 80_000; sent += 10_000) {
      client.data(1, Buffer.alloc(10_000))
      client.data(3, Buffer.alloc(10_000))
    }
    expect((await client.goneAway()).code).toBe(FLOW_CONTROL_ERROR)
  })

  test("padding counts, and is given back although nobody takes it (6.1)", async () => {
    using server = new AnsweringServer({ http2: SMALL_WINDOWS })
    using client = await FrameClient.open(server.port)
    client.request(1, { ":path": "/a", ":method": "POST" }, 0)
    const padding = Buffer.concat([Buffer.from([255]), Buffer.alloc(255)])
    for (let sent = 0; sent < 50_000; sent += 256) client.data(1, padding, PADDED)
    const update = await client.waitFor(WINDOW_UPDATE, 1, "WINDOW_UPDATE")
    expect(update.payload.readUInt32BE(0)).toBeGreaterThanOrEqual(50_000)
  })

  test("of a stream that was reset is given back to the connection", async () => {
    using server = new AnsweringServer({ http2: SMALL_WINDOWS })
    using client = await FrameClient.open(server.port)
    for (let round = 0; round < 5; round++) {
      const streamId = 2 * round + 1
      client.request(streamId, { ":path": "/paused", ":method": "POST" }, 0)
      for (let sent = 0; sent < 70_000; sent += 10_000) client.data(streamId, Buffer.alloc(10_000))
      client.frame(3, 0, streamId, uint32(8))
      await client.settled()
    }
    client.request(21)
    expect((await client.response(21)).status).toBe(200)
  })
})
