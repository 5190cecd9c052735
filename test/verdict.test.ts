import { expect, test } from "bun:test"
import { judge } from "./verdict.ts"

test("a clean run exits 0 and does not speak of skips", () => {
  expect(judge({ passed: 3, failed: [], skipped: [] }, 0, true)).toEqual({
    remarks: [],
    line: "3 passed, 0 failed",
    exitCode: 0,
  })
})

test("a failed test is counted once, named, and exits 1", () => {
  expect(judge({ passed: 2, failed: ["a.test.ts: x"], skipped: [] }, 1, false)).toEqual({
    remarks: ["failed: a.test.ts: x"],
    line: "2 passed, 1 failed",
    exitCode: 1,
  })
})

test("a skip is named and allowed outside CI", () => {
  expect(
    judge({ passed: 2, failed: [], skipped: ["a.test.ts: x [skipped: curl is not installed]"] }, 0, false),
  ).toEqual({
    remarks: ["skipped: a.test.ts: x [skipped: curl is not installed]"],
    line: "2 passed, 0 failed, 1 skipped",
    exitCode: 0,
  })
})

test("a skip is a named failure in CI", () => {
  expect(judge({ passed: 2, failed: [], skipped: ["a.test.ts: x [skipped: curl is not installed]"] }, 0, true)).toEqual(
    {
      remarks: ["skipped, which fails in CI: a.test.ts: x [skipped: curl is not installed]"],
      line: "2 passed, 1 failed",
      exitCode: 1,
    },
  )
})

test("a file that does not load fails the run although no test failed", () => {
  const verdict = judge({ passed: 2, failed: [], skipped: [] }, 1, false)
  expect([verdict.line, verdict.exitCode]).toEqual(["2 passed, 1 failed", 1])
  expect(verdict.remarks).toEqual(["failed: bun test ended with 1; see above for an error outside of the tests"])
})

test("a run without a single test is a failure", () => {
  expect(judge({ passed: 0, failed: [], skipped: [] }, 0, false)).toEqual({
    remarks: ["failed: no test was run"],
    line: "0 passed, 1 failed",
    exitCode: 1,
  })
})
