/**
 * Header operations of a rule and of its destinations (Istio semantics sheet 3.10).
 * Source: Istio `pilot/pkg/networking/core/route/route.go` (`TranslateHeadersOperations`, `applyHTTPRouteDestination`).
 */
import { toByteString } from "../route/byte-string.ts"
import { parseValueTemplate } from "../telemetry/value-template.ts"
import type { HeaderOperations, Headers } from "./api-types.ts"
import { compareText } from "./host-names.ts"
import type { HeaderEdits, HeaderOperation } from "./snapshot.ts"

/** The operations of one level: a rule, or one destination. */
export interface LevelEdits {
  readonly request: HeaderEdits | null
  readonly response: HeaderEdits | null
  /** A Host in the request operations replaces the authority instead of being an operation. */
  readonly hostRewrite: string | null
}

export const noEdits: LevelEdits = Object.freeze({ request: null, response: null, hostRewrite: null })

export function compileHeaders(headers: Headers | undefined): LevelEdits {
  if (headers === undefined) return noEdits
  return {
    request: compileOperations(headers.request),
    response: compileOperations(headers.response),
    hostRewrite: hostIn(headers.request?.set) ?? hostIn(headers.request?.add),
  }
}

/**
 * Joins both levels where a rule has one destination: all removes, then all values to set, the destination's last, so
 * that they win, then all values to add (Envoy sets before it adds, whatever the order in its lists).
 */
export function joinEdits(rule: HeaderEdits | null, destination: HeaderEdits | null): HeaderEdits | null {
  if (rule === null) return destination
  if (destination === null) return rule
  return {
    remove: [...rule.remove, ...destination.remove],
    set: [...rule.set, ...destination.set],
    add: [...rule.add, ...destination.add],
  }
}

function compileOperations(operations: HeaderOperations | undefined): HeaderEdits | null {
  if (operations === undefined) return null
  const edits: HeaderEdits = {
    remove: (operations.remove ?? []).map((name) => name.toLowerCase()).filter((name) => !isHost(name)),
    set: compileValues(operations.set),
    add: compileValues(operations.add),
  }
  return edits.remove.length + edits.set.length + edits.add.length === 0 ? null : edits
}

function compileValues(values: Readonly<Record<string, string>> | undefined): readonly HeaderOperation[] {
  if (values === undefined) return []
  const compiled: HeaderOperation[] = []
  for (const name of Object.keys(values).toSorted(compareText)) {
    const text = values[name] ?? ""
    // An empty value means that the operation is skipped.
    if (text === "" || isHost(name.toLowerCase())) continue
    const value = parseValueTemplate(toByteString(text))
    // An unbalanced percent sign is an error of the schema's (P2224): such a configuration is never served.
    if (!("error" in value)) compiled.push({ name, nameLower: name.toLowerCase(), value })
  }
  return compiled
}

function hostIn(values: Readonly<Record<string, string>> | undefined): string | null {
  for (const [name, value] of Object.entries(values ?? {})) {
    if (isHost(name.toLowerCase()) && value !== "") return toByteString(value)
  }
  return null
}

function isHost(nameLower: string): boolean {
  return nameLower === "host" || nameLower === ":authority"
}
