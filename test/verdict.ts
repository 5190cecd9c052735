/**
 * What a whole test run comes to: the closing line, the exit code, and the tests that deserve to be named before it.
 */
import type { TestSummary } from "./junit-report.ts"

export interface Verdict {
  /** Printed before the closing line. */
  readonly remarks: readonly string[]
  /** `N passed, N failed`, with `, N skipped` behind it when some were skipped and that is allowed. */
  readonly line: string
  readonly exitCode: 0 | 1
}

/**
 * Judges a run. `exitCode` is that of `bun test`: it also fails for what is no test case, such as a file that does not load.
 * With `skipsFail` (in CI) a skipped test is a failed one: there, everything a test needs is installed.
 */
export function judge(summary: TestSummary, exitCode: number, skipsFail: boolean): Verdict {
  const remarks: string[] = []
  let failed = summary.failed.length
  for (const name of summary.failed) remarks.push(`failed: ${name}`)
  for (const name of summary.skipped) remarks.push(`skipped${skipsFail ? ", which fails in CI" : ""}: ${name}`)
  if (skipsFail) failed += summary.skipped.length
  if (exitCode !== 0 && summary.failed.length === 0) {
    remarks.push(`failed: bun test ended with ${exitCode}; see above for an error outside of the tests`)
    failed++
  }
  if (summary.passed + failed + summary.skipped.length === 0) {
    remarks.push("failed: no test was run")
    failed++
  }
  const skipped = !skipsFail && summary.skipped.length > 0 ? `, ${summary.skipped.length} skipped` : ""
  return { remarks, line: `${summary.passed} passed, ${failed} failed${skipped}`, exitCode: failed === 0 ? 0 : 1 }
}
