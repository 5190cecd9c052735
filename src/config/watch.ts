/**
 * Notices that the configuration's files changed. Events of the system are only a hint to look again: they come in
 * bursts, for files nobody asked about, and say nothing of what a moved link now points to. What decides is the
 * fingerprint of the files that would be read (watch-scan.ts).
 */
import { type FSWatcher, watch } from "node:fs"
import { scanForWatch } from "./watch-scan.ts"

/** After the last event, so that a file that is being written is read once, and whole. */
const quietMs = 100
/** After the first event, so that constant noise in a folder cannot put a reload off for ever. */
const waitMaxMs = 1_000

export interface FileWatcher {
  /** Resolves when the first look is done and changes are noticed from now on. */
  readonly ready: Promise<void>
  close(): void
}

export interface WatchOptions {
  /** Files and folders as given with `-f`, without `-`. */
  readonly paths: readonly string[]
  /** When the configuration was read: a file that is newer at the first look has changed already. */
  readonly loadedUnixMs: number
  readonly onChange: () => void
  /** Of the files in folders that are looked at; default: YAML and JSON. */
  readonly fileNames?: RegExp
  /** A folder cannot be watched; the others are. */
  readonly onError: (directory: string, reason: string) => void
}

export function watchFiles(options: WatchOptions): FileWatcher {
  return new DirectoryWatcher(options)
}

class DirectoryWatcher implements FileWatcher {
  readonly ready: Promise<void>
  readonly #options: WatchOptions
  readonly #watchers = new Map<string, FSWatcher>()
  #fingerprint = ""
  #timer: Timer | null = null
  #firstEventAtMs = 0
  #isScanning = false
  #isClosed = false

  constructor(options: WatchOptions) {
    this.#options = options
    this.ready = this.#begin()
  }

  close(): void {
    this.#isClosed = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    for (const watcher of this.#watchers.values()) watcher.close()
    this.#watchers.clear()
  }

  async #begin(): Promise<void> {
    const first = await scanForWatch(this.#options.paths, this.#options.fileNames)
    this.#watchOnly(first.directories)
    // Once more, now that events are on: nothing can fall between looking and watching.
    const scan = await scanForWatch(this.#options.paths, this.#options.fileNames)
    if (this.#isClosed) return
    this.#fingerprint = scan.fingerprint
    this.#watchOnly(scan.directories)
    if (scan.newestUnixMs > this.#options.loadedUnixMs) this.#options.onChange()
  }

  readonly #onEvent = () => {
    if (this.#isClosed) return
    const nowMs = performance.now()
    if (this.#timer === null) this.#firstEventAtMs = nowMs
    else clearTimeout(this.#timer)
    const delayMs = Math.max(0, Math.min(quietMs, this.#firstEventAtMs + waitMaxMs - nowMs))
    this.#timer = setTimeout(() => this.#lookAgain(), delayMs)
  }

  async #lookAgain(): Promise<void> {
    this.#timer = null
    if (this.#isScanning) {
      this.#onEvent()
      return
    }
    this.#isScanning = true
    await this.ready
    const scan = await scanForWatch(this.#options.paths, this.#options.fileNames)
    const isChanged = scan.fingerprint !== this.#fingerprint
    if (isChanged && !this.#isClosed) {
      // As at the beginning: watch what is there now, then look once more.
      this.#watchOnly(scan.directories)
      this.#fingerprint = (await scanForWatch(this.#options.paths, this.#options.fileNames)).fingerprint
    }
    this.#isScanning = false
    if (isChanged && !this.#isClosed) this.#options.onChange()
  }

  /** Always anew: a directory that was replaced keeps its name, and the old watch sees nothing any more. */
  #watchOnly(directories: ReadonlySet<string>): void {
    if (this.#isClosed) return
    const old = [...this.#watchers.values()]
    this.#watchers.clear()
    for (const directory of directories) {
      try {
        const watcher = watch(directory, { persistent: false }, this.#onEvent)
        // The directory went away; its parent's watch sees that too.
        watcher.on("error", this.#onEvent)
        this.#watchers.set(directory, watcher)
      } catch (error) {
        this.#options.onError(directory, error instanceof Error ? error.message : String(error))
      }
    }
    for (const watcher of old) watcher.close()
  }
}
