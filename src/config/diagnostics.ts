/**
 * Diagnostics: what is wrong in the user's configuration, as values, never exceptions (CONTRACT "Diagnostics").
 * Collected by every stage; one renderer puts them into words.
 */

export type Severity = "error" | "warning"

export interface Diagnostic {
  readonly severity: Severity
  /** Stable, documented in docs/diagnostics.md, searched for by users: `P1xxx` files and YAML, `P2xxx` schema, `P3xxx` cross-checks. */
  readonly code: string
  readonly message: string
  readonly file: string
  /** From 1; 0 = the file as a whole. */
  readonly line: number
  readonly column: number
  /** End of the offending text on the same line (exclusive column), for the caret line; 0 = unknown. */
  readonly endColumn: number
  /** `Kind namespace/name`, or "". */
  readonly resource: string
  /** `spec.http[0].match[1].uri`, or "". */
  readonly path: string
  readonly hint: string
}

/** A stage's answer: what it made, and everything it found wrong on the way. */
export interface Diagnosed<T> {
  readonly value: T
  readonly diagnostics: readonly Diagnostic[]
}

export function hasErrors(diagnostics: readonly Diagnostic[]): boolean {
  return diagnostics.some((diagnostic) => diagnostic.severity === "error")
}
