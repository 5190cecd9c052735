import { expect, test } from "bun:test"
import fc from "fast-check"
import { SourceText } from "./source-text.ts"

function positionNaively(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset).split("\n")
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 }
}

test("every offset has the line and column that an editor shows, in whatever order it is asked", () => {
  const line = fc.string({ unit: fc.constantFrom("a", "ä", "\r"), maxLength: 3 })
  fc.assert(
    fc.property(fc.array(line), fc.array(fc.nat({ max: 30 })), (lines, offsets) => {
      const text = lines.join("\n")
      const source = new SourceText({ path: "a.yaml", text })
      for (const offset of offsets.filter((each) => each <= text.length)) {
        expect(source.position(offset)).toEqual(positionNaively(text, offset))
      }
    }),
  )
})

test("a span of several lines ends with its first line, before the line break", () => {
  const source = new SourceText({ path: "a.yaml", text: "a: 1\r\nb: 22\nc: 3" })
  expect(source.locate({ start: 3, end: 10 })).toEqual({ line: 1, column: 4, endColumn: 5 })
  expect(source.locate({ start: 9, end: 17 })).toEqual({ line: 2, column: 4, endColumn: 6 })
})

test("an empty span is one character wide", () => {
  const source = new SourceText({ path: "a.yaml", text: "a:\nb: 1" })
  expect(source.locate({ start: 2, end: 2 })).toEqual({ line: 1, column: 3, endColumn: 4 })
})

test("a line comes without its line break, whatever was asked before", () => {
  const source = new SourceText({ path: "a.yaml", text: "a: 1\r\n\nc: 3" })
  expect(source.line(3)).toBe("c: 3")
  expect([1, 2, 3].map((line) => source.line(line))).toEqual(["a: 1", "", "c: 3"])
  expect(source.line(4)).toBeNull()
  expect(source.position(7)).toEqual({ line: 3, column: 1 })
  expect(new SourceText({ path: "a.yaml", text: "a\n" }).line(2)).toBe("")
})
