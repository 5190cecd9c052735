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
export function readYamlDocuments({ text }: SourceText): readonly YamlDocument[] {
  return [...documentSpans(text)].flatMap((span) => readDocuments(text, span, text.slice(span.start, span.end)))
}

/** Where the documents of a stream are, one at a time: a large file need not be read in one go. */
export function* documentSpans(text: string): Generator<Span, void> {
  // A directive belongs to the document after it, so such a stream is not cut here.
  if (text.startsWith("%") || text.includes("\n%") || text.includes("\r%")) {
    yield { start: 0, end: text.length }
    return
  }
  const first = text.charCodeAt(0) === 0xfeff ? 1 : 0
  for (let start = first; start <= text.length; ) {
    const end = documentEnd(text, start)
    yield { start, end }
    start = end === text.length ? end + 1 : end
  }
}

/**
 * What stands in one span of a stream: mostly one document, several where the stream was not cut, none of comments only.
 *
 * @param body the text of the span; the values hold on to it
 */
export function readDocuments(text: string, { start, end }: Span, body: string): readonly YamlDocument[] {
  const bodyStart = bodyAfterMarker(body)
  const plain = bodyStart === -1 ? null : readPlainYaml(body, bodyStart, body.length, false)
  if (plain === null) return readFull(body, start)
  return plain.value === null ? [] : [new PlainYamlDocument(text, start + bodyStart, end, plain.value)]
}

/** Finds the places of a document that was read before, perhaps elsewhere: reads it again when someone asks. */
export function placesOf(text: string, span: Span): Pick<YamlDocument, "spanOf"> {
  let document: YamlDocument | undefined
  return {
    spanOf: (path, part) => {
      document ??= readDocuments(text, span, text.slice(span.start, span.end))[0]
      return document?.spanOf(path, part) ?? { start: span.start, end: span.start }
    },
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
function bodyAfterMarker(body: string): number {
  if (!isMarker(body, 0)) return 0
  const newline = body.indexOf("\n")
  const lineEnd = newline === -1 ? body.length : newline
  const rest = body.slice(3, lineEnd).trim()
  if (rest !== "" && !rest.startsWith("#")) return -1
  return Math.min(lineEnd + 1, body.length)
}
