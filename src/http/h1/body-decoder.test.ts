import { describe, expect, test } from "bun:test"
import fc from "fast-check"
import { DEFAULT_HTTP_LIMITS, type HttpLimits } from "../limits.ts"
import { BodyDecoder, hasBareLineEnd } from "./body-decoder.ts"
import { Fault } from "./faults.ts"

interface Decoded {
  /** Bytes consumed, or a Fault. */
  readonly result: number
  readonly payload: string
  readonly trailers: string
  readonly isDone: boolean
}

type Start = (decoder: BodyDecoder) => void
const chunked: Start = (decoder) => decoder.startChunked()

/** Decodes the text as if it came in reads of these lengths, the rest in a last one. */
function decodeInReads(
  text: string,
  start: Start,
  readLengths: readonly number[],
  limits = DEFAULT_HTTP_LIMITS,
): Decoded {
  const decoder = new BodyDecoder()
  start(decoder)
  let payload = ""
  const sink = {
    onBody(bytes: Buffer, from: number, to: number) {
      payload += bytes.latin1Slice(from, to)
      return true
    },
  }
  const bytes = Buffer.from(text, "latin1")
  let offset = 0
  for (const length of [...readLengths, bytes.length]) {
    const end = Math.min(bytes.length, offset + length)
    // Each read is a buffer of its own, with bytes around it that are not the decoder's.
    const read = Buffer.concat([Buffer.from("\r\nXX"), bytes.subarray(offset, end), Buffer.from("\r\n\r\n0")])
    const readEnd = 4 + end - offset
    const next = decoder.decode(read, 4, readEnd, sink, limits)
    if (next < 0) return { result: next, payload, trailers: "", isDone: decoder.isDone }
    offset += next - 4
    if (next < readEnd) break
  }
  return { result: offset, payload, trailers: decoder.trailers, isDone: decoder.isDone }
}

function decode(text: string, start: Start = chunked, limits: HttpLimits = DEFAULT_HTTP_LIMITS): Decoded {
  return decodeInReads(text, start, [], limits)
}

function expectFault(text: string, fault: number, limits: HttpLimits = DEFAULT_HTTP_LIMITS) {
  expect([text, decode(text, chunked, limits).result]).toEqual([text, fault])
  const oneByOne = Array.from({ length: text.length }, () => 1)
  expect([text, decodeInReads(text, chunked, oneByOne, limits).result]).toEqual([text, fault])
}

describe("by length and until close", () => {
  test("9112 section 6.3 (6): takes Content-Length bytes and leaves the next message", () => {
    const { result, payload, isDone } = decode("12345GET", (decoder) => decoder.startLength(5))
    expect([result, payload, isDone]).toEqual([5, "12345", true])
  })

  test("9112 section 6.3 (7): no body takes nothing", () => {
    expect(decode("GET", (decoder) => decoder.startEmpty())).toMatchObject({ result: 0, isDone: true })
    expect(decode("GET", (decoder) => decoder.startLength(0))).toMatchObject({ result: 0, isDone: true })
  })

  test("9112 section 6.3 (8): until close takes everything, and is done when told", () => {
    const decoder = new BodyDecoder()
    decoder.startUntilClose()
    expect(decode("0\r\n\r\nabc", (each) => each.startUntilClose())).toMatchObject({
      result: 8,
      payload: "0\r\n\r\nabc",
      isDone: false,
    })
    expect(decoder.isUntilClose).toBe(true)
    decoder.finishUntilClose()
    expect([decoder.isUntilClose, decoder.isDone]).toEqual([false, true])
  })
})

