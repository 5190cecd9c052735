import { describe, expect, test } from "bun:test"
import fc from "fast-check"
import { FieldId, IS_DROPPED_FROM_RESPONSES, IS_HOP_BY_HOP } from "./field-names.ts"
import { dropFields, FieldTable, valueInLines } from "./field-table.ts"
import { scanFields } from "./h1/scan-fields.ts"

function createTable(...lines: readonly string[]): FieldTable {
  const text = `${lines.map((line) => `${line}\r\n`).join("")}\r\n`
  const fields = new FieldTable()
  fields.reset(text)
  expect(scanFields(text, 0, text.length, fields, 1000)).toBe(text.length)
  return fields
}

describe("edits", () => {
  test("dropped lines are left out, appended ones come last", () => {
    const fields = createTable("A: 1", "B: 2", "a: 3", "C:4")
    expect(fields.dropNamed("a")).toBe(true)
    expect(fields.dropNamed("d")).toBe(false)
    fields.append("d", "5")
    expect(fields.lines()).toBe("B: 2\r\nC:4\r\nd: 5\r\n")
  })

  test("dropping takes appended lines too, and only whole names", () => {
    const fields = createTable()
    for (const [name, value] of [
      ["a", "1"],
      ["Ab", "a: 2"],
      ["A", "3"],
      ["b", "4"],
      ["a", "5"],
    ]) {
      fields.append(name ?? "", value ?? "")
    }
    expect(fields.dropNamed("a")).toBe(true)
    expect(fields.lines()).toBe("Ab: a: 2\r\nb: 4\r\n")
  })

  test("several values are joined with a comma, kept before appended (Istio semantics sheet 2.4)", () => {
    const fields = createTable("A: 1", "B: x", "a: 2 ", "A:")
    fields.append("a", "3")
    expect(fields.joinedValue("a")).toBe("1,2,,3")
    expect(fields.joinedValue("b")).toBe("x")
    expect(fields.joinedValue("c")).toBeNull()
    fields.dropNamed("a")
    expect(fields.joinedValue("a")).toBeNull()
  })

  test("a field is present when it is kept or appended", () => {
    const fields = createTable("Date: x", "A: b")
    expect(fields.isPresent(FieldId.date, "date")).toBe(true)
    fields.dropNamed("date")
    expect(fields.isPresent(FieldId.date, "date")).toBe(false)
    fields.append("x-date", "no")
    expect(fields.isPresent(FieldId.date, "date")).toBe(false)
    fields.append("DATE", "y")
    expect(fields.isPresent(FieldId.date, "date")).toBe(true)
  })

  test("the arrays grow, and a reset table remembers no dropped field", () => {
    const fields = createTable(...Array.from({ length: 100 }, (_, index) => `n${index}: v`))
    expect(fields.valueAt(99)).toBe("v")
    for (let index = 0; index < 100; index++) fields.drop(index)
    expect(fields.lines()).toBe("")
    const text = "a: b\r\n\r\n"
    fields.reset(text)
    scanFields(text, 0, text.length, fields, 100)
    expect(fields.lines()).toBe("a: b\r\n")
  })

  test("any edits leave exactly the fields that a plain list would have", () => {
    const name = fc.constantFrom("a", "A", "ab", "B", "date", "Host", "x-y")
    const value = fc.string({ unit: fc.constantFrom(..."ab: ,\xe9"), maxLength: 8 }).map((text) => text.trim())
    const edit = fc.oneof(
      fc.record({ kind: fc.constant("drop" as const), name }),
      fc.record({ kind: fc.constant("append" as const), name, value }),
    )
    fc.assert(
      fc.property(
        fc.array(fc.tuple(name, value), { maxLength: 30 }),
        fc.array(edit, { maxLength: 10 }),
        (start, edits) => {
          const fields = createTable(...start.map(([fieldName, text]) => `${fieldName}: ${text}`))
          let expected = start.map(([fieldName, text]) => ({ name: fieldName, value: text }))
          for (const each of edits) {
            if (each.kind === "append") {
              fields.append(each.name, each.value)
              expected.push({ name: each.name, value: each.value })
            } else {
              const nameLower = each.name.toLowerCase()
              const kept = expected.filter((field) => field.name.toLowerCase() !== nameLower)
              expect(fields.dropNamed(nameLower)).toBe(kept.length < expected.length)
              expected = kept
            }
          }
          const lines = fields.lines()
          expect(lines).toBe(expected.map((field) => `${field.name}: ${field.value}\r\n`).join(""))
          for (const nameLower of ["a", "ab", "date"]) {
            const values = expected
              .filter((field) => field.name.toLowerCase() === nameLower)
              .map((field) => field.value)
            expect(fields.joinedValue(nameLower)).toBe(values.length === 0 ? null : values.join(","))
          }
        },
      ),
      { numRuns: 2000 },
    )
  })
})

describe("fields of one hop (9110 section 7.6.1)", () => {
  test("the set is dropped, and what Connection names", () => {
    const fields = createTable("Connection: close, X-A ,,x-b", "X-A: 1", "Keep-Alive: 5", "x-B: 2", "C: 3", "TE: gzip")
    dropFields(fields, IS_HOP_BY_HOP)
    expect(fields.lines()).toBe("C: 3\r\n")
  })

  test("a field before the Connection that names it is dropped too", () => {
    const fields = createTable("X-A: 1", "Connection: x-a", "B: 2")
    dropFields(fields, IS_HOP_BY_HOP)
    expect(fields.lines()).toBe("B: 2\r\n")
  })

  test("an upstream that names Content-Length in Connection does not change where its message ends", () => {
    const fields = createTable("Connection: close, Content-Length, Host", "Content-Length: 5", "Host: a")
    dropFields(fields, IS_DROPPED_FROM_RESPONSES)
    expect(fields.lines()).toBe("Content-Length: 5\r\nHost: a\r\n")
  })
})

describe("values in lines", () => {
  test("the space after the colon is optional, repeated values are joined, names have any case", () => {
    const lines = "Grpc-Status:5\r\nx: 1\r\ngrpc-message:  not here \r\nX:2\r\n"
    const names = ["grpc-status", "grpc-message", "x", "grpc", "y"]
    expect(names.map((name) => valueInLines(lines, name))).toEqual(["5", "not here", "1,2", null, null])
    expect(valueInLines("", "x")).toBeNull()
  })
})
