/** Loads and compiles once, for commands that look at the configuration and serve nothing. */
import type { Snapshot } from "../compile/snapshot.ts"
import { renderDiagnostics, summarizeDiagnostics } from "../config/render-diagnostics.ts"
import { ConfigurationLoader, type LoadedConfiguration } from "./load-snapshot.ts"
import type { ConfigurationOptions } from "./options.ts"
import type { Terminal } from "./terminal.ts"

/** With the demo's real addresses where it is asked for: they are part of what is compiled. */
export async function loadOnce(options: ConfigurationOptions): Promise<LoadedConfiguration> {
  const demo = options.demo ? await startDemoServices() : null
  try {
    return await new ConfigurationLoader(options, demo?.services ?? []).load()
  } finally {
    await demo?.stop()
  }
}

export interface CompiledConfiguration {
  readonly snapshot: Snapshot
  readonly credentials: LoadedConfiguration["credentials"]
}

/** @returns null when there are errors; they have been printed. Warnings are for `check`. */
export async function loadOrSay(
  command: string,
  options: ConfigurationOptions,
  terminal: Terminal,
): Promise<CompiledConfiguration | null> {
  const { snapshot, credentials, diagnostics, files } = await loadOnce(options)
  if (snapshot !== null) return { snapshot, credentials }
  const errors = diagnostics.filter(({ severity }) => severity === "error")
  await terminal.err(renderDiagnostics(errors, files, { format: "text", color: terminal.useErrorColor }))
  await terminal.err(`portcullis ${command}: ${summarizeDiagnostics(errors)}\n`)
  return null
}

async function startDemoServices() {
  const { startDemo } = await import("../demo/demo.ts")
  return startDemo()
}
