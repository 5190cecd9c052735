import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type FileWatcher, watchFiles } from "./watch.ts"
import { scanForWatch } from "./watch-scan.ts"

let folder = ""
let watcher: FileWatcher | null = null

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "portcullis-watch-"))
})

afterEach(async () => {
  watcher?.close()
  watcher = null
  await rm(folder, { recursive: true })
})

/** Resolves with the next change; the test's own timeout is the limit. */
async function watching(path: string): Promise<{ nextChange(): Promise<void> }> {
  let changes = 0
  let seen = 0
  let wake: (() => void) | null = null
  watcher = watchFiles({
    paths: [path],
    loadedUnixMs: Number.MAX_SAFE_INTEGER,
    onChange: () => {
      changes += 1
      wake?.()
    },
    onError: (directory, reason) => {
      throw new Error(`${directory}: ${reason}`)
    },
  })
  await watcher.ready
  return {
    async nextChange() {
      if (changes === seen) await new Promise<void>((resolve) => (wake = resolve))
      seen = changes
    },
  }
}

/** A ConfigMap volume: real files in a dated folder, one link that is moved, and a link per file. */
async function mountConfigMap(): Promise<void> {
  await mkdir(join(folder, "..v1"))
  await writeFile(join(folder, "..v1", "routes.yaml"), "a: 1\n")
  await symlink("..v1", join(folder, "..data"))
  await symlink("..data/routes.yaml", join(folder, "routes.yaml"))
}

async function swapConfigMap(version: string, content: string): Promise<void> {
  await mkdir(join(folder, version))
  await writeFile(join(folder, version, "routes.yaml"), content)
  await symlink(version, join(folder, "..data_tmp"))
  await rename(join(folder, "..data_tmp"), join(folder, "..data"))
}

describe("watching files", () => {
  test("a file that is written in place", async () => {
    const file = join(folder, "routes.yaml")
    await writeFile(file, "a: 1\n")
    const changes = await watching(file)
    await writeFile(file, "a: 22\n")
    await changes.nextChange()
  })

  test("a file that is replaced by renaming, as editors do, again and again", async () => {
    const file = join(folder, "routes.yaml")
    await writeFile(file, "a: 1\n")
    const changes = await watching(file)
    for (const content of ["a: 22\n", "a: 333\n", "a: 4444\n"]) {
      await writeFile(join(folder, "new"), content)
      await rename(join(folder, "new"), file)
      await changes.nextChange()
    }
  })

  test("a file that does not exist yet", async () => {
    const file = join(folder, "routes.yaml")
    const changes = await watching(file)
    await writeFile(file, "a: 1\n")
    await changes.nextChange()
  })

  test("a mounted ConfigMap's file changes with the link it goes through, every time", async () => {
    await mountConfigMap()
    const changes = await watching(join(folder, "routes.yaml"))
    await swapConfigMap("..v2", "a: 2\n")
    await changes.nextChange()
    await swapConfigMap("..v3", "a: 3\n")
    await changes.nextChange()
  })

  test("a mounted ConfigMap's folder", async () => {
    await mountConfigMap()
    const changes = await watching(folder)
    await swapConfigMap("..v2", "a: 2\n")
    await changes.nextChange()
  })

  test("a file elsewhere that a link in the watched folder leads to", async () => {
    await mkdir(join(folder, "elsewhere"))
    await mkdir(join(folder, "watched"))
    const file = join(folder, "elsewhere", "routes.yaml")
    await writeFile(file, "a: 1\n")
    await symlink("../elsewhere/routes.yaml", join(folder, "watched", "routes.yaml"))
    const changes = await watching(join(folder, "watched"))
    await writeFile(file, "a: 22\n")
    await changes.nextChange()
  })

  test("a new file in a folder below the watched one, which is new too", async () => {
    const changes = await watching(folder)
    await mkdir(join(folder, "team"))
    await writeFile(join(folder, "team", "a.yaml"), "a: 1\n")
    await changes.nextChange()
    await writeFile(join(folder, "team", "b.yaml"), "a: 1\n")
    await changes.nextChange()
  })

  test("a file that became newer between reading and watching counts as changed", async () => {
    const file = join(folder, "routes.yaml")
    await writeFile(file, "a: 1\n")
    await new Promise<void>((resolve) => {
      watcher = watchFiles({ paths: [file], loadedUnixMs: 1, onChange: resolve, onError: () => {} })
    })
  })
})

describe("the fingerprint", () => {
  test("leaves out files that are not configuration, and dotfiles", async () => {
    await writeFile(join(folder, "a.yaml"), "")
    const before = await scanForWatch([folder])
    await writeFile(join(folder, "notes.txt"), "")
    await writeFile(join(folder, ".a.yaml.swp"), "")
    await writeFile(join(folder, ".b.yaml"), "")
    const after = await scanForWatch([folder])
    expect(after.fingerprint).toBe(before.fingerprint)
    await writeFile(join(folder, "b.json"), "")
    expect((await scanForWatch([folder])).fingerprint).not.toBe(before.fingerprint)
  })

  test("ends although a link leads back up", async () => {
    await symlink(".", join(folder, "loop"))
    await writeFile(join(folder, "a.yaml"), "")
    const scan = await scanForWatch([folder])
    expect(scan.fingerprint.split("\n")).toHaveLength(1)
  })

  test("a path that is not there, and links in a circle, are no errors", async () => {
    await symlink("b", join(folder, "a"))
    await symlink("a", join(folder, "b"))
    const scan = await scanForWatch([join(folder, "a"), join(folder, "none", "none.yaml")])
    expect(scan.newestUnixMs).toBe(0)
    expect([...scan.directories]).toEqual([folder])
  })
})
