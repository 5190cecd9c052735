/**
 * Looks at what `-f` names, for the watcher: which directories to watch, and a fingerprint of the files that would be
 * read. Follows symbolic links link by link, because a mounted ConfigMap changes by moving one of them
 * (`routes.yaml -> ..data/routes.yaml`, `..data -> ..2026_01_02/`) while the file's own name never changes.
 */
import type { Dirent, Stats } from "node:fs"
import { readdir, readlink, stat } from "node:fs/promises"
import { dirname, join, resolve } from "node:path"

/** Beyond these, changes are not noticed (SIGHUP still reloads); they keep a mistaken `-f /` cheap. */
const directoriesMax = 1_000
const filesMax = 50_000
const linksMax = 40
/** One after the other, most of a look is the way to the thread that looks and back. */
const statsAtOnce = 32

export interface WatchScan {
  readonly directories: ReadonlySet<string>
  /** Changes whenever a file would be read with other content; one line per file. */
  readonly fingerprint: string
  /** The newest modification time of all files; 0 when there is none. */
  readonly newestUnixMs: number
}

/** The files of a folder that make up a configuration. */
export const configurationFiles = /\.(?:ya?ml|json)$/i
/** For folders where every file counts. */
export const allFiles = /./

/**
 * @param paths files and folders, which need not exist yet. Never rejects: what cannot be read is simply not there.
 * @param fileNames of the files in folders that are looked at; names with a leading dot never are
 */
export async function scanForWatch(paths: readonly string[], fileNames = configurationFiles): Promise<WatchScan> {
  const scan: MutableScan = { fileNames, directories: new Set(), lines: [], newestUnixMs: 0 }
  for (const path of paths) {
    const absolute = resolve(path)
    await followLinks(scan, absolute)
    const stats = await statOrNull(absolute)
    if (stats === null) scan.lines.push(`${absolute} missing`)
    else if (stats.isDirectory()) await scanDirectory(scan, absolute, new Set())
    else addFile(scan, absolute, stats)
  }
  return { directories: scan.directories, fingerprint: scan.lines.sort().join("\n"), newestUnixMs: scan.newestUnixMs }
}

interface MutableScan {
  readonly fileNames: RegExp
  readonly directories: Set<string>
  readonly lines: string[]
  newestUnixMs: number
}

/** The directory of the path and of everything its links point to: where a replacement would be noticed. */
async function followLinks(scan: MutableScan, path: string): Promise<void> {
  let current = path
  for (let hop = 0; hop < linksMax; hop++) {
    const directory = dirname(current)
    if ((await statOrNull(directory))?.isDirectory() === true) addDirectory(scan, directory)
    const target = await readlinkOrNull(current)
    if (target === null) return
    current = resolve(directory, target)
  }
}

/** @param ancestors identities of the directories on the way down: a link to one of them is a circle. */
async function scanDirectory(scan: MutableScan, path: string, ancestors: ReadonlySet<string>): Promise<void> {
  const own = await statOrNull(path)
  const identity = own === null ? "" : `${own.dev}:${own.ino}`
  if (own === null || ancestors.has(identity) || scan.directories.size >= directoriesMax) return
  addDirectory(scan, path)
  const within = new Set([...ancestors, identity])
  const entries = (await readdirOrEmpty(path)).filter(({ name }) => !name.startsWith("."))
  for (let start = 0; start < entries.length; start += statsAtOnce) {
    const looks = entries.slice(start, start + statsAtOnce).map(async (entry) => {
      const child = join(path, entry.name)
      return { name: entry.name, child, isLink: entry.isSymbolicLink(), stats: await statOrNull(child) }
    })
    for (const { name, child, isLink, stats } of await Promise.all(looks)) {
      // The file itself may be edited where it stands.
      if (isLink && scan.fileNames.test(name)) await followLinks(scan, child)
      if (stats?.isDirectory() === true) await scanDirectory(scan, child, within)
      else if (stats !== null && scan.fileNames.test(name)) addFile(scan, child, stats)
    }
  }
}

function addDirectory(scan: MutableScan, path: string): void {
  if (scan.directories.size < directoriesMax) scan.directories.add(path)
}

function addFile(scan: MutableScan, path: string, stats: Stats): void {
  if (scan.lines.length >= filesMax) return
  scan.lines.push(`${path} ${stats.dev}:${stats.ino} ${stats.size} ${stats.mtimeMs}`)
  scan.newestUnixMs = Math.max(scan.newestUnixMs, stats.mtimeMs)
}

async function statOrNull(path: string): Promise<Stats | null> {
  // Gone, or not ours to see: both are "not there" for a watcher; the loader tells the user.
  return stat(path).catch(() => null)
}

async function readlinkOrNull(path: string): Promise<string | null> {
  // Not a link, in nearly every case.
  return readlink(path).catch(() => null)
}

async function readdirOrEmpty(path: string): Promise<readonly Dirent[]> {
  // As statOrNull.
  return readdir(path, { withFileTypes: true }).catch(() => [])
}
