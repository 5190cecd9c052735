/**
 * Watches where certificates come from: the secrets folder and the files that Gateways name. Which files those are
 * changes with the configuration, so each snapshot that is served says it anew.
 */
import { type FileWatcher, watchFiles } from "../config/watch.ts"
import { allFiles } from "../config/watch-scan.ts"

/** A file server's clock may be behind ours. */
const CLOCK_SKEW_MS = 5_000

export class CredentialWatch {
  readonly #onChange: () => void
  readonly #onError: (directory: string, reason: string) => void
  #watcher: FileWatcher | null = null
  #paths: readonly string[] = []

  constructor(onChange: () => void, onError: (directory: string, reason: string) => void) {
    this.#onChange = onChange
    this.#onError = onError
  }

  /**
   * @param paths files and folders, sorted; need not exist yet
   * @param readUnixMs when they began to be read. What changed since is read again, which costs nothing where it is the same.
   */
  watch(paths: readonly string[], readUnixMs: number): void {
    if (paths.join("\n") === this.#paths.join("\n")) return
    this.#paths = paths
    this.#watcher?.close()
    this.#watcher = watchFiles({
      paths,
      loadedUnixMs: readUnixMs - CLOCK_SKEW_MS,
      fileNames: allFiles,
      onChange: this.#onChange,
      onError: this.#onError,
    })
  }

  close(): void {
    this.#watcher?.close()
    this.#watcher = null
  }
}
