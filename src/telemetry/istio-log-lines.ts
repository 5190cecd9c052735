/**
 * Istio's two default formats as straight-line code: what nearly every gateway logs, at half the cost of running through
 * compiled operators. A property test holds both to what `access-log-format.ts` makes of the same format strings.
 */
import type { AccessLogRecord } from "./access-log-record.ts"
import { escapeTextValue, quoteJsonValue, withoutSpaces } from "./escape-log-value.ts"
import { KeptRun, type LogValue } from "./kept-run.ts"
import { IsoTime } from "./start-time.ts"

/** The JSON format: one key for each operator, in the order of `istioJsonFormat`. */
export class IstioJsonLines {
  readonly #time = new IsoTime()
  readonly #authority = new KeptRun((authority) => `{"authority":${json(authority)}`)
  readonly #bytes = new KeptRun(
    (received, sent, termination, local) =>
      `,"bytes_received":${json(received)},"bytes_sent":${json(sent)}` +
      `,"connection_termination_details":${json(withoutSpaces(termination))}` +
      `,"downstream_local_address":${json(local)},"downstream_remote_address":`,
  )
  readonly #request = new KeptRun(
    (method, path, protocol) =>
      `,"method":${json(method)},"path":${json(path)},"protocol":${json(protocol)},"request_id":`,
  )
  readonly #outcome = new KeptRun(
    (serverName, code, details, flags, route) =>
      `,"requested_server_name":${json(withoutSpaces(serverName))},"response_code":${json(code)}` +
      `,"response_code_details":${json(withoutSpaces(details))},"response_flags":${json(flags)}` +
      `,"route_name":${json(route)},"start_time":"`,
  )
  readonly #upstream = new KeptRun(
    (cluster, host) => `","upstream_cluster":${json(cluster)},"upstream_host":${json(host)},"upstream_local_address":`,
  )
  readonly #client = new KeptRun(
    (serviceTime, failure, userAgent, forwardedFor) =>
      `,"upstream_service_time":${json(serviceTime)}` +
      `,"upstream_transport_failure_reason":${json(withoutSpaces(failure))}` +
      `,"user_agent":${json(userAgent)},"x_forwarded_for":${json(forwardedFor)}}\n`,
  )

  format(record: AccessLogRecord): string {
    const authority = this.#authority.of(record.authority)
    const bytes = this.#bytes.of(
      record.bytesReceived,
      record.bytesSent,
      record.connectionTerminationDetails,
      record.downstreamLocalAddress,
    )
    const remote = json(record.downstreamRemoteAddress)
    const request = this.#request.of(record.method, record.originalPath, record.protocol)
    const requestId = json(record.requestHeader("x-request-id"))
    const outcome = this.#outcome.of(
      record.requestedServerName,
      record.responseCode,
      record.responseCodeDetails,
      record.responseFlags,
      record.routeName,
    )
    const time = this.#time.format(record.startUnixMs)
    const upstream = this.#upstream.of(record.upstreamCluster, record.upstreamHost)
    const upstreamLocal = json(record.upstreamLocalAddress)
    const client = this.#client.of(
      record.responseHeader("x-envoy-upstream-service-time"),
      record.upstreamTransportFailureReason,
      record.requestHeader("user-agent"),
      record.requestHeader("x-forwarded-for"),
    )
    const durationMs = Math.trunc(record.durationMs)
    return `${authority}${bytes}${remote},"duration":${durationMs}${request}${requestId}${outcome}${time}${upstream}${upstreamLocal}${client}`
  }
}

/** The text format, `istioTextFormat`. */
export class IstioTextLines {
  readonly #time = new IsoTime()
  readonly #request = new KeptRun((method, path, protocol) => `] "${text(method)} ${text(path)} ${text(protocol)}" `)
  readonly #outcome = new KeptRun(
    (code, flags, details, termination, failure) =>
      `${text(code)} ${text(flags)} ${text(withoutSpaces(details))} ${text(withoutSpaces(termination))} ` +
      `"${text(withoutSpaces(failure))}" `,
  )
  readonly #client = new KeptRun(
    (serviceTime, forwardedFor, userAgent) => `${text(serviceTime)} "${text(forwardedFor)}" "${text(userAgent)}" "`,
  )
  readonly #upstream = new KeptRun(
    (authority, host, cluster) => `" "${text(authority)}" "${text(host)}" ${text(cluster)} `,
  )
  readonly #route = new KeptRun((serverName, route) => ` ${text(withoutSpaces(serverName))} ${text(route)}\n`)

  format(record: AccessLogRecord): string {
    const time = this.#time.format(record.startUnixMs)
    const request = this.#request.of(record.method, record.originalPath, record.protocol)
    const outcome = this.#outcome.of(
      record.responseCode,
      record.responseFlags,
      record.responseCodeDetails,
      record.connectionTerminationDetails,
      record.upstreamTransportFailureReason,
    )
    const client = this.#client.of(
      record.responseHeader("x-envoy-upstream-service-time"),
      record.requestHeader("x-forwarded-for"),
      record.requestHeader("user-agent"),
    )
    const requestId = text(record.requestHeader("x-request-id"))
    const upstream = this.#upstream.of(record.authority, record.upstreamHost, record.upstreamCluster)
    const upstreamLocal = text(record.upstreamLocalAddress)
    const local = text(record.downstreamLocalAddress)
    const remote = text(record.downstreamRemoteAddress)
    const route = this.#route.of(record.requestedServerName, record.routeName)
    const counts = `${record.bytesReceived} ${record.bytesSent} ${Math.trunc(record.durationMs)} `
    return `[${time}${request}${outcome}${counts}${client}${requestId}${upstream}${upstreamLocal} ${local} ${remote}${route}`
  }
}

function json(value: LogValue): string {
  if (value === null || value === "") return "null"
  return typeof value === "number" ? String(value) : quoteJsonValue(value)
}

function text(value: LogValue): string {
  if (value === null || value === "") return "-"
  return typeof value === "number" ? String(value) : escapeTextValue(value)
}
