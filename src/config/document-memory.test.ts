import { describe, expect, test } from "bun:test"
import fc from "fast-check"
import type { Diagnosed } from "./diagnostics.ts"
import { DocumentMemory, ownCopy } from "./document-memory.ts"
import { parseResources, parsingResources, type ReadingMemory } from "./parse-resources.ts"
import type { Resource } from "./resources.ts"
import type { SourceFile } from "./source-text.ts"
import { runAtOnce } from "./steps.ts"

/** With every place that there is, so that a wrong one shows. */
function described({ value, diagnostics }: Diagnosed<readonly Resource[]>) {
  return {
    diagnostics,
    resources: value.map(({ locate, ...resource }) => ({
      ...resource,
      places: [["metadata", "name"], ["spec"], ["spec", "http", 0], ["spec", "hosts", 0]].map(locate),
    })),
  }
}

function load(memory: ReadingMemory, ...files: readonly SourceFile[]) {
  return runAtOnce(parsingResources(files, memory))
}

const yaml = (path: string, ...documents: readonly string[]): SourceFile => ({ path, text: documents.join("---\n") })

const virtualService = (name: string, path: string) => `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${name} }
spec:
  hosts: [${name}.example]
  gateways: [edge]
  http:
    - match: [{ uri: { exact: ${path} } }]
      directResponse: { status: 200 }
`

const documents: readonly string[] = [
  virtualService("a", "/a"),
  // Another text for the same resource.
  virtualService("a", "/other"),
  virtualService("b", "/b"),
  // Warned of: host names of the mesh.
  virtualService("c", "/c").replace("gateways: [edge]", "gateways: [mesh]"),
  // A field that does not exist.
  virtualService("d", "/d").replace("directResponse", "directRespons"),
  // YAML that only the full reader knows.
  `# a comment\n${virtualService("e", "/e").replace("name: e", "name: &name e")}`,
  `# a long name\n${virtualService("f", "/f").replace("hosts: [f.example]", "hosts:\n    - >-\n      f.example")}`,
  // No YAML, no object, no name, nothing that is read here, no document.
  "a: [\n",
  "just text\n",
  "apiVersion: networking.istio.io/v1\nkind: Gateway\n",
  "apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: web }\n",
  "# nothing\n",
  // A List, and a stream that is not cut.
  `apiVersion: v1\nkind: List\nitems:\n${virtualService("g", "/g").replace(/^/gm, "    ").replace("   ", "  -")}\n`,
]

describe("what a load remembers of the last one", () => {
  test("changes nothing: not a resource, not a diagnostic, not a place, whatever was there before and in which file", () => {
    const file = fc.record({
      path: fc.constantFrom("a.yaml", "b.yaml", "c.yaml"),
      parts: fc.array(fc.constantFrom(...documents), { maxLength: 6 }),
    })
    const files = fc.uniqueArray(file, { maxLength: 3, selector: ({ path }) => path })
    fc.assert(
      fc.property(fc.array(files, { minLength: 1, maxLength: 4 }), (loads) => {
        const memory: ReadingMemory = new DocumentMemory()
        for (const each of loads) {
          const sources = each.map(({ path, parts }) => yaml(path, ...parts))
          expect(described(load(memory, ...sources))).toEqual(described(parseResources(sources)))
        }
      }),
    )
  })

  test("a document that has not changed is not read again, also where others changed and it moved to another file", () => {
    const memory: ReadingMemory = new DocumentMemory()
    const before = load(memory, yaml("one.yaml", virtualService("a", "/a"), virtualService("b", "/b"))).value
    const files = [yaml("x.yaml", virtualService("a", "/new")), yaml("y.yaml", "# moved\n", virtualService("b", "/b"))]
    const after = load(memory, ...files).value
    const specOf = (resources: readonly Resource[], name: string) => {
      const found = resources.find(({ metadata }) => metadata.name === name)
      return found?.kind === "VirtualService" ? found.spec : null
    }
    expect(specOf(after, "b")).toBe(specOf(before, "b"))
    expect(specOf(after, "a")?.http?.[0]?.match?.[0]?.uri).toEqual({ exact: "/new" })
    expect(after.map(({ locate }) => locate([]).file)).toEqual(["x.yaml", "y.yaml"])
  })

  test("is no more than what the last load came across", () => {
    const memory: ReadingMemory = new DocumentMemory()
    load(memory, yaml("a.yaml", virtualService("a", "/a"), virtualService("b", "/b"), "a: [\n"))
    expect(memory.size).toBe(2)
    load(memory, yaml("a.yaml", virtualService("b", "/b")))
    expect(memory.size).toBe(1)
    load(memory)
    expect(memory.size).toBe(0)
  })
})

test("a copy of its own is the same text, in any script", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (text) => {
      expect(ownCopy(`\ufeff${text}`)).toBe(`\ufeff${text}`)
    }),
  )
})
