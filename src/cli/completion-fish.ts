/** Completion for fish, 3 and later. File names, which fish offers by itself, are offered only where a path is wanted. */
import {
  type CompletedCommand,
  type CompletedFlag,
  type CompletedValue,
  completedCommands,
  programFlags,
} from "./completion-model.ts"

const needsCommand = "-n __portcullis_needs_command"

export function fishScript(): string {
  const commands = completedCommands()
  return `# Completion of portcullis for fish: portcullis completion fish | source
function __portcullis_needs_command
    test (count (commandline -opc)) -eq 1
end
function __portcullis_is
    set -l words (commandline -opc)
    contains -- "$words[2]" $argv
end
complete -c portcullis -e
complete -c portcullis -f
${[
  ...programFlags.map((flag) => line(needsCommand, flagOptions(flag))),
  ...commands.map(({ name, summary }) => line(needsCommand, `-a ${name} -d ${quoted(summary)}`)),
  ...commands.flatMap(commandLines),
].join("\n")}
`
}

function commandLines({ name, aliases, operand, flags }: CompletedCommand): readonly string[] {
  const condition = `__portcullis_is ${[name, ...aliases].join(" ")}`
  return [
    ...operandLines(condition, operand),
    ...flags.map((flag) => line(`-n ${quoted(condition)}`, flagOptions(flag))),
  ]
}

function operandLines(condition: string, operand: CompletedValue): readonly string[] {
  switch (operand.kind) {
    case "words": {
      const words = operand.words.join(" ")
      const isFirst = `${condition}; and not __fish_seen_subcommand_from ${words}`
      return [line(`-n ${quoted(isFirst)}`, `-a ${quoted(words)}`)]
    }
    case "files":
      return [line(`-n ${quoted(condition)}`, "-F")]
    case "folders":
      return [line(`-n ${quoted(condition)}`, `-a ${foldersCommand}`)]
    case "unknown":
      return []
  }
}

const foldersCommand = quoted("(__fish_complete_directories (commandline -ct))")

function flagOptions({ name, letter, description, value }: CompletedFlag): string {
  const spelling = `-l ${name}${letter === "" ? "" : ` -s ${letter}`}`
  return `${spelling}${value === null ? "" : ` ${valueOptions(value)}`} -d ${quoted(description)}`
}

function valueOptions(value: CompletedValue): string {
  switch (value.kind) {
    case "words":
      return `-x -a ${quoted(value.words.join(" "))}`
    case "files":
      return "-r -F"
    case "folders":
      return `-x -a ${foldersCommand}`
    case "unknown":
      return "-x"
  }
}

function line(condition: string, options: string): string {
  return `complete -c portcullis ${condition} ${options}`
}

function quoted(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`
}
