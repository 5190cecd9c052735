/**
 * From `-f` arguments to typed resources: the door that `run`, `check`, `explain` and `proxy-config` come through.
 */
import type { Diagnostic } from "./diagnostics.ts"
import { parsingResources, type ReadingMemory } from "./parse-resources.ts"
import type { Resource } from "./resources.ts"
import type { SourceFile } from "./source-text.ts"
import { type PipeContents, readSources } from "./sources.ts"
import { runInSlices } from "./time-slices.ts"

export interface LoadedConfiguration {
  readonly resources: readonly Resource[]
  readonly diagnostics: readonly Diagnostic[]
  /** The texts, for showing offending lines. */
  readonly files: readonly SourceFile[]
}

/**
 * Reads and parses everything; never throws on what a user can write or mount.
 *
 * @param paths as given with `-f`.
 * @param readStdin what `-` reads.
 * @param memory of the last load, for the next.
 * @param pipes of earlier loads, for this one and the next.
 */
export async function loadConfiguration(
  paths: readonly string[],
  readStdin: () => Promise<Uint8Array> = () => Bun.stdin.bytes(),
  memory?: ReadingMemory,
  pipes?: PipeContents,
): Promise<LoadedConfiguration> {
  const sources = await readSources(paths, readStdin, undefined, pipes)
  const parsed = await runInSlices(parsingResources(sources.value, memory))
  return {
    resources: parsed.value,
    diagnostics: [...sources.diagnostics, ...parsed.diagnostics],
    files: sources.value,
  }
}
