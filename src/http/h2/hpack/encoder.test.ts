import { expect, test } from "bun:test"
import fc from "fast-check"
import { HpackDecoder } from "./decoder.ts"
import { ENCODER_TABLE_BYTES_MAX, encodedBlock, HpackEncoder } from "./encoder.ts"
import type { HeaderField } from "./header-field.ts"

type Line = readonly [name: string, value: string, isNeverIndexed: boolean]

function encode(encoder: HpackEncoder, lines: readonly Line[]): Buffer {
  encoder.begin(9)
  for (const [name, value, isNeverIndexed] of lines) encoder.add(name, value, isNeverIndexed)
  return Buffer.from(encodedBlock().subarray(9, encoder.finish()))
}

function decode(decoder: HpackDecoder, bytes: Buffer): Line[] {
  const lines: Line[] = []
  const onField = ({ name, value }: HeaderField, isNeverIndexed: boolean) => lines.push([name, value, isNeverIndexed])
  expect(decoder.decode(bytes, 0, bytes.length, { onField })).toBe(0)
  return lines
}

test("what repeats costs one byte the second time", () => {
  const encoder = new HpackEncoder()
  const lines: Line[] = [
    [":status", "200", false],
    ["content-type", "application/json", false],
  ]
  expect(encode(encoder, lines).length).toBeGreaterThan(2)
  expect(encode(encoder, lines).length).toBe(2)
})

test("RFC 7541 7.1.3: a secret is never indexed, and neither is what came marked so", () => {
  const encoder = new HpackEncoder()
  const lines: Line[] = [
    ["authorization", "Basic dTpw", false],
    ["accept", "x", true],
    ["x-own", "y", true],
    ["x-other", "z", false],
  ]
  const expected = [true, true, true, false]
  for (const decoder of [new HpackDecoder(4096), new HpackDecoder(4096)]) {
    const decoded = decode(decoder, encode(encoder, lines))
    expect(decoded.map(([, , isNeverIndexed]) => isNeverIndexed)).toEqual(expected)
    expect(decoder.table.count).toBe(0)
  }
})

test("RFC 7541 4.2: a smaller table is announced in the next block, the smallest on the way first", () => {
  const encoder = new HpackEncoder()
  encoder.limitTable(0)
  encoder.limitTable(64)
  expect(encode(encoder, []).toString("hex")).toBe("203f21")
  expect(encode(encoder, []).length).toBe(0)
})

test("a table of size 0 is never written to", () => {
  const encoder = new HpackEncoder()
  encoder.limitTable(0)
  const decoder = new HpackDecoder(0)
  for (let round = 0; round < 3; round++) {
    expect(decode(decoder, encode(encoder, [["server", "portcullis", false]]))).toEqual([
      ["server", "portcullis", false],
    ])
  }
})

test("a peer's larger table is not used beyond our own limit", () => {
  const encoder = new HpackEncoder()
  encoder.limitTable(1 << 30)
  expect(encode(encoder, []).length).toBe(0)
  expect(ENCODER_TABLE_BYTES_MAX).toBe(4096)
})

test("a field longer than the scratch block is encoded whole", () => {
  const value = "\u00ff".repeat(100_000)
  expect(decode(new HpackDecoder(4096), encode(new HpackEncoder(), [["x-long", value, false]]))).toEqual([
    ["x-long", value, false],
  ])
})

test("whatever is encoded is decoded the same, through evictions and size changes", () => {
  const name = fc.constantFrom("server", "content-type", "accept", "x-custom", "cookie", ":path", "date", "user-agent")
  const byte = fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code))
  const value = fc.oneof(fc.constantFrom("a", "text/html", "portcullis"), fc.string({ unit: byte, maxLength: 600 }))
  const line = fc.tuple(name, value, fc.boolean())
  const block = fc.record({ lines: fc.array(line, { maxLength: 8 }), tableBytes: fc.option(fc.nat(4096)) })
  fc.assert(
    fc.property(fc.array(block, { maxLength: 12 }), (blocks) => {
      const encoder = new HpackEncoder()
      const decoder = new HpackDecoder(4096)
      for (const { lines, tableBytes } of blocks) {
        if (tableBytes !== null) encoder.limitTable(tableBytes)
        const decoded = decode(decoder, encode(encoder, lines))
        expect(decoded.map(([n, v]) => [n, v])).toEqual(lines.map(([n, v]) => [n, v]))
      }
    }),
  )
})
