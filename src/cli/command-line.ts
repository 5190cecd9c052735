/**
 * From arguments to a command: grammar, help and wrong usage. What a command does is in its own file, loaded only when
 * it is asked for, so that starting the gateway does not wait for code it does not need.
 */
import { Command, CommanderError, Option } from "commander"
import { nearestWord } from "../config/suggest.ts"
import {
  type CommandName,
  collectFlagValues,
  environmentVariable,
  type Flag,
  type FlagValues,
  flagsOf,
} from "./flags.ts"
import { type CommandText, commandTexts, programEpilogue, programSummary } from "./help-text.ts"
import {
  parseCertsOptions,
  parseCheckOptions,
  parseCompletionOptions,
  parseExplainOptions,
  parseLogOptions,
  parseRunOptions,
  parseTestOptions,
} from "./options.ts"
import { parseProxyConfigOptions } from "./proxy-config-options.ts"
import type { Terminal } from "./terminal.ts"
import { isUsageError, renderUsageError, type UsageError } from "./usage-error.ts"
import { renderVersion } from "./version.ts"

export type Environment = Readonly<Record<string, string | undefined>>

/** CONTRACT of the outside: 0 well, 1 the configuration or the gateway failed, 2 wrong usage. */
export type ExitCode = 0 | 1 | 2

/** Runs one command to its end. Never throws for what a user may do wrong. */
export async function runCommandLine(
  args: readonly string[],
  environment: Environment,
  terminal: Terminal,
): Promise<ExitCode> {
  let out = ""
  let err = ""
  let code: ExitCode = 0
  const program = createProgram(async (name, operands, given) => {
    const values = collectFlagValues(name, given, environment)
    code = await runCommand({ name, operands, values, given }, terminal)
  })
  configureStreams(program, { out: (text) => (out += text), err: (text) => (err += text) })
  try {
    await program.parseAsync(args, { from: "user" })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    // Help that was asked for ends with 0; help because nothing was asked for is wrong usage.
    code = error.exitCode === 0 ? 0 : 2
  }
  await terminal.out(out)
  await terminal.err(err)
  return code
}

interface Invocation {
  readonly name: CommandName
  readonly operands: readonly string[]
  /** Of the command line, else of the environment. */
  readonly values: FlagValues
  /** Of the command line alone. */
  readonly given: FlagValues
}

async function runCommand(invocation: Invocation, terminal: Terminal): Promise<ExitCode> {
  const { name, operands, values, given } = invocation
  const refuse = async (error: UsageError): Promise<ExitCode> => {
    await terminal.err(renderUsageError(namingItsVariable(error, invocation)))
    return 2
  }
  switch (name) {
    case "check": {
      const options = parseCheckOptions(values)
      if (isUsageError(options)) return refuse(options)
      const { check } = await import("./check.ts")
      return check(options, terminal)
    }
    case "run": {
      const options = parseRunOptions(values)
      if (isUsageError(options)) return refuse(options)
      const { run } = await import("./run.ts")
      return run(options, terminal)
    }
    case "explain": {
      const options = parseExplainOptions(operands, values)
      if (isUsageError(options)) return refuse(options)
      const { explain } = await import("./explain.ts")
      return explain(options, terminal)
    }
    case "test": {
      const options = parseTestOptions(operands, values)
      if (isUsageError(options)) return refuse(options)
      const { runTests } = await import("./run-tests.ts")
      return runTests(options, terminal)
    }
    case "proxy-config": {
      const options = parseProxyConfigOptions(operands, values, given)
      if (isUsageError(options)) return refuse(options)
      const { proxyConfig } = await import("./proxy-config.ts")
      return proxyConfig(options, terminal)
    }
    case "certs": {
      const options = parseCertsOptions(operands, values)
      if (isUsageError(options)) return refuse(options)
      const { certsDev } = await import("./certs.ts")
      return certsDev(options, terminal)
    }
    case "completion": {
      const options = parseCompletionOptions(operands, values)
      if (isUsageError(options)) return refuse(options)
      const { completionScript } = await import("./completion.ts")
      await terminal.out(completionScript(options.shell))
      return 0
    }
    case "version": {
      const options = parseLogOptions(values)
      if (isUsageError(options)) return refuse(options)
      await terminal.out(`${renderVersion()}\n`)
      return 0
    }
  }
}

/** Who wrote no flag looks for the wrong value in vain, unless the variable is named that it came from. */
function namingItsVariable(error: UsageError, { values, given }: Invocation): UsageError {
  const flag = /^--([a-z-]+):/.exec(error.message)?.[1] ?? ""
  if (given.has(flag) || !values.has(flag)) return error
  return { ...error, message: `${environmentVariable(flag)}, as ${error.message}` }
}

