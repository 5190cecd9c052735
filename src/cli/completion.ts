/**
 * `portcullis completion bash|zsh|fish`: a script for the shell, made from the table of flags. It completes commands,
 * flags, the words that a flag or an operand may be, and file names where a path is wanted; it never runs the gateway.
 */
import { bashScript } from "./completion-bash.ts"
import { fishScript } from "./completion-fish.ts"
import type { Shell } from "./completion-model.ts"
import { zshScript } from "./completion-zsh.ts"

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
