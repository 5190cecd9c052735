/**
 * How a schema says what is wrong with a value: a code, a sentence, and a hint, carried through zod's custom issues
 * to the diagnostics.
 */
import { z } from "zod"

export interface FieldProblem {
  /** `P2xxx`, see docs/diagnostics.md. */
  readonly code: string
  readonly message: string
  readonly hint: string
  /** From the checked value to the offending one. */
  readonly path: readonly (string | number)[]
}

/** @returns null when the value is fine. */
export type FieldCheck<T> = (value: T) => FieldProblem | null

export function fieldProblem(
  code: string,
  message: string,
  hint = "",
  path: readonly (string | number)[] = [],
): FieldProblem {
  return { code, message, hint, path }
}

/** A refinement for `schema.superRefine` out of a check. */
export function refine<T>(...checks: readonly FieldCheck<T>[]): (value: T, context: z.RefinementCtx<T>) => void {
  return (value, context) => {
    for (const check of checks) {
      const problem = check(value)
      if (problem === null) continue
      context.addIssue({
        code: "custom",
        message: problem.message,
        path: [...problem.path],
        params: { code: problem.code, hint: problem.hint },
      })
    }
  }
}

/** Text that must pass every check. */
export function text(...checks: readonly FieldCheck<string>[]): z.ZodString {
  return z.string().superRefine(refine(...checks))
}

/** Protobuf `oneof`: at most one of `fields` is set. */
export function atMostOne<T extends object>(...fields: readonly (keyof T & string)[]): FieldCheck<T> {
  return (value) => {
    const set = fields.filter((field) => value[field] !== undefined)
    if (set.length < 2) return null
    return fieldProblem("P2006", `only one of ${listOf(set, "and")} can be set`, "remove the others", [set[1] ?? ""])
  }
}

/** Protobuf `oneof` that must be decided: exactly one of `fields` is set. */
export function exactlyOne<T extends object>(...fields: readonly (keyof T & string)[]): FieldCheck<T> {
  const atMost = atMostOne<T>(...fields)
  return (value) => {
    if (fields.some((field) => value[field] !== undefined)) return atMost(value)
    return fieldProblem("P2006", `one of ${listOf(fields, "or")} is required`)
  }
}

export function listOf(words: readonly string[], conjunction: "and" | "or"): string {
  const quoted = words.map((word) => `\`${word}\``)
  const last = quoted.pop() ?? ""
  return quoted.length === 0 ? last : `${quoted.join(", ")} ${conjunction} ${last}`
}
