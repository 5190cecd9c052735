/**
 * Watches where certificates come from: the secrets folder and the files that Gateways name. Which files those are
 * changes with the configuration, so each snapshot that is served says it anew.
 */
import { type FileWatcher, watchFiles } from "../config/watch.ts"
import { allFiles } from "../config/watch-scan.ts"

/** They were read at most so long ago. What changed since is read again, which costs nothing where it is the same. */
const READ_MS_MAX = 5_000

export class CredentialWatch {
  readonly #onChange: () => void
  readonly #onError: (directory: string, reason: string) => void
  #watcher: FileWatcher | null = null
  #paths: readonly string[] = []

  constructor(onChange: () => void, onError: (directory: string, reason: string) => void) {
    this.#onChange = onChange
    this.#onError = onError
  }

  /** @param paths files and folders, sorted; need not exist yet */
  watch(paths: readonly string[]): void {
    if (paths.join("\n") === this.#paths.join("\n")) return
    this.#paths = paths
    this.#watcher?.close()
    this.#watcher = watchFiles({
      paths,
      loadedUnixMs: Date.now() - READ_MS_MAX,
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
