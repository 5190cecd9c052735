import { expect, test } from "bun:test"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { summarizeJunit } from "./junit-report.ts"

test("a report that bun test writes is counted, names and all", async () => {
  const folder = await mkdtemp(join(tmpdir(), "junit-report-"))
  try {
    await writeFile(
      join(folder, "sample.test.ts"),
      `import { describe, expect, test } from "bun:test"
test("passes <testcase name='x'/> & \\"quotes\\"", () => {})
test.skip("needs a tool [skipped: curl is not installed]", () => {})
test.todo("is to be written")
describe("group", () => {
  test("fails > with </testcase> in it", () => { expect("<skipped />").toBe("</testcase>") })
  test("throws", () => { throw new Error("no") })
})
`,
    )
    const report = join(folder, "report.xml")
    const run = Bun.spawn([process.execPath, "test", "--reporter=junit", `--reporter-outfile=${report}`], {
      cwd: folder,
      stdout: "ignore",
      stderr: "ignore",
    })
    expect(await run.exited).toBe(1)
    expect(summarizeJunit(await Bun.file(report).text())).toEqual({
      passed: 1,
      failed: ["sample.test.ts: group > fails > with </testcase> in it", "sample.test.ts: group > throws"],
      skipped: ["sample.test.ts: needs a tool [skipped: curl is not installed]", "sample.test.ts: is to be written"],
    })
  } finally {
    await rm(folder, { recursive: true })
  }
})

test("a report without test cases, or no report at all, is an empty summary", () => {
  const empty = { passed: 0, failed: [], skipped: [] }
  expect(summarizeJunit("")).toEqual(empty)
  expect(summarizeJunit('<?xml version="1.0"?><testsuites name="bun test" tests="0"></testsuites>')).toEqual(empty)
})
