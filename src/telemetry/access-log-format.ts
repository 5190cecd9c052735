/**
 * What an access log line looks like. A format is compiled once into parts; writing a line runs through them.
 * The two built-in formats are Istio's own (Istio semantics sheet 9.2: `EnvoyTextLogFormat` and `EnvoyJSONLogFormat`
 * of `pilot/pkg/model/telemetry_logging.go`), so that every tool that reads an Istio access log reads this one.
 */
import { compileOperator } from "./access-log-operators.ts"
import type { AccessLogRecord, ReadValue } from "./access-log-record.ts"
import { escapeTextValue, wireText } from "./escape-log-value.ts"
import { IstioJsonLines, IstioTextLines } from "./istio-log-lines.ts"
import { parseValueTemplate } from "./value-template.ts"

export interface AccessLogFormat {
  /** One line, its line feed included. One character for each byte: what is not ASCII is there as its UTF-8 bytes. */
  format(record: AccessLogRecord): string
}

/**
 * @param format `text`, `json` or an Envoy format string. A line feed at its end is added when it lacks one.
 * @returns the compiled format, or what is wrong with it in words for the user.
 */
export function compileAccessLogFormat(format: string): AccessLogFormat | { readonly error: string } {
  if (format === "json") return new IstioJsonLines()
  return format === "text" ? new IstioTextLines() : compileText(format)
}

/** Either fixed text or a value; one shape, so that the loop over them stays fast. */
interface Part {
  readonly text: string
  readonly read: ReadValue | null
  /** Longest value in characters; 0 = any. */
  readonly lengthMax: number
}

function compileText(format: string): AccessLogFormat | { readonly error: string } {
  const parts = compileParts(format.endsWith("\n") ? format : `${format}\n`)
  if ("error" in parts) return parts
  return {
    format(record) {
      let line = ""
      for (const part of parts) line += part.read === null ? part.text : renderText(part, part.read(record))
      return line
    },
  }
}

function compileParts(format: string): readonly Part[] | { readonly error: string } {
  const template = parseValueTemplate(format)
  if ("error" in template) return { error: template.error }
  const parts: Part[] = []
  for (const part of template.parts) {
    if (part.kind === "literal") {
      parts.push({ text: wireText(part.text), read: null, lengthMax: 0 })
      continue
    }
    const read = compileOperator(part.name, part.argument)
    if (typeof read !== "function") return { error: read.error }
    parts.push({ text: "", read, lengthMax: part.lengthMax })
  }
  return parts
}

function renderText(part: Part, value: string | number | null): string {
  if (value === null || value === "") return "-"
  return typeof value === "number" ? String(value) : escapeTextValue(cut(value, part.lengthMax))
}

/** Before escaping, as Envoy counts. */
function cut(value: string, lengthMax: number): string {
  return lengthMax > 0 && value.length > lengthMax ? value.slice(0, lengthMax) : value
}
