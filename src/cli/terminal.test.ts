/** What becomes of the exit code when a stream cannot be written. */
import { expect, test } from "bun:test"
import { existsSync } from "node:fs"
import { tmpdir } from "node:os"
import { portcullisCommand } from "./cli-process.fixture.ts"
import { createTerminal } from "./terminal.ts"

async function versionInto(redirection: string): Promise<{ readonly code: number; readonly said: string }> {
  const shell = Bun.spawn(["bash", "-c", `"$@" ${redirection}`, "bash", ...portcullisCommand(["version"])], {
    cwd: tmpdir(),
    stdout: "ignore",
    stderr: "pipe",
  })
  const said = await shell.stderr.text()
  return { code: await shell.exited, said }
}

const hasFullDisk = existsSync("/dev/full")

test.skipIf(!hasFullDisk)("a full disk below stdout is told, and the exit code is 1", async () => {
  const { code, said } = await versionInto(">/dev/full")
  expect(code).toBe(1)
  expect(said).toStartWith("portcullis: stdout cannot be written: ENOSPC")
})

test.skipIf(!hasFullDisk)("stderr that cannot be written changes nothing", async () => {
  expect(await versionInto("2>/dev/full")).toEqual({ code: 0, said: "" })
})

test("a reader that has gone is no failure", async () => {
  const gone = await versionInto("| true; exit $" + "{PIPESTATUS[0]}")
  expect(gone).toEqual({ code: 0, said: "" })
})

test("color goes by each stream and by what the environment wants", () => {
  const colors = (environment: Readonly<Record<string, string>>) => {
    const { useColor, useErrorColor } = createTerminal(environment)
    return [useColor, useErrorColor]
  }
  expect(colors({ FORCE_COLOR: "1" })).toEqual([true, true])
  expect(colors({ FORCE_COLOR: "1", NO_COLOR: "1" })).toEqual([false, false])
  expect(colors({ TERM: "dumb" })).toEqual([false, false])
})
