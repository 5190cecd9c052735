import { describe, expect, test } from "bun:test"
import { runCommandLine } from "./command-line.ts"
import { environmentVariable, flagsOf } from "./flags.ts"
import { commandTexts } from "./help-text.ts"
import { portcullisVersion } from "./version.ts"

async function run(args: readonly string[], environment: Readonly<Record<string, string>> = {}) {
  let stdout = ""
  let stderr = ""
  const code = await runCommandLine(args, environment, {
    out: async (text) => {
      stdout += text
    },
    err: async (text) => {
      stderr += text
    },
    useColor: false,
    useErrorColor: false,
  })
  return { code, stdout, stderr }
}

describe("help", () => {
  for (const command of ["run", "check", "version"] as const) {
    test(`${command} --help names every flag with its environment variable`, async () => {
      const { code, stdout, stderr } = await run([command, "--help"])
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" })
      for (const flag of flagsOf(command)) {
        expect(stdout).toContain(`--${flag.name}`)
        // Long lines are broken between words, never inside a name.
        expect(stdout).toContain(environmentVariable(flag.name))
      }
      expect(await run(["help", command])).toEqual({ code, stdout, stderr })
    })
  }

  test("run --help has examples, signals and exit codes", async () => {
    const { stdout } = await run(["run", "-h"])
    for (const heading of ["Usage: portcullis run", "Signals:", "Exit codes:", "Examples:"]) {
      expect(stdout).toContain(heading)
    }
  })

  test("descriptions are broken where their author broke them: none is wider than the help", () => {
    const helpColumns = 80
    for (const { name, description } of commandTexts)
      expect([name, description.split("\n").filter((line) => line.length > helpColumns)]).toEqual([name, []])
  })

  test("operands are called what the usage calls them", async () => {
    expect((await run(["explain", "--help"])).stdout).toMatch(/^ {2}\[METHOD\] URL +the request$/m)
  })

  test("--help lists the commands", async () => {
    const { code, stdout } = await run(["--help"])
    expect(code).toBe(0)
    for (const command of ["run", "check", "version", "help"]) expect(stdout).toMatch(new RegExp(`^  ${command} `, "m"))
  })
})

describe("version", () => {
  test("the command and the flag print the same line", async () => {
    const { code, stdout } = await run(["version"])
    expect(code).toBe(0)
    expect(stdout).toStartWith(`portcullis ${portcullisVersion} (bun ${Bun.version}, `)
    expect(await run(["--version"])).toEqual({ code: 0, stdout, stderr: "" })
  })
})

describe("wrong usage is exit code 2 with one line of what and one line of hint", () => {
  const cases: readonly (readonly [readonly string[], string])[] = [
    [["chek"], "portcullis: unknown command 'chek'\n  hint: did you mean check? see portcullis --help\n"],
    [["--nope"], "portcullis: unknown option '--nope'\n  hint: see portcullis --help\n"],
    [
      ["run", "--acces-log", "x"],
      "portcullis: unknown option '--acces-log'\n  hint: did you mean --access-log? see portcullis run --help\n",
    ],
    [["check", "--bind", "::"], "portcullis: unknown option '--bind'\n  hint: see portcullis check --help\n"],
    [
      ["check", "a.yaml"],
      "portcullis: too many arguments for 'check'. Expected 0 arguments but got 1: a.yaml.\n  hint: files are given with -f; see portcullis check --help\n",
    ],
    [
      ["run", "--drain"],
      "portcullis: option '--drain <SECONDS>' argument missing\n  hint: see portcullis run --help\n",
    ],
    [
      ["run", "--drain", "5s"],
      'portcullis: --drain: "5s" is not a number of seconds from 0 to 86400\n  hint: write --drain 5\n',
    ],
    [
      ["check", "-o", "table"],
      'portcullis: --output: "table" is not one of text, json, github\n  hint: write --output text\n',
    ],
    [
      ["version", "--log-level", "loud"],
      'portcullis: --log-level: "loud" is not one of debug, info, warn, error\n  hint: write --log-level debug\n',
    ],
  ]
  for (const [args, expected] of cases) {
    test(args.join(" "), async () => {
      expect(await run(args)).toEqual({ code: 2, stdout: "", stderr: expected })
    })
  }

  test("help of what is no command says so, with the nearest one", async () => {
    const unknown = "portcullis: unknown command 'explian'\n  hint: did you mean explain? see portcullis --help\n"
    expect(await run(["help", "explian"])).toEqual({ code: 2, stdout: "", stderr: unknown })
    expect(await run(["help", "pc"])).toEqual(await run(["proxy-config", "--help"]))
  })

  test("an argument too many: -f is a way out only where it is a flag", async () => {
    expect((await run(["version", "a.yaml"])).stderr).toEndWith("hint: see portcullis version --help\n")
  })

  test("no command at all prints the help on stderr", async () => {
    const { code, stdout, stderr } = await run([])
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" })
    expect(stderr).toContain("Usage: portcullis")
  })

  test("a wrong value in the environment names the variable, and the flag it stands for", async () => {
    const { code, stderr } = await run(["run"], { PORTCULLIS_STATUS_PORT: "none" })
    expect(code).toBe(2)
    expect(stderr).toStartWith('portcullis: PORTCULLIS_STATUS_PORT, as --status-port: "none" is not a port\n')
    const both = await run(["run", "--status-port", "x"], { PORTCULLIS_STATUS_PORT: "none" })
    expect(both.stderr).toStartWith('portcullis: --status-port: "x" is not a port\n')
  })
})
