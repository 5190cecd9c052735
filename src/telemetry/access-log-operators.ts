/**
 * Envoy's command operators as far as a finished exchange can answer them (Istio semantics sheet 9.2; Envoy
 * `docs/root/configuration/observability/access_log/usage.rst`). Looking an operator up happens once, when the format
 * is compiled; what comes back only reads the record.
 */
import { hostname } from "node:os"
import { type AccessLogRecord, type ReadValue, textOrNull } from "./access-log-record.ts"
import { withoutSpaces } from "./escape-log-value.ts"
import { compileGrpcStatus, readGrpcStatus } from "./grpc-status-operator.ts"
import { compilePath, compileQueryParameter, withoutQuery } from "./path-operators.ts"
import { compileStartTime } from "./start-time.ts"
import { certificateTimeOperators, compileCertificateTime, tlsOperators } from "./tls-operators.ts"

type CompileOperator = (argument: string) => ReadValue | { readonly error: string }

export function compileOperator(name: string, argument: string): ReadValue | { readonly error: string } {
  const compile = operators.get(name)
  if (compile !== undefined) return compile(argument)
  return { error: `unknown operator %${name}%; known are ${[...operators.keys()].sort().join(" ")}` }
}

const operators: ReadonlyMap<string, CompileOperator> = new Map<string, CompileOperator>([
  ["START_TIME", (argument) => compileStartTime(argument)],
  ...[...certificateTimeOperators].map(
    ([name, readTime]) => [name, (argument: string) => compileCertificateTime(readTime, argument)] as const,
  ),
  ["PATH", compilePath],
  ["QUERY_PARAM", compileQueryParameter],
  ["REQ_WITHOUT_QUERY", compileHeaderWithoutQuery],
  ["REQ", (argument) => compileHeader("REQ", argument, compileRequestHeader)],
  ["RESP", (argument) => compileHeader("RESP", argument, compileResponseHeader)],
  ["TRAILER", (argument) => compileHeader("TRAILER", argument, compileTrailer)],
  ["GRPC_STATUS", compileGrpcStatus],
  ["GRPC_STATUS_NUMBER", plain(readGrpcStatus)],
  ["PROTOCOL", plain((record) => textOrNull(record.protocol))],
  ["RESPONSE_CODE", plain((record) => record.responseCode)],
  ["RESPONSE_FLAGS", plain((record) => textOrNull(record.responseFlags))],
  ["RESPONSE_CODE_DETAILS", plain((record) => withoutSpaces(record.responseCodeDetails))],
  ["CONNECTION_TERMINATION_DETAILS", plain((record) => withoutSpaces(record.connectionTerminationDetails))],
  ["UPSTREAM_TRANSPORT_FAILURE_REASON", plain((record) => withoutSpaces(record.upstreamTransportFailureReason))],
  ["BYTES_RECEIVED", plain((record) => record.bytesReceived)],
  ["BYTES_SENT", plain((record) => record.bytesSent)],
  ["DURATION", plain((record) => Math.trunc(record.durationMs))],
  ["REQUEST_DURATION", plain((record) => wholeMsOrNull(record.requestDurationMs))],
  ["RESPONSE_DURATION", plain((record) => wholeMsOrNull(record.responseDurationMs))],
  ["RESPONSE_TX_DURATION", plain(readSendingTime)],
  ["UPSTREAM_REQUEST_ATTEMPT_COUNT", plain((record) => record.upstreamAttempts)],
  ["TRACE_ID", plain((record) => textOrNull(record.traceId))],
  ...[...tlsOperators].map(([name, read]) => [name, plain(read)] as const),
  ["ROUTE_NAME", plain((record) => textOrNull(record.routeName))],
  ["UPSTREAM_HOST", plain((record) => textOrNull(record.upstreamHost))],
  ["UPSTREAM_REMOTE_ADDRESS", plain((record) => textOrNull(record.upstreamHost))],
  ["UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT", plain((record) => addressOnly(record.upstreamHost))],
  ["UPSTREAM_REMOTE_PORT", plain((record) => portOnly(record.upstreamHost))],
  ["UPSTREAM_CLUSTER", plain((record) => textOrNull(record.upstreamCluster))],
  ["UPSTREAM_CLUSTER_RAW", plain((record) => textOrNull(record.upstreamCluster))],
  ["UPSTREAM_LOCAL_ADDRESS", plain((record) => textOrNull(record.upstreamLocalAddress))],
  ["UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT", plain((record) => addressOnly(record.upstreamLocalAddress))],
  ["UPSTREAM_LOCAL_PORT", plain((record) => portOnly(record.upstreamLocalAddress))],
  ["DOWNSTREAM_LOCAL_ADDRESS", plain((record) => textOrNull(record.downstreamLocalAddress))],
  ["DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT", plain((record) => addressOnly(record.downstreamLocalAddress))],
  ["DOWNSTREAM_LOCAL_PORT", plain((record) => portOnly(record.downstreamLocalAddress))],
  ["DOWNSTREAM_REMOTE_ADDRESS", plain((record) => textOrNull(record.downstreamRemoteAddress))],
  ["DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT", plain((record) => addressOnly(record.downstreamRemoteAddress))],
  ["DOWNSTREAM_REMOTE_PORT", plain((record) => portOnly(record.downstreamRemoteAddress))],
  ["DOWNSTREAM_DIRECT_REMOTE_ADDRESS", plain((record) => textOrNull(record.downstreamDirectRemoteAddress))],
  [
    "DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT",
    plain((record) => addressOnly(record.downstreamDirectRemoteAddress)),
  ],
  ["DOWNSTREAM_DIRECT_REMOTE_PORT", plain((record) => portOnly(record.downstreamDirectRemoteAddress))],
  ["REQUESTED_SERVER_NAME", plain((record) => withoutSpaces(record.requestedServerName))],
  ["HOSTNAME", plain(() => hostname())],
])

