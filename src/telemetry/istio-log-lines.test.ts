/**
 * The straight-line formats against the operators they stand for: the strings of Istio's `pilot/pkg/model/telemetry_logging.go`
 * (Istio semantics sheet 9.2), run through the compiler of format strings.
 */
import { expect, test } from "bun:test"
import fc from "fast-check"
import { compileAccessLogFormat } from "./access-log-format.ts"
import { compileOperator } from "./access-log-operators.ts"
import { createRecord, type RecordFields } from "./access-log-record.fixture.ts"
import type { AccessLogRecord } from "./access-log-record.ts"
import { quoteJsonValue } from "./escape-log-value.ts"
import { parseValueTemplate } from "./value-template.ts"

const istioTextFormat =
  '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% ' +
  '%RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED% ' +
  '%BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" ' +
  '"%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" %UPSTREAM_CLUSTER_RAW% %UPSTREAM_LOCAL_ADDRESS% ' +
  "%DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%"

/** Key to operator, in the order they are written: alphabetical. */
const istioJsonFormat = Object.freeze({
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

function compile(format: string) {
  const compiled = compileAccessLogFormat(format)
  if ("error" in compiled) throw new Error(compiled.error)
  return compiled
}

function readOperator(template: string, record: AccessLogRecord): string | number | null {
  const parsed = parseValueTemplate(template)
  const part = "error" in parsed ? undefined : parsed.parts[0]
  if (part?.kind !== "operator") throw new Error(`${template} is no operator`)
  const read = compileOperator(part.name, part.argument)
  if (typeof read !== "function") throw new Error(read.error)
  return read(record)
}

function expectedJson(record: AccessLogRecord): string {
  const members = Object.entries(istioJsonFormat).map(([key, template]) => {
    const value = readOperator(template, record)
    const text =
      value === null || value === "" ? "null" : typeof value === "number" ? `${value}` : quoteJsonValue(value)
    return `"${key}":${text}`
  })
  return `{${members.join(",")}}\n`
}

/** Few values, so that from one record to the next some stay and some change. */
const value = fc.constantFrom("", "a", "b c", 'q"\\', "\u0007", "gr\u00c3\u00bc", "\u00ff")
const count = fc.constantFrom(0, 1, 200, 1234.5)
const headers = (...names: readonly string[]) => fc.dictionary(fc.constantFrom(...names), value)
const recordFields: fc.Arbitrary<Partial<RecordFields>> = fc.record({
  startUnixMs: fc.constantFrom(1_767_323_045_678, 1_767_323_045_009.75, 1_767_323_046_000),
  method: value,
  originalPath: value,
  path: value,
  authority: value,
  protocol: value,
  responseCode: fc.constantFrom(0, 200, 503),
  responseFlags: value,
  responseCodeDetails: value,
  connectionTerminationDetails: value,
  upstreamTransportFailureReason: value,
  bytesReceived: fc.constantFrom(0, 12),
  bytesSent: fc.constantFrom(0, 345),
  durationMs: count,
  routeName: value,
  upstreamHost: value,
  upstreamCluster: value,
  upstreamLocalAddress: value,
  downstreamLocalAddress: value,
  downstreamRemoteAddress: value,
  requestedServerName: value,
  requestHeaders: headers("user-agent", "x-forwarded-for", "x-request-id"),
  responseHeaders: headers("x-envoy-upstream-service-time"),
})

test("property: a series of text lines is what the format string of the same operators makes", () => {
  fc.assert(
    fc.property(fc.array(recordFields, { maxLength: 8 }), (series) => {
      const [ours, expected] = [compile("text"), compile(istioTextFormat)]
      for (const fields of series) {
        const record = createRecord(fields)
        expect(ours.format(record)).toBe(expected.format(record))
      }
    }),
    { numRuns: 500 },
  )
})

test("property: a series of JSON lines has each key with the value of its operator", () => {
  fc.assert(
    fc.property(fc.array(recordFields, { maxLength: 8 }), (series) => {
      const ours = compile("json")
      for (const fields of series) {
        const record = createRecord(fields)
        expect(ours.format(record)).toBe(expectedJson(record))
      }
    }),
    { numRuns: 500 },
  )
})
