/**
 * Renders a value template for one exchange. Operators are looked up once per template, not once per request.
 */
import { compileOperator } from "./access-log-operators.ts"
import type { AccessLogRecord, ReadValue } from "./access-log-record.ts"
import type { ValueTemplate } from "./value-template.ts"

type Render = (record: AccessLogRecord) => string

const compiled = new WeakMap<ValueTemplate, readonly Render[]>()

/** The value; "" where every operator in it has none. */
export function renderTemplate(template: ValueTemplate, record: AccessLogRecord): string {
  if (template.literal !== null) return template.literal
  let renders = compiled.get(template)
  if (renders === undefined) {
    renders = template.parts.map(compilePart)
    compiled.set(template, renders)
  }
  let value = ""
  for (const render of renders) value += render(record)
  return value
}

function compilePart(part: ValueTemplate["parts"][number]): Render {
  if (part.kind === "literal") return () => part.text
  const read = compileOperator(part.name, part.argument)
  // The compiler has refused templates with unknown operators; nothing is the safe rendering of one all the same.
  if (typeof read !== "function") return () => ""
  return (record) => cut(read, record, part.lengthMax)
}

function cut(read: ReadValue, record: AccessLogRecord, lengthMax: number): string {
  const value = read(record)
  if (value === null) return ""
  const text = String(value)
  return lengthMax > 0 ? text.slice(0, lengthMax) : text
}
