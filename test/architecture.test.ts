/**
 * The walls of ARCHITECTURE.md as a test: a room that imports what it must not know fails here, with the edge's name.
 * Tests and fixtures may cross walls; the program may not.
 */
import { describe, expect, test } from "bun:test"
import { existsSync } from "node:fs"
import { join } from "node:path"
import {
  findCycle,
  type Import,
  importsOf,
  projectFolder,
  readSources,
  type SourceFile,
  withoutComments,
} from "./import-graph.ts"

const everything = await readSources("src/**/*.ts", "test/**/*.ts", "bench/**/*.ts")
const program = everything.filter(({ path }) => path.startsWith("src/") && !/\.(?:test|fixture)\.ts$/.test(path))

/** Parts of pure rooms that touch the outside, each for its reason. */
const wireFiles = [
  // Read and watch the user's files, beside traffic.
  /^src\/config\/(?:sources|watch|watch-scan|load-configuration|time-slices)\.ts$/,
  // A codec's connections own sockets; what they parse and write with does not.
  /^src\/http\/h[12]\/[a-z-]+-connection\.ts$/,
  // What both connections of HTTP/2 share, and a stream that writes into its connection.
  /^src\/http\/h2\/(?:session|client-stream)\.ts$/,
]

const pure = program.filter(
  ({ path }) => isIn(path, "config", "compile", "route", "http") && !wireFiles.some((pattern) => pattern.test(path)),
)

/** What the data path reads: types and constants, nothing that compiles. */
const snapshotFiles: ReadonlySet<string> = new Set(["src/compile/snapshot.ts", "src/compile/cluster-policies.ts"])

function isIn(path: string, ...rooms: readonly string[]): boolean {
  return rooms.some((room) => path.startsWith(`src/${room}/`))
}

/** Every import of these files that is forbidden, as `from -> to`. */
function edges(files: readonly SourceFile[], isForbidden: (target: string, each: Import) => boolean): string[] {
  return files.flatMap(({ path, imports }) =>
    imports.filter((each) => isForbidden(each.target, each)).map(({ target }) => `${path} -> ${target}`),
  )
}

function isPackage(target: string, ...names: readonly string[]): boolean {
  return names.some((name) => target === name || target.startsWith(`${name}/`))
}

test("there is something to look at", () => {
  expect(pure.length).toBeGreaterThan(50)
  expect(program.length).toBeGreaterThan(pure.length)
})

