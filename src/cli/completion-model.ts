/** What there is to complete, whatever the shell: commands, their flags, and what may stand where a value is wanted. */
import { proxyConfigKinds, proxyConfigOutputs } from "../inspect/proxy-config-request.ts"
import { logLevels } from "../telemetry/log.ts"
import { type CommandName, type Flag, flagsOf } from "./flags.ts"
import { commandTexts } from "./help-text.ts"

export const shells = ["bash", "zsh", "fish"] as const
export type Shell = (typeof shells)[number]

export type CompletedValue =
  | { readonly kind: "words"; readonly words: readonly string[] }
  | { readonly kind: "files" }
  | { readonly kind: "folders" }
  /** A text that nobody can guess, or nothing at all. */
  | { readonly kind: "unknown" }

export interface CompletedFlag {
  readonly name: string
  /** One letter; "" = none. */
  readonly letter: string
  readonly isRepeatable: boolean
  readonly description: string
  /** null = a switch. */
  readonly value: (CompletedValue & { readonly name: string }) | null
}

export interface CompletedCommand {
  readonly name: string
  readonly aliases: readonly string[]
  readonly summary: string
  /** Words are for the first operand alone; files for every one. */
  readonly operand: CompletedValue
  readonly flags: readonly CompletedFlag[]
}

const unknown: CompletedValue = { kind: "unknown" }
const files: CompletedValue = { kind: "files" }
const folders: CompletedValue = { kind: "folders" }

const helpFlag: CompletedFlag = {
  name: "help",
  letter: "h",
  isRepeatable: false,
  description: "print this help",
  value: null,
}

/** Flags that stand before a command. */
export const programFlags: readonly CompletedFlag[] = [
  helpFlag,
  { name: "version", letter: "V", isRepeatable: false, description: "print the version", value: null },
]

export function completedCommands(): readonly CompletedCommand[] {
  const commands = commandTexts.map(({ name, aliases, summary }) => ({
    name,
    aliases,
    summary,
    operand: operandOf(name),
    flags: [...flagsOf(name).map((flag) => completedFlag(name, flag)), helpFlag],
  }))
  const help: CompletedCommand = {
    name: "help",
    aliases: [],
    summary: "print the help of a command",
    operand: words(commandTexts.map(({ name }) => name)),
    flags: [],
  }
  return [...commands, help]
}

/** `--output` and `-o`. */
export function spellingsOf({ name, letter }: CompletedFlag): readonly string[] {
  return letter === "" ? [`--${name}`] : [`--${name}`, `-${letter}`]
}

function operandOf(command: CommandName): CompletedValue {
  switch (command) {
    case "explain":
      return words(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
    case "proxy-config":
      return words(proxyConfigKinds)
    case "certs":
      return words(["dev"])
    case "completion":
      return words(shells)
    case "test":
      return files
    default:
      return unknown
  }
}

function completedFlag(command: CommandName, flag: Flag): CompletedFlag {
  const { name, short, isRepeatable, description, valueName } = flag
  const value = valueName === "" ? null : { ...completedValue(command, name), name: valueName }
  return { name, letter: short.replace(/^-/, ""), isRepeatable, description, value }
}

function completedValue(command: CommandName, flagName: string): CompletedValue {
  switch (flagName) {
    case "output":
      return words(outputsOf(command))
    case "log-level":
      return words(logLevels)
    case "log-format":
    case "access-log-format":
      return words(["text", "json"])
    case "admin":
    case "status-port":
      return command === "run" ? words(["off"]) : unknown
    case "file":
    case "access-log":
    case "client-cert":
    case "junit":
      return files
    case "secrets":
    case "out":
      return folders
    default:
      return unknown
  }
}

function outputsOf(command: CommandName): readonly string[] {
  switch (command) {
    case "check":
      return ["text", "json", "github"]
    case "proxy-config":
      return proxyConfigOutputs
    default:
      return ["text", "json"]
  }
}

function words(list: readonly string[]): CompletedValue {
  return { kind: "words", words: list }
}
