/**
 * Completion for zsh, by `_arguments` of its completion system. The script may be sourced, or stand as `_portcullis` in a
 * folder of `fpath`.
 */
import {
  type CompletedCommand,
  type CompletedFlag,
  type CompletedValue,
  completedCommands,
  programFlags,
} from "./completion-model.ts"

export function zshScript(): string {
  const commands = completedCommands()
  return `#compdef portcullis
# Completion of portcullis for zsh: source <(portcullis completion zsh)
_portcullis() {
  local curcontext=$curcontext state
  local -a line commands
  local -A opt_args
  commands=(
${commands.map(({ name, summary }) => `    ${quoted(`${name}:${summary}`)}`).join("\n")}
  )
  _arguments -C \\
    ${programFlags.flatMap(flagSpecifications).join(" ")} \\
    '1:command:->command' '*::argument:->argument'
  case $state in
    command) _describe -t commands command commands ;;
    argument)
      case $words[1] in
${commands.map(commandCase).join("\n")}
      esac ;;
  esac
}
if [[ \${funcstack[1]-} == _portcullis ]]; then
  _portcullis "$@"
elif (( $+functions[compdef] )); then
  compdef _portcullis portcullis
else
  print -u2 'portcullis completion: first start completion: autoload -Uz compinit && compinit'
fi
`
}

function commandCase({ name, aliases, flags, operand }: CompletedCommand): string {
  const specifications = [...flags.flatMap(flagSpecifications), ...operandSpecifications(name, operand)]
  const lines = specifications.map((specification) => `          ${specification}`)
  return `        ${[name, ...aliases].join("|")}) _arguments \\\n${lines.join(" \\\n")} ;;`
}

/** One per spelling. A flag that counts once is not offered again, in either spelling. */
function flagSpecifications(flag: CompletedFlag): readonly string[] {
  const { name, letter, isRepeatable, value } = flag
  const spellings = [
    `--${name}${value === null ? "" : "="}`,
    ...(letter === "" ? [] : [`-${letter}${value === null ? "" : "+"}`]),
  ]
  const others = [`--${name}`, ...(letter === "" ? [] : [`-${letter}`])]
  const once = isRepeatable ? "*" : `(${others.join(" ")})`
  const description = flag.description.replace(/[[\]\\:]/g, "\\$&")
  const argument = value === null ? "" : `:${value.name.replaceAll(":", "\\:")}:${action(value)}`
  return spellings.map((spelling) => quoted(`${once}${spelling}[${description}]${argument}`))
}

function operandSpecifications(command: string, operand: CompletedValue): readonly string[] {
  switch (operand.kind) {
    case "words":
      // Behind a method stands a URL.
      return [quoted(`1:operand:${action(operand)}`), ...(command === "explain" ? [quoted("2:URL: ")] : [])]
    case "files":
    case "folders":
      return [quoted(`*:file:${action(operand)}`)]
    case "unknown":
      return []
  }
}

function action(value: CompletedValue): string {
  switch (value.kind) {
    case "words":
      return `(${value.words.join(" ")})`
    case "files":
      return "_files"
    case "folders":
      return "_files -/"
    case "unknown":
      // Says what is wanted, and offers nothing.
      return " "
  }
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
