#!/usr/bin/env bun
/**
 * `bun run test`: runs every `*.test.ts` of src/ and test/ and ends with one line, `N passed, N failed`.
 *
 * `bun test` does the running and its output is passed on as it comes; this file only chooses the files and judges the whole.
 * Arguments narrow the files down to those whose path contains one of them: `bun run test src/route`.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { summarizeJunit } from "./junit-report.ts"
import { judge } from "./verdict.ts"

const projectFolder = join(import.meta.dir, "..")
const { CI } = process.env
const inCi = CI === "true"
const testGlobs = ["src/**/*.test.ts", "test/**/*.test.ts", "bench/**/*.test.ts"]

process.exitCode = await runTests(process.argv.slice(2))

async function runTests(pathParts: readonly string[]): Promise<number> {
  const files = findTestFiles().filter(
    (file) => pathParts.length === 0 || pathParts.some((part) => file.includes(part)),
  )
  const reportFolder = mkdtempSync(join(tmpdir(), "portcullis-test-"))
  try {
    const report = join(reportFolder, "junit.xml")
    const exitCode = files.length === 0 ? 0 : await runBunTest(files, report)
    const reportFile = Bun.file(report)
    const verdict = judge(summarizeJunit((await reportFile.exists()) ? await reportFile.text() : ""), exitCode, inCi)
    for (const remark of verdict.remarks) console.log(remark)
    console.log(verdict.line)
    return verdict.exitCode
  } finally {
    rmSync(reportFolder, { recursive: true, force: true })
  }
}

function findTestFiles(): string[] {
  return testGlobs.flatMap((pattern) => [...new Bun.Glob(pattern).scanSync({ cwd: projectFolder })]).sort()
}

/** Runs `bun test` on the files, writing its report; resolves to its exit code, or 128 where a signal ended it. */
async function runBunTest(files: readonly string[], report: string): Promise<number> {
  const quiet = inCi ? ["--only-failures"] : []
  const command = [process.execPath, "test", ...quiet, "--reporter=junit", `--reporter-outfile=${report}`]
  const run = Bun.spawn([...command, ...files.map((file) => `./${file}`)], {
    cwd: projectFolder,
    stdin: "ignore",
    stdout: "inherit",
    stderr: "inherit",
  })
  await run.exited
  return run.exitCode ?? 128
}
