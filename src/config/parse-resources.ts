/**
 * The texts of the configuration into typed resources, with every problem that can be seen in one resource alone.
 * Pure: no files, no clock. Problems between resources are `compile/`'s.
 */
import type { Diagnosed, Diagnostic, Severity } from "./diagnostics.ts"
import { DocumentMemory, ownCopy } from "./document-memory.ts"
import { type Finding, Findings, formatPath } from "./findings.ts"
import { findingListItems } from "./list-items.ts"
import { warnOfFieldsNotHonoured } from "./not-honoured.ts"
import { type ResourceHead, readerOf, readMetadata } from "./resource-kinds.ts"
import type { Locate, Metadata, Resource } from "./resources.ts"
import { sortedInSteps } from "./sort-in-steps.ts"
import { type SourceFile, SourceText, type Span } from "./source-text.ts"
import type { FieldPath, SpanPart } from "./span-tree.ts"
import { runAtOnce, type Steps } from "./steps.ts"
import { documentSpans, placesOf, readDocuments, type YamlDocument } from "./yaml-documents.ts"

export type { SourceFile } from "./source-text.ts"

/** Lists in lists are legal but pointless; deeper ones are refused. */
const listDepthMax = 4

/**
 * Reads every file, and reports everything that is wrong, in the order of the files.
 *
 * The value holds each named resource that fits its schema, also one with errors of another kind: cross-checks then
 * find what refers to it, and no error causes a second, misleading one.
 */
export function parseResources(files: readonly SourceFile[]): Diagnosed<readonly Resource[]> {
  return runAtOnce(parsingResources(files))
}

/**
 * The same in steps of one object each, for whoever has something else to do meanwhile.
 *
 * @param memory of the last load: what has not changed since is not read again.
 */
export function* parsingResources(
  files: readonly SourceFile[],
  memory: ReadingMemory = new DocumentMemory(),
): Steps<Diagnosed<readonly Resource[]>> {
  const parser = new ResourceParser(memory)
  for (const file of files) yield* parser.addFile(file)
  memory.endLoad()
  const diagnostics = [...parser.diagnostics, ...parser.unreadKinds()]
  const fileOrder = new Map(files.map((file, index) => [file.path, index]))
  const order = (diagnostic: Diagnostic): number => fileOrder.get(diagnostic.file) ?? 0
  const byPlace = (a: Diagnostic, b: Diagnostic): number =>
    order(a) - order(b) || a.line - b.line || a.column - b.column
  return { value: parser.resources, diagnostics: yield* sortedInSteps(diagnostics, byPlace) }
}

/** What one object of a kind that is read here came to, wherever it stands. */
interface Reading {
  readonly metadata: Metadata
  /** `KIND NAMESPACE/NAME` */
  readonly identity: string
  /** Without a place; null when it does not fit its schema. */
  readonly resource: Resource | null
  readonly findings: readonly Finding[]
  /** It was read from an item of a List with its dash: the same text as a document would be a sequence. */
  readonly isItem: boolean
}

/** Of documents and items of Lists that hold one such object. */
export type ReadingMemory = DocumentMemory<Reading>

/** One object of a document: the document itself, or an item of a List. */
interface ObjectPlace {
  readonly source: SourceText
  readonly document: Pick<YamlDocument, "spanOf">
  /** From the document's top to the object. */
  readonly prefix: FieldPath
}

/** An item of a List that was cut: read before, or a value and its text. */
type CutItem =
  | { readonly known: Reading; readonly place: ObjectPlace }
  | { readonly known: null; readonly text: string; readonly value: unknown; readonly place: ObjectPlace }

class ResourceParser {
  readonly resources: Resource[] = []
  readonly diagnostics: Diagnostic[] = []
  readonly #firstByIdentity = new Map<string, Locate>()
  readonly #unread = new Map<string, { readonly first: Diagnostic; count: number }>()
  readonly #memory: ReadingMemory

