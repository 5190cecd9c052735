import { describe, expect, test } from "bun:test"
import fc from "fast-check"
import { GrpcMessageCounter, GrpcMessages } from "./grpc-message-counter.ts"

function message(payload: Uint8Array, flag = 0): Buffer {
  const prefix = Buffer.alloc(5)
  prefix[0] = flag
  prefix.writeUInt32BE(payload.length, 1)
  return Buffer.concat([prefix, payload])
}

function countOf(stream: Buffer, cuts: readonly number[]): number {
  const counter = new GrpcMessageCounter()
  const ends = [...cuts.filter((cut) => cut <= stream.length).sort((a, b) => a - b), stream.length]
  let start = 0
  for (const end of ends) {
    counter.feed(stream, start, end)
    start = end
  }
  return counter.count
}

const payloads = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 12 })
const cuts = fc.array(fc.nat({ max: 600 }), { maxLength: 20 })

describe("messages of one direction", () => {
  test("as many as there are, wherever the pieces end", () => {
    fc.assert(
      fc.property(payloads, cuts, fc.integer({ min: 0, max: 1 }), (contents, where, flag) => {
        const stream = Buffer.concat(contents.map((payload) => message(payload, flag)))
        expect(countOf(stream, where)).toBe(contents.length)
      }),
    )
  })

  test("byte by byte gives what all at once gives, whatever the bytes are", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const stream = Buffer.from(bytes)
        const everywhere = Array.from({ length: stream.length }, (_, index) => index)
        expect(countOf(stream, everywhere)).toBe(countOf(stream, []))
      }),
    )
  })

  test("a message counts from its first byte on", () => {
    const counter = new GrpcMessageCounter()
    const stream = message(Buffer.from("abc"))
    counter.feed(stream, 0, 0)
    expect(counter.count).toBe(0)
    counter.feed(stream, 0, 1)
    expect(counter.count).toBe(1)
    counter.feed(stream, 1, stream.length)
    expect(counter.count).toBe(1)
  })

  test("a length of all four bytes is no negative number", () => {
    const counter = new GrpcMessageCounter()
    const stream = Buffer.from([0, 0xff, 0xff, 0xff, 0xff, ...Buffer.alloc(64, 1)])
    counter.feed(stream, 0, stream.length)
    expect(counter.count).toBe(1)
  })

  test("only the range that is given counts", () => {
    const counter = new GrpcMessageCounter()
    const stream = Buffer.concat([Buffer.alloc(3, 9), message(Buffer.alloc(0)), Buffer.alloc(3, 9)])
    counter.feed(stream, 3, 8)
    expect(counter.count).toBe(1)
  })
})

describe("a call", () => {
  const two = Buffer.concat([message(Buffer.from("a")), message(Buffer.from("b"))])

  test("counts each direction by itself", () => {
    const call = new GrpcMessages()
    call.onRequestBody(two, 0, two.length)
    call.onResponseHead("application/grpc+proto")
    call.onResponseBody(two, 0, 6)
    expect([call.requestCount, call.responseCount]).toEqual([2, 1])
  })

  test("the body of a response that is not gRPC has no messages", () => {
    for (const contentType of ["text/html", null]) {
      const call = new GrpcMessages()
      call.onResponseHead(contentType)
      call.onResponseBody(two, 0, two.length)
      expect(call.responseCount).toBe(0)
    }
  })
})
