import { expect, test } from "bun:test"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"

const folder = import.meta.dir
const documentation = readFileSync(join(folder, "../../docs/diagnostics.md"), "utf8")

/** Every code that this room's sources write. */
function codesInSources(): readonly string[] {
  const codes = new Set<string>()
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    if (!name.endsWith(".ts") || name.endsWith(".test.ts")) continue
    for (const [, code] of readFileSync(join(folder, name), "utf8").matchAll(/"(P\d{4})"/g)) codes.add(code ?? "")
  }
  return [...codes].toSorted()
}

test("every diagnostic code has exactly one row in docs/diagnostics.md, and every row has its code", () => {
  const rows = [...documentation.matchAll(/^\| (P\d{4}) \|/gm)].map(([, code]) => code ?? "")
  expect(rows.toSorted()).toEqual([...codesInSources()])
})
