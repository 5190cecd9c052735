import { expect, test } from "bun:test"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"

const folder = import.meta.dir
const documentation = readFileSync(join(folder, "../../docs/diagnostics-cross-checks.md"), "utf8")

/** The cells of each row that begins with a code. */
const rows = [...documentation.matchAll(/^\| (P3\d{3} \|.*) \|$/gm)].map(([, row = ""]) => row.split(" | "))

/** Every code that this room's sources write. */
function codesInSources(): readonly string[] {
  const codes = new Set<string>()
  for (const name of readdirSync(folder)) {
    if (!name.endsWith(".ts") || name.endsWith(".test.ts")) continue
    for (const [, code = ""] of readFileSync(join(folder, name), "utf8").matchAll(/"(P\d{4})"/g)) codes.add(code)
  }
  return [...codes].toSorted()
}

test("docs/diagnostics-cross-checks.md has one row for every code, and a code for every row, in order of code", () => {
  expect(rows.map(([code]) => code)).toEqual([...codesInSources()])
})

test("every row tells severity, what was found, and what to do", () => {
  for (const [code = "", severity = "", ...sentences] of rows) {
    expect(["error", "warning"], code).toContain(severity)
    expect(sentences, code).toHaveLength(2)
    for (const sentence of sentences) expect(sentence, code).toMatch(/^[`A-Z].*\.$/)
  }
})
