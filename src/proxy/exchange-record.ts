/** An exchange as the access log (and `%OPERATORS%` in header values) sees it. Made only when somebody looks. */
import { valueInLines } from "../http/field-table.ts"
import type { ResponseHead } from "../http/message.ts"
import type { DownstreamStream } from "../http/stream.ts"
import { toByteString } from "../route/byte-string.ts"
import type { AccessLogRecord, LoggedTls } from "../telemetry/access-log-record.ts"
import { loggedTls } from "./logged-tls.ts"

/** The part of an exchange that is logged. */
export interface LoggedExchange {
  readonly stream: DownstreamStream
  readonly startedAtMs: number
  /** 0 = under way. */
  readonly endedAtMs: number
  /** 0 = no response of a service has begun. */
  readonly responseStartedAtMs: number
  /** "" = nothing is traced. */
  readonly traceId: string
  readonly originalPath: string
  readonly route: { readonly name: string } | null
  readonly clusterName: string
  readonly upstream: {
    readonly transportFailureReason: string
    readonly hostText: string
    readonly localAddress: string
    readonly attempt: number
    /** 0 = not in full yet. */
    readonly requestEndedAtMs: number
  } | null
  readonly responseHead: ResponseHead | null
  readonly responseStatus: number
  readonly responseTrailers: string
  readonly responseFlags: string
  readonly responseDetails: string
  readonly requestBodyBytes: number
  readonly responseBodyBytes: number
}

/** Read once: the runtime works it out anew each time. */
const startOfProcessUnixMs = performance.timeOrigin

export class ExchangeRecord implements AccessLogRecord {
  readonly #exchange: LoggedExchange

  constructor(exchange: LoggedExchange) {
    this.#exchange = exchange
  }

  get startUnixMs(): number {
    return startOfProcessUnixMs + this.#exchange.startedAtMs
  }
  get method(): string {
    return this.#exchange.stream.request.method
  }
  get originalPath(): string {
    return this.#exchange.originalPath
  }
  get path(): string {
    return this.#exchange.stream.request.path
  }
  get authority(): string {
    return this.#exchange.stream.request.authority
  }
  get scheme(): string {
    return this.#exchange.stream.request.scheme
  }
  get protocol(): string {
    return this.#exchange.stream.request.protocol
  }
  get responseCode(): number {
    return this.#exchange.responseStatus
  }
  get responseFlags(): string {
    return this.#exchange.responseFlags
  }
  get responseCodeDetails(): string {
    return this.#exchange.responseDetails
  }
  get connectionTerminationDetails(): string {
    return ""
  }
  get upstreamTransportFailureReason(): string {
    return this.#exchange.upstream?.transportFailureReason ?? ""
  }
  get bytesReceived(): number {
    return this.#exchange.requestBodyBytes
  }
  get bytesSent(): number {
    return this.#exchange.responseBodyBytes
  }
  get durationMs(): number {
    const { startedAtMs, endedAtMs } = this.#exchange
    return (endedAtMs === 0 ? performance.now() : endedAtMs) - startedAtMs
  }
  get requestDurationMs(): number {
    const endedAtMs = this.#exchange.upstream?.requestEndedAtMs ?? 0
    return endedAtMs === 0 ? -1 : endedAtMs - this.#exchange.startedAtMs
  }
  get responseDurationMs(): number {
    const { startedAtMs, responseStartedAtMs } = this.#exchange
    return responseStartedAtMs === 0 ? -1 : responseStartedAtMs - startedAtMs
  }
  get upstreamAttempts(): number {
    return this.#exchange.upstream?.attempt ?? 0
  }
  get traceId(): string {
    return this.#exchange.traceId
  }
  get routeName(): string {
    // Text of the configuration, among bytes.
    return toByteString(this.#exchange.route?.name ?? "")
  }
  get upstreamHost(): string {
    return this.#exchange.upstream?.hostText ?? ""
  }
  get upstreamCluster(): string {
    return this.#exchange.clusterName
  }
  get upstreamLocalAddress(): string {
    return this.#exchange.upstream?.localAddress ?? ""
  }
  get downstreamLocalAddress(): string {
    return this.#exchange.stream.peer.localAddress
  }
  get downstreamRemoteAddress(): string {
    return this.#exchange.stream.peer.remoteAddress
  }
  get downstreamDirectRemoteAddress(): string {
    return this.#exchange.stream.peer.directRemoteAddress
  }
  get requestedServerName(): string {
    return this.#exchange.stream.peer.serverName
  }
  get downstreamTls(): LoggedTls | null {
    const { handshake } = this.#exchange.stream.peer
    return handshake === null ? null : loggedTls(handshake)
  }
  requestHeader(name: string): string | null {
    return this.#exchange.stream.request.fields.joinedValue(name)
  }
  responseHeader(name: string): string | null {
    return this.#exchange.responseHead?.fields.joinedValue(name) ?? null
  }
  responseTrailer(name: string): string | null {
    return valueInLines(this.#exchange.responseTrailers, name)
  }
}