describe("chunked", () => {
  test("9112 section 7.1: chunks are joined, sizes are hexadecimal in any case", () => {
    const text = `5\r\nhello\r\n0B\r\n, 11 bytes!\r\na\r\n0123456789\r\n000\r\n\r\nGET`
    const { result, payload, isDone, trailers } = decode(text)
    expect(payload).toBe("hello, 11 bytes!0123456789")
    expect([result, isDone, trailers]).toEqual([text.length - 3, true, ""])
  })

  test("9112 section 7.1: a chunk size is 1 to 16 hex digits and no more than 2^53-1", () => {
    for (const size of [
      "",
      "-1",
      "+1",
      "0x1",
      " 1",
      "g",
      "1g",
      "1_0",
      "00000000000000001",
      "20000000000000",
      "fffffffffffffff",
    ]) {
      expectFault(`${size}\r\nx\r\n0\r\n\r\n`, Fault.badChunk)
    }
    expect(decode("0000000000000001\r\nx\r\n0\r\n\r\n").payload).toBe("x")
    expect(decode("1fffffffffffff\r\nx")).toMatchObject({ payload: "x", isDone: false })
  })

  test("9112 section 7.1: nothing but CRLF ends the size line and the data", () => {
    for (const text of [
      "1\nx\r\n0\r\n\r\n",
      "1\rx\r\n0\r\n\r\n",
      "1 \r\nx\r\n0\r\n\r\n",
      "1\t\r\nx\r\n0\r\n\r\n",
      "1\r\nx\n0\r\n\r\n",
      "1\r\nx\r0\r\n\r\n",
      "1\r\nxy\r\n0\r\n\r\n",
      "1\r\nx0\r\n\r\n",
      "5\r\nhello\r\r\n0\r\n\r\n",
    ]) {
      expectFault(text, Fault.badChunk)
    }
  })

  test("9112 section 7.1.1: extensions are ignored", () => {
    expect(decode('1;a=b;c="d e"\r\nx\r\n0;last\t\r\n\r\n')).toMatchObject({ payload: "x", isDone: true })
  })

  test("9112 section 7.1.1: a control character in an extension is refused", () => {
    for (const byte of ["\n", "\0", "\x0b", "\x7f", "\r\r\n"])
      expectFault(`1;a${byte}b\r\nx\r\n0\r\n\r\n`, Fault.badChunk)
  })

  test("9112 section 7.1.1: extensions are bounded, those of all chunks of a message together", () => {
    const limits = { ...DEFAULT_HTTP_LIMITS, chunkExtensionBytesMax: 10 }
    const chunk = (length: number) => `1;${"e".repeat(length)}\r\nx\r\n`
    expect(decode(`${chunk(5)}${chunk(5)}0\r\n\r\n`, chunked, limits).payload).toBe("xx")
    expectFault(`${chunk(11)}0\r\n\r\n`, Fault.badChunk, limits)
    expectFault(`${chunk(5)}${chunk(6)}0\r\n\r\n`, Fault.badChunk, limits)
  })
})

describe("trailers", () => {
  test("9112 section 7.1.2: trailer fields are kept as they came", () => {
    const text = "1\r\nx\r\n0\r\nGrpc-Status: 0\r\nX-Sum:  abc \r\n\r\nGET"
    const { result, trailers, isDone } = decode(text)
    expect(trailers).toBe("Grpc-Status: 0\r\nX-Sum:  abc \r\n")
    expect([result, isDone]).toEqual([text.length - 3, true])
  })

  test("9110 section 6.5.1: framing, routing and connection fields in trailers are dropped", () => {
    const names = ["Content-Length: 5", "transfer-encoding: chunked", "Host: b", "Connection: a", "Trailer: x", "TE: a"]
    const lines = [...names, "Content-Type: a", "X-Forwarded-For: 1.2.3.4", "x-request-id: 5", "Expect: 100-continue"]
    expect(decode(`0\r\n${lines.join("\r\n")}\r\nKept: yes\r\n\r\n`).trailers).toBe("Kept: yes\r\n")
  })

  test("9112 section 5: trailer lines are as strict as those of a head", () => {
    for (const line of ["A : b", " A: b", ": b", "A: \0", "A(: b", "nocolon", "A: b\rC: d"]) {
      expectFault(`0\r\n${line}\r\n\r\n`, Fault.badTrailer)
    }
    for (const line of ["A: b\nC: d", "\nA: b"]) {
      const text = `0\r\n${line}\r\n\r\n`
      expect([line, decode(text).result]).toEqual([line, Fault.badTrailer])
      // Seen before the section is complete, it has its own name.
      expect([line, decodeInReads(text, chunked, [text.length - 2]).result]).toEqual([line, Fault.bareLineEnd])
    }
  })

  test("trailers over the limits are refused, whether they end or not", () => {
    const limits = { ...DEFAULT_HTTP_LIMITS, trailerBytesMax: 20, fieldCountMax: 2 }
    expect(decode("0\r\nA: 0123456789\r\n\r\n", chunked, limits).isDone).toBe(true)
    expectFault(`0\r\nA: ${"v".repeat(40)}`, Fault.trailersTooLarge, limits)
    expectFault("0\r\na:\r\nb:\r\nc:\r\n\r\n", Fault.badTrailer, limits)
  })
})

