/**
 * Reads what `-f` names: files, folders, standard input. The only file of this room that touches the disk.
 *
 * A folder is read recursively for *.yaml, *.yml and *.json, sorted by path, so that the order never depends on the
 * file system. Names that begin with a dot are skipped: in a mounted ConfigMap `..data` and the dated folder it points
 * at hold the same files once more, and the links at the top already lead there.
 */
import type { Dirent } from "node:fs"
import { readdir, readFile, realpath, stat } from "node:fs/promises"
import { join } from "node:path"
import type { Diagnosed, Diagnostic } from "./diagnostics.ts"
import { sortedInSteps } from "./sort-in-steps.ts"
import type { SourceFile } from "./source-text.ts"
import { runInSlices } from "./time-slices.ts"

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
  fileCountMax: 50_000,
  folderDepthMax: 16,
}

/** How standard input is called in messages. */
export const stdinName = "<stdin>"

const configurationFile = /\.(?:yaml|yml|json)$/i

/** One after the other, most of the cost of a small file is the way to the thread that reads it and back. */
const filesAtOnce = 32

interface FoundFile {
  /** As the user will read it. */
  readonly path: string
  /** Links followed. */
  readonly real: string
  readonly isPipe: boolean
}

/**
 * What pipes held, by their paths. A pipe ends only once: read again it would be empty, or not end at all because nobody
 * writes any more.
 */
export type PipeContents = Map<string, Uint8Array>

type Content = { readonly bytes: Uint8Array } | { readonly isTooLarge: true } | { readonly error: unknown }

/**
 * Reads every file that `paths` name, in that order; a file named twice is read once.
 *
 * @param paths files, folders, or `-` for standard input.
 * @param readStdin called at most once, for `-`.
 * @param pipes of earlier loads, for this one and the next.
 */
export async function readSources(
  paths: readonly string[],
  readStdin: () => Promise<Uint8Array>,
  limits: SourceLimits = defaultSourceLimits,
  pipes: PipeContents = new Map(),
): Promise<Diagnosed<readonly SourceFile[]>> {
  const reader = new SourceReader(limits, pipes)
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
  readonly #pipes: PipeContents
  #tooMany = false

  constructor(limits: SourceLimits, pipes: PipeContents) {
    this.#limits = limits
    this.#pipes = pipes
  }

  /** A path that the user wrote: a folder, or a file of any name. */
  async addPath(path: string): Promise<void> {
    const kind = await this.#kindOf(path)
    if (kind === "file" || kind === "pipe") return this.#addFile(path, kind)
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
    let entries: readonly Dirent[]
    let real: string
    try {
      entries = await readdir(folder, { withFileTypes: true })
      real = await realpath(folder)
    } catch (error) {
      this.#reportUnreadable(folder, error)
      return 0
    }
    let found = 0
    let files: FoundFile[] = []
    for (const entry of await runInSlices(sortedInSteps(entries, compareNames))) {
      const { name } = entry
      if (name.startsWith(".") || this.#tooMany) continue
      const path = join(folder, name)
      if (entry.isFile()) {
        if (!configurationFile.test(name)) continue
        found++
        files.push({ path, real: join(real, name), isPipe: false })
        if (files.length < filesAtOnce) continue
      }
      await this.#addFiles(files)
      files = []
      if (entry.isFile()) continue
      const kind = await this.#kindOf(path)
      if (kind === "folder") found += await this.#addFolder(path, depth + 1)
      else if ((kind === "file" || kind === "pipe") && configurationFile.test(name)) {
        found++
        await this.#addFile(path, kind)
      }
    }
    await this.#addFiles(files)
    return found
  }

  async #addFile(path: string, kind: "file" | "pipe"): Promise<void> {
    try {
      // The link of a pipe without a name leads nowhere.
      const isPipe = kind === "pipe"
      await this.#addFiles([{ path, real: isPipe ? path : await realpath(path), isPipe }])
    } catch (error) {
      this.#reportUnreadable(path, error)
    }
  }

  /** In their order. */
  async #addFiles(files: readonly FoundFile[]): Promise<void> {
    const left = files.filter(({ real }) => !this.#seen.has(real))
    while (left.length > 0) {
      const room = this.#limits.fileCountMax - this.files.length
      if (room <= 0) {
        this.#reportTooMany(left[0]?.path ?? "")
        return
      }
      const batch = left.splice(0, room)
      const contents = await Promise.all(batch.map((file) => this.#read(file)))
      for (const [index, { path, real }] of batch.entries()) {
        this.#seen.add(real)
        this.#addContent(path, contents[index])
      }
    }
  }

  async #read({ real, isPipe }: FoundFile): Promise<Content> {
    try {
      if (isPipe) return { bytes: await this.#readPipe(real) }
      if ((await stat(real)).size > this.#limits.fileBytesMax) return { isTooLarge: true }
      return { bytes: await readFile(real) }
    } catch (error) {
      return { error }
    }
  }

  async #readPipe(path: string): Promise<Uint8Array> {
    const known = this.#pipes.get(path)
    if (known !== undefined) return known
    const bytes = await readFile(path)
    this.#pipes.set(path, bytes)
    return bytes
  }

  #addContent(path: string, content: Content | undefined): void {
    if (content === undefined) return
    if ("bytes" in content) this.addBytes(path, content.bytes)
    else if ("error" in content) this.#reportUnreadable(path, content.error)
    else this.#reportSize(path)
  }

  /** Follows links. Sockets, devices and the like are "other". */
  async #kindOf(path: string): Promise<"file" | "pipe" | "folder" | "other" | "unreadable"> {
    try {
      const status = await stat(path)
      if (status.isDirectory()) return "folder"
      // A pipe is how a shell's `-f <(helm template …)` arrives.
      if (status.isFIFO()) return "pipe"
      return status.isFile() ? "file" : "other"
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

  #reportTooMany(path: string): void {
    if (this.#tooMany) return
    this.#tooMany = true
    const message = `more than ${this.#limits.fileCountMax} files: this one and those after it are not read`
    this.#report("error", "P1003", path, message, "join files, `---` between the documents")
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

/** By UTF-16 code units. */
function compareNames(left: Dirent, right: Dirent): number {
  if (left.name === right.name) return 0
  return left.name < right.name ? -1 : 1
}
