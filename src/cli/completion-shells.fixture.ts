/** Loads a completion script into the shell it is for, and asks that shell what it offers for a line. */
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { completionScript } from "./completion.ts"
import type { Shell } from "./completion-model.ts"

/** $1 the script, $2 the line. Bash cuts words at spaces and makes a word of each "=". */
const askBash = `source "$1"
complete -p portcullis >/dev/null || exit
read -ra COMP_WORDS <<< "\${2//=/ = }"
[[ $2 == *" " ]] && COMP_WORDS+=("")
COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
_portcullis
[ "\${#COMPREPLY[@]}" -eq 0 ] || printf '%s\\n' "\${COMPREPLY[@]}"`

const askFish = `source $argv[1]; complete -C $argv[2]`

/**
 * The completion system of zsh works only inside its line editor, and that only on a terminal: zpty is one. There, Tab
 * prints what is offered. The terminal may repeat what it is told before it knows that it shall not: the two words waited
 * for are not in there as they are printed. A call of compadd with -O, -A or -D is a question of the completion system itself.
 */
const askZsh = `zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "PS1= PS2= RPS1=; unset zle_bracketed_paste; unsetopt prompt_sp prompt_cr; stty -echo
autoload -Uz compinit; compinit -u -D; source $1"
zpty -w shell 'compadd() {
  local word; local -a hits
  for word in "\${@[1,(i)(-|--)]}"; do
    if [[ $word == -*[OAD] ]]; then builtin compadd "$@"; return; fi
  done
  builtin compadd -O hits "$@"
  (( $#hits )) && print -rl -- "<"\${^hits}">"
  builtin compadd "$@"
}'
zpty -w shell 'offer() { print; _main_complete; compstate[insert]= compstate[list]=; print EN""D }'
zpty -w shell 'zle -C offer complete-word offer; bindkey "^I" offer; print READ""Y'
zpty -r shell output '*READY*'
zpty -n -w shell "$2"$'\\t'
while zpty -r shell output; do print -rn -- "$output"; [[ $output == *END* ]] && break; done
zpty -d shell`

function commandOf(shell: Shell, script: string, line: string): string[] {
  switch (shell) {
    case "bash":
      return ["bash", "--norc", "--noprofile", "-u", "-c", askBash, "bash", script, line]
    case "fish":
      return ["fish", "--no-config", "-c", askFish, "--", script, line]
    case "zsh":
      return ["zsh", "-f", "-c", askZsh, "zsh", script, line]
  }
}

/** What the shell offers for a line whose last word is being written, sorted. The folder holds `names`. */
export async function offeredBy(shell: Shell, line: string, names: readonly string[]): Promise<readonly string[]> {
  const folder = await mkdtemp(join(tmpdir(), "portcullis-completion-"))
  const scripts = await mkdtemp(join(tmpdir(), "portcullis-completion-"))
  try {
    const script = join(scripts, "script")
    await writeFile(script, completionScript(shell))
    for (const name of names) await Bun.write(join(folder, name, name.endsWith("/") ? "file" : ""), "")
    const env = { PATH: Bun.env["PATH"] ?? "", HOME: scripts, TERM: "dumb", LC_ALL: "C.UTF-8" }
    const asked = Bun.spawn(commandOf(shell, script, line), { cwd: folder, env, stdout: "pipe", stderr: "pipe" })
    const [out, problems] = await Promise.all([asked.stdout.text(), asked.stderr.text()])
    if (problems !== "") throw new Error(`${shell} says: ${problems}`)
    return [...new Set(readOffer(shell, out))].toSorted()
  } finally {
    await rm(folder, { recursive: true })
    await rm(scripts, { recursive: true })
  }
}

function readOffer(shell: Shell, out: string): readonly string[] {
  if (shell === "zsh") {
    if (!out.includes("END")) throw new Error(`zsh did not get to the end: ${out}`)
    // As they are written into the line: with a backslash before what the shell would read otherwise.
    return [...out.matchAll(/^<(.*)>\r*$/gm)].map(([, word = ""]) => word.replace(/\\(.)/g, "$1"))
  }
  // Fish puts a description behind a tab, and a slash behind a folder.
  const lines = out.split("\n").filter((line) => line !== "")
  return lines.map((line) => (line.split("\t")[0] ?? "").replace(/\/$/, ""))
}
