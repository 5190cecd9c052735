import { afterAll, beforeAll, expect, test } from "bun:test"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { runToEnd } from "./cli-process.fixture.ts"

const project = resolve(import.meta.dir, "../..")
const demo = ["-f", join(project, "routes.yaml"), "--demo"]

let cwd: string

/** The example of docs/route-tests.md is a file that passes. */
beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), "portcullis-tests-"))
  const documentation = readFileSync(join(project, "docs/route-tests.md"), "utf8")
  const example = /```yaml\n([\s\S]*?)```/.exec(documentation)?.[1] ?? ""
  writeFileSync(join(cwd, "routes.test.yaml"), example)
  writeFileSync(join(cwd, "failing.yaml"), example.replace("x-release: canary", "x-other: canary"))
  writeFileSync(join(cwd, "broken.yaml"), "tests: [{}]\n")
})

afterAll(() => rmSync(cwd, { recursive: true, force: true }))

test("the documented example passes against the demo configuration: exit 0", async () => {
  const { code, stdout, stderr } = await runToEnd(["test", "routes.test.yaml", ...demo], { cwd })
  expect(stderr).toBe("portcullis test: 5 passed, 0 failed\n")
  expect(stdout.match(/^ok {4}/gm)?.length).toBe(5)
  expect(code).toBe(0)
})

test("a test that fails: what differs, exit 1, and the report for CI is written", async () => {
  const args = ["test", "failing.yaml", "--junit", "report.xml", "-o", "json", ...demo]
  const { code, stdout } = await runToEnd(args, { cwd })
  const results: unknown = JSON.parse(stdout)
  expect(code).toBe(1)
  expect(results).toMatchObject({ passed: 4, failed: 1 })
  expect(readFileSync(join(cwd, "report.xml"), "utf8")).toContain('<testsuites tests="5" failures="1"')
})

test("a test file with errors runs nothing: diagnostics with their places, exit 1", async () => {
  const { code, stdout, stderr } = await runToEnd(["test", "broken.yaml", ...demo], { cwd })
  expect([code, stdout]).toEqual([1, ""])
  expect(stderr).toContain("broken.yaml:1:9: error[P2003]: the field `name` is required\n")
})

test("no file is wrong usage: exit 2", async () => {
  const { code, stderr } = await runToEnd(["test"], { cwd })
  expect([code, stderr.split("\n")[0]]).toEqual([2, "portcullis: test: no file with tests is given"])
})