  constructor(memory: ReadingMemory) {
    this.#memory = memory
  }

  /** One warning per kind that is not ours, however many there are. */
  unreadKinds(): readonly Diagnostic[] {
    return [...this.#unread.values()].map(({ first, count }) =>
      count === 1 ? first : { ...first, message: `${first.message} (${count} of them)` },
    )
  }

  *addFile(file: SourceFile): Steps<void> {
    const source = new SourceText(file)
    for (const span of documentSpans(source.text)) {
      const itemSpans = yield* findingListItems(source.text, span)
      const items = itemSpans === null ? null : yield* this.#readItems(source, itemSpans)
      if (items === null) yield* this.#addDocument(source, span)
      else for (const item of items) yield* this.#addItem(item)
      yield
    }
  }

  *#addDocument(source: SourceText, span: Span): Steps<void> {
    const text = source.text.slice(span.start, span.end)
    const known = this.#recall(text, false)
    if (known === null) yield* this.#addDocuments(source, span, ownCopy(text))
    else this.#addReading(known, { source, document: placesOf(source.text, span), prefix: [] })
  }

  #recall(text: string, isItem: boolean): Reading | null {
    const known = this.#memory.recall(text)
    return known?.isItem === isItem ? known : null
  }

  /** @returns null when one of them is not an item by itself: then the List is read whole, which says what is wrong. */
  *#readItems(source: SourceText, spans: readonly Span[]): Steps<readonly CutItem[] | null> {
    const items: CutItem[] = []
    for (const span of spans) {
      yield
      const text = source.text.slice(span.start, span.end)
      const known = this.#recall(text, true)
      if (known !== null) {
        items.push({ known, place: { source, document: placesOf(source.text, span), prefix: [0] } })
        continue
      }
      const own = ownCopy(text)
      const [document, ...others] = readDocuments(source.text, span, own)
      if (document === undefined || others.length > 0 || document.problems.length > 0) return null
      const { value } = document
      if (!Array.isArray(value) || value.length !== 1) return null
      items.push({ known: null, text: own, value: value[0], place: { source, document, prefix: [0] } })
    }
    return items
  }

  *#addItem(item: CutItem): Steps<void> {
    yield
    if (item.known !== null) {
      this.#addReading(item.known, item.place)
      return
    }
    const reading = yield* this.#addObject(item.value, item.place)
    if (reading !== null) this.#memory.remember(item.text, { ...reading, isItem: true })
  }

  *#addDocuments(source: SourceText, span: Span, text: string): Steps<void> {
    const documents = readDocuments(source.text, span, text)
    for (const document of documents) {
      const place: ObjectPlace = { source, document, prefix: [] }
      for (const { code, message, hint, span: where } of document.problems) {
        this.diagnostics.push({
          ...{ severity: "error", code, message, hint, file: source.path, resource: "", path: "" },
          ...source.locate(where),
        })
      }
      if (document.problems.length > 0 || document.value === null) continue
      const reading = yield* this.#addObject(document.value, place)
      if (reading !== null && documents.length === 1) this.#memory.remember(text, reading)
    }
  }

  /** @returns null for a List and for what is not read. */
  *#addObject(value: unknown, place: ObjectPlace): Steps<Reading | null> {
    if (!isMapping(value)) {
      this.#report("error", "P1106", "expected a Kubernetes object (a mapping with apiVersion and kind)", [], place)
      return null
    }
    const { apiVersion, kind } = value
    if (typeof kind !== "string" || typeof apiVersion !== "string") {
      const missing = typeof kind !== "string" ? "kind" : "apiVersion"
      const message = `\`${missing}\` is missing or not text`
      this.#report("error", "P1201", message, missing in value ? [missing] : [], place)
      return null
    }
    if (kind === "List" || (kind.endsWith("List") && Array.isArray(value["items"]))) {
      yield* this.#addList(value, place)
      return null
    }
    const found = readerOf(apiVersion, kind)
    switch (found.status) {
      case "other":
        this.#addUnread(apiVersion, kind, place)
        return null
      case "wrong-version":
        this.#report("error", "P1202", `${kind} has no apiVersion \`${apiVersion}\``, ["apiVersion"], place, found.hint)
        return null
      case "known": {
        const reading = readKnown(value, kind, found.read)
        this.#addReading(reading, place)
        return reading
      }
    }
  }

  *#addList(list: Record<string, unknown>, place: ObjectPlace): Steps<void> {
    const { items } = list
    if (!Array.isArray(items)) {
      this.#report("error", "P1106", "a List needs `items`", "items" in list ? ["items"] : [], place)
      return
    }
    if (place.prefix.length >= listDepthMax * 2) {
      this.#report("error", "P1106", "Lists inside Lists nest too deep", [], place)
      return
    }
    for (const [index, item] of items.entries()) {
      yield* this.#addObject(item, { ...place, prefix: [...place.prefix, "items", index] })
      yield
    }
  }

  #addUnread(apiVersion: string, kind: string, place: ObjectPlace): void {
    const key = `${apiVersion} ${kind}`
    const known = this.#unread.get(key)
    if (known !== undefined) {
      known.count++
      return
    }
    const message = `${kind} (${apiVersion}) is not a kind that is read here: ignored`
    this.#unread.set(key, {
      first: diagnostic("warning", "P1203", message, "", ["kind"], "value", "", place),
      count: 1,
    })
  }

  #addReading({ metadata, identity, resource, findings }: Reading, place: ObjectPlace): void {
    for (const finding of findings) this.diagnostics.push(fromFinding(finding, identity, place))
    if (metadata.name === "") return
    const first = this.#firstByIdentity.get(identity)
    if (first !== undefined) {
      const { file, line } = first(["metadata", "name"])
      const message = `${identity} is defined twice`
      const hint = `the first one is at ${file}:${line}`
      const path = ["metadata", "name"]
      this.diagnostics.push(diagnostic("error", "P1204", message, hint, path, "value", identity, place))
      return
    }
    const locate = locator(place)
    this.#firstByIdentity.set(identity, locate)
    if (resource !== null) this.resources.push({ ...resource, locate })
  }

  #report(severity: Severity, code: string, message: string, path: FieldPath, place: ObjectPlace, hint = ""): void {
    this.diagnostics.push(diagnostic(severity, code, message, hint, path, "value", "", place))
  }
}

