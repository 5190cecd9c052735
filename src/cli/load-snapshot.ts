/**
 * From files to a Snapshot, or to what is wrong with them: the one way both `check` and `run` take, at the start and
 * on every reload.
 */
import { type CompileOptions, compiling } from "../compile/compile.ts"
import type { Snapshot } from "../compile/snapshot.ts"
import { type Diagnostic, hasErrors } from "../config/diagnostics.ts"
import { DocumentMemory } from "../config/document-memory.ts"
import { loadConfiguration } from "../config/load-configuration.ts"
import type { ReadingMemory } from "../config/parse-resources.ts"
import type { Resource } from "../config/resources.ts"
import type { SourceFile } from "../config/source-text.ts"
import type { PipeContents } from "../config/sources.ts"
import { runInSlices } from "../config/time-slices.ts"
import { type LoadedCredentials, loadingCredentials, noCredentials } from "../security/load-credentials.ts"
import { Secrets } from "../security/secrets.ts"
import { findUpstreamSecret } from "../security/upstream-secret.ts"
import type { SecretMaterial } from "../upstream/tls-material.ts"
import type { ConfigurationOptions } from "./options.ts"

export interface LoadedConfiguration {
  /** null = there are errors. */
  readonly snapshot: Snapshot | null
  /** What its TLS servers are served with. */
  readonly credentials: LoadedCredentials["byChain"]
  readonly diagnostics: readonly Diagnostic[]
  readonly files: readonly SourceFile[]
}

export class ConfigurationLoader {
  readonly #files: readonly string[]
  readonly #compileOptions: CompileOptions
  readonly #secretsFolder: string
  #secrets: Secrets
  readonly #documents: ReadingMemory = new DocumentMemory()
  readonly #pipes: PipeContents = new Map()
  /** stdin ends only once: a reload reads again what came the first time. */
  #stdin: Promise<Uint8Array> | null = null

  constructor(options: ConfigurationOptions, demoServices: CompileOptions["demoServices"]) {
    this.#files = options.files
    this.#secretsFolder = options.secretsDir
    this.#secrets = new Secrets([], options.secretsDir)
    this.#compileOptions = {
      portMap: options.portMap,
      selector: options.selector,
      locality: options.locality,
      dnsFallback: options.dnsFallback,
      demoServices,
    }
  }

  /**
   * References between resources are checked only when every file is right by itself: a Gateway with a typo would
   * otherwise be missing to each of its VirtualServices, and the one real error be lost among hundreds.
   */
  async load(): Promise<LoadedConfiguration> {
    const loaded = await loadConfiguration(this.#files, () => this.#readStdin(), this.#documents, this.#pipes)
    const { files } = loaded
    const credentials = noCredentials.byChain
    if (hasErrors(loaded.diagnostics)) return { snapshot: null, credentials, diagnostics: loaded.diagnostics, files }
    const compiled = await runInSlices(compiling(loaded.resources, this.#compileOptions))
    const diagnostics = [...loaded.diagnostics, ...compiled.diagnostics]
    if (hasErrors(diagnostics)) return { snapshot: null, credentials, diagnostics, files }
    const secrets = this.#secretsOf(loaded.resources)
    const found = await runInSlices(loadingCredentials(compiled.value, secrets, Date.now()))
    this.#secrets = secrets
    return {
      snapshot: compiled.value,
      credentials: found.byChain,
      diagnostics: [...diagnostics, ...found.diagnostics],
      files,
    }
  }

  /** Reads certificates anew, for a snapshot that was loaded here. The `Secret` resources are those of the last load. */
  loadCredentials(snapshot: Snapshot): Promise<LoadedCredentials> {
    return runInSlices(loadingCredentials(snapshot, this.#secrets, Date.now()))
  }

  /** What a DestinationRule's `credentialName` names, as of now; null = nothing. */
  findUpstreamSecret(credentialName: string, namespace: string): SecretMaterial | null {
    return findUpstreamSecret(this.#secrets, credentialName, namespace)
  }

  #secretsOf(resources: readonly Resource[]): Secrets {
    return new Secrets(
      resources.filter((resource) => resource.kind === "Secret"),
      this.#secretsFolder,
    )
  }

  #readStdin(): Promise<Uint8Array> {
    this.#stdin ??= Bun.stdin.bytes()
    return this.#stdin
  }
}