describe("back pressure", () => {
  test("a sink that says stop gets nothing more until it is asked again", () => {
    const decoder = new BodyDecoder()
    decoder.startChunked()
    const pieces: string[] = []
    const sink = {
      onBody(bytes: Buffer, start: number, end: number) {
        pieces.push(bytes.latin1Slice(start, end))
        return false
      },
    }
    const bytes = Buffer.from("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
    let offset = decoder.decode(bytes, 0, bytes.length, sink, DEFAULT_HTTP_LIMITS)
    expect([offset, pieces]).toEqual([6, ["abc"]])
    offset = decoder.decode(bytes, offset, bytes.length, sink, DEFAULT_HTTP_LIMITS)
    expect([offset, pieces]).toEqual([13, ["abc", "de"]])
    expect(decoder.decode(bytes, offset, bytes.length, sink, DEFAULT_HTTP_LIMITS)).toBe(bytes.length)
    expect(decoder.isDone).toBe(true)
    expect(decoder.payloadBytes).toBe(5)
  })

  test("a decoder that served before remembers nothing", () => {
    const decoder = new BodyDecoder()
    const sink = { onBody: () => true }
    decoder.startChunked()
    const first = Buffer.from("1;ext\r\nx\r\n0\r\nA: b\r\n\r\n")
    decoder.decode(first, 0, first.length, sink, DEFAULT_HTTP_LIMITS)
    expect(decoder.trailers).toBe("A: b\r\n")
    decoder.startLength(2)
    expect([decoder.trailers, decoder.payloadBytes, decoder.isDone]).toEqual(["", 0, false])
  })
})

describe("any split of the bytes decodes the same", () => {
  const piece = fc.constantFrom(
    "0",
    "1",
    "3",
    "a",
    "F",
    "\r\n",
    "\r",
    "\n",
    ";e=1",
    " ",
    "abc",
    "0\r\n\r\n",
    "1\r\nx\r\n",
    "3;y\r\nabc\r\n",
    "A: b\r\n",
    "Host: x\r\n",
    "\0",
    "Trailer",
  )
  const stream = fc.array(piece, { maxLength: 14 }).map((pieces) => pieces.join(""))
  const reads = fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 60 })

  test("streams of valid and broken chunk syntax", () => {
    fc.assert(
      fc.property(stream, reads, (text, lengths) => {
        const whole = decode(text)
        const split = decodeInReads(text, chunked, lengths)
        // Which fault it is may depend on what is seen first; that it is one may not.
        if (whole.result < 0) expect(split.result).toBeLessThan(0)
        else expect(split).toEqual(whole)
      }),
      { numRuns: 10_000 },
    )
  })

  test("every valid message, cut in two at every byte", () => {
    const chunk = fc.tuple(
      fc.string({ minLength: 1, maxLength: 20, unit: "binary-ascii" }),
      fc.constantFrom("", ";a=b"),
    )
    const trailer = fc.constantFrom("", "A: b\r\n", "A: b\r\nC:\r\n")
    fc.assert(
      fc.property(fc.array(chunk, { maxLength: 5 }), trailer, (chunks, trailers) => {
        const payload = chunks.map(([data]) => data).join("")
        const body = chunks
          .map(([data, extension]) => `${data.length.toString(16)}${extension}\r\n${data}\r\n`)
          .join("")
        const message = `${body}0\r\n${trailers}\r\n`
        for (let cut = 0; cut <= message.length; cut++) {
          const decoded = decodeInReads(`${message}NEXT`, chunked, [cut])
          expect(decoded).toEqual({ result: message.length, payload, trailers, isDone: true })
        }
      }),
      { numRuns: 200 },
    )
  })
})

test("a line feed without its carriage return is a bare line end", () => {
  expect(hasBareLineEnd("a\r\nb\r\n", 0)).toBe(false)
  expect(hasBareLineEnd("a\r\nb\n", 0)).toBe(true)
  expect(hasBareLineEnd("\na", 0)).toBe(true)
  expect(hasBareLineEnd("a\nb", 2)).toBe(false)
})
