/**
 * Reads what `-f` names: files, folders, standard input. The only file of this room that touches the disk.
 *
 * A folder is read recursively for *.yaml, *.yml and *.json, sorted by path, so that the order never depends on the
 * file system. Names that begin with a dot are skipped: in a mounted ConfigMap `..data` and the dated folder it points
 * at hold the same files once more, and the links at the top already lead there.
 */
import { readdir, readFile, realpath, stat } from "node:fs/promises"
import { join } from "node:path"
import type { Diagnosed, Diagnostic } from "./diagnostics.ts"
import type { SourceFile } from "./source-text.ts"

/** Bounds on what is read. Reaching one is an error diagnostic, never a crash. */
export interface SourceLimits {
  /** One file's size. */
  readonly fileBytesMax: number
  /** All files of all `-f` together. */
  readonly fileCountMax: number
  /** Folders inside folders. */
  readonly folderDepthMax: number
}

export const defaultSourceLimits: SourceLimits = {
  fileBytesMax: 64 * 1024 * 1024,
  fileCountMax: 10_000,
  folderDepthMax: 16,
}

/** How standard input is called in messages. */
export const stdinName = "<stdin>"

const configurationFile = /\.(?:yaml|yml|json)$/i

/**
 * Reads every file that `paths` name, in that order; a file named twice is read once.
 *
 * @param paths files, folders, or `-` for standard input.
 * @param readStdin called at most once, for `-`.
 */
export async function readSources(
  paths: readonly string[],
  readStdin: () => Promise<Uint8Array>,
  limits: SourceLimits = defaultSourceLimits,
): Promise<Diagnosed<readonly SourceFile[]>> {
  const reader = new SourceReader(limits)
  let stdinRead = false
  for (const path of paths) {
    if (path !== "-") {
      await reader.addPath(path)
    } else if (!stdinRead) {
      stdinRead = true
      reader.addBytes(stdinName, await readStdin())
    }
  }
  return { value: reader.files, diagnostics: reader.diagnostics }
}

class SourceReader {
  readonly files: SourceFile[] = []
  readonly diagnostics: Diagnostic[] = []
  readonly #limits: SourceLimits
  /** Real paths: a link beside its target, or a folder inside a named folder, is one file. */
  readonly #seen = new Set<string>()
  #tooMany = false

  constructor(limits: SourceLimits) {
    this.#limits = limits
  }

  /** A path that the user wrote: a folder, or a file of any name. */
  async addPath(path: string): Promise<void> {
    const kind = await this.#kindOf(path)
    if (kind === "file") return this.#addFile(path)
    if (kind !== "folder") return
    const found = await this.#addFolder(path, 0)
    if (found === 0) {
      this.#report("warning", "P1005", path, "this folder holds no *.yaml, *.yml or *.json file", "")
    }
  }

  addBytes(path: string, bytes: Uint8Array): void {
    if (bytes.byteLength > this.#limits.fileBytesMax) {
      this.#reportSize(path)
      return
    }
    try {
      this.files.push({ path, text: new TextDecoder("utf-8", { fatal: true }).decode(bytes) })
    } catch {
      // The decoder's only complaint.
      this.#report("error", "P1004", path, "this file is not UTF-8 text", "save it as UTF-8")
    }
  }

  /** @returns how many configuration files were found. */
  async #addFolder(folder: string, depth: number): Promise<number> {
    if (depth > this.#limits.folderDepthMax) {
      const message = `folders nest deeper than ${this.#limits.folderDepthMax}`
      this.#report("error", "P1003", folder, message, "name the inner folder with -f")
      return 0
    }
    let names: readonly string[]
    try {
      names = await readdir(folder)
    } catch (error) {
      this.#reportUnreadable(folder, error)
      return 0
    }
    let found = 0
    for (const name of names.toSorted()) {
      if (name.startsWith(".") || this.#tooMany) continue
      const path = join(folder, name)
      const kind = await this.#kindOf(path)
      if (kind === "folder") found += await this.#addFolder(path, depth + 1)
      else if (kind === "file" && configurationFile.test(name)) {
        found++
        await this.#addFile(path)
      }
    }
    return found
  }

  async #addFile(path: string): Promise<void> {
    if (this.files.length >= this.#limits.fileCountMax) {
      if (!this.#tooMany) {
        const message = `more than ${this.#limits.fileCountMax} files: this one and those after it are not read`
        this.#report("error", "P1003", path, message, "join files, `---` between the documents")
      }
      this.#tooMany = true
      return
    }
    try {
      const real = await realpath(path)
      if (this.#seen.has(real)) return
      this.#seen.add(real)
      if ((await stat(real)).size > this.#limits.fileBytesMax) this.#reportSize(path)
      else this.addBytes(path, await readFile(real))
    } catch (error) {
      this.#reportUnreadable(path, error)
    }
  }

  /** Follows links. Sockets, devices and the like are "other". */
  async #kindOf(path: string): Promise<"file" | "folder" | "other" | "unreadable"> {
    try {
      const status = await stat(path)
      if (status.isDirectory()) return "folder"
      // A pipe is how a shell's `-f <(helm template …)` arrives.
      return status.isFile() || status.isFIFO() ? "file" : "other"
    } catch (error) {
      this.#reportUnreadable(path, error)
      return "unreadable"
    }
  }

  #reportUnreadable(path: string, error: unknown): void {
    const reason = error instanceof Error && "code" in error ? String(error.code) : "unknown reason"
    if (reason === "ENOENT") this.#report("error", "P1001", path, "there is no such file or folder", "")
    else this.#report("error", "P1001", path, `cannot be read: ${reason}`, "")
  }

  #reportSize(path: string): void {
    const message = `larger than ${this.#limits.fileBytesMax} bytes: not read`
    this.#report("error", "P1002", path, message, "split it into several files")
  }

  #report(severity: Diagnostic["severity"], code: string, file: string, message: string, hint: string): void {
    const nowhere = { line: 0, column: 0, endColumn: 0, resource: "", path: "" }
    this.diagnostics.push({ severity, code, message, hint, file, ...nowhere })
  }
}
