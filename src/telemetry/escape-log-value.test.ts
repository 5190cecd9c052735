import { expect, test } from "bun:test"
import fc from "fast-check"
import { quoteJsonValue } from "./escape-log-value.ts"

const wire = (text: string) => Buffer.from(text).toString("latin1")
/** What a reader of the line makes of it. */
const readBack = (line: string): unknown => JSON.parse(Buffer.from(line, "latin1").toString())

test("text that came as UTF-8 is the same text in JSON, a replacement character of its own among it", () => {
  expect(readBack(quoteJsonValue(wire("a\ufffdb\ufeff")))).toBe("a\ufffdb\ufeff")
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      expect(readBack(quoteJsonValue(wire(text)))).toBe(text)
    }),
  )
})

test("bytes that are not UTF-8 are one character each", () => {
  expect(readBack(quoteJsonValue("\xff\xfea"))).toBe("\xff\xfea")
})
