/**
 * `--tracing-otlp-headers`, written as OTEL_EXPORTER_OTLP_HEADERS is (OpenTelemetry, "Protocol Exporter", "Specifying
 * headers via environment variables": W3C Baggage without properties): `NAME=VALUE,NAME=VALUE`, values percent-encoded.
 *
 * What is given here are keys and tokens. No message repeats any part of it, because nobody knows which part is the secret
 * one in something that is not well-formed.
 */
import { isUsageError, type UsageError, usageError } from "./usage-error.ts"

/** Values by lower-cased name. */
export type OtlpHeaders = Readonly<Record<string, string>>

const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
/** What a field of HTTP may say, as far as it is the same in every encoding. */
const fieldValue = /^[\t\x20-\x7e]+$/
/** The exporter's own: they say what is sent, and how. */
const madeByExporter: ReadonlySet<string> = new Set([
  "connection",
  "content-encoding",
  "content-length",
  "content-type",
  "host",
  "transfer-encoding",
])

const hint =
  "write --tracing-otlp-headers 'authorization=Bearer%20TOKEN,x-tenant=shop', or better the environment variable"

export function parseOtlpHeaders(text: string): OtlpHeaders | UsageError {
  const headers = new Map<string, string>()
  for (const [index, entry] of text.split(",").entries()) {
    // Baggage allows white space around everything, and lists made by scripts end in a comma.
    if (entry.trim() === "") continue
    const header = parseEntry(entry, `entry ${index + 1}`)
    if (isUsageError(header)) return header
    const [name, value] = header
    if (headers.has(name)) return refusal(`entry ${index + 1} has a name that was given before`)
    headers.set(name, value)
  }
  return Object.fromEntries(headers)
}

function parseEntry(entry: string, place: string): readonly [name: string, value: string] | UsageError {
  const equals = entry.indexOf("=")
  const name = entry.slice(0, equals).trim().toLowerCase()
  if (equals < 0 || !token.test(name)) return refusal(`${place} is not NAME=VALUE`)
  if (madeByExporter.has(name)) return refusal(`${name} is set by the gateway`)
  const value = percentDecoded(entry.slice(equals + 1).trim())
  if (value === null) return refusal(`the value of ${place} is not percent-encoded: write %25 for a percent sign`)
  if (value.trim() === "") return refusal(`${place} has no value`)
  if (!fieldValue.test(value))
    return refusal(`the value of ${place} is no header value: ASCII, without control characters`)
  return [name, value]
}

/** null = it is not. */
function percentDecoded(text: string): string | null {
  try {
    return decodeURIComponent(text)
  } catch {
    // It says no more than that.
    return null
  }
}

function refusal(reason: string): UsageError {
  return usageError(`--tracing-otlp-headers: ${reason}`, hint)
}
