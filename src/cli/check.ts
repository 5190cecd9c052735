/** `portcullis check`: everything `run` does before it listens, and nothing else. */
import { renderDiagnostics, summarizeDiagnostics } from "../config/render-diagnostics.ts"
import { ConfigurationLoader } from "./load-snapshot.ts"
import type { CheckOptions } from "./options.ts"
import type { Terminal } from "./terminal.ts"

export async function check(options: CheckOptions, terminal: Terminal): Promise<0 | 1> {
  const demo = options.demo ? await startDemoServices() : null
  const loaded = await new ConfigurationLoader(options, demo?.services ?? []).load()
  await demo?.stop()
  const useColor = options.output === "text" && terminal.useColor
  await terminal.out(renderDiagnostics(loaded.diagnostics, loaded.files, { format: options.output, color: useColor }))
  await terminal.err(`portcullis check: ${summarizeDiagnostics(loaded.diagnostics)}\n`)
  return loaded.snapshot === null ? 1 : 0
}

/** Their real addresses are part of what is compiled. */
async function startDemoServices() {
  const { startDemo } = await import("../demo/demo.ts")
  return startDemo()
}
