/** The examples of docs/deploy say nothing that the program does not know, and what they serve compiles. */
import { describe, expect, test } from "bun:test"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { environmentVariable, flags, flagsOf } from "../src/cli/flags.ts"
import { compile } from "../src/compile/compile.ts"
import { loadConfiguration } from "../src/config/load-configuration.ts"

const docs = join(import.meta.dir, "../docs")
const read = (name: string) => readFileSync(join(docs, name), "utf8")
const examples = [
  "deploy/portcullis.service",
  "deploy/portcullis@.service",
  "deploy/Dockerfile",
  "deploy/compose.yaml",
  "deploy/kubernetes.yaml",
]

describe.each([...examples, "running.md"])("%s", (name) => {
  const text = read(name)

  test("names only environment variables that there are", () => {
    const known = new Set(flags.map((flag) => environmentVariable(flag.name)))
    const named = [...text.matchAll(/\bPORTCULLIS_[A-Z_]+/g)].map(([variable]) => variable)
    expect(named.filter((variable) => !known.has(variable))).toEqual([])
  })

  test("gives commands only flags that they take", () => {
    const unknown = [...text.matchAll(/portcullis (run|check|test|explain|proxy-config)\b([^\n`#]*)/g)].flatMap(
      ([, command = "", line = ""]) => {
        const name = (["run", "check", "test", "explain", "proxy-config"] as const).find((known) => known === command)
        const known = new Set(name === undefined ? [] : flagsOf(name).map((flag) => `--${flag.name}`))
        return [...line.matchAll(/(?<![\w-])--[a-z-]+/g)].map(([flag]) => flag).filter((flag) => !known.has(flag))
      },
    )
    expect(unknown).toEqual([])
  })
})

test("the template unit protects what the plain one protects", () => {
  const settings = (name: string) => read(name).slice(read(name).indexOf("LimitNOFILE="))
  expect(settings("deploy/portcullis@.service")).toBe(settings("deploy/portcullis.service"))
})

test("what the compose example serves compiles without an error", async () => {
  const loaded = await loadConfiguration([join(docs, "deploy/compose-routes")])
  expect(loaded.diagnostics).toEqual([])
  const options = { portMap: new Map(), dnsFallback: true, demoServices: [], selector: null }
  const { value, diagnostics } = compile(loaded.resources, options)
  expect(diagnostics.filter(({ severity }) => severity === "error")).toEqual([])
  expect(value.routeCount).toBe(2)
})

test.each(["running.md", "admin.md", "metrics.md", "explain.md", "route-tests.md"])(
  "every link of %s leads to a file that is there",
  (name) => {
    const targets = [...read(name).matchAll(/\]\((?!https:)([^)#]+)(?:#[^)]*)?\)/g)].map(([, target = ""]) => target)
    expect(targets.filter((target) => !existsSync(join(docs, target)))).toEqual([])
  },
)
