import { describe, expect, test } from "bun:test"
import fc from "fast-check"
import { FieldTable } from "../field-table.ts"
import { scanFields } from "../h1/scan-fields.ts"
import { DEFAULT_HTTP_LIMITS } from "../limits.ts"
import { FieldCollector } from "./field-collector.ts"
import { HpackDecoder } from "./hpack/decoder.ts"
import { encodedBlock, HpackEncoder } from "./hpack/encoder.ts"
import { encodeFields, encodeLines } from "./write-fields.ts"

function tableOf(lines: string): FieldTable {
  const fields = new FieldTable()
  fields.reset(`${lines}\r\n`)
  expect(scanFields(fields.text, 0, fields.text.length, fields, 100)).toBe(fields.text.length)
  return fields
}

/** Through HPACK and back into lines. */
function throughWire(write: (encoder: HpackEncoder) => void): string {
  const encoder = new HpackEncoder()
  encoder.begin(9)
  write(encoder)
  const collector = new FieldCollector()
  collector.begin(100_000, DEFAULT_HTTP_LIMITS)
  expect(new HpackDecoder(4096).decode(encodedBlock(), 9, encoder.finish(), collector)).toBe(0)
  expect(collector.fault).toBeNull()
  const fields = new FieldTable()
  fields.reset(collector.text(""))
  collector.fill(fields, "")
  return fields.lines()
}

describe("fields of HTTP/1.1 on their way out", () => {
  test("RFC 9113 8.2: names are lower-cased, values stay as they are", () => {
    const fields = tableOf("X-Own: Value\r\nACCEPT:*/*\r\n")
    expect(throughWire((encoder) => encodeFields(encoder, fields))).toBe("x-own: Value\r\naccept: */*\r\n")
  })

  test("RFC 9113 8.2.2: what speaks of the hop is left out, and so is Host, kept or appended", () => {
    const fields = tableOf(
      "Host: a\r\nConnection: close\r\nKeep-Alive: 1\r\nUpgrade: x\r\nTransfer-Encoding: chunked\r\nA: b\r\n",
    )
    fields.append("connection", "close")
    fields.append("Host", "b")
    fields.append("C", "d")
    expect(throughWire((encoder) => encodeFields(encoder, fields))).toBe("a: b\r\nc: d\r\n")
  })

  test("dropped fields stay dropped, and one more can be left out by name", () => {
    const fields = tableOf("A: 1\r\nB: 2\r\nC: 3\r\n")
    fields.dropNamed("a")
    fields.append("B", "4")
    expect(throughWire((encoder) => encodeFields(encoder, fields, "b"))).toBe("c: 3\r\n")
  })

  test("lines with or without a space after the colon, and with empty values", () => {
    expect(throughWire((encoder) => encodeLines(encoder, "A: 1\r\nB:2\r\nC:\r\nD: \r\n"))).toBe(
      "a: 1\r\nb: 2\r\nc: \r\nd: \r\n",
    )
  })

  test("RFC 9113 8.2.3: a cookie that comes in several fields is one behind us", () => {
    expect(throughWire((encoder) => encodeLines(encoder, "cookie: a=b\r\nx: y\r\ncookie: c=d\r\n"))).toBe(
      "x: y\r\ncookie: a=b; c=d\r\n",
    )
  })
})

test("whatever a message says arrives the same", () => {
  const name = fc
    .string({ unit: fc.constantFrom(..."abcXYZ-_.1~"), minLength: 1, maxLength: 12 })
    .map((text) => `x-${text}`)
  const value = fc.string({
    unit: fc
      .integer({ min: 0x21, max: 0xff })
      .filter((code) => code !== 0x7f)
      .map((code) => String.fromCharCode(code)),
  })
  fc.assert(
    fc.property(fc.array(fc.tuple(name, value), { maxLength: 30 }), (pairs) => {
      const fields = tableOf(pairs.map(([n, v]) => `${n}: ${v}\r\n`).join(""))
      const expected = pairs.map(([n, v]) => `${n.toLowerCase()}: ${v}\r\n`).join("")
      expect(throughWire((encoder) => encodeFields(encoder, fields))).toBe(expected)
    }),
  )
})
