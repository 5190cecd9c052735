import { describe, expect, test } from "bun:test"
import fc from "fast-check"
import { ErrorCode, Flag, FrameType } from "./frame.ts"
import { FrameParser, type FrameSink, STOPPED } from "./frame-parser.ts"

/** What a parser told, as text; pieces of one DATA frame joined. */
class Recorder implements FrameSink {
  readonly events: string[] = []
  #data = ""
  stopsAt = -1

  #record(event: string): number {
    this.events.push(event)
    return this.events.length === this.stopsAt ? 1 : 0
  }

  onDataHead(streamId: number, flags: number, length: number): number {
    this.#data = ""
    return this.#record(`data-head ${streamId} ${flags} ${length}`)
  }
  onDataBytes(_streamId: number, bytes: Buffer, start: number, end: number): number {
    this.#data += bytes.toString("latin1", start, end)
    return 0
  }
  onDataEnd(streamId: number, flags: number, dataBytes: number): number {
    return this.#record(`data-end ${streamId} ${flags} ${dataBytes} ${this.#data}`)
  }
  onFrame(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): number {
    return this.#record(`frame ${type} ${flags} ${streamId} ${bytes.toString("latin1", start, end)}`)
  }
  onUnknownFrame(type: number): number {
    return this.#record(`unknown ${type}`)
  }
}

