import { describe, expect, test } from "bun:test"
import fc from "fast-check"
import { DEFAULT_HTTP_LIMITS } from "../limits.ts"
import { BODY_NONE, BODY_UNKNOWN_LENGTH, ResponseHead } from "../message.ts"
import { Fault } from "./faults.ts"
import { parseResponseHead, ResponseFraming } from "./response-head.ts"
import { responseHeadText } from "./write-head.ts"

const { untilClose, chunked, closes } = ResponseFraming

function parse(text: string, isHead = false) {
  const head = new ResponseHead()
  return { result: parseResponseHead(text, head, isHead, DEFAULT_HTTP_LIMITS), head }
}

function parseFields(statusLine: string, ...lines: readonly string[]) {
  return parse(`${statusLine}\r\n${lines.map((line) => `${line}\r\n`).join("")}\r\n`)
}

describe("status line", () => {
  test("9112 section 4: version, three digits, and a reason that may be empty or missing", () => {
    expect(parse("HTTP/1.1 200 OK\r\n\r\n").head).toMatchObject({ status: 200, reason: "OK" })
    expect(parse("HTTP/1.1 404 Not  Found\t\xe9\r\n\r\n").head).toMatchObject({ reason: "Not  Found\t\xe9" })
    expect(parse("HTTP/1.1 200 \r\n\r\n").head).toMatchObject({ status: 200, reason: "" })
    expect(parse("HTTP/1.1 200\r\n\r\n").head).toMatchObject({ status: 200, reason: "" })
    expect(parse("HTTP/1.0 599 x\r\n\r\n").head.status).toBe(599)
  })

  test("9112 section 4: anything else is no status line", () => {
    for (const line of [
      "HTTP/2.0 200 OK",
      "HTTP/1.2 200 OK",
      "http/1.1 200 OK",
      "HTTP/1.1  200 OK",
      "HTTP/1.1\t200 OK",
      "HTTP/1.1 20 OK",
      "HTTP/1.1 2000 OK",
      "HTTP/1.1 20x OK",
      "HTTP/1.1 099 x",
      "HTTP/1.1 600 x",
      "HTTP/1.1 -20 x",
      "HTTP/1.1 200\tOK",
      "HTTP/1.1 200 a\x01b",
      "HTTP/1.1 200 a\nB: c",
      "HTTP/1.1 200 a\rB: c",
      "HTTP/1.1 200\rB: c",
      "HTTP/1.1 200 \x7f",
      "ICY 200 OK",
      "",
    ]) {
      expect([line, parse(`${line}\r\n\r\n`).result]).toEqual([line, Fault.badStatusLine])
    }
  })
})

