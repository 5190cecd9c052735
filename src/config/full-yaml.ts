/**
 * The full YAML 1.2 reader: the `yaml` library's document model, turned into plain values with spans. It decides
 * whatever plain-yaml.ts leaves, and it is where every YAML error message comes from.
 *
 * Restrictions (each an error with a code): no custom tags, no merge keys, no duplicate keys, no `__proto__` key,
 * nesting and alias expansion bounded.
 */
import { type Document, isAlias, isMap, isScalar, isSeq, type Node, parseAllDocuments, type YAMLError } from "yaml"
import type { Span } from "./source-text.ts"
import type { SpanNode } from "./span-tree.ts"

/** Deeper nesting is refused (P1104). Istio's own resources stay below 15. */
export const yamlDepthMax = 64
/** Values that aliases may add to one document before it is refused as an alias bomb (P1105). */
export const aliasedValuesMax = 10_000

export interface YamlProblem {
  readonly code: string
  readonly message: string
  readonly hint: string
  readonly span: Span
}

export interface FullDocument {
  readonly value: unknown
  readonly spans: SpanNode
  /** True for a document of nothing but comments. */
  readonly empty: boolean
  readonly problems: readonly YamlProblem[]
}

/** Reads every document of `text`; spans are moved by `offset`, where `text` starts in its file. */
export function readFullYaml(text: string, offset: number): readonly FullDocument[] {
  let documents: readonly Document.Parsed[]
  try {
    const parsed = parseAllDocuments(text, {
      version: "1.2",
      schema: "core",
      merge: false,
      stringKeys: true,
      uniqueKeys: true,
      strict: true,
      prettyErrors: false,
      logLevel: "silent",
    })
    documents = Array.isArray(parsed) ? parsed : []
  } catch {
    // The library's composer recurses; its only throw on text is the stack overflow of absurd nesting.
    return [refused(problem("P1104", `YAML nested deeper than ${yamlDepthMax} levels`, "", 0, 0, offset), offset)]
  }
  return documents.map((document) => {
    const reader = new DocumentReader(document, offset, text.trimEnd().length)
    const { value, node } = reader.read()
    return { value, spans: node, empty: document.contents === null, problems: reader.problems }
  })
}

function refused(only: YamlProblem, offset: number): FullDocument {
  const spans = { start: offset, end: offset, key: null, children: null }
  return { value: null, spans, empty: false, problems: [only] }
}

interface Read {
  readonly value: unknown
  readonly node: SpanNode
}

class DocumentReader {
  readonly problems: YamlProblem[] = []
  readonly #document: Document.Parsed
  readonly #offset: number
  /** Errors at the end of the text are shown at its last character, not on an empty line after it. */
  readonly #textEnd: number
  #aliasDepth = 0
  #aliasedValues = 0
  #stopped = false

  constructor(document: Document.Parsed, offset: number, textEnd: number) {
    this.#document = document
    this.#offset = offset
    this.#textEnd = textEnd
  }

  read(): Read {
    for (const error of this.#document.errors) this.problems.push(describe(error, this.#offset, this.#textEnd))
    for (const warning of this.#document.warnings) this.problems.push(describe(warning, this.#offset, this.#textEnd))
    if (this.problems.length > 0) this.#stopped = true
    return this.#node(this.#document.contents, 0, null)
  }

  #node(node: Node | null, depth: number, key: Span | null): Read {
    const start = (node?.range?.[0] ?? key?.end ?? 0) + (node?.range ? this.#offset : 0)
    const end = (node?.range?.[1] ?? key?.end ?? 0) + (node?.range ? this.#offset : 0)
    const scalar = (value: unknown): Read => ({ value, node: { start, end, key, children: null } })
    if (this.#stopped || node === null) return scalar(null)
    if (depth > yamlDepthMax) {
      this.#stop("P1104", `YAML nested deeper than ${yamlDepthMax} levels`, "", { start, end })
      return scalar(null)
    }
    if (this.#aliasDepth > 0 && ++this.#aliasedValues > aliasedValuesMax) {
      const message = `aliases add more than ${aliasedValuesMax} values to this document`
      this.#stop("P1105", message, "write the values out instead of repeating them by alias", { start, end })
      return scalar(null)
    }
    if (isAlias(node)) {
      const anchored = node.resolve(this.#document)
      if (anchored === undefined) {
        const message = `not valid YAML: no anchor &${node.source} stands before this alias`
        this.#stop("P1101", message, "an alias repeats a value of the same document", { start, end })
        return scalar(null)
      }
      this.#aliasDepth++
      const read = this.#node(anchored, depth + 1, null)
      this.#aliasDepth--
      // Messages point at the alias, where the user reads the field.
      return { value: read.value, node: { start, end, key, children: read.node.children } }
    }
    if (isScalar(node)) return scalar(node.value)
    const children = new Map<string | number, SpanNode>()
    const container: SpanNode = { start, end, key, children }
    if (isSeq<Node | null>(node)) {
      const value = node.items.map((item, index) => {
        const read = this.#node(item, depth + 1, null)
        children.set(index, read.node)
        return read.value
      })
      return { value, node: container }
    }
    if (!isMap<Node, Node | null>(node)) return scalar(null)
    const value: Record<string, unknown> = {}
    for (const pair of node.items) {
      const range = pair.key.range
      const keySpan = { start: (range?.[0] ?? 0) + this.#offset, end: (range?.[1] ?? 0) + this.#offset }
      const name = isScalar(pair.key) && typeof pair.key.value === "string" ? pair.key.value : null
      if (name === null) {
        this.#stop("P1107", "a mapping key must be plain text", "", keySpan)
      } else if (name === "__proto__") {
        this.#stop("P1107", "the key __proto__ is not allowed", "", keySpan)
      } else if (name === "<<") {
        const hint = "write the fields out, or use an alias for the whole value"
        this.#stop("P1108", "merge keys (<<) are YAML 1.1 and not read here", hint, keySpan)
      } else {
        const read = this.#node(pair.value, depth + 1, keySpan)
        value[name] = read.value
        children.set(name, read.node)
      }
    }
    return { value, node: container }
  }

  #stop(code: string, message: string, hint: string, span: Span): void {
    if (!this.#stopped) this.problems.push({ code, message, hint, span })
    this.#stopped = true
  }
}

function describe(error: YAMLError, offset: number, textEnd: number): YamlProblem {
  const start = Math.max(0, Math.min(error.pos[0], textEnd - 1))
  const end = Math.max(start, Math.min(error.pos[1], textEnd))
  switch (error.code) {
    case "DUPLICATE_KEY":
      return problem("P1102", "this key is already in the mapping", "keep one of the two", start, end, offset)
    case "TAG_RESOLVE_FAILED":
      return problem("P1103", "YAML tags of one's own are not read here", "remove the tag", start, end, offset)
    case "NON_STRING_KEY":
      return problem("P1107", "a mapping key must be plain text", "", start, end, offset)
    case "TAB_AS_INDENT":
      return problem("P1101", "tabs cannot indent YAML", "indent with spaces", start, end, offset)
    default:
      return problem("P1101", `not valid YAML: ${firstLine(error.message)}`, "", start, end, offset)
  }
}

function firstLine(message: string): string {
  const line = message.split("\n", 1)[0] ?? ""
  return line.charAt(0).toLowerCase() + line.slice(1)
}

function problem(code: string, message: string, hint: string, start: number, end: number, offset: number): YamlProblem {
  return { code, message, hint, span: { start: start + offset, end: end + offset } }
}
