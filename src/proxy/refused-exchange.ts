/**
 * A request on a connection whose client certificate was not accepted: 403 with the reason, whatever it asks for
 * (CONTRACT of annotations: `http-403`). No virtual host, route or upstream is in reach of this file.
 */

import type { FaultAnswer } from "../http/h1/faults.ts"
import type { ResponseHead } from "../http/message.ts"
import type { DownstreamEvents, DownstreamStream } from "../http/stream.ts"
import { type RefusalReason, refusalTexts } from "../security/client-certificate.ts"
import type { AccessLogSink } from "../telemetry/access-log-record.ts"
import type { Counters } from "../telemetry/counters.ts"
import type { ListenerStats } from "../telemetry/listener-stats.ts"
import type { Tracer } from "../telemetry/tracing/tracer.ts"
import { ExchangeRecord, type LoggedExchange } from "./exchange-record.ts"
import { grpcReplyHead, localReplyHead } from "./local-replies.ts"
import { finishResponseFields } from "./response-fields.ts"
import { sendAnswer } from "./send-answer.ts"
import { TraceOfExchange } from "./trace-exchange.ts"

export interface RefusalEnvironment {
  readonly counters: Counters
  readonly listenerStats: ListenerStats
  readonly accessLog: AccessLogSink | null
  /** null = nothing is traced. */
  readonly tracer: Tracer | null
}

export class RefusedExchange implements DownstreamEvents, LoggedExchange {
  readonly stream: DownstreamStream
  readonly startedAtMs = performance.now()
  readonly endedAtMs = 0
  readonly responseStartedAtMs = 0
  readonly originalPath: string
  readonly route = null
  readonly clusterName = ""
  readonly upstream = null
  readonly responseFlags = ""
  readonly responseTrailers = ""
  responseHead: ResponseHead | null = null
  responseStatus = 0
  responseDetails = ""
  requestBodyBytes = 0
  responseBodyBytes = 0
  readonly #reason: RefusalReason
  readonly #environment: RefusalEnvironment
  #trace: TraceOfExchange | null = null
  #isOver = false

  constructor(stream: DownstreamStream, reason: RefusalReason, environment: RefusalEnvironment) {
    this.stream = stream
    this.originalPath = stream.request.path
    this.#reason = reason
    this.#environment = environment
    environment.counters.requestsTotal++
    environment.counters.requestsActive++
    environment.listenerStats.startRequest()
  }

  get traceId(): string {
    return this.#trace?.context.traceId ?? ""
  }

  onRequestHead(): void {
    const details = `client_certificate_refused{${this.#reason}}`
    this.#answer(403, `client certificate required: ${refusalTexts[this.#reason]}`, details)
  }

  onRequestFault(answer: FaultAnswer): void {
    this.#environment.counters.countProtocolError(answer.name)
    if (!this.#isOver) this.#answer(answer.status, answer.body, answer.details)
  }

  onRequestBody(_bytes: Buffer, start: number, end: number): void {
    this.requestBodyBytes += end - start
  }

  onRequestEnd(): void {}

  onDownstreamDrain(): void {}

  onDownstreamGone(): void {
    this.#closeBooks()
  }

  #answer(status: number, text: string, details: string): void {
    const { stream } = this
    const { tracer } = this.#environment
    if (tracer !== null) this.#trace = new TraceOfExchange(tracer, stream.request.fields)
    const body = Buffer.from(text, "latin1")
    const isGrpc = stream.request.isGrpc()
    const head = isGrpc ? grpcReplyHead({ status, body: text, flags: "", details }, body) : localReplyHead(status, body)
    if (!isGrpc) head.fields.append("content-type", "text/plain")
    finishResponseFields(head, false)
    this.responseHead = head
    this.responseStatus = head.status
    this.responseDetails = details
    sendAnswer(this, head, body)
    this.#closeBooks()
    stream.sendEnd("")
  }

  #closeBooks(): void {
    if (this.#isOver) return
    this.#isOver = true
    const { counters, listenerStats, accessLog } = this.#environment
    counters.requestsActive--
    counters.countResponse(this.responseStatus)
    listenerStats.finishRequest(this.responseStatus)
    const record = new ExchangeRecord(this)
    accessLog?.write(record)
    this.#trace?.end(record)
  }
}
