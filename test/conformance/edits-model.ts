/**
 * What a rule makes of a request, as the semantics sheet says it (2.4, 3.2, 3.10) and as simply as it can be written: plain
 * strings, JavaScript's own regular expressions, lists. Shares nothing with the gateway.
 */

export interface ModelRule {
  readonly match: { readonly kind: "any" | "prefix" | "exact" | "regex"; readonly text: string }
  readonly rewrite: Rewrite
  readonly edits: Edits
}

export type Rewrite =
  | { readonly kind: "none" }
  | { readonly kind: "uri" | "authority"; readonly text: string }
  | { readonly kind: "regex"; readonly pattern: string; readonly substitution: string }

/** Values as written in YAML. */
export interface Edits {
  readonly set: Readonly<Record<string, string>>
  readonly add: Readonly<Record<string, string>>
  readonly remove: readonly string[]
}

export interface Model {
  /** 200 = the service answers, 404 = no route, 500 = a path that cannot be sent. */
  readonly status: number
  readonly target: string
  /** The values of each field that matters, in order; names lower-cased. */
  readonly fields: ReadonlyMap<string, readonly string[]>
}

type Field = readonly [nameLower: string, value: string]

/** One character per byte, as a head is written. */
const bytesOf = (text: string) => Buffer.from(text, "utf8").toString("latin1")

/**
 * @param target path and query, normal already
 * @param sent the client's fields, Host left out
 */
export function modelOf(
  rule: ModelRule,
  target: string,
  sent: readonly (readonly [string, string])[],
  host: string,
): Model {
  const question = target.indexOf("?")
  const path = question < 0 ? target : target.slice(0, question)
  const query = target.slice(path.length)
  const nothing = { target: "", fields: new Map() }
  if (!matches(rule.match, path)) return { status: 404, ...nothing }
  const rewritten = rewrittenPath(rule, path)
  if (!/^\/[!"$-~\x80-\xff]*$/.test(rewritten)) return { status: 500, ...nothing }

  const before: Field[] = sent.map(([name, value]) => [name.toLowerCase(), value])
  before.push(["x-forwarded-for", "127.0.0.1"])
  const after = edited(before, rule.edits, target)
  const names = new Set([...before, ...after].map(([name]) => name))
  const fields = new Map<string, readonly string[]>()
  for (const name of names) fields.set(name, valuesOf(after, name))
  fields.set("host", [rule.rewrite.kind === "authority" ? rule.rewrite.text : host])
  const isRewritten = rule.rewrite.kind === "uri" || rule.rewrite.kind === "regex"
  fields.set("x-envoy-original-path", isRewritten ? [target] : [])
  return { status: 200, target: rewritten + query, fields }
}

function matches({ kind, text }: ModelRule["match"], path: string): boolean {
  switch (kind) {
    case "any":
      return true
    case "prefix":
      return path.startsWith(text)
    case "exact":
      return path === text
    case "regex":
      return new RegExp(`^(?:${text})$`).test(path)
  }
}

function rewrittenPath({ match, rewrite }: ModelRule, path: string): string {
  if (rewrite.kind === "regex") {
    return path.replace(new RegExp(rewrite.pattern, "g"), (...groups) =>
      bytesOf(rewrite.substitution).replace(/\\([\\0-9])/g, (_, which: string) =>
        which === "\\" ? "\\" : String(groups[Number(which)] ?? ""),
      ),
    )
  }
  if (rewrite.kind !== "uri") return path
  const text = bytesOf(rewrite.text)
  if (match.kind === "prefix") return text + path.slice(match.text.length)
  return match.kind === "any" ? text + path.slice(1) : text
}

function edited(before: readonly Field[], edits: Edits, target: string): readonly Field[] {
  const removed = edits.remove.map((name) => name.toLowerCase())
  let fields = before.filter(([name]) => !removed.includes(name))
  const kept = fields
  const render = (written: Readonly<Record<string, string>>): Field[] =>
    Object.entries(written)
      .toSorted(([left], [right]) => (left < right ? -1 : 1))
      .map(([name, text]): Field => [name.toLowerCase(), rendered(text, kept, target)])
      .filter(([, value]) => value !== "")
  for (const [name, value] of render(edits.set)) {
    fields = [...fields.filter(([each]) => each !== name), [name, value]]
  }
  return [...fields, ...render(edits.add)]
}

/** Envoy's operators, as far as they are generated. */
function rendered(text: string, fields: readonly Field[], target: string): string {
  return bytesOf(text).replace(
    /%%|%PROTOCOL%|%REQ\(([^)]*)\)(?::([0-9]+))?%/g,
    (whole, name?: string, length?: string) => {
      if (whole === "%%") return "%"
      if (whole === "%PROTOCOL%") return "HTTP/1.1"
      const value = name === ":PATH" ? target : valuesOf(fields, (name ?? "").toLowerCase()).join(",")
      return length === undefined ? value : value.slice(0, Number(length))
    },
  )
}

function valuesOf(fields: readonly Field[], name: string): readonly string[] {
  return fields.filter(([each]) => each === name).map(([, value]) => value)
}