describe("length of the body", () => {
  test("9112 section 6.3 (1): none after HEAD, 1xx, 204 and 304, whatever the fields say", () => {
    expect(parse("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", true)).toMatchObject({
      result: 0,
      head: { bodyLength: BODY_NONE },
    })
    for (const status of [100, 101, 103, 204, 304]) {
      expect(parseFields(`HTTP/1.1 ${status} x`, "Content-Length: 5")).toMatchObject({
        result: 0,
        head: { bodyLength: BODY_NONE },
      })
      expect(parseFields(`HTTP/1.1 ${status} x`, "Transfer-Encoding: chunked").head.bodyLength).toBe(BODY_NONE)
    }
  })

  test("9110 section 8.6: a 1xx or 204 loses its Content-Length, a 304 and an answer to HEAD keep it", () => {
    for (const status of [101, 204]) {
      expect(parseFields(`HTTP/1.1 ${status} x`, "A: b", "Content-Length: 5").head.fields.lines()).toBe("A: b\r\n")
    }
    expect(parseFields("HTTP/1.1 304 x", "Content-Length: 5").head.fields.lines()).toBe("Content-Length: 5\r\n")
    expect(parse("HTTP/1.1 200 x\r\nContent-Length: 5\r\n\r\n", true).head.fields.lines()).toBe("Content-Length: 5\r\n")
  })

  test("9112 section 6.3 (4): chunked", () => {
    const { result, head } = parseFields("HTTP/1.1 200 OK", "Transfer-Encoding: CHUNKED")
    expect([result, head.bodyLength]).toEqual([chunked, BODY_UNKNOWN_LENGTH])
  })

  test("9112 section 6.3 (6): Content-Length", () => {
    const { result, head } = parseFields("HTTP/1.1 200 OK", "Content-Length: 5", "Content-Length: 5")
    expect([result, head.bodyLength, head.fields.lines()]).toEqual([0, 5, "Content-Length: 5\r\n"])
  })

  test("9112 section 6.3 (8): until close, and then the connection is not used again", () => {
    expect(parseFields("HTTP/1.1 200 OK")).toMatchObject({
      result: untilClose | closes,
      head: { bodyLength: BODY_UNKNOWN_LENGTH },
    })
    expect(parseFields("HTTP/1.0 200 OK", "Connection: keep-alive").result).toBe(untilClose | closes)
  })

  test("9112 section 6.3: what could be framed in two ways is refused", () => {
    const refused: readonly (readonly [number, readonly string[]])[] = [
      [Fault.contentLengthAndChunked, ["Content-Length: 5", "Transfer-Encoding: chunked"]],
      [Fault.contentLengthAndChunked, ["Transfer-Encoding: chunked", "Content-Length: 5"]],
      [Fault.badContentLength, ["Content-Length: 5", "Content-Length: 6"]],
      [Fault.badContentLength, ["Content-Length: 5, 5"]],
      [Fault.badContentLength, ["Content-Length: +5"]],
      [Fault.badTransferEncoding, ["Transfer-Encoding: gzip, chunked"]],
      [Fault.badTransferEncoding, ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"]],
      [Fault.spaceBeforeColon, ["Content-Length : 5"]],
      [Fault.bareLineEnd, ["A: b\nContent-Length: 5"]],
      [Fault.obsFold, ["A: b", " c"]],
    ]
    for (const [fault, lines] of refused) {
      expect([lines, parseFields("HTTP/1.1 200 OK", ...lines).result]).toEqual([lines, fault])
    }
  })

  test("9112 section 6.1: Transfer-Encoding in HTTP/1.0 is refused", () => {
    expect(parseFields("HTTP/1.0 200 OK", "Transfer-Encoding: chunked").result).toBe(Fault.badTransferEncoding)
  })
})

describe("persistence (9112 section 9.3)", () => {
  const length = "Content-Length: 0"

  test("1.1 persists unless it says close, among other options too", () => {
    expect(parseFields("HTTP/1.1 200 OK", length).result).toBe(0)
    expect(parseFields("HTTP/1.1 200 OK", length, "Connection: Close").result).toBe(closes)
    expect(parseFields("HTTP/1.1 200 OK", length, "Connection: a , close").result).toBe(closes)
    expect(parseFields("HTTP/1.1 200 OK", length, "Connection: closed").result).toBe(0)
  })

  test("1.0 closes unless it says keep-alive", () => {
    expect(parseFields("HTTP/1.0 200 OK", length).result).toBe(closes)
    expect(parseFields("HTTP/1.0 200 OK", length, "Connection: Keep-Alive").result).toBe(0)
  })

  test("close wins over keep-alive, in either order and either version", () => {
    for (const version of ["1.0", "1.1"]) {
      for (const values of [["close", "keep-alive"], ["keep-alive", "close"], ["keep-alive, close"]]) {
        const lines = values.map((value) => `Connection: ${value}`)
        expect(parseFields(`HTTP/${version} 200 OK`, length, ...lines).result).toBe(closes)
      }
    }
  })
})

test("parse(serialise(head)) is the head", () => {
  const text = fc.string({ unit: fc.constantFrom(...'abc XYZ-_\t\xe9,;="'), maxLength: 20 })
  const value = text.map((raw) => raw.replace(/^[ \t]+|[ \t]+$/g, ""))
  const status = fc.integer({ min: 200, max: 599 }).filter((code) => code !== 204 && code !== 304)
  const fields = fc.array(fc.tuple(fc.constantFrom("A", "b-c", "Set-Cookie"), value), { maxLength: 30 })
  const bodyLength = fc.oneof(fc.constant(BODY_UNKNOWN_LENGTH), fc.nat())
  fc.assert(
    fc.property(status, value, fields, bodyLength, (code, reason, pairs, length) => {
      const sent = new ResponseHead()
      sent.status = code
      sent.reason = reason === "" ? "R" : reason
      sent.bodyLength = length
      if (length >= 0) sent.fields.append("content-length", String(length))
      for (const [name, fieldValue] of pairs) sent.fields.append(name, fieldValue)
      const { result, head } = parse(responseHeadText(sent, false))
      expect(result).toBe(length < 0 ? chunked : 0)
      expect([head.status, head.reason, head.bodyLength]).toEqual([code, sent.reason, length])
      const framing = length < 0 ? "transfer-encoding: chunked\r\n" : ""
      expect(head.fields.lines()).toBe(sent.fields.lines() + framing)
    }),
    { numRuns: 1000 },
  )
})
