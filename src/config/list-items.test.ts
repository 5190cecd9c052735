import { describe, expect, test } from "bun:test"
import fc from "fast-check"
import { DocumentMemory } from "./document-memory.ts"
import { findingListItems } from "./list-items.ts"
import { parseResources, parsingResources, type ReadingMemory } from "./parse-resources.ts"
import { runAtOnce, type Steps } from "./steps.ts"

const item = (name: string, ...lines: readonly string[]) => `- apiVersion: networking.istio.io/v1
  kind: VirtualService
  metadata:
${["annotations: {}", ...lines].map((line) => `    ${line}\n`).join("")}    name: ${name}
    namespace: default
  spec:
    gateways:
    - edge
    hosts:
    - ${name}.example
    http:
    - directResponse:
        status: 200
`

/** As `kubectl get virtualservice -o yaml` writes it. */
const list = (...items: readonly string[]) =>
  `apiVersion: v1\nitems:\n${items.join("")}kind: List\nmetadata:\n  resourceVersion: ""\n`

const applied = `kubectl.kubernetes.io/last-applied-configuration: |\n      {"kind":"VirtualService"}\n\n      - not an item`

function cut(text: string, span = { start: 0, end: text.length }): readonly string[] | null {
  return runAtOnce(findingListItems(text, span))?.map(({ start, end }) => text.slice(start, end)) ?? null
}

function stepCount(steps: Steps<unknown>): number {
  let count = 0
  while (steps.next().done !== true) count++
  return count
}

describe("a List is cut into its items", () => {
  const items = [item("a"), item("b", applied), item("c")]

  test("as kubectl writes it, older versions with a selfLink", () => {
    expect(cut(list(...items))).toEqual(items)
    expect(cut(list(...items).replace("  resourceVersion", `  selfLink: ""\n  resourceVersion`))).toEqual(items)
    expect(cut(`apiVersion: v1\nitems:\n${items.join("")}kind: List\n`)).toEqual(items)
  })

  test("also as one document of several", () => {
    const before = "kind: Gateway\n"
    const text = `${before}---\n${list(...items)}---\n${list()}`
    const start = before.length
    expect(cut(text, { start, end: start + 4 + list(...items).length })).toEqual(items)
  })

  test.each([
    ["has no items", list()],
    ["has a comment between its items", list(item("a"), "# b\n", item("b"))],
    ["has its kind first", `apiVersion: v1\nkind: List\nitems:\n${items.join("")}`],
    ["is indented", list(...items).replace(/^(?=[- ])/gm, "  ")],
    ["has metadata that kubectl does not write", `${list(...items)}  labels: {}\n`],
    ["goes on after its metadata", `${list(...items)}items: []\n`],
    ["has CRLF", list(...items).replaceAll("\n", "\r\n")],
    ["is JSON", JSON.stringify({ apiVersion: "v1", kind: "List", items: [] })],
  ])("not one that %s", (_, text) => {
    expect(cut(text)).toBeNull()
  })
})

test("cutting changes nothing: not a resource, not a diagnostic, not a place", () => {
  const part = fc.constantFrom(
    item("a"),
    item("b", applied),
    item("b", "labels: &labels { x: y }"),
    // An anchor of another item, no YAML, another item in a quoted text, two keys of one name, an odd line.
    item("c", "labels: *labels"),
    item("d", "labels: { x"),
    item("e", 'labels: { x: "\n- y" }'),
    item("f", "name: g"),
    item("h").replace("directResponse", "directRespons"),
    item("i").replace("status: 200", "status: 200\n\n"),
    item("i").replace("status: 200", "body:\n          string: |+\n            x\n\n\n"),
    "- just text\n",
    "- ~\n",
    "- - nested\n",
    "- apiVersion: apps/v1\n  kind: Deployment\n",
    `- apiVersion: v1\n  kind: List\n  items:\n${item("j").replace(/^/gm, "  ").trimEnd()}\n`,
  )
  const described = (read: ReturnType<typeof parseResources>) => ({
    diagnostics: read.diagnostics,
    resources: read.value.map(({ locate, ...resource }) => ({
      ...resource,
      places: [["metadata", "name"], ["spec"], ["spec", "http", 0], ["spec", "hosts", 0]].map(locate),
    })),
  })
  fc.assert(
    fc.property(fc.array(fc.array(part, { maxLength: 5 }), { minLength: 1, maxLength: 3 }), (loads) => {
      const memory: ReadingMemory = new DocumentMemory()
      for (const parts of loads) {
        const text = list(...parts)
        const isCut = runAtOnce(parsingResources([{ path: "list.yaml", text }], memory))
        // A comment in the first column: such a List is read whole.
        const isWhole = parseResources([{ path: "list.yaml", text: `${text}# whole\n` }])
        expect(described(isCut)).toEqual(described(isWhole))
      }
    }),
  )
})

test("an item that has not changed is not read again; the same text as a document is no object", () => {
  const memory: ReadingMemory = new DocumentMemory()
  const load = (text: string) => runAtOnce(parsingResources([{ path: "list.yaml", text }], memory))
  const before = load(list(item("a"), item("b"))).value
  const after = load(list(item("x"), item("b"))).value
  const metadataOf = (resources: typeof before, name: string) =>
    resources.find(({ metadata }) => metadata.name === name)?.metadata
  expect(metadataOf(after, "b")).toBe(metadataOf(before, "b"))
  expect(after.map(({ metadata }) => metadata.name)).toEqual(["x", "b"])
  expect(load(item("b")).diagnostics.map(({ code }) => code)).toEqual(["P1106"])
})

test("a List takes steps for each of its items", () => {
  const text = list(...Array.from({ length: 100 }, (_, index) => item(`v${index}`)))
  expect(stepCount(parsingResources([{ path: "list.yaml", text }]))).toBeGreaterThan(300)
})
