/**
 * Collects the compiler's diagnostics. One VirtualService is compiled once per port it serves, so the same finding
 * comes up several times: it is kept once. Locations are looked up only for what is kept.
 */
import type { Diagnostic, Severity } from "../config/diagnostics.ts"
import type { Resource } from "../config/resources.ts"
import { nearestWord } from "../config/suggest.ts"

/** Names compared for "did you mean" in one run: a broken file with thousands of findings stays cheap to check. */
const comparisonsMax = 50_000

export type FieldPath = readonly (string | number)[]

export interface Finding {
  readonly severity: Severity
  readonly code: string
  readonly resource: Resource
  readonly path: FieldPath
  readonly message: string
  readonly hint?: string
  /** Findings of one resource with the same code and key are one; the path when absent. */
  readonly onceKey?: string
}

export class Report {
  readonly #diagnostics: Diagnostic[] = []
  readonly #seen = new Set<string>()

  #comparisonsLeft = comparisonsMax

  get diagnostics(): readonly Diagnostic[] {
    return this.#diagnostics
  }

  /** A hint for a name that nothing has; "" when no known name is close. */
  closestName(written: string, known: Iterable<string>): string {
    const candidates: string[] = []
    for (const name of known) {
      if (this.#comparisonsLeft <= 0) return ""
      this.#comparisonsLeft -= 1
      candidates.push(name)
    }
    const nearest = nearestWord(written, candidates)
    return nearest === null ? "" : `did you mean "${nearest}"?`
  }

  add(finding: Finding): void {
    const { resource } = finding
    const name = `${resource.kind} ${resource.metadata.namespace}/${resource.metadata.name}`
    const path = formatFieldPath(finding.path)
    const key = `${finding.code} ${name} ${finding.onceKey ?? path}`
    if (this.#seen.has(key)) return
    this.#seen.add(key)
    const location = resource.locate(finding.path)
    this.#diagnostics.push({
      severity: finding.severity,
      code: finding.code,
      message: finding.message,
      file: location.file,
      line: location.line,
      column: location.column,
      endColumn: location.endColumn,
      resource: name,
      path,
      hint: finding.hint ?? "",
    })
  }
}

/** `spec.http[0].match[1].uri`; a key that is not a plain word is quoted: `headers["x-user"]`. */
export function formatFieldPath(path: FieldPath): string {
  let text = ""
  for (const step of path) {
    if (typeof step === "number") text += `[${step}]`
    else if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(step)) text += `["${step}"]`
    else text += text === "" ? step : `.${step}`
  }
  return text
}
