import { describe, expect, test } from "bun:test"
import fc from "fast-check"
import { FieldTable } from "../field-table.ts"
import { Fault } from "./faults.ts"
import { isFieldValue, isToken, isTokenByte, scanFields, skipTarget, skipToken } from "./scan-fields.ts"

const BYTES = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code))

describe("byte classes", () => {
  test("9110 section 5.6.2: token characters", () => {
    for (const [code, byte] of BYTES.entries()) {
      const expected = /[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(byte)
      expect([code, isTokenByte(code), isToken(byte), skipToken(byte, 0, 1)]).toEqual([
        code,
        expected,
        expected,
        expected ? 1 : 0,
      ])
    }
    expect(isToken("")).toBe(false)
    expect(isToken("a b")).toBe(false)
  })

  test("9110 section 5.5: field value characters", () => {
    for (const [code, byte] of BYTES.entries()) {
      expect([code, isFieldValue(byte)]).toEqual([code, /[\t\x20-\x7e\x80-\xff]/.test(byte)])
    }
    expect(isFieldValue("")).toBe(true)
    expect(isFieldValue("a\r\nb")).toBe(false)
    // More than a byte would become another character on the wire: U+010A would be sent as a line feed.
    expect(isFieldValue("\u010a")).toBe(false)
  })

  test("9112 section 3.2: target characters, with bytes over 127, which normalisation escapes", () => {
    for (const [code, byte] of BYTES.entries()) {
      expect([code, skipTarget(byte, 0, 1)]).toEqual([code, /[\x21-\x7e\x80-\xff]/.test(byte) ? 1 : 0])
    }
  })

  test("skipping stops at the end, and at what is no byte", () => {
    expect(skipToken("abc def", 1, 2)).toBe(2)
    expect(skipToken("abc def", 1, 7)).toBe(3)
    expect(skipToken("ab\u0141", 0, 3)).toBe(2)
    expect(skipTarget("/ab c", 0, 5)).toBe(3)
  })
})

describe("field lines", () => {
  function scan(text: string, fieldCountMax = 100) {
    const fields = new FieldTable()
    fields.reset(text)
    return { result: scanFields(text, 0, text.length, fields, fieldCountMax), fields }
  }

  test("each line is one field, with its offsets", () => {
    const text = "Host: a\r\nX-Y:\tb \r\n\r\n"
    const { result, fields } = scan(text)
    expect(result).toBe(text.length)
    expect(fields.count).toBe(2)
    expect([...fields.offsets.subarray(0, 8)]).toEqual([0, 4, 6, 7, 9, 12, 14, 15])
    expect(fields.blockEnd).toBe(text.length - 2)
  })

  test("no line at all is no field", () => {
    const { result, fields } = scan("\r\n")
    expect([result, fields.count, fields.lines()]).toEqual([2, 0, ""])
  })

  test("any text is answered, and no offset lies outside it", () => {
    const piece = fc.constantFrom("Host", ":", " ", "\t", "\r\n", "\r", "\n", "a", "\0", "\xff", "\u0141", "@")
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const { result, fields } = scan(pieces.join(""))
        expect(result < 0 || result === pieces.join("").length).toBe(true)
        for (const offset of fields.offsets.subarray(0, fields.count * 4)) {
          expect(offset).toBeLessThanOrEqual(pieces.join("").length)
        }
      }),
      { numRuns: 5000 },
    )
  })

  test("the limit counts lines", () => {
    expect(scan("a:\r\na:\r\n\r\n", 2).result).toBeGreaterThan(0)
    expect(scan("a:\r\na:\r\na:\r\n\r\n", 2).result).toBe(Fault.tooManyFields)
  })
})
