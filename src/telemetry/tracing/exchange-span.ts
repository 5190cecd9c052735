/**
 * A finished exchange as a span: OpenTelemetry's HTTP conventions (semantic conventions 1.27, "HTTP spans"), and under
 * Envoy's names what those have no name for. Made from what the access log sees.
 */
import type { AccessLogRecord } from "../access-log-record.ts"
import type { TraceContext } from "./trace-context.ts"
import type { Span, SpanAttribute } from "./tracer.ts"

/** A path in an attribute is cut here, as Envoy's `max_path_tag_length` does. */
const PATH_CHARACTERS_MAX = 256

const knownMethods = new Set(["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"])

/** @param name of the rule's operation */
export function spanOfExchange(context: TraceContext, name: string, traceState: string, record: AccessLogRecord): Span {
  const { traceId, spanId, parentSpanId, isSampled } = context
  const isError = record.responseCode === 0 || record.responseCode >= 500
  return {
    traceId,
    spanId,
    parentSpanId,
    isSampled,
    traceState,
    name,
    startUnixMs: record.startUnixMs,
    durationMs: record.durationMs,
    attributes: attributesOf(record, isError),
    isError,
  }
}

function attributesOf(record: AccessLogRecord, isError: boolean): readonly SpanAttribute[] {
  const { method, authority, responseCode, responseFlags } = record
  const path = record.originalPath.slice(0, PATH_CHARACTERS_MAX)
  const isKnown = knownMethods.has(method)
  const attributes: SpanAttribute[] = [
    ["http.request.method", isKnown ? method : "_OTHER"],
    ["network.protocol.name", "http"],
    ["network.protocol.version", record.protocol.replace(/^HTTP\//, "")],
    ["client.address", withoutPort(record.downstreamRemoteAddress)],
    ["http.request.body.size", record.bytesReceived],
    ["http.response.body.size", record.bytesSent],
  ]
  // A head that was not understood may have neither.
  if (path !== "") attributes.push(["url.full", `${record.scheme}://${authority}${path}`])
  if (!isKnown) addText(attributes, "http.request.method_original", method)
  addText(attributes, "server.address", hostOf(authority))
  addText(attributes, "user_agent.original", record.requestHeader("user-agent") ?? "")
  if (responseCode > 0) attributes.push(["http.response.status_code", responseCode])
  if (isError) attributes.push(["error.type", responseCode > 0 ? String(responseCode) : responseFlags || "_OTHER"])
  addText(attributes, "network.peer.address", record.upstreamHost)
  addText(attributes, "upstream_cluster", record.upstreamCluster)
  addText(attributes, "response_flags", responseFlags)
  addText(attributes, "guid:x-request-id", record.requestHeader("x-request-id") ?? "")
  addText(attributes, "guid:x-client-trace-id", record.requestHeader("x-client-trace-id") ?? "")
  return attributes
}

function addText(attributes: SpanAttribute[], name: string, value: string): void {
  if (value !== "") attributes.push([name, value])
}

/** `10.0.0.7:1234` and `[::1]:1234` without their port. */
function withoutPort(address: string): string {
  return address.replace(/:\d+$/, "").replace(/^\[|\]$/g, "")
}

function hostOf(authority: string): string {
  return authority.startsWith("[") ? withoutPort(authority) : authority.replace(/:\d+$/, "")
}
