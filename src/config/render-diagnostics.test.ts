import { describe, expect, test } from "bun:test"
import type { Diagnostic } from "./diagnostics.ts"
import { renderDiagnostics, summarizeDiagnostics } from "./render-diagnostics.ts"

const file = { path: "routes.yaml", text: "spec:\n  http:\n  - match:\n    - uri: {perfix: /a}\r\n" }
const unknown: Diagnostic = {
  severity: "error",
  code: "P2001",
  message: "unknown field `perfix`",
  file: "routes.yaml",
  line: 4,
  column: 13,
  endColumn: 19,
  resource: "VirtualService default/shop",
  path: "spec.http[0].match[0].uri.perfix",
  hint: 'did you mean "prefix"?',
}
const nowhere: Diagnostic = { ...unknown, line: 0, column: 0, endColumn: 0, resource: "", path: "", hint: "" }

function text(diagnostic: Diagnostic, source = file, color = false): string {
  return renderDiagnostics([diagnostic], [source], { format: "text", color })
}

describe("diagnostics as text", () => {
  test("show the place, the line with a caret, the resource and the hint", () => {
    expect(text(unknown)).toBe(
      [
        "routes.yaml:4:13: error[P2001]: unknown field `perfix`",
        "4 |     - uri: {perfix: /a}",
        "  |             ^^^^^^",
        "  = in VirtualService default/shop: spec.http[0].match[0].uri.perfix",
        '  = hint: did you mean "prefix"?',
        "",
      ].join("\n"),
    )
  })
  test("about a whole file have no line", () => {
    expect(text({ ...nowhere, severity: "warning" })).toBe("routes.yaml: warning[P2001]: unknown field `perfix`\n")
  })
  test("colour nothing unless asked", () => {
    expect(text(unknown)).not.toContain("\u001b")
    expect(text(unknown, file, true)).toContain("\u001b[1;31merror[P2001]\u001b[0m")
  })
  test("keep the caret under its column after tabs, and cut long lines around it", () => {
    const tabs = { path: "routes.yaml", text: "\n\n\n\t\tab" }
    expect(text({ ...unknown, column: 3, endColumn: 5 }, tabs)).toContain("4 |   ab\n  |   ^^\n")
    const long = { path: "routes.yaml", text: `\n\n\n${"x".repeat(1000)}HERE${"y".repeat(1000)}` }
    const [, line = "", caret = ""] = text({ ...unknown, column: 1001, endColumn: 1005 }, long).split("\n")
    expect(line.length).toBeLessThan(200)
    expect(line.slice(caret.indexOf("^"), caret.lastIndexOf("^") + 1)).toBe("HERE")
  })
  test("cannot control the terminal", () => {
    const hostile = { path: "routes.yaml", text: "\n\n\na: \u001b[2J\u202e" }
    const shown = text({ ...unknown, column: 1, endColumn: 2, message: "x\u001b]0;y\u0007\nz" }, hostile)
    expect(shown).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202e]/)
    expect(shown.split("\n")[0]).toEndWith("z")
  })
})

describe("diagnostics for tools", () => {
  test("JSON is one array of exactly the documented fields", () => {
    const { endColumn: _endColumn, ...documented } = unknown
    const json = renderDiagnostics([unknown], [], { format: "json", color: false })
    expect(JSON.parse(json)).toEqual([documented])
    expect(JSON.parse(renderDiagnostics([], [], { format: "json", color: false }))).toEqual([])
  })
  test("GitHub commands escape what would end them", () => {
    const hostile = { ...unknown, file: "a,b:c.yaml", message: "100%\n::error::x", hint: "" }
    expect(renderDiagnostics([hostile], [], { format: "github", color: false })).toBe(
      "::error file=a%2Cb%3Ac.yaml,line=4,col=13,endColumn=19,title=P2001 VirtualService default/shop::" +
        "100%25%0A::error::x\n",
    )
    expect(renderDiagnostics([nowhere], [], { format: "github", color: false })).toBe(
      "::error file=routes.yaml,title=P2001::unknown field `perfix`\n",
    )
  })
  test("the summary counts", () => {
    expect(summarizeDiagnostics([unknown, unknown, { ...unknown, severity: "warning" }])).toBe("2 errors, 1 warning")
  })
})
