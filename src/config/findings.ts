/**
 * What is wrong inside one resource, by field path. Every check of a resource writes here; parse-resources.ts gives
 * each finding its place in the file and makes a Diagnostic of it.
 */
import type { Severity } from "./diagnostics.ts"
import type { FieldPath, SpanPart } from "./span-tree.ts"

export interface Finding {
  readonly severity: Severity
  readonly code: string
  /** From the top of the resource: `["spec", "http", 0, "match"]`. */
  readonly path: FieldPath
  readonly part: SpanPart
  readonly message: string
  readonly hint: string
}

export class Findings {
  readonly all: Finding[] = []

  error(code: string, path: FieldPath, message: string, hint = "", part: SpanPart = "value"): void {
    this.all.push({ severity: "error", code, path, part, message, hint })
  }

  warning(code: string, path: FieldPath, message: string, hint = "", part: SpanPart = "value"): void {
    this.all.push({ severity: "warning", code, path, part, message, hint })
  }
}

/** `spec.http[0].match[1].headers.x-user`, or `["…"]` around a key that would not read well. */
export function formatPath(path: FieldPath): string {
  let text = ""
  for (const step of path) {
    if (typeof step === "number") text += `[${step}]`
    else if (/^[A-Za-z_][\w-]*$/.test(step)) text += text === "" ? step : `.${step}`
    else text += `[${JSON.stringify(step)}]`
  }
  return text
}
