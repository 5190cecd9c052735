/** Route test files to tests, with everything that is wrong with them as diagnostics. Pure. */
import { dirname, isAbsolute, join } from "node:path"
import type { Diagnosed, Diagnostic } from "../config/diagnostics.ts"
import { Findings, formatPath } from "../config/findings.ts"
import { parseWithSchema } from "../config/schema-findings.ts"
import { type SourceFile, SourceText } from "../config/source-text.ts"
import { readYamlDocuments } from "../config/yaml-documents.ts"
import { type RouteTest, routeTestFile } from "./route-test-schema.ts"

export interface LocatedRouteTest {
  readonly test: RouteTest
  readonly file: string
  readonly line: number
  /** null = the client has none. */
  readonly clientCertificate: ClientCertificateReference | null
}

export interface ClientCertificateReference {
  /** The test file's folder included. */
  readonly path: string
  /** Where the test names it. */
  readonly place: Pick<Diagnostic, "line" | "column" | "endColumn" | "path">
}

/** A file without a test is an error: it would pass whatever the configuration says. */
export function readRouteTests(files: readonly SourceFile[]): Diagnosed<readonly LocatedRouteTest[]> {
  const value: LocatedRouteTest[] = []
  const diagnostics: Diagnostic[] = []
  for (const file of files) {
    const before = value.length + diagnostics.length
    readFile(file, value, diagnostics)
    if (value.length + diagnostics.length === before) {
      const nowhere = { line: 0, column: 0, endColumn: 0, resource: "", path: "" }
      const message = "this file holds no tests"
      const hint = "start it with `tests:` and a list"
      diagnostics.push({ severity: "error", code: "P2003", message, hint, file: file.path, ...nowhere })
    }
  }
  return { value, diagnostics }
}

function readFile(file: SourceFile, tests: LocatedRouteTest[], diagnostics: Diagnostic[]): void {
  const source = new SourceText(file)
  for (const document of readYamlDocuments(source)) {
    for (const { code, message, hint, span } of document.problems) {
      const place = { file: file.path, resource: "", path: "", ...source.locate(span) }
      diagnostics.push({ severity: "error", code, message, hint, ...place })
    }
    if (document.problems.length > 0 || document.value === null) continue
    const findings = new Findings()
    const parsed = parseWithSchema(routeTestFile, document.value, [], findings)
    for (const { severity, code, message, hint, path, part } of findings.all) {
      const place = source.locate(document.spanOf(path, part))
      diagnostics.push({
        severity,
        code,
        message,
        hint,
        file: file.path,
        resource: "",
        path: formatPath(path),
        ...place,
      })
    }
    for (const [index, test] of (parsed?.tests ?? []).entries()) {
      const { line } = source.locate(document.spanOf(["tests", index, "name"], "value"))
      const named = test.request.clientCertificate
      const path = ["tests", index, "request", "clientCertificate"]
      const clientCertificate =
        named === undefined
          ? null
          : {
              path: isAbsolute(named) ? named : join(dirname(file.path), named),
              place: { ...source.locate(document.spanOf(path, "value")), path: formatPath(path) },
            }
      tests.push({ test, file: file.path, line, clientCertificate })
    }
  }
}
