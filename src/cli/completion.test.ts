import { describe, expect, test } from "bun:test"
import { tmpdir } from "node:os"
import { requireTool } from "../../test/peer-tools.ts"
import { runToEnd } from "./cli-process.fixture.ts"
import { completionScript } from "./completion.ts"
import { completedCommands, shells } from "./completion-model.ts"
import { offeredBy } from "./completion-shells.fixture.ts"
import { flagsOf } from "./flags.ts"
import { commandTexts } from "./help-text.ts"
import { parseCheckOptions, parseExplainOptions, parseRunOptions, parseTestOptions } from "./options.ts"
import { parseProxyConfigOptions } from "./proxy-config-options.ts"
import { isUsageError } from "./usage-error.ts"

const names = ["routes.yaml", "shop certs/"]
const methods = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]
const kinds = ["clusters", "endpoints", "listeners", "routes", "secrets"]
const commandNames = commandTexts.map(({ name }) => name).toSorted()

describe.each(shells)("%s itself offers", (shell) => {
  const tool = requireTool(shell)
  const lines: readonly (readonly [string, string, readonly string[]])[] = [
    ["a command", "portcullis pro", ["proxy-config"]],
    ["flags of the program", "portcullis --", ["--help", "--version"]],
    ["flags of a command, and no others", "portcullis run --tracing-s", ["--tracing-sampling"]],
    ["flags of a command by its other name", "portcullis pc --fq", ["--fqdn"]],
    ["flags behind operands and other flags", "portcullis pc clusters -f routes.yaml --fq", ["--fqdn"]],
    ["the words that a flag may be", "portcullis run --log-level ", ["debug", "error", "info", "warn"]],
    ["them for this command", "portcullis check -o ", ["github", "json", "text"]],
    ["them for another command", "portcullis pc --output ", ["json", "table", "yaml"]],
    ["files where a flag wants one", "portcullis run -f ", ["routes.yaml", "shop certs"]],
    ["folders where a flag wants one", "portcullis run --secrets ", ["shop certs"]],
    ["nothing where nobody can guess", "portcullis run --drain ", []],
    ["the words that an operand may be", "portcullis pc ", kinds],
    ["them behind flags and their values", "portcullis pc -o json --demo ", kinds],
    ["them once only", "portcullis explain GET r", []],
    ["methods", "portcullis explain ", methods],
    ["files where operands are files, each time", "portcullis test routes.yaml ", ["routes.yaml", "shop certs"]],
    ["no file where no operand may be", "portcullis check r", []],
    ["commands to be helped with", "portcullis help ", commandNames],
    ["no flag of the command that help is wanted of", "portcullis help run --f", []],
  ]
  test.skipIf(tool.path === null).each(lines.map(([what, ...rest]) => [tool.named(what), ...rest] as const))(
    "%s: %s",
    async (_, line, offered) => {
      expect(await offeredBy(shell, line, names)).toEqual(offered)
    },
  )

  test.skipIf(tool.path === null)(tool.named("a value behind ="), async () => {
    const [word = "", ...others] = await offeredBy(shell, "portcullis run --log-level=w", names)
    // Bash and zsh complete the part behind the sign, fish the whole word.
    expect([word.replace(/^--log-level=/, ""), ...others]).toEqual(["warn"])
  })
})

const zsh = requireTool("zsh")
test.skipIf(zsh.path === null)(zsh.named("zsh without its completion system says what to do first"), async () => {
  const script = completionScript("zsh")
  const asked = Bun.spawn(["zsh", "-f", "-c", script], { stdout: "ignore", stderr: "pipe" })
  expect(await asked.stderr.text()).toContain("autoload -Uz compinit && compinit")
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

test("the words offered for a flag are those that its command takes", () => {
  const parsers = {
    run: parseRunOptions,
    check: parseCheckOptions,
    explain: (values: ReadonlyMap<string, readonly string[]>) => parseExplainOptions(["http://a/"], values),
    test: (values: ReadonlyMap<string, readonly string[]>) => parseTestOptions(["a.yaml"], values),
    "proxy-config": (values: ReadonlyMap<string, readonly string[]>) =>
      parseProxyConfigOptions(["routes"], values, values),
  }
  let checked = 0
  for (const command of completedCommands()) {
    for (const [name, parse] of Object.entries(parsers)) {
      if (name !== command.name) continue
      for (const { name: flag, value } of command.flags) {
        if (value?.kind !== "words") continue
        for (const word of value.words) expect(parse(new Map([[flag, [word]]]))).not.toHaveProperty("hint")
        const refused = parse(new Map([[flag, ["bogus"]]]))
        const listed = isUsageError(refused) ? /is not one of (.*)/.exec(refused.message)?.[1] : undefined
        if (listed === undefined) continue
        expect(listed.split(", ")).toEqual([...value.words])
        checked += 1
      }
    }
  }
  expect(checked).toBeGreaterThan(8)
})

test("the command prints the script; another shell is wrong usage", async () => {
  const cwd = tmpdir()
  const printed = await runToEnd(["completion", "fish"], { cwd })
  expect(printed).toMatchObject({ code: 0, stdout: completionScript("fish"), stderr: "" })
  for (const args of [["completion"], ["completion", "csh"], ["completion", "bash", "zsh"]]) {
    const refused = await runToEnd(args, { cwd })
    expect(refused).toMatchObject({ code: 2, stdout: "" })
    expect(refused.stderr).toContain("completion: give one shell: bash, zsh or fish")
  }
})