describe("pure rooms: config, compile, route, the parsers and writers of http", () => {
  test("know no sockets, no files, no processes", () => {
    const forbidden = ["fs", "http", "http2", "https", "tls", "dgram", "dns", "child_process", "worker_threads", "os"]
    const isForbidden = (target: string, { clause, isTypeOnly }: Import) =>
      // What is written goes into an Output that somebody else attached to a socket: its type is no socket.
      (isIn(target, "net") && !(isTypeOnly && target === "src/net/output.ts")) ||
      isPackage(target, ...forbidden.map((name) => `node:${name}`), "bun") ||
      // Whether a text is an IP address is a question about text.
      (target === "node:net" && !/^\{ isIP(?:v[46])?(?:, isIP(?:v[46])?)* \}$/.test(clause))
    expect(edges(pure, isForbidden)).toEqual([])
  })

  test("call nothing of Bun's that reaches outside", () => {
    const calls = /\bBun\.(?!hash\b|escapeHTML\b|version\b)\w+|\bprocess\.\w+|\bfetch\(/g
    expect(pure.flatMap(({ path, code }) => [...code.matchAll(calls)].map(([call]) => `${path}: ${call}`))).toEqual([])
  })

  test("read no clock and set no timer", () => {
    const clock =
      /\bDate\.now\b|\bnew Date\(\)|\bperformance\.now\b|\bset(?:Timeout|Interval|Immediate)\b|\bMath\.random\b/g
    expect(pure.flatMap(({ path, code }) => [...code.matchAll(clock)].map(([call]) => `${path}: ${call}`))).toEqual([])
  })
})

describe("doors", () => {
  test("compile does not know the data path, the commands or the admin interface", () => {
    const files = program.filter(({ path }) => isIn(path, "compile"))
    expect(edges(files, (target) => isIn(target, "proxy", "upstream", "net", "cli", "admin"))).toEqual([])
  })

  test("config knows of compile only its contract", () => {
    const files = program.filter(({ path }) => isIn(path, "config"))
    const isForbidden = (target: string) =>
      isIn(target, "proxy", "upstream", "net", "cli", "admin", "http") ||
      (isIn(target, "compile") && target !== "src/compile/snapshot.ts")
    expect(edges(files, isForbidden)).toEqual([])
  })

  test("the data path does not know YAML, schemas or typed resources", () => {
    const files = program.filter(({ path }) => isIn(path, "proxy", "http", "net", "upstream", "route"))
    const isForbidden = (target: string) =>
      isIn(target, "config") || isPackage(target, "yaml", "zod", "commander", "hono")
    expect(edges(files, isForbidden)).toEqual([])
  })

  test("the data path knows of compile only the snapshot and what it is made of", () => {
    const files = program.filter(({ path }) => isIn(path, "proxy", "http", "net", "upstream", "route"))
    expect(edges(files, (target) => isIn(target, "compile") && !snapshotFiles.has(target))).toEqual([])
  })

  test("only the commands put admin and cli together with the rest", () => {
    const files = program.filter(({ path }) => !isIn(path, "cli", "admin") && path !== "src/main.ts")
    expect(edges(files, (target) => isIn(target, "admin", "cli"))).toEqual([])
    const admin = program.filter(({ path }) => isIn(path, "admin"))
    expect(edges(admin, (target) => isIn(target, "cli"))).toEqual([])
  })

  test("the wire speaks no Istio: net knows nothing but itself", () => {
    const files = program.filter(({ path }) => isIn(path, "net"))
    expect(edges(files, (target) => target.startsWith("src/") && !isIn(target, "net"))).toEqual([])
  })

  test("codecs do not know what is done with a message", () => {
    const files = program.filter(({ path }) => isIn(path, "http"))
    expect(edges(files, (target) => isIn(target, "proxy", "upstream", "telemetry", "compile"))).toEqual([])
  })
})

describe("files", () => {
  test("the program imports no test and no fixture", () => {
    expect(edges(program, (target) => /\.(?:test|fixture)\.ts$/.test(target) || target.startsWith("test/"))).toEqual([])
  })

  test("every import of ours names a file that is there", () => {
    const missing = everything.flatMap(({ path, imports }) =>
      imports
        .filter(({ target, isOurs }) => isOurs && !existsSync(join(projectFolder, target)))
        .map(({ target }) => `${path} -> ${target}`),
    )
    expect(missing).toEqual([])
  })

  test("no circle of imports", () => {
    expect(findCycle(program)).toBeNull()
  })

  test("every folder and file is named after what it is", () => {
    const nameless = /(?:^|\/)(?:utils?|helpers?|common|shared|misc|index)(?:\.[a-z.]+)?(?:\/|$)/
    expect(everything.map(({ path }) => path).filter((path) => nameless.test(path))).toEqual([])
  })

  test("no file is longer than 450 lines", () => {
    const linesMax = 450
    /** Path to the reason why it is one idea all the same. */
    const excused: Readonly<Record<string, string>> = {}
    // A table of cases is one idea however long it is.
    const code = everything.filter(({ path }) => !path.endsWith(".cases.ts"))
    const long = code.filter(({ lineCount }) => lineCount > linesMax).map(({ path }) => path)
    expect(long).toEqual(Object.keys(excused))
  })
})

describe("the reader of imports itself", () => {
  test("sees values, types, re-exports, side effects, many lines, and imports at run time", () => {
    const code = [
      'import { a } from "./a.ts"',
      'import type { B } from "../b.ts"',
      "import {",
      "  type C,",
      "  type D,",
      '} from "./c.ts"',
      'import { type E, f } from "zod"',
      'export { g } from "./g.ts"',
      'import "./h.ts"',
      // In two parts, so that this file does not seem to import it.
      ["  const i = await import(", '"./i.ts")'].join(""),
    ].join("\n")
    expect(importsOf("src/x/y.ts", code).map(({ target, isTypeOnly }) => [target, isTypeOnly])).toEqual([
      ["src/x/a.ts", false],
      ["src/b.ts", true],
      ["src/x/c.ts", true],
      ["zod", false],
      ["src/x/g.ts", false],
      ["src/x/h.ts", false],
      ["src/x/i.ts", false],
    ])
  })

  test("takes comments away and leaves strings", () => {
    expect(withoutComments('a /* Date.now */ + "/* b */" // c\n+ "https://d"')).toBe('a  + "/* b */" \n+ "https://d"')
  })

  test("finds a circle of values, not of types", () => {
    const file = (path: string, target: string, isTypeOnly: boolean): SourceFile => ({
      path,
      text: "",
      code: "",
      lineCount: 1,
      imports: [{ target, isOurs: true, isTypeOnly, clause: "" }],
    })
    expect(findCycle([file("a", "b", false), file("b", "a", true)])).toBeNull()
    expect(findCycle([file("a", "b", false), file("b", "a", false)])).toEqual(["a", "b", "a"])
  })
})
