/** `portcullis check`: everything `run` does before it listens, and nothing else. */
import { renderDiagnostics, summarizeDiagnostics } from "../config/render-diagnostics.ts"
import { loadOnce } from "./load-for-command.ts"
import { whyNothingIsServed } from "./nothing-served.ts"
import type { CheckOptions } from "./options.ts"
import type { Terminal } from "./terminal.ts"

export async function check(options: CheckOptions, terminal: Terminal): Promise<0 | 1> {
  const loaded = await loadOnce(options)
  const useColor = options.output === "text" && terminal.useColor
  await terminal.out(renderDiagnostics(loaded.diagnostics, loaded.files, { format: options.output, color: useColor }))
  const nothing = loaded.snapshot === null ? "" : whyNothingIsServed(loaded.snapshot, options.selector)
  const remark = nothing === "" ? "" : `; nothing would be served: ${nothing}`
  await terminal.err(`portcullis check: ${summarizeDiagnostics(loaded.diagnostics)}${remark}\n`)
  return loaded.snapshot === null ? 1 : 0
}
