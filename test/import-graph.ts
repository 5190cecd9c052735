/**
 * The imports of the sources as a graph, for the test that holds the walls between rooms.
 *
 * Read by pattern, not by compiler: the house style keeps every import a plain statement at the start of a line, and the
 * test must also see type imports, which a transpiler drops.
 */
import { dirname, join, normalize } from "node:path"

export const projectFolder = join(import.meta.dir, "..")

export interface Import {
  /** Path from the project's folder for a file of ours (`src/net/output.ts`), else the name as written (`node:fs`, `zod`). */
  readonly target: string
  readonly isOurs: boolean
  readonly isTypeOnly: boolean
  /** What stands between `import` and `from`; "" where there is nothing. */
  readonly clause: string
}

export interface SourceFile {
  /** From the project's folder. */
  readonly path: string
  readonly text: string
  /** `text` without comments. */
  readonly code: string
  readonly lineCount: number
  readonly imports: readonly Import[]
}

const staticImport = /^(?:import|export)\s+(?:(type\s)?([^"';]*?)\sfrom\s+)?"([^"]+)"/gm
const dynamicImport = /\bimport\(\s*"([^"]+)"\s*\)/g

/** @param patterns globs from the project's folder. Sorted by path. */
export async function readSources(...patterns: readonly string[]): Promise<readonly SourceFile[]> {
  const paths = new Set(patterns.flatMap((pattern) => [...new Bun.Glob(pattern).scanSync({ cwd: projectFolder })]))
  return Promise.all([...paths].sort().map(readSource))
}

async function readSource(path: string): Promise<SourceFile> {
  const text = await Bun.file(join(projectFolder, path)).text()
  const code = withoutComments(text)
  return { path, text, code, lineCount: text.trimEnd().split("\n").length, imports: importsOf(path, code) }
}

export function importsOf(path: string, code: string): readonly Import[] {
  const imports: Import[] = []
  for (const [, typeWord, clause = "", specifier = ""] of code.matchAll(staticImport)) {
    imports.push(resolve(path, specifier, clause, typeWord !== undefined || isAllTypes(clause)))
  }
  for (const [, specifier = ""] of code.matchAll(dynamicImport)) imports.push(resolve(path, specifier, "", false))
  return imports
}

/** `{ type A, type B }` */
function isAllTypes(clause: string): boolean {
  const names =
    /^\{([^}]*)\}$/
      .exec(clause.trim())?.[1]
      ?.split(",")
      .filter((name) => name.trim() !== "") ?? []
  return names.length > 0 && names.every((name) => name.trim().startsWith("type "))
}

function resolve(path: string, specifier: string, clause: string, isTypeOnly: boolean): Import {
  const isOurs = specifier.startsWith(".")
  const target = isOurs ? normalize(join(dirname(path), specifier)) : specifier
  return { target, isOurs, isTypeOnly, clause: clause.trim() }
}

/** Comments go, strings stay: what looks like a comment inside a string is kept with it. */
export function withoutComments(text: string): string {
  return text.replace(
    /("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`)|\/\*[\s\S]*?\*\/|(?<![:\\/[])\/\/[^\n]*/g,
    (_, string: string | undefined) => string ?? "",
  )
}

/** @returns the files of one cycle of value imports, first and last the same; null when there is none. */
export function findCycle(files: readonly SourceFile[]): readonly string[] | null {
  const byPath = new Map(files.map((file) => [file.path, file]))
  const finished = new Set<string>()
  const walk = (path: string, trail: readonly string[]): readonly string[] | null => {
    if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path]
    if (finished.has(path)) return null
    for (const { target, isOurs, isTypeOnly } of byPath.get(path)?.imports ?? []) {
      const cycle = isOurs && !isTypeOnly ? walk(target, [...trail, path]) : null
      if (cycle !== null) return cycle
    }
    finished.add(path)
    return null
  }
  for (const { path } of files) {
    const cycle = walk(path, [])
    if (cycle !== null) return cycle
  }
  return null
}