/** For what is remembered: a place would hold on to the text of its file. */
const unplaced: Locate = () => ({ file: "", line: 0, column: 0, endColumn: 0 })

function readKnown(
  value: Record<string, unknown>,
  kind: string,
  read: (head: ResourceHead, value: Record<string, unknown>, findings: Findings) => Resource | null,
): Reading {
  const findings = new Findings()
  const metadata = readMetadata(value, findings)
  const identity = `${kind} ${metadata.namespace}/${metadata.name === "" ? "?" : metadata.name}`
  const resource = read({ metadata, locate: unplaced }, value, findings)
  if (resource !== null) warnOfFieldsNotHonoured(resource, findings)
  return { metadata, identity, resource, findings: findings.all, isItem: false }
}

function locator({ source, document, prefix }: ObjectPlace): Locate {
  return (path) => ({ file: source.path, ...source.locate(document.spanOf([...prefix, ...path], "value")) })
}

function fromFinding(finding: Finding, resource: string, place: ObjectPlace): Diagnostic {
  const { severity, code, message, hint, path, part } = finding
  return diagnostic(severity, code, message, hint, path, part, resource, place)
}

function diagnostic(
  severity: Severity,
  code: string,
  message: string,
  hint: string,
  path: FieldPath,
  part: SpanPart,
  resource: string,
  { source, document, prefix }: ObjectPlace,
): Diagnostic {
  const span = document.spanOf([...prefix, ...path], part)
  return { severity, code, message, hint, file: source.path, resource, path: formatPath(path), ...source.locate(span) }
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}
