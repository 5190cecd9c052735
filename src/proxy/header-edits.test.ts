import { describe, expect, test } from "bun:test"
import fc from "fast-check"
import type { HeaderEdits, HeaderOperation } from "../compile/snapshot.ts"
import { FieldTable } from "../http/field-table.ts"
import { scanFields } from "../http/h1/scan-fields.ts"
import { createRecord, type RecordFields } from "../telemetry/access-log-record.fixture.ts"
import { parseValueTemplate } from "../telemetry/value-template.ts"
import { applyHeaderEdits } from "./header-edits.ts"

function scan(text: string): FieldTable {
  const fields = new FieldTable()
  fields.reset(text)
  expect(scanFields(text, 0, text.length, fields, 1000)).toBe(text.length)
  return fields
}

function operation(name: string, text: string): HeaderOperation {
  const value = parseValueTemplate(text)
  if ("error" in value) throw new Error(value.error)
  return { name, nameLower: name.toLowerCase(), value }
}

interface Edits {
  readonly remove?: readonly string[]
  readonly set?: Readonly<Record<string, string>>
  readonly add?: Readonly<Record<string, string>>
}

function compile({ remove = [], set = {}, add = {} }: Edits): HeaderEdits {
  return {
    remove,
    set: Object.entries(set).map(([name, text]) => operation(name, text)),
    add: Object.entries(add).map(([name, text]) => operation(name, text)),
  }
}

function edit(lines: string, edits: Edits, record: Partial<RecordFields> = {}): string {
  const fields = scan(`${lines}\r\n`)
  applyHeaderEdits(fields, compile(edits), { accessLogRecord: () => createRecord(record) })
  return fields.lines()
}

describe("header operations (Istio semantics sheet 3.10)", () => {
  test("(1) remove comes before set, set before add", () => {
    expect(edit("X: 1\r\n", { add: { x: "a" }, set: { x: "s" }, remove: ["x"] })).toBe("x: s\r\nx: a\r\n")
    expect(edit("X: 1\r\nY: 2\r\n", { remove: ["x"], add: { X: "3" } })).toBe("Y: 2\r\nX: 3\r\n")
  })

  test("(2) set replaces all values, add appends a line", () => {
    expect(edit("X: 1\r\nx: 2\r\n", { set: { X: "3" } })).toBe("X: 3\r\n")
    expect(edit("X: 1\r\n", { add: { x: "2" } })).toBe("X: 1\r\nx: 2\r\n")
  })

  test("a later level sees what an earlier one did", () => {
    const fields = scan("X: 1\r\n\r\n")
    const source = { accessLogRecord: () => createRecord() }
    applyHeaderEdits(fields, compile({ set: { x: "destination" }, add: { y: "destination" } }), source)
    applyHeaderEdits(fields, compile({ set: { x: "rule" }, remove: ["y"] }), source)
    expect(fields.lines()).toBe("x: rule\r\n")
  })

  test("(6) values may hold operators, rendered from the exchange", () => {
    expect(edit("", { set: { x: "a %REQ(user-agent)% 100%%" } })).toBe("x: a curl/8.1 100%\r\n")
  })

  test("(6) a value that renders empty skips its operation", () => {
    const edits = { set: { x: "%REQ(absent)%" }, add: { y: "%REQ(absent)%" } }
    expect(edit("X: 1\r\n", edits)).toBe("X: 1\r\n")
    expect(edit("X: 1\r\n", { set: { x: "" } })).toBe("X: 1\r\n")
  })

  test("a value that could break the head skips its operation, wherever it comes from", () => {
    for (const evil of ["a\r\nEvil: 1", "a\nb", "a\0b", "a\rb", "\u010a"]) {
      const record = { requestHeaders: { "user-agent": evil } }
      expect(edit("X: 1\r\n", { set: { x: "%REQ(user-agent)%" } }, record)).toBe("X: 1\r\n")
    }
  })

  test("(9) framing and hop-by-hop fields are the codec's: no operation touches them", () => {
    const lines = "Host: a\r\nContent-Length: 5\r\n"
    const names = ["host", "content-length", "transfer-encoding", "connection", "keep-alive", "te", "upgrade"]
    const values = Object.fromEntries(names.map((name) => [name, "chunked"]))
    expect(edit(lines, { remove: names, set: values, add: values })).toBe(lines)
  })
})

test("after any edits from valid values the head holds exactly the fields it should", () => {
  const name = fc.constantFrom("a", "B", "x-y", "Content-Length", "Cookie", "connection", "b")
  const value = fc.string({ unit: fc.constantFrom(..."ab :,;=\t\xe9"), maxLength: 6 }).map((text) => text.trim())
  const pairs = fc.array(fc.tuple(name, value), { maxLength: 6 })
  const fixed = new Set(["content-length", "connection"])
  fc.assert(
    fc.property(pairs, fc.array(name, { maxLength: 3 }), pairs, pairs, (start, remove, set, add) => {
      const fields = scan(`${start.map(([each, text]) => `${each}: ${text}\r\n`).join("")}\r\n`)
      const removeLower = remove.map((each) => each.toLowerCase())
      const edits = {
        remove: removeLower,
        set: set.map(([each, text]) => operation(each, text)),
        add: add.map(([each, text]) => operation(each, text)),
      }
      applyHeaderEdits(fields, edits, { accessLogRecord: () => createRecord() })

      let expected = start.map((pair) => [...pair])
      const without = (lower: string) => expected.filter(([each = ""]) => each.toLowerCase() !== lower)
      for (const lower of removeLower) if (!fixed.has(lower)) expected = without(lower)
      for (const [each, text] of set) {
        if (text !== "" && !fixed.has(each.toLowerCase())) expected = [...without(each.toLowerCase()), [each, text]]
      }
      for (const [each, text] of add) {
        if (text !== "" && !fixed.has(each.toLowerCase())) expected.push([each, text])
      }
      const result = scan(`${fields.lines()}\r\n`)
      const read = Array.from({ length: result.count }, (_, index) => [result.nameAt(index), result.valueAt(index)])
      expect(read).toEqual(expected)
    }),
    { numRuns: 2000 },
  )
})

describe("values of operators (Envoy header_parser.cc evaluateHeaders)", () => {
  test("see what remove left, and nothing of the other operations", () => {
    const fields = scan("A: 1\r\nB: 2\r\n\r\n")
    const source = {
      accessLogRecord: () => ({ ...createRecord(), requestHeader: (name: string) => fields.joinedValue(name) }),
    }
    const set = { a: "new", c: "%REQ(a)%", d: "[%REQ(b)%]" }
    applyHeaderEdits(fields, compile({ remove: ["b"], set, add: { e: "%REQ(c)%", f: "%REQ(a)%" } }), source)
    expect(fields.lines()).toBe("a: new\r\nc: 1\r\nd: []\r\nf: 1\r\n")
  })
})
