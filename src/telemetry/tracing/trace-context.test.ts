import { describe, expect, test } from "bun:test"
import fc from "fast-check"
import { formatB3, formatTraceparent, parseB3, parseTraceparent, readTrace } from "./trace-context.ts"

const trace = "0af7651916cd43dd8448eb211c80319c"
const span = "b7ad6b7169203331"

describe("traceparent (W3C Trace Context section 3.2)", () => {
  const known = { traceId: trace, spanId: span }
  test("the flag says whether it is recorded; other flags say nothing to us", () => {
    expect(parseTraceparent(`00-${trace}-${span}-01`)).toEqual({ ...known, isSampled: true })
    expect(parseTraceparent(`00-${trace}-${span}-00`)).toEqual({ ...known, isSampled: false })
    expect(parseTraceparent(`00-${trace}-${span}-fe`)).toEqual({ ...known, isSampled: false })
  })

  test("a later version may have more behind it, this one may not", () => {
    expect(parseTraceparent(`01-${trace}-${span}-01-more`)).toEqual({ ...known, isSampled: true })
    expect(parseTraceparent(`01-${trace}-${span}-01more`)).toBeNull()
    expect(parseTraceparent(`00-${trace}-${span}-01-more`)).toBeNull()
  })

  const malformed = [
    "",
    `ff-${trace}-${span}-01`,
    `00-${"0".repeat(32)}-${span}-01`,
    `00-${trace}-${"0".repeat(16)}-01`,
    `00-${trace.toUpperCase()}-${span}-01`,
    `00-${trace}-${span}-1`,
    `00-${trace}-${span}-01,00-${trace}-${span}-01`,
    `00-${trace}-${span}-01\n`,
  ]
  for (const text of malformed) {
    test(`${JSON.stringify(text)} is ignored`, () => expect(parseTraceparent(text)).toBeNull())
  }
})

describe("b3 in one header", () => {
  test("ids, decision and parent; short trace ids are the lower half of long ones", () => {
    expect(parseB3(`${trace}-${span}`)).toEqual({ traceId: trace, spanId: span, isSampled: null })
    expect(parseB3(`${trace}-${span}-0-${span}`)).toEqual({ traceId: trace, spanId: span, isSampled: false })
    expect(parseB3(`${span}-${span}-d`)).toEqual({
      traceId: `${"0".repeat(16)}${span}`,
      spanId: span,
      isSampled: true,
    })
  })

  test("the decision alone", () => {
    expect(parseB3("0")).toEqual({ traceId: "", spanId: "", isSampled: false })
    expect(parseB3("d")).toEqual({ traceId: "", spanId: "", isSampled: true })
  })

  for (const text of [
    "",
    "2",
    trace,
    `${trace}-${span}-2`,
    `${"0".repeat(32)}-${span}-1`,
    `${trace}-${"0".repeat(16)}-1`,
  ]) {
    test(`${JSON.stringify(text)} is ignored`, () => expect(parseB3(text)).toBeNull())
  }
})

describe("what a client says", () => {
  const read = (fields: Readonly<Record<string, string>>) => readTrace((name) => fields[name] ?? null)

  test("traceparent goes before b3, b3 before x-b3-…; a malformed one counts as absent", () => {
    const other = "1".repeat(16)
    const several = { "x-b3-traceid": other, "x-b3-spanid": other }
    const b3 = `${span}-${span}-1`
    expect(read({ traceparent: `00-${trace}-${span}-01`, b3, ...several })).toMatchObject({ notation: "w3c" })
    expect(read({ traceparent: "00-1-2-01", b3, ...several })).toMatchObject({ notation: "b3" })
    expect(read({ b3: "none", ...several })).toMatchObject({ notation: "b3-multi", spanId: other, isSampled: null })
    expect(read({})).toBeNull()
  })

  test("debug of Zipkin means recorded; a decision needs no ids", () => {
    expect(read({ "x-b3-flags": "1", "x-b3-sampled": "0" })).toMatchObject({ traceId: "", isSampled: true })
    expect(read({ "x-b3-sampled": "false" })).toMatchObject({ traceId: "", isSampled: false })
    expect(read({ "x-b3-sampled": "maybe" })).toBeNull()
  })
})

const hex = (length: number) =>
  fc
    .array(fc.integer({ min: 0, max: 15 }), { minLength: length, maxLength: length })
    .map((digits) => digits.map((digit) => digit.toString(16)).join(""))
    .filter((id) => !/^0+$/.test(id))

test("what is written is read back", () => {
  fc.assert(
    fc.property(hex(32), hex(16), hex(16), fc.boolean(), (traceId, spanId, parentSpanId, isSampled) => {
      const context = { traceId, spanId, parentSpanId, isSampled }
      expect(parseTraceparent(formatTraceparent(context))).toEqual({ traceId, spanId, isSampled })
      expect(parseB3(formatB3(context))).toEqual({ traceId, spanId, isSampled })
    }),
  )
})

test("no text makes the readers throw, and what they accept has the form of an id", () => {
  const text = fc.oneof(fc.string(), fc.stringMatching(/^[0-9a-f-]{0,70}$/))
  fc.assert(
    fc.property(text, text, text, (traceparent, b3, id) => {
      const found = readTrace((name) => ({ traceparent, b3, "x-b3-traceid": id, "x-b3-spanid": id })[name] ?? null)
      if (found !== null) expect(`${found.traceId}-${found.spanId}`).toMatch(/^(?:-|[0-9a-f]{32}-[0-9a-f]{16})$/)
    }),
  )
})
