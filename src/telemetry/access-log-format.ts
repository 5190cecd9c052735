/**
 * What an access log line looks like. A format is compiled once into parts; writing a line runs through them.
 * The two built-in formats are Istio's own (Istio semantics sheet 9.2: `EnvoyTextLogFormat` and `EnvoyJSONLogFormat`
 * of `pilot/pkg/model/telemetry_logging.go`), so that every tool that reads an Istio access log reads this one.
 */
import { compileOperator } from "./access-log-operators.ts"
import type { AccessLogRecord, ReadValue } from "./access-log-record.ts"
import { escapeTextValue, quoteJsonValue } from "./escape-log-value.ts"
import { parseValueTemplate } from "./value-template.ts"

export interface AccessLogFormat {
  /** One line, its line feed included. */
  format(record: AccessLogRecord): string
}

export const istioTextFormat =
  '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% ' +
  '%RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED% ' +
  '%BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" ' +
  '"%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" %UPSTREAM_CLUSTER_RAW% %UPSTREAM_LOCAL_ADDRESS% ' +
  "%DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%"

/** Key to operator, in the order they are written: alphabetical. */
export const istioJsonFormat = Object.freeze({
  authority: "%REQ(:AUTHORITY)%",
  bytes_received: "%BYTES_RECEIVED%",
  bytes_sent: "%BYTES_SENT%",
  connection_termination_details: "%CONNECTION_TERMINATION_DETAILS%",
  downstream_local_address: "%DOWNSTREAM_LOCAL_ADDRESS%",
  downstream_remote_address: "%DOWNSTREAM_REMOTE_ADDRESS%",
  duration: "%DURATION%",
  method: "%REQ(:METHOD)%",
  path: "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%",
  protocol: "%PROTOCOL%",
  request_id: "%REQ(X-REQUEST-ID)%",
  requested_server_name: "%REQUESTED_SERVER_NAME%",
  response_code: "%RESPONSE_CODE%",
  response_code_details: "%RESPONSE_CODE_DETAILS%",
  response_flags: "%RESPONSE_FLAGS%",
  route_name: "%ROUTE_NAME%",
  start_time: "%START_TIME%",
  upstream_cluster: "%UPSTREAM_CLUSTER_RAW%",
  upstream_host: "%UPSTREAM_HOST%",
  upstream_local_address: "%UPSTREAM_LOCAL_ADDRESS%",
  upstream_service_time: "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%",
  upstream_transport_failure_reason: "%UPSTREAM_TRANSPORT_FAILURE_REASON%",
  user_agent: "%REQ(USER-AGENT)%",
  x_forwarded_for: "%REQ(X-FORWARDED-FOR)%",
})

/**
 * @param format `text`, `json` or an Envoy format string. A line feed at its end is added when it lacks one.
 * @returns the compiled format, or what is wrong with it in words for the user.
 */
export function compileAccessLogFormat(format: string): AccessLogFormat | { readonly error: string } {
  if (format === "json") return compileJson(istioJsonFormat)
  return compileText(format === "text" ? istioTextFormat : format)
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

function compileJson(fields: Readonly<Record<string, string>>): AccessLogFormat | { readonly error: string } {
  const compiled: Member[] = []
  for (const [key, template] of Object.entries(fields)) {
    const parts = compileParts(template)
    if ("error" in parts) return parts
    const [part] = parts
    if (part === undefined) return { error: `the field ${key} has no operator` }
    compiled.push(new Member(`${compiled.length === 0 ? "{" : ","}${JSON.stringify(key)}:`, part))
  }
  return {
    format(record) {
      let line = ""
      for (const member of compiled) line += member.render(record)
      return `${line}}\n`
    },
  }
}

/**
 * One key of a JSON line with its value. Most values are those of the line before (addresses, cluster, protocol, status):
 * their text is kept, which costs a comparison and saves escaping and joining.
 */
class Member {
  readonly #key: string
  readonly #part: Part
  #value: string | number | null = null
  #text: string

  /** @param key with the comma before and the colon behind */
  constructor(key: string, part: Part) {
    this.#key = key
    this.#part = part
    this.#text = `${key}null`
  }

  render(record: AccessLogRecord): string {
    const { read } = this.#part
    const value = read === null ? null : read(record)
    if (value === this.#value) return this.#text
    this.#value = value
    this.#text = this.#key + renderJson(this.#part, value)
    return this.#text
  }
}

function compileParts(format: string): readonly Part[] | { readonly error: string } {
  const template = parseValueTemplate(format)
  if ("error" in template) return { error: template.error }
  const parts: Part[] = []
  for (const part of template.parts) {
    if (part.kind === "literal") {
      parts.push({ text: part.text, read: null, lengthMax: 0 })
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

function renderJson(part: Part, value: string | number | null): string {
  if (value === null || value === "") return "null"
  return typeof value === "number" ? String(value) : quoteJsonValue(cut(value, part.lengthMax))
}

/** Before escaping, as Envoy counts. */
function cut(value: string, lengthMax: number): string {
  return lengthMax > 0 && value.length > lengthMax ? value.slice(0, lengthMax) : value
}