type RunNamed = (name: CommandName, operands: readonly string[], given: FlagValues) => Promise<void>

function createProgram(runNamed: RunNamed): Command {
  const program = new Command("portcullis")
    .description(programSummary)
    .usage("COMMAND [FLAG]…")
    .addHelpText("after", programEpilogue)
    .helpOption("-h, --help", "print this help")
    .helpCommand(false)
    .version(renderVersion(), "-V, --version", "print the version")
    .configureHelp({ subcommandTerm: (command) => command.name() })
  for (const text of commandTexts) addCommand(program, text, runNamed)
  addHelpCommand(program)
  return program
}

/** Commander's own answers an unknown command with the whole help, and does not say why. */
function addHelpCommand(program: Command): void {
  program
    .command("help")
    .usage("[COMMAND]")
    .summary("print the help of a command")
    .description("Prints the help of a command, or of the program.")
    .helpOption("-h, --help", "print this help")
    .configureHelp({ visibleArguments: () => [] })
    .argument("[command]")
    .allowExcessArguments(false)
    .action((name: string | undefined) => {
      if (name === undefined) return program.help()
      const named = program.commands.find((command) => command.name() === name || command.aliases().includes(name))
      if (named !== undefined) return named.help()
      const nearest = nearestWord(
        name,
        program.commands.map((command) => command.name()),
      )
      return program.error(`error: unknown command '${name}'${nearest === null ? "" : `\n(Did you mean ${nearest}?)`}`)
    })
}

function addCommand(program: Command, text: CommandText, runNamed: RunNamed): void {
  const { name, operands } = text
  const command = program
    .command(name)
    .summary(text.summary)
    .description(text.description)
    .usage(`${operands === null ? "" : `${operands.usage} `}[FLAG]…`)
    .helpOption("-h, --help", "print this help")
    .addHelpText("after", text.epilogue)
    .configureHelp({ argumentTerm: () => operands?.usage ?? "" })
    .allowExcessArguments(false)
  for (const alias of text.aliases) command.alias(alias)
  if (operands !== null) command.argument("[operand...]", operands.help)
  const options = flagsOf(name).map((flag) => ({ flag, option: createOption(flag) }))
  for (const { option } of options) command.addOption(option)
  command.action(async () => {
    const given = new Map<string, readonly string[]>()
    for (const { flag, option } of options) {
      const attribute = option.attributeName()
      if (command.getOptionValueSource(attribute) !== "cli") continue
      const value: unknown = command.getOptionValue(attribute)
      given.set(flag.name, Array.isArray(value) ? value.map(String) : ["true"])
    }
    await runNamed(name, command.args, given)
  })
}

function createOption(flag: Flag): Option {
  const spelling = `${flag.short === "" ? "" : `${flag.short}, `}--${flag.name}`
  const details = `${flag.defaultText === "" ? "" : `default ${flag.defaultText}; `}${environmentVariable(flag.name)}`
  const description = `${flag.description} (${details})`
  if (flag.valueName === "") return new Option(spelling, description)
  const option = new Option(`${spelling} <${flag.valueName}>`, description)
  return option.argParser((value, previous: unknown) => (Array.isArray(previous) ? [...previous, value] : [value]))
}

interface Streams {
  out(text: string): void
  err(text: string): void
}

/** Every command of the program alike: nothing is written past `streams`, nothing exits. */
function configureStreams(program: Command, streams: Streams): void {
  for (const command of [program, ...program.commands]) {
    command.exitOverride()
    command.configureOutput({
      writeOut: streams.out,
      writeErr: streams.err,
      outputError: (text) => streams.err(rewordError(text, command)),
    })
  }
}

/** Commander's message in our form: what is wrong on the first line, what to do about it on the second. */
function rewordError(text: string, command: Command): string {
  const [message = "", suggestion = ""] = text.trim().split("\n")
  const name = command.parent === null ? "portcullis" : `portcullis ${command.name()}`
  const guess = /^\(Did you mean (.+)\?\)$/.exec(suggestion)?.[1]
  let hint = `see ${name} --help`
  if (guess !== undefined) hint = `did you mean ${guess}? ${hint}`
  else if (message.includes("too many arguments") && command.options.some(({ long }) => long === "--file"))
    hint = `files are given with -f; ${hint}`
  return `${message.replace(/^error:/, "portcullis:")}\n  hint: ${hint}\n`
}
