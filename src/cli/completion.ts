/**
 * `portcullis completion bash|zsh|fish`: a script for the shell, made from the table of flags. It completes commands,
 * flags, and file names where a value is wanted; it never runs the gateway.
 */
import { type CommandName, flagsOf } from "./flags.ts"
import { commandTexts } from "./help-text.ts"

export const shells = ["bash", "zsh", "fish"] as const
export type Shell = (typeof shells)[number]

export function completionScript(shell: Shell): string {
  switch (shell) {
    case "bash":
      return bashScript()
    case "zsh":
      return zshScript()
    case "fish":
      return fishScript()
  }
}

interface CompletedCommand {
  /** Its name and aliases. */
  readonly names: readonly string[]
  readonly summary: string
  /** What may stand behind it, beside flags and files. */
  readonly words: readonly string[]
  readonly flags: readonly CompletedFlag[]
}

interface CompletedFlag {
  readonly name: string
  /** One letter; "" = none. */
  readonly letter: string
  readonly takesValue: boolean
  readonly description: string
}

const wordsOf: Readonly<Partial<Record<CommandName, readonly string[]>>> = {
  explain: ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
  "proxy-config": ["listeners", "routes", "clusters", "endpoints", "secrets"],
  certs: ["dev"],
  completion: shells,
}

const help: CompletedFlag = { name: "help", letter: "h", takesValue: false, description: "print this help" }

function completedCommands(): readonly CompletedCommand[] {
  return commandTexts.map(({ name, aliases, summary }) => ({
    names: [name, ...aliases],
    summary,
    words: wordsOf[name] ?? [],
    flags: [
      ...flagsOf(name).map((flag) => ({
        name: flag.name,
        letter: flag.short.replace(/^-/, ""),
        takesValue: flag.valueName !== "",
        description: flag.description,
      })),
      help,
    ],
  }))
}

function spellingsOf({ name, letter }: CompletedFlag): readonly string[] {
  return letter === "" ? [`--${name}`] : [`--${name}`, `-${letter}`]
}

function bashScript(): string {
  const commands = completedCommands()
  const cases = commands.map(({ names, words, flags }) => {
    const valued = flags.filter(({ takesValue }) => takesValue).flatMap(spellingsOf)
    const all = [...words, ...flags.flatMap(spellingsOf)]
    return `    ${names.join("|")}) words="${all.join(" ")}"; valued=" ${valued.join(" ")} " ;;`
  })
  return `# Completion of portcullis for bash: source <(portcullis completion bash)
_portcullis() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} words="" valued=" "
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${[...commands.flatMap(({ names }) => names), "help"].join(" ")}" -- "$current"))
    return
  fi
  case "\${COMP_WORDS[1]}" in
${cases.join("\n")}
    help) words="${commands.map(({ names }) => names[0]).join(" ")}" ;;
  esac
  case "$valued" in
    *" $previous "*) COMPREPLY=($(compgen -f -- "$current")); return ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  case "$current" in
    -*) ;;
    *) COMPREPLY+=($(compgen -f -- "$current")) ;;
  esac
}
complete -o filenames -F _portcullis portcullis
`
}

function zshScript(): string {
  const commands = completedCommands()
  const listed = commands.map(({ names, summary }) => `    ${zshQuoted(`${names[0]}:${summary}`)}`)
  const cases = commands.map(({ names, words, flags }) => {
    const specifications = flags.flatMap((flag) =>
      spellingsOf(flag).map((spelling) => {
        const description = flag.description.replace(/[[\]\\:]/g, "\\$&")
        return zshQuoted(`*${spelling}[${description}]${flag.takesValue ? `:${flag.name}:_files` : ""}`)
      }),
    )
    const operand = zshQuoted(words.length === 0 ? "*:file:_files" : `*:operand:(${words.join(" ")})`)
    return `    ${names.join("|")}) _arguments ${specifications.join(" ")} ${operand} ;;`
  })
  return `#compdef portcullis
# Completion of portcullis for zsh: source <(portcullis completion zsh)
_portcullis() {
  local -a commands
  commands=(
${listed.join("\n")}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
${cases.join("\n")}
  esac
}
compdef _portcullis portcullis
`
}

function fishScript(): string {
  const lines = completedCommands().flatMap(({ names, summary, words, flags }) => {
    const seen = `-n ${fishQuoted(`__fish_seen_subcommand_from ${names.join(" ")}`)}`
    return [
      `complete -c portcullis -n __fish_use_subcommand -f -a ${names[0]} -d ${fishQuoted(summary)}`,
      ...(words.length === 0 ? [] : [`complete -c portcullis ${seen} -a ${fishQuoted(words.join(" "))}`]),
      ...flags.map((flag) => {
        const letter = flag.letter === "" ? "" : ` -s ${flag.letter}`
        const value = flag.takesValue ? " -r" : ""
        return `complete -c portcullis ${seen} -l ${flag.name}${letter}${value} -d ${fishQuoted(flag.description)}`
      }),
    ]
  })
  return `# Completion of portcullis for fish: portcullis completion fish | source\n${lines.join("\n")}\n`
}

function zshQuoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}

function fishQuoted(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`
}
