import { describe, expect, test } from "bun:test"
import fc from "fast-check"
import { Base64Decoder, FrameBase64Encoder, grpcWebFormOf, trailersFrame } from "./grpc-web.ts"

function frame(message: Uint8Array, flags = 0): Buffer {
  const head = Buffer.alloc(5)
  head.writeUInt8(flags, 0)
  head.writeUInt32BE(message.length, 1)
  return Buffer.concat([head, message])
}

/** The bytes cut at these places, each a share of the whole. */
function pieces(bytes: Buffer, cuts: readonly number[]): readonly Buffer[] {
  const offsets = cuts.map((cut) => Math.floor(cut * bytes.length)).sort((a, b) => a - b)
  return [0, ...offsets].map((start, index) => bytes.subarray(start, offsets[index] ?? bytes.length))
}

function decodeAll(parts: readonly Buffer[]): Buffer | null {
  const decoder = new Base64Decoder()
  const decoded: Buffer[] = []
  for (const part of parts) {
    const bytes = decoder.decode(part, 0, part.length)
    if (bytes === null) return null
    decoded.push(bytes)
  }
  return decoder.isAtBoundary ? Buffer.concat(decoded) : null
}

function encodeAll(parts: readonly Buffer[]): string {
  const encoder = new FrameBase64Encoder()
  return parts.map((part) => encoder.encode(part, 0, part.length)).join("") + encoder.finish()
}

const decoded = (text: string) => decodeAll([Buffer.from(text, "latin1")])?.toString("latin1") ?? null
const messages = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 5 })
const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 6 })

test("a media type names its form, exactly", () => {
  expect(["application/grpc-web", "application/grpc-web+proto"].map(grpcWebFormOf)).toEqual(["binary", "binary"])
  expect(["application/grpc-web-text", "application/grpc-web-text+proto"].map(grpcWebFormOf)).toEqual(["text", "text"])
  const others = ["application/grpc", "application/grpc-web+json", "application/grpc-web; charset=utf-8", ""]
  expect(others.map(grpcWebFormOf)).toEqual([null, null, null, null])
})

test("trailers are one frame of lower-case lines without spaces around the colon", () => {
  const expected = "grpc-status:5\r\ngrpc-message:no: such\r\n"
  expect(trailersFrame("Grpc-Status:5\r\ngrpc-message:  no: such \r\n")).toEqual(frame(Buffer.from(expected), 0x80))
  expect(trailersFrame("")).toEqual(frame(Buffer.alloc(0), 0x80))
})

describe("base64 to bytes", () => {
  test("property: however frames are encoded together or apart, and wherever the text is cut, they come out", () => {
    fc.assert(
      fc.property(messages, cuts, fc.boolean(), (each, where, isTogether) => {
        const frames = each.map((message) => frame(message))
        const whole = Buffer.concat(frames)
        const text = isTogether ? whole.toString("base64") : frames.map((one) => one.toString("base64")).join("")
        expect(decodeAll(pieces(Buffer.from(text), where))).toEqual(whole)
      }),
    )
  })

  test("property: any bytes are either refused or are what encoding them again gives", () => {
    const nearly = fc.string({ unit: fc.constantFrom(..."AZaz09+/=-_ \n"), maxLength: 24 })
    fc.assert(
      fc.property(nearly, (text) => {
        const bytes = decoded(text)
        if (bytes === null) return
        const groups = text.match(/.{4}/gs) ?? []
        const again = groups.map((group) => Buffer.from(decoded(group) ?? "?", "latin1").toString("base64"))
        expect(again.join("")).toBe(text)
      }),
    )
  })

  test("refused: other alphabets, whitespace, padding that is missing, misplaced or hides bits", () => {
    const bad = ["AA-_", "AA A", "AAA\n", "AAA", "A", "A===", "====", "AA=A", "=AAA", "AB==", "AAB="]
    expect(bad.map(decoded)).toEqual(bad.map(() => null))
    expect(["", "AA==", "AAA=", "AA==AAA=AAAA"].map(decoded)).toEqual(["", "\0", "\0\0", "\0".repeat(6)])
  })
})

describe("frames to base64", () => {
  test("property: each frame is encoded by itself, wherever the bytes are cut", () => {
    fc.assert(
      fc.property(messages, cuts, (each, where) => {
        const frames = each.map((message) => frame(message))
        const expected = frames.map((one) => one.toString("base64")).join("")
        expect(encodeAll(pieces(Buffer.concat(frames), where))).toBe(expected)
      }),
    )
  })

  test("property: at most two bytes wait", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), cuts, (message, where) => {
        const encoder = new FrameBase64Encoder()
        let [taken, given] = [0, 0]
        for (const piece of pieces(frame(message), where)) {
          taken += piece.length
          given += Buffer.from(encoder.encode(piece, 0, piece.length), "base64").length
          expect(taken - given).toBeLessThanOrEqual(2)
        }
      }),
    )
  })

  test("a frame that breaks off is encoded as far as it came", () => {
    const cut = frame(Buffer.from("message")).subarray(0, 9)
    expect(encodeAll([cut])).toBe(cut.toString("base64"))
  })

  test("a length of four bytes is read unsigned", () => {
    const head = Buffer.from([0, 0xff, 0xff, 0xff, 0xff, 1, 2])
    const encoder = new FrameBase64Encoder()
    expect(encoder.encode(head, 0, head.length)).toBe(head.subarray(0, 6).toString("base64"))
    expect(encoder.finish()).toBe(head.subarray(6).toString("base64"))
  })
})
