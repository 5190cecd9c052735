import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import { mkdir, mkdtemp, rm, symlink } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { execPath } from "node:process"
import { defaultSourceLimits, readSources } from "./sources.ts"

let folder = ""
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "sources-"))
})
afterEach(async () => {
  await rm(folder, { recursive: true, force: true })
})

async function write(name: string, content: string | Uint8Array = name): Promise<void> {
  await Bun.write(join(folder, name), content)
}

async function read(paths: readonly string[], limits = defaultSourceLimits) {
  const { value, diagnostics } = await readSources(
    paths.map((path) => (path === "-" ? path : join(folder, path))),
    async () => new TextEncoder().encode("from stdin"),
    limits,
  )
  return {
    texts: value.map((file) => file.text),
    paths: value.map((file) => file.path.replace(`${folder}/`, "")),
    codes: diagnostics.map((diagnostic) => `${diagnostic.severity} ${diagnostic.code}`),
  }
}

describe("readSources", () => {
  test("a folder is read recursively, sorted, and only its YAML and JSON files", async () => {
    for (const name of ["b.yaml", "a.yml", "z/c.json", "readme.md", "m/x.YAML", ".hidden.yaml", ".git/d.yaml"]) {
      await write(name)
    }
    expect(await read([""])).toMatchObject({ texts: ["a.yml", "b.yaml", "m/x.YAML", "z/c.json"], codes: [] })
  })

  test("a named file is read whatever its name, and once however often it is named", async () => {
    await write("routes.conf")
    await write("a.yaml")
    expect(await read(["routes.conf", "", "a.yaml", "routes.conf"])).toMatchObject({ texts: ["routes.conf", "a.yaml"] })
  })

  test("- reads standard input, once", async () => {
    expect(await read(["-", "-"])).toMatchObject({ texts: ["from stdin"], paths: ["<stdin>"], codes: [] })
  })

  test("a pipe is read, as a shell's -f <(helm template …) gives it", async () => {
    const script = `import { readSources } from ${JSON.stringify(join(import.meta.dir, "sources.ts"))}
const { value, diagnostics } = await readSources([process.argv[1]], async () => new Uint8Array())
console.log(JSON.stringify([value.map(({ text }) => text), diagnostics]))`
    const command = `exec "$0" -e "$1" <(printf 'a: 1')`
    const child = Bun.spawn(["bash", "-c", command, execPath, script], { stdout: "pipe", stderr: "inherit" })
    expect(JSON.parse(await child.stdout.text())).toEqual([["a: 1"], []])
  })

  test("many files of a folder come in the order of their names, and folders among them at their place", async () => {
    const names = Array.from({ length: 100 }, (_, index) => `${String(index).padStart(3, "0")}.yaml`)
    const inner = ["040.d/b.yaml", "040.d/a.yaml"]
    await Promise.all([...names, ...inner].toReversed().map((name) => write(name)))
    const { texts, codes } = await read([""])
    // `.d` comes before `.yaml`.
    expect(texts).toEqual([...names.slice(0, 40), "040.d/a.yaml", "040.d/b.yaml", ...names.slice(40)])
    expect(codes).toEqual([])
  })

  test("a mounted ConfigMap's files are read once, through the links at the top", async () => {
    await write("..2024_01_01/routes.yaml", "kept")
    await symlink("..2024_01_01", join(folder, "..data"))
    await symlink("..data/routes.yaml", join(folder, "routes.yaml"))
    expect(await read([""])).toMatchObject({ texts: ["kept"], paths: ["routes.yaml"], codes: [] })
  })

  test("links in a circle end", async () => {
    await mkdir(join(folder, "a"))
    await write("a/x.yaml")
    await symlink("..", join(folder, "a", "up"))
    const { texts, codes } = await read([""])
    expect(texts).toEqual(["a/x.yaml"])
    expect(codes).toEqual(["error P1003"])
  })

  test("what is not there, what is empty, and what is not text", async () => {
    await mkdir(join(folder, "empty"))
    await write("latin1.yaml", new Uint8Array([0x61, 0xe9]))
    expect((await read(["nothing.yaml"])).codes).toEqual(["error P1001"])
    expect((await read(["empty"])).codes).toEqual(["warning P1005"])
    expect((await read(["latin1.yaml"])).codes).toEqual(["error P1004"])
  })

  test("a byte order mark is no part of the text", async () => {
    await write("bom.yaml", "\u{feff}a: 1")
    expect((await read(["bom.yaml"])).texts).toEqual(["a: 1"])
  })

  test("limits are errors, and what fits is still read", async () => {
    for (const name of ["a.yaml", "b.yaml", "c.yaml"]) await write(name)
    await write("big.yaml", "x".repeat(11))
    const limits = { fileBytesMax: 10, fileCountMax: 2, folderDepthMax: 4 }
    expect(await read(["big.yaml", ""], limits)).toMatchObject({
      texts: ["a.yaml", "b.yaml"],
      codes: ["error P1002", "error P1003"],
    })
  })
})
