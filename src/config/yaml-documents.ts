/**
 * A file's text as YAML documents with plain values and positions. The stream is cut at its `---` lines; each
 * document goes through the fast reader, and through the full parser where the fast one passes.
 */
import { readFullYaml, type YamlProblem } from "./full-yaml.ts"
import { readPlainYaml } from "./plain-yaml.ts"
import type { SourceText, Span } from "./source-text.ts"
import { type FieldPath, findSpan, type SpanNode, type SpanPart } from "./span-tree.ts"

export interface YamlDocument {
  readonly value: unknown
  readonly problems: readonly YamlProblem[]
  spanOf(path: FieldPath, part: SpanPart): Span
}

/** Every document that holds something; problems are inside the documents. */
export function readYamlDocuments(source: SourceText): readonly YamlDocument[] {
  return [...yamlDocuments(source)]
}

/** The same, one at a time: a large file need not be read in one go. */
export function* yamlDocuments(source: SourceText): Generator<YamlDocument, void> {
  const { text } = source
  // A directive belongs to the document after it, so such a stream is not cut here.
  if (text.startsWith("%") || text.includes("\n%") || text.includes("\r%")) {
    yield* readFull(text, 0)
    return
  }
  const first = text.charCodeAt(0) === 0xfeff ? 1 : 0
  for (let start = first; start <= text.length; ) {
    const end = documentEnd(text, start)
    const bodyStart = bodyAfterMarker(text, start, end)
    const plain = bodyStart === -1 ? null : readPlainYaml(text, bodyStart, end, false)
    if (plain === null) yield* readFull(text.slice(start, end), start)
    else if (plain.value !== null) yield new PlainYamlDocument(text, bodyStart, end, plain.value)
    start = end === text.length ? end + 1 : end
  }
}

/** Keeps only its range of the text; spans are read again when someone asks. */
class PlainYamlDocument implements YamlDocument {
  readonly value: unknown
  readonly problems: readonly YamlProblem[] = []
  readonly #text: string
  readonly #start: number
  readonly #end: number
  #spans: SpanNode | null = null

  constructor(text: string, start: number, end: number, value: unknown) {
    this.#text = text
    this.#start = start
    this.#end = end
    this.value = value
  }

  spanOf(path: FieldPath, part: SpanPart): Span {
    this.#spans ??= readPlainYaml(this.#text, this.#start, this.#end, true)?.spans ?? null
    return this.#spans === null ? { start: this.#start, end: this.#start } : findSpan(this.#spans, path, part)
  }
}

function readFull(text: string, offset: number): readonly YamlDocument[] {
  return readFullYaml(text, offset)
    .filter((document) => !document.empty || document.problems.length > 0)
    .map((document) => ({
      value: document.value,
      problems: document.problems,
      spanOf: (path, part) => findSpan(document.spans, path, part),
    }))
}

/** Where the document that starts at `start` ends: at the next line that begins with a `---` marker. */
function documentEnd(text: string, start: number): number {
  // Searching from `start` on skips a marker that begins this very document.
  for (let at = text.indexOf("\n---", start); at !== -1; at = text.indexOf("\n---", at + 1)) {
    if (isMarker(text, at + 1)) return at + 1
  }
  return text.length
}

function isMarker(text: string, at: number): boolean {
  if (!text.startsWith("---", at)) return false
  const after = text.charAt(at + 3)
  return after === "" || after === " " || after === "\t" || after === "\n" || after === "\r"
}

/** The offset after a leading `---` line; -1 when the marker line holds content of its own. */
function bodyAfterMarker(text: string, start: number, end: number): number {
  if (!isMarker(text, start)) return start
  const newline = text.indexOf("\n", start)
  const lineEnd = newline === -1 || newline >= end ? end : newline
  const rest = text.slice(start + 3, lineEnd).trim()
  if (rest !== "" && !rest.startsWith("#")) return -1
  return Math.min(lineEnd + 1, end)
}
