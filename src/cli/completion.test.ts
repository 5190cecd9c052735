import { expect, test } from "bun:test"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { runToEnd } from "./cli-process.fixture.ts"
import { completionScript, shells } from "./completion.ts"
import { flagsOf } from "./flags.ts"
import { commandTexts } from "./help-text.ts"

/** What bash offers for a line, its last word being completed. */
async function completeInBash(line: readonly string[]): Promise<readonly string[]> {
  const folder = await mkdtemp(join(tmpdir(), "portcullis-completion-"))
  await writeFile(join(folder, "routes.yaml"), "")
  const words = line.map((word) => `'${word}'`).join(" ")
  const script = `${completionScript("bash")}
complete -p portcullis
COMP_WORDS=(${words}); COMP_CWORD=${line.length - 1}; _portcullis; printf '%s\\n' "\${COMPREPLY[@]}"`
  const bash = Bun.spawn(["bash", "--norc", "-u", "-c", script], { cwd: folder, stdout: "pipe", stderr: "pipe" })
  const [out, problems] = await Promise.all([bash.stdout.text(), bash.stderr.text()])
  await rm(folder, { recursive: true })
  expect(problems).toBe("")
  const [registered, ...offered] = out.trimEnd().split("\n")
  expect(registered).toBe("complete -o filenames -F _portcullis portcullis")
  return offered.filter((word) => word !== "")
}

test("bash: commands, their flags, their operands, and files where a value is wanted", async () => {
  expect(await completeInBash(["portcullis", "pro"])).toEqual(["proxy-config"])
  expect(await completeInBash(["portcullis", "run", "--tracing-"])).toEqual(["--tracing-otlp", "--tracing-sampling"])
  expect(await completeInBash(["portcullis", "pc", "clu"])).toEqual(["clusters"])
  expect(await completeInBash(["portcullis", "run", "-f", ""])).toEqual(["routes.yaml"])
  expect(await completeInBash(["portcullis", "certs", "--tracing"])).toEqual([])
})

test("every command and flag is in every script", () => {
  for (const shell of shells) {
    const script = completionScript(shell)
    for (const { name } of commandTexts) {
      expect(script).toContain(name)
      for (const flag of flagsOf(name))
        expect(script).toContain(shell === "fish" ? `-l ${flag.name}` : `--${flag.name}`)
    }
  }
})

test("the command prints the script; another shell is wrong usage", async () => {
  const cwd = tmpdir()
  const printed = await runToEnd(["completion", "fish"], { cwd })
  expect(printed).toMatchObject({ code: 0, stdout: completionScript("fish"), stderr: "" })
  for (const args of [["completion"], ["completion", "csh"], ["completion", "bash", "zsh"]]) {
    const refused = await runToEnd(args, { cwd })
    expect(refused.code).toBe(2)
    expect(refused.stderr).toContain("completion: give one shell: bash, zsh or fish")
  }
})
