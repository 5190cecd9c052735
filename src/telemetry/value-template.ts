/**
 * Text with Envoy's command operators (`%REQ(X)%`, `%START_TIME%`, …), parsed once at compile time.
 * Used by header operations and by access log format strings (Istio semantics sheet 3.10 (6), 9.2).
 * Grammar: Envoy `docs/root/configuration/observability/access_log/usage.rst`, "Command Operators".
 */

export interface ValueTemplate {
  /** The whole value when it has no operator; null otherwise. */
  readonly literal: string | null
  /** In order; a single literal part when `literal` is not null. */
  readonly parts: readonly TemplatePart[]
}

export type TemplatePart =
  | { readonly kind: "literal"; readonly text: string }
  | {
      readonly kind: "operator"
      /** `REQ`, `START_TIME`, … */
      readonly name: string
      /** Inside the parentheses; "" when there are none. */
      readonly argument: string
      /** `:N` after the parentheses; 0 = unlimited. */
      readonly lengthMax: number
    }

/** Name, optional argument (no `)` inside), optional length. Sticky, so that it reads exactly at the percent sign. */
const operatorPattern = /%([A-Z0-9_]+)(?:\(([^)]*)\))?(?::([0-9]+))?%/y

/**
 * Parses a header value or a format string. `%%` is a literal percent; any other percent sign must open an operator.
 * Whether an operator exists is not judged here: the formatter that renders it knows its own.
 * @returns the template, or what is wrong with the text.
 */
export function parseValueTemplate(text: string): ValueTemplate | { readonly error: string } {
  if (!text.includes("%")) return { literal: text, parts: [{ kind: "literal", text }] }

  const parts: TemplatePart[] = []
  let literal = ""
  let offset = 0
  while (offset < text.length) {
    const percent = text.indexOf("%", offset)
    if (percent < 0) {
      literal += text.slice(offset)
      break
    }
    literal += text.slice(offset, percent)
    if (text[percent + 1] === "%") {
      literal += "%"
      offset = percent + 2
      continue
    }
    operatorPattern.lastIndex = percent
    const operator = operatorPattern.exec(text)
    if (operator === null) return { error: describeFault(text, percent) }
    const [whole, name = "", argument = "", lengthMax = "0"] = operator
    if (literal !== "") parts.push({ kind: "literal", text: literal })
    literal = ""
    parts.push({ kind: "operator", name, argument, lengthMax: Math.min(Number(lengthMax), Number.MAX_SAFE_INTEGER) })
    offset = percent + whole.length
  }

  if (parts.length === 0) return { literal, parts: [{ kind: "literal", text: literal }] }
  if (literal !== "") parts.push({ kind: "literal", text: literal })
  return { literal: null, parts }
}

function describeFault(text: string, percent: number): string {
  const rest = text.slice(percent, percent + 24)
  return text.includes("%", percent + 1)
    ? `"${rest}" is not a command operator such as %REQ(NAME)% (a literal percent sign is written %%)`
    : `the percent sign at character ${percent + 1} opens no command operator (a literal percent sign is written %%)`
}
