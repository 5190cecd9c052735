/**
 * Parses a value with a schema and puts zod's issues into the words of our diagnostics: what was found, what was
 * expected, what to do. Unknown fields get a guess: a near name, or the place where that name does exist.
 */
import { z } from "zod"
import { listOf } from "./field-problem.ts"
import { type Findings, formatPath } from "./findings.ts"
import type { FieldPath } from "./span-tree.ts"
import { nearestWord } from "./suggest.ts"

type Issue = z.core.$ZodIssue
type Schema = z.core.$ZodType

/** @returns the typed value, or null when there are errors; those are in `findings`, paths under `prefix`. */
export function parseWithSchema<T>(
  schema: z.ZodType<T>,
  input: unknown,
  prefix: FieldPath,
  findings: Findings,
): T | null {
  const result = schema.safeParse(input)
  if (result.success) return result.data
  const { issues } = result.error
  for (const issue of issues) {
    if (!isConsequence(issue, issues)) describeIssue(issue, schema, input, prefix, findings)
  }
  return null
}

/** `uri: {perfix: /a}` is one mistake: the unknown field, not also "one of exact, prefix or regex is required". */
function isConsequence(issue: Issue, issues: readonly Issue[]): boolean {
  if (issue.code !== "custom" || issueParams(issue.params).code !== "P2006") return false
  const place = issue.path.join("\0")
  return issues.some((other) => other.code === "unrecognized_keys" && other.path.join("\0") === place)
}

function describeIssue(issue: Issue, schema: Schema, input: unknown, prefix: FieldPath, findings: Findings): void {
  const inner = issue.path.map((step) => (typeof step === "symbol" ? String(step) : step))
  const path = [...prefix, ...inner]
  switch (issue.code) {
    case "unrecognized_keys":
      for (const key of issue.keys) {
        const hint = unknownFieldHint(key, schema, inner, prefix)
        findings.error("P2001", [...path, key], `unknown field \`${key}\``, hint, "key")
      }
      return
    case "custom": {
      const { code, hint } = issueParams(issue.params)
      findings.error(code, path, issue.message, hint)
      return
    }
    case "invalid_key": {
      const first = issue.issues[0]
      const { code, hint } = issueParams(first?.code === "custom" ? first.params : undefined)
      findings.error(code, path, first?.message ?? "this key is not allowed", hint, "key")
      return
    }
    case "too_small":
      findings.error("P2005", path, `expected a number from ${issue.minimum} on`)
      return
    case "too_big":
      findings.error("P2005", path, `expected a number up to ${issue.maximum}`)
      return
    default:
      describeMismatch(issue, inner, input, path, findings)
  }
}

/** The value is missing, or of the wrong kind, or not in an enumeration. */
function describeMismatch(issue: Issue, inner: FieldPath, input: unknown, path: FieldPath, findings: Findings): void {
  const found = valueAt(input, inner)
  if (found === undefined) {
    findings.error("P2003", path, `the field \`${path.at(-1)}\` is required`)
    return
  }
  if (issue.code === "invalid_value" && typeof found === "string") {
    const values = issue.values.map(String)
    const near = nearestWord(found, values)
    const hint = near === null ? `one of ${values.join(", ")}` : `did you mean "${near}"?`
    findings.error("P2004", path, `"${shorten(found)}" is not one of ${values.join(", ")}`, hint)
    return
  }
  const expected = expectedKind(issue)
  let hint = ""
  if (expected === "text" && (typeof found === "number" || typeof found === "boolean")) hint = `quote it: "${found}"`
  else if (found === null) hint = "remove the key, or give it a value"
  else if (expected === "a list") hint = 'start the item with "- "'
  else if (typeof found === "string" && expected.endsWith("number") && /^\d+$/.test(found)) hint = "remove the quotes"
  else if (typeof found === "string" && expected === "true or false") hint = "write true or false, without quotes"
  findings.error("P2002", path, `expected ${expected}, found ${foundKind(found)}`, hint)
}

function expectedKind(issue: Issue): string {
  if (issue.code === "invalid_value") return "text"
  if (issue.code !== "invalid_type") return "another kind of value"
  switch (issue.expected) {
    case "string":
      return "text"
    case "number":
    case "int":
      return "a number"
    case "boolean":
      return "true or false"
    case "array":
      return "a list"
    default:
      return "a mapping"
  }
}

function foundKind(value: unknown): string {
  if (value === null) return "nothing (null)"
  if (Array.isArray(value)) return "a list"
  if (typeof value === "string") return `the text "${shorten(value)}"`
  if (typeof value === "object") return "a mapping"
  return `the ${typeof value} ${String(value)}`
}

/** A near name; else the enclosing or enclosed field that does have this name. */
function unknownFieldHint(key: string, schema: Schema, inner: FieldPath, prefix: FieldPath): string {
  const here = schemaAt(schema, inner)
  const fields = fieldsOf(here)
  const owners = fields.filter((field) => {
    const child = lookThrough(here instanceof z.ZodObject ? here.shape[field] : undefined)
    return fieldsOf(child).includes(key)
  })
  if (owners.length > 0 && owners.length <= 4) return `\`${key}\` belongs under ${listOf(owners, "or")}`
  const near = nearestWord(key, fields)
  if (near !== null) return `did you mean "${near}"?`
  for (let length = inner.length - 1; length >= 0; length--) {
    const outer = inner.slice(0, length)
    if (fieldsOf(schemaAt(schema, outer)).includes(key)) {
      return `\`${key}\` belongs to \`${formatPath([...prefix, ...outer])}\`: check the indentation`
    }
  }
  return fields.length > 0 && fields.length <= 12 ? `known fields: ${fields.join(", ")}` : ""
}

function fieldsOf(schema: Schema | null): readonly string[] {
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : []
}

function schemaAt(schema: Schema, path: FieldPath): Schema | null {
  let current: Schema | null = unwrap(schema)
  for (const step of path) {
    if (current instanceof z.ZodObject) current = unwrap(current.shape[step])
    else if (current instanceof z.ZodArray) current = unwrap(current.element)
    else if (current instanceof z.ZodRecord) current = unwrap(current.valueType)
    else return null
  }
  return current
}

/** A field's own object, or the object its list holds. */
function lookThrough(schema: unknown): Schema | null {
  const field = unwrap(schema)
  return field instanceof z.ZodArray ? unwrap(field.element) : field
}

function unwrap(schema: unknown): Schema | null {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable) return unwrap(schema.unwrap())
  return schema instanceof z.ZodType ? schema : null
}

function valueAt(input: unknown, path: FieldPath): unknown {
  let value = input
  for (const step of path) {
    if (typeof value !== "object" || value === null) return undefined
    value = Object.entries(value).find(([key]) => key === String(step))?.[1]
  }
  return value
}

function issueParams(params: Record<string, unknown> | undefined): { readonly code: string; readonly hint: string } {
  const code = params?.["code"]
  const hint = params?.["hint"]
  return { code: typeof code === "string" ? code : "P2002", hint: typeof hint === "string" ? hint : "" }
}

function shorten(value: string): string {
  return value.length > 60 ? `${value.slice(0, 57)}...` : value
}
