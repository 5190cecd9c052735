/** Results of route tests for people, for scripts (JSON) and for CI systems (JUnit XML). */
import type { RouteTestResult } from "./run-route-tests.ts"

/** One line per test; a failed one with what differs and how it came about. */
export function renderResults(results: readonly RouteTestResult[]): string {
  let text = ""
  for (const result of results) {
    if (result.passed) {
      text += `ok    ${visible(result.name)}\n`
      continue
    }
    text += `FAIL  ${visible(result.name)}  ${result.file}:${result.line}\n      ${visible(result.request)}\n`
    for (const line of describeFailure(result)) text += `      ${visible(line)}\n`
  }
  return text
}

export function summarizeResults(results: readonly RouteTestResult[]): string {
  const failed = results.filter(({ passed }) => !passed).length
  return `${results.length - failed} passed, ${failed} failed`
}

function describeFailure({ differences, reasons }: RouteTestResult): readonly string[] {
  return [
    ...differences.flatMap(({ field, expected, actual }) => [`- ${field}: ${expected}`, `+ ${field}: ${actual}`]),
    ...reasons,
  ]
}

export function resultsJson(results: readonly RouteTestResult[]): string {
  const failed = results.filter(({ passed }) => !passed).length
  return `${JSON.stringify({ passed: results.length - failed, failed, tests: results }, null, 2)}\n`
}

/** The form that CI systems read: one suite per file. */
export function resultsJunit(results: readonly RouteTestResult[]): string {
  const files = Map.groupBy(results, ({ file }) => file)
  let xml = `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites ${counts(results)}>\n`
  for (const [file, tests] of files) {
    xml += `  <testsuite name="${escapeXml(file)}" ${counts(tests)}>\n`
    for (const test of tests) xml += testCase(test)
    xml += "  </testsuite>\n"
  }
  return `${xml}</testsuites>\n`
}

function testCase(result: RouteTestResult): string {
  const { name, file, line, passed } = result
  const opening = `    <testcase name="${escapeXml(name)}" classname="${escapeXml(file)}" file="${escapeXml(file)}" line="${line}"`
  if (passed) return `${opening}/>\n`
  const lines = describeFailure(result)
  const message = escapeXml(lines[0] ?? "")
  return `${opening}>\n      <failure type="difference" message="${message}">${escapeXml(lines.join("\n"))}</failure>\n    </testcase>\n`
}

function counts(results: readonly RouteTestResult[]): string {
  return `tests="${results.length}" failures="${results.filter(({ passed }) => !passed).length}" errors="0" skipped="0"`
}

/** XML 1.0 has no way to write most control characters. */
function escapeXml(text: string): string {
  return visible(text)
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("\n", "&#10;")
}

function visible(text: string): string {
  return text.replace(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\ufffe\uffff]/g, "\u{fffd}")
}
