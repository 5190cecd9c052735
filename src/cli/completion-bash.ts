/**
 * Completion for bash, 3.2 and later (macOS has no newer one): without `mapfile`, and with `compopt` only where it is.
 * Nothing of the package bash-completion is needed.
 */
import {
  type CompletedCommand,
  type CompletedValue,
  completedCommands,
  programFlags,
  spellingsOf,
} from "./completion-model.ts"

/** What the script's variables `operand` and `value` hold: words, or one of these. */
const filesMark = "<files>"
const foldersMark = "<folders>"

export function bashScript(): string {
  const commands = completedCommands()
  const first = [...commands.map(({ name }) => name), ...programFlags.flatMap(spellingsOf)]
  return `# Completion of portcullis for bash: source <(portcullis completion bash)
_portcullis() {
  local current=\${COMP_WORDS[COMP_CWORD]} command=\${COMP_WORDS[1]} IFS=$' \\t\\n'
  local flags="" valued="" operand="" value="" flag="" prefix="" operands=0 index=2 word
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    _portcullis_offer "${first.join(" ")}" "$current" ""
    return
  fi
  case "$command" in
${commands.map(commandCase).join("\n")}
  esac
  # What stands before the word in question: flags, their values, operands. Bash makes a word of its own of "=".
  while [ "$index" -lt "$COMP_CWORD" ]; do
    word=\${COMP_WORDS[index]}
    if [ "$word" = "=" ]; then :
    elif [ -n "$flag" ]; then flag=""
    else
      case "$word" in
        -*) case "$valued" in *" $word "*) flag=$word ;; esac ;;
        *) operands=$((operands + 1)) ;;
      esac
    fi
    index=$((index + 1))
  done
  case "$current" in
    =) current="" ;;
    --*=*) flag=\${current%%=*}; prefix=$flag=; current=\${current#*=} ;;
  esac
  if [ -n "$flag" ]; then
    case "$command $flag" in
${commands.flatMap(valueCases).join("\n")}
    esac
    _portcullis_offer "$value" "$current" "$prefix"
    return
  fi
  case "$current" in
    -*) _portcullis_offer "$flags" "$current" "" ;;
    *) if [ "$operands" -eq 0 ] || [ "$operand" = "${filesMark}" ]; then
         _portcullis_offer "$operand" "$current" ""
       fi
       [ -n "$current" ] || [ "\${#COMPREPLY[@]}" -gt 0 ] || _portcullis_offer "$flags" "$current" "" ;;
  esac
}
# $1 words, or what kind of names; $2 what they begin with; $3 what stands before each. Names may hold spaces.
_portcullis_offer() {
  local IFS=$'\\n'
  case "$1" in
    "${filesMark}") compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -P "$3" -f -- "$2")) ;;
    "${foldersMark}") compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -P "$3" -d -- "$2")) ;;
    *) COMPREPLY=($(IFS=' '; compgen -P "$3" -W "$1" -- "$2")) ;;
  esac
}
complete -F _portcullis portcullis
`
}

function commandCase(command: CompletedCommand): string {
  const { flags, operand } = command
  const valued = flags.filter(({ value }) => value !== null).flatMap(spellingsOf)
  const all = flags.flatMap(spellingsOf).join(" ")
  return `    ${namesOf(command).join("|")}) flags="${all}"; valued=" ${valued.join(" ")} "; operand="${marked(operand)}" ;;`
}

function valueCases(command: CompletedCommand): readonly string[] {
  return command.flags.flatMap((flag) => {
    if (flag.value === null || flag.value.kind === "unknown") return []
    const patterns = namesOf(command).flatMap((name) => spellingsOf(flag).map((spelling) => `"${name} ${spelling}"`))
    return [`      ${patterns.join("|")}) value="${marked(flag.value)}" ;;`]
  })
}

function namesOf({ name, aliases }: CompletedCommand): readonly string[] {
  return [name, ...aliases]
}

function marked(value: CompletedValue): string {
  switch (value.kind) {
    case "words":
      return value.words.join(" ")
    case "files":
      return filesMark
    case "folders":
      return foldersMark
    case "unknown":
      return ""
  }
}