function frame(type: number, flags: number, streamId: number, payload: string | Buffer): Buffer {
  const content = Buffer.from(payload.toString("latin1"), "latin1")
  const head = Buffer.alloc(9)
  head.writeUIntBE(content.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(streamId, 5)
  return Buffer.concat([head, content])
}

const SETTINGS = frame(FrameType.settings, 0, 0, "")

function parse(...frames: readonly Buffer[]): { readonly result: number; readonly events: readonly string[] } {
  const recorder = new Recorder()
  const bytes = Buffer.concat([SETTINGS, ...frames])
  const result = new FrameParser().parse(bytes, 0, bytes.length, recorder)
  return { result, events: recorder.events.slice(1) }
}

describe("frames", () => {
  test("padding is cut off DATA and told only in its length", () => {
    const { events } = parse(frame(FrameType.data, Flag.padded | Flag.endStream, 3, "\x02hello\0\0"))
    expect(events).toEqual(["data-head 3 9 8", "data-end 3 9 5 hello"])
  })

  test("padding is cut off HEADERS", () => {
    const { events } = parse(frame(FrameType.headers, Flag.padded | Flag.endHeaders, 1, "\x01x\0"))
    expect(events).toEqual(["frame 1 12 1 x"])
  })

  test("RFC 9113 4.1: the reserved bit of a stream identifier is ignored", () => {
    expect(parse(frame(FrameType.priority, 0, 0x80000003, "12345")).events).toEqual(["frame 2 0 3 12345"])
  })

  test("RFC 9113 4.1: a frame of unknown type is skipped", () => {
    const { events } = parse(
      frame(0x20, 0xff, 9, "whatever"),
      frame(0x21, 0, 0, ""),
      frame(FrameType.ping, 0, 0, "12345678"),
    )
    expect(events).toEqual(["unknown 32", "unknown 33", "frame 6 0 0 12345678"])
  })

  test("a sink that wants no more stops the parser", () => {
    const recorder = new Recorder()
    recorder.stopsAt = 1
    const bytes = Buffer.concat([SETTINGS, SETTINGS])
    expect(new FrameParser().parse(bytes, 0, bytes.length, recorder)).toBe(STOPPED)
    expect(recorder.events.length).toBe(1)
  })
})

const big = Buffer.alloc(16_385)

describe("faults", () => {
  test.each([
    ["4.2: a frame over 16384 bytes", frame(FrameType.data, 0, 1, big), ErrorCode.frameSizeError],
    ["4.2: of unknown type, too", frame(0x55, 0, 1, big), ErrorCode.frameSizeError],
    ["6.1: DATA on stream 0", frame(FrameType.data, 0, 0, "x"), ErrorCode.protocolError],
    [
      "6.1: DATA with as much padding as payload",
      frame(FrameType.data, Flag.padded, 1, "\x01"),
      ErrorCode.protocolError,
    ],
    ["6.1: padded DATA without a pad length", frame(FrameType.data, Flag.padded, 1, ""), ErrorCode.frameSizeError],
    ["6.2: HEADERS on stream 0", frame(FrameType.headers, 4, 0, "x"), ErrorCode.protocolError],
    ["6.2: HEADERS with too much padding", frame(FrameType.headers, 12, 1, "\x05x"), ErrorCode.protocolError],
    ["6.2: HEADERS too short for their priority", frame(FrameType.headers, 0x24, 1, "1234"), ErrorCode.frameSizeError],
    ["6.3: PRIORITY on stream 0", frame(FrameType.priority, 0, 0, "12345"), ErrorCode.protocolError],
    ["6.4: RST_STREAM on stream 0", frame(FrameType.rstStream, 0, 0, "1234"), ErrorCode.protocolError],
    ["6.4: RST_STREAM of another length", frame(FrameType.rstStream, 0, 1, "123"), ErrorCode.frameSizeError],
    ["6.5: SETTINGS on a stream", frame(FrameType.settings, 0, 1, ""), ErrorCode.protocolError],
    ["6.5: SETTINGS with ACK and a payload", frame(FrameType.settings, 1, 0, "123456"), ErrorCode.frameSizeError],
    [
      "6.5: SETTINGS of a length that is no multiple of 6",
      frame(FrameType.settings, 0, 0, "12345"),
      ErrorCode.frameSizeError,
    ],
    ["6.7: PING on a stream", frame(FrameType.ping, 0, 1, "12345678"), ErrorCode.protocolError],
    ["6.7: PING of another length", frame(FrameType.ping, 0, 0, "1234567"), ErrorCode.frameSizeError],
    ["6.8: GOAWAY on a stream", frame(FrameType.goAway, 0, 1, "12345678"), ErrorCode.protocolError],
    ["6.8: GOAWAY too short", frame(FrameType.goAway, 0, 0, "1234567"), ErrorCode.frameSizeError],
    ["6.9: WINDOW_UPDATE of another length", frame(FrameType.windowUpdate, 0, 0, "123"), ErrorCode.frameSizeError],
    ["6.10: CONTINUATION after nothing", frame(FrameType.continuation, 4, 1, "x"), ErrorCode.protocolError],
  ])("RFC 9113 %s", (_name, bytes, code) => {
    expect(parse(bytes).result).toBe(code)
  })

  test.each([
    ["another frame", frame(FrameType.ping, 0, 0, "12345678")],
    ["a frame of unknown type", frame(0x77, 0, 0, "")],
    ["HEADERS of another stream", frame(FrameType.headers, 4, 3, "x")],
    ["CONTINUATION of another stream", frame(FrameType.continuation, 4, 3, "x")],
  ])("RFC 9113 6.10: inside a field block, %s", (_name, intruder) => {
    const opening = frame(FrameType.headers, 0, 1, "x")
    expect(parse(opening, intruder).result).toBe(ErrorCode.protocolError)
    expect(parse(opening, frame(FrameType.continuation, 0, 1, "y"), intruder).result).toBe(ErrorCode.protocolError)
  })

  test("RFC 9113 6.10: CONTINUATION after HEADERS that were complete", () => {
    const { result } = parse(frame(FrameType.headers, 4, 1, "x"), frame(FrameType.continuation, 4, 1, "x"))
    expect(result).toBe(ErrorCode.protocolError)
  })

  test.each([
    ["PING", frame(FrameType.ping, 0, 0, "12345678")],
    ["an acknowledgement", frame(FrameType.settings, 1, 0, "")],
    ["a frame of unknown type", frame(0x66, 0, 0, "")],
  ])("RFC 9113 3.4: the first frame is SETTINGS, not %s", (_name, bytes) => {
    expect(new FrameParser().parse(bytes, 0, bytes.length, new Recorder())).toBe(ErrorCode.protocolError)
  })
})

const anyFrame = fc
  .record({
    type: fc.oneof(fc.nat(11), fc.constantFrom(0, 0, 1, 9)),
    flags: fc.nat(255),
    streamId: fc.nat(5),
    payload: fc.oneof(fc.uint8Array({ maxLength: 60 }), fc.constant(Buffer.alloc(8))),
  })
  .map(({ type, flags, streamId, payload }) => frame(type, flags, streamId, Buffer.from(payload)))

test("whatever the bytes and however they are split, the parser tells the same and never throws", () => {
  fc.assert(
    fc.property(fc.array(anyFrame, { maxLength: 6 }), fc.array(fc.nat(200), { maxLength: 12 }), (frames, cuts) => {
      const bytes = Buffer.concat([SETTINGS, ...frames])
      const whole = new Recorder()
      const wholeResult = new FrameParser().parse(bytes, 0, bytes.length, whole)
      const pieces = new Recorder()
      const parser = new FrameParser()
      let result = 0
      let start = 0
      for (const end of [...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b), bytes.length]) {
        // A piece of its own: nothing may be kept of it.
        const piece = Buffer.from(bytes.subarray(start, end))
        if (result === 0) result = parser.parse(piece, 0, piece.length, pieces)
        piece.fill(0x58)
        start = end
      }
      expect([result, pieces.events]).toEqual([wholeResult, whole.events])
    }),
  )
})