/** An operator that takes no argument. */
function plain(read: ReadValue): CompileOperator {
  return (argument) => (argument === "" ? read : { error: `takes nothing in parentheses, and has (${argument})` })
}

/** `A?B`: header A, else B. */
function compileHeader(
  operator: string,
  argument: string,
  compileOne: (name: string) => ReadValue,
): ReadValue | { readonly error: string } {
  const [first = "", second, ...more] = argument.toLowerCase().split("?")
  const isName = (name: string) => /^:?[\w!#$%&'*+.^`|~-]+$/.test(name)
  if (more.length > 0 || !isName(first) || (second !== undefined && !isName(second))) {
    return { error: `needs a header name, %${operator}(NAME)% or %${operator}(NAME?OTHER)%, and has (${argument})` }
  }
  if (operator !== "RESP" && operator !== "TRAILER" && first === "x-envoy-original-path" && second === ":path")
    return readOriginalPath
  const readFirst = compileOne(first)
  if (second === undefined) return readFirst
  const readSecond = compileOne(second)
  return (record) => readFirst(record) ?? readSecond(record)
}

function compileHeaderWithoutQuery(argument: string): ReadValue | { readonly error: string } {
  const read = compileHeader("REQ_WITHOUT_QUERY", argument, compileRequestHeader)
  if (typeof read !== "function") return read
  return (record) => {
    const value = read(record)
    return typeof value === "string" ? textOrNull(withoutQuery(value)) : value
  }
}

/** From the head of the service's response to the last byte for the client. */
function readSendingTime({ durationMs, responseDurationMs }: AccessLogRecord): number | null {
  return responseDurationMs < 0 ? null : Math.trunc(durationMs - responseDurationMs)
}

/** @param ms below 0 = there is none */
function wholeMsOrNull(ms: number): number | null {
  return ms < 0 ? null : Math.trunc(ms)
}

function readOriginalPath(record: AccessLogRecord): string | null {
  return textOrNull(record.originalPath)
}

function compileRequestHeader(name: string): ReadValue {
  switch (name) {
    case ":method":
      return (record) => textOrNull(record.method)
    case ":path":
      return (record) => textOrNull(record.path)
    case ":authority":
    case "host":
      return (record) => textOrNull(record.authority)
    case ":scheme":
      return (record) => textOrNull(record.scheme)
    case "x-envoy-original-path":
      // As in Envoy: there is one only when the path was rewritten.
      return (record) => (record.originalPath === record.path ? null : textOrNull(record.originalPath))
    default:
      return (record) => record.requestHeader(name)
  }
}

function compileResponseHeader(name: string): ReadValue {
  if (name !== ":status") return (record) => record.responseHeader(name)
  return (record) => (record.responseCode === 0 ? null : String(record.responseCode))
}

function compileTrailer(name: string): ReadValue {
  return (record) => record.responseTrailer(name)
}

/** `1.2.3.4:80` and `[::1]:80` without the port, IPv6 without brackets. A unix socket has no port. */
function addressOnly(address: string): string | null {
  const colon = address.lastIndexOf(":")
  if (colon <= 0 || address.startsWith("unix:")) return textOrNull(address)
  const host = address.slice(0, colon)
  return host.startsWith("[") && host.endsWith("]") ? host.slice(1, -1) : host
}

function portOnly(address: string): number | null {
  const port = /:(\d{1,5})$/.exec(address)?.[1]
  return port === undefined ? null : Number(port)
}
