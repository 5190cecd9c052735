/**
 * The texts of the configuration into typed resources, with every problem that can be seen in one resource alone.
 * Pure: no files, no clock. Problems between resources are `compile/`'s.
 */
import type { Diagnosed, Diagnostic, Severity } from "./diagnostics.ts"
import { type Finding, Findings, formatPath } from "./findings.ts"
import { warnOfFieldsNotHonoured } from "./not-honoured.ts"
import { type ResourceHead, readerOf, readMetadata } from "./resource-kinds.ts"
import type { Locate, Resource } from "./resources.ts"
import { type SourceFile, SourceText } from "./source-text.ts"
import type { FieldPath, SpanPart } from "./span-tree.ts"
import { runAtOnce, type Steps } from "./steps.ts"
import { type YamlDocument, yamlDocuments } from "./yaml-documents.ts"

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

/** The same in steps of one document each, for whoever has something else to do meanwhile. */
export function* parsingResources(files: readonly SourceFile[]): Steps<Diagnosed<readonly Resource[]>> {
  const parser = new ResourceParser()
  for (const file of files) yield* parser.addFile(file)
  const diagnostics = [...parser.diagnostics, ...parser.unreadKinds()]
  const fileOrder = new Map(files.map((file, index) => [file.path, index]))
  const order = (diagnostic: Diagnostic): number => fileOrder.get(diagnostic.file) ?? 0
  diagnostics.sort((a, b) => order(a) - order(b) || a.line - b.line || a.column - b.column)
  return { value: parser.resources, diagnostics }
}

/** One object of a document: the document itself, or an item of a List. */
interface ObjectPlace {
  readonly source: SourceText
  readonly document: YamlDocument
  /** From the document's top to the object. */
  readonly prefix: FieldPath
}

class ResourceParser {
  readonly resources: Resource[] = []
  readonly diagnostics: Diagnostic[] = []
  readonly #firstByIdentity = new Map<string, Locate>()
  readonly #unread = new Map<string, { readonly first: Diagnostic; count: number }>()

  /** One warning per kind that is not ours, however many there are. */
  unreadKinds(): readonly Diagnostic[] {
    return [...this.#unread.values()].map(({ first, count }) =>
      count === 1 ? first : { ...first, message: `${first.message} (${count} of them)` },
    )
  }

  *addFile(file: SourceFile): Steps<void> {
    const source = new SourceText(file)
    for (const document of yamlDocuments(source)) {
      const place: ObjectPlace = { source, document, prefix: [] }
      for (const { code, message, hint, span } of document.problems) {
        this.diagnostics.push({
          ...{ severity: "error", code, message, hint, file: source.path, resource: "", path: "" },
          ...source.locate(span),
        })
      }
      if (document.problems.length === 0 && document.value !== null) this.#addObject(document.value, place)
      yield
    }
  }

  #addObject(value: unknown, place: ObjectPlace): void {
    if (!isMapping(value)) {
      this.#report("error", "P1106", "expected a Kubernetes object (a mapping with apiVersion and kind)", [], place)
      return
    }
    const { apiVersion, kind } = value
    if (typeof kind !== "string" || typeof apiVersion !== "string") {
      const missing = typeof kind !== "string" ? "kind" : "apiVersion"
      const message = `\`${missing}\` is missing or not text`
      this.#report("error", "P1201", message, missing in value ? [missing] : [], place)
      return
    }
    if (kind === "List" || (kind.endsWith("List") && Array.isArray(value["items"]))) {
      this.#addList(value, place)
      return
    }
    const found = readerOf(apiVersion, kind)
    switch (found.status) {
      case "other":
        this.#addUnread(apiVersion, kind, place)
        return
      case "wrong-version":
        this.#report("error", "P1202", `${kind} has no apiVersion \`${apiVersion}\``, ["apiVersion"], place, found.hint)
        return
      case "known":
        this.#addKnown(value, kind, found.read, place)
    }
  }

  #addList(list: Record<string, unknown>, place: ObjectPlace): void {
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
      this.#addObject(item, { ...place, prefix: [...place.prefix, "items", index] })
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

  #addKnown(
    value: Record<string, unknown>,
    kind: string,
    read: (head: ResourceHead, value: Record<string, unknown>, findings: Findings) => Resource | null,
    place: ObjectPlace,
  ): void {
    const findings = new Findings()
    const metadata = readMetadata(value, findings)
    const identity = `${kind} ${metadata.namespace}/${metadata.name === "" ? "?" : metadata.name}`
    const resource = read({ metadata, locate: locator(place) }, value, findings)
    if (resource !== null) warnOfFieldsNotHonoured(resource, findings)
    if (metadata.name !== "") {
      const first = this.#firstByIdentity.get(identity)
      if (first !== undefined) {
        const { file, line } = first(["metadata", "name"])
        const hint = `the first one is at ${file}:${line}`
        findings.error("P1204", ["metadata", "name"], `${identity} is defined twice`, hint)
      } else {
        this.#firstByIdentity.set(identity, locator(place))
        if (resource !== null) this.resources.push(resource)
      }
    }
    for (const finding of findings.all) this.diagnostics.push(fromFinding(finding, identity, place))
  }

  #report(severity: Severity, code: string, message: string, path: FieldPath, place: ObjectPlace, hint = ""): void {
    this.diagnostics.push(diagnostic(severity, code, message, hint, path, "value", "", place))
  }
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
