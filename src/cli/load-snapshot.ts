/**
 * From files to a Snapshot, or to what is wrong with them: the one way both `check` and `run` take, at the start and
 * on every reload.
 */
import { type CompileOptions, compile } from "../compile/compile.ts"
import type { Snapshot } from "../compile/snapshot.ts"
import { type Diagnostic, hasErrors } from "../config/diagnostics.ts"
import { loadConfiguration } from "../config/load-configuration.ts"
import type { SourceFile } from "../config/source-text.ts"
import type { ConfigurationOptions } from "./options.ts"

export interface LoadedConfiguration {
  /** null = there are errors. */
  readonly snapshot: Snapshot | null
  readonly diagnostics: readonly Diagnostic[]
  readonly files: readonly SourceFile[]
}

export class ConfigurationLoader {
  readonly #files: readonly string[]
  readonly #compileOptions: CompileOptions
  /** stdin ends only once: a reload reads again what came the first time. */
  #stdin: Promise<Uint8Array> | null = null

  constructor(options: ConfigurationOptions, demoServices: CompileOptions["demoServices"]) {
    this.#files = options.files
    this.#compileOptions = {
      portMap: options.portMap,
      selector: options.selector,
      dnsFallback: options.dnsFallback,
      demoServices,
    }
  }

  /**
   * References between resources are checked only when every file is right by itself: a Gateway with a typo would
   * otherwise be missing to each of its VirtualServices, and the one real error be lost among hundreds.
   */
  async load(): Promise<LoadedConfiguration> {
    const loaded = await loadConfiguration(this.#files, () => this.#readStdin())
    if (hasErrors(loaded.diagnostics)) return { snapshot: null, diagnostics: loaded.diagnostics, files: loaded.files }
    const compiled = compile(loaded.resources, this.#compileOptions)
    const diagnostics = [...loaded.diagnostics, ...compiled.diagnostics]
    return { snapshot: hasErrors(diagnostics) ? null : compiled.value, diagnostics, files: loaded.files }
  }

  #readStdin(): Promise<Uint8Array> {
    this.#stdin ??= Bun.stdin.bytes()
    return this.#stdin
  }
}
