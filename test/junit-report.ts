/**
 * Reads the JUnit report that `bun test` writes: which tests passed, failed and were skipped.
 *
 * The report is read because it is made for reading; the lines that `bun test` prints are made for people and change.
 * Only what Bun writes is understood, not XML at large.
 */

export interface TestSummary {
  readonly passed: number
  /** Full names, `describe > test`, with the file. */
  readonly failed: readonly string[]
  /** The same, for tests that were skipped or are to be written. */
  readonly skipped: readonly string[]
}

const testCase = /<testcase\s([^>]*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g

/** Counts the test cases of a report. Text without any gives an empty summary. */
export function summarizeJunit(xml: string): TestSummary {
  let passed = 0
  const failed: string[] = []
  const skipped: string[] = []
  for (const [, attributes = "", outcome = ""] of xml.matchAll(testCase)) {
    if (outcome.includes("<skipped")) skipped.push(fullName(attributes))
    else if (outcome.includes("<failure") || outcome.includes("<error")) failed.push(fullName(attributes))
    else passed++
  }
  return { passed, failed, skipped }
}

function fullName(attributes: string): string {
  const scope = attribute(attributes, "classname")
  const name = attribute(attributes, "name")
  return `${attribute(attributes, "file")}: ${scope === "" ? name : `${scope} > ${name}`}`
}

function attribute(attributes: string, name: string): string {
  const value = new RegExp(`(?:^|\\s)${name}="([^"]*)"`).exec(attributes)?.[1] ?? ""
  return value.replace(/&(lt|gt|quot|apos|amp|#\d+);/g, (entity, code: string) => decoded[code] ?? entity)
}

const decoded: Readonly<Record<string, string>> = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&", "#10": "\n" }
