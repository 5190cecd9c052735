import { describe, expect, test } from "bun:test"
import fc from "fast-check"
import { Fault } from "./faults.ts"
import { faultOfPartialHead, findHeadEnd, HeadBuffer } from "./head-buffer.ts"

describe("HeadBuffer", () => {
  test("gives back what was appended, in order, whatever the pieces", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 3000 }), { maxLength: 12 }), (pieces) => {
        const buffer = new HeadBuffer()
        for (const piece of pieces) {
          const framed = Buffer.concat([Buffer.from("<"), piece, Buffer.from(">")])
          buffer.append(framed, 1, framed.length - 1)
        }
        expect(buffer.take()).toEqual(Buffer.concat(pieces))
        expect(buffer.length).toBe(0)
      }),
      { numRuns: 200 },
    )
  })

  test("what was taken is not overwritten by what comes after", () => {
    const buffer = new HeadBuffer()
    buffer.append(Buffer.from("abc"), 0, 3)
    const taken = buffer.take()
    buffer.append(Buffer.from("xyz"), 0, 3)
    expect(taken.toString()).toBe("abc")
  })

  test("grows by doubling: a byte at a time copies less than four times its bytes", () => {
    const buffer = new HeadBuffer()
    const capacities = new Set<number>()
    for (let count = 0; count < 60_000; count++) {
      buffer.append(Buffer.from("x"), 0, 1)
      capacities.add(buffer.bytes.length)
    }
    expect([...capacities]).toEqual([1024, 2048, 4096, 8192, 16_384, 32_768, 65_536])
  })

  test("empty it holds no memory", () => {
    const buffer = new HeadBuffer()
    buffer.append(Buffer.from("abc"), 0, 3)
    buffer.clear()
    expect([buffer.length, buffer.bytes.length]).toEqual([0, 0])
  })
})

describe("findHeadEnd", () => {
  test("finds the offset after the empty line, from a place on", () => {
    const bytes = Buffer.from("a\r\n\r\nb\r\n\r\n")
    expect(findHeadEnd(bytes, 0, bytes.length)).toBe(5)
    expect(findHeadEnd(bytes, 2, bytes.length)).toBe(10)
  })

  test("does not see what lies behind the end", () => {
    const bytes = Buffer.from("abcd\r\n\r\n")
    for (let end = 0; end < bytes.length; end++) expect(findHeadEnd(bytes, 0, end)).toBe(-1)
    expect(findHeadEnd(bytes, 0, bytes.length)).toBe(8)
  })
})

describe("a head that is not complete", () => {
  const fault = (text: string, from = 0) => faultOfPartialHead(Buffer.from(text, "latin1"), 0, from, text.length)

  test("waits while it could become one", () => {
    for (const text of ["", "G", "GET / HTTP/1.1", "GET / HTTP/1.1\r", "GET / HTTP/1.1\r\nHost: a\r\n", "\r"]) {
      expect([text, fault(text)]).toEqual([text, 0])
    }
  })

  test("9112 section 3: what starts like no method is refused at once, a TLS ClientHello for one", () => {
    for (const text of ["\x16\x03\x01\x02", " GET", "\0", "{"])
      expect([text, fault(text)]).toEqual([text, Fault.badMethod])
  })

  test("9112 section 2.2: a bare LF is refused at once, also when its CR would have come in the read before", () => {
    expect(fault("GET / HTTP/1.1\nHost")).toBe(Fault.bareLineEnd)
    expect(fault("GET / HTTP/1.1\r\n", 15)).toBe(0)
    expect(fault("GET / HTTP/1.1X\n", 15)).toBe(Fault.bareLineEnd)
    expect(faultOfPartialHead(Buffer.from("\r\nGET\n"), 2, 2, 6)).toBe(Fault.bareLineEnd)
  })
})
