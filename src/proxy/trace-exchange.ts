/**
 * The trace of one exchange: continued or begun when its head has come, handed to the service, written down at the end
 * (Istio semantics sheet 4.1, 9.4). Called only where tracing is on.
 *
 * Whether it is recorded is said by the client's own trace, where it says so; else a client that sends
 * `x-client-trace-id` wants it to be (Istio leaves Envoy's `client_sampling` at 100 %); else it is drawn.
 */
import type { Route } from "../compile/snapshot.ts"
import type { FieldTable } from "../http/field-table.ts"
import { toByteString } from "../route/byte-string.ts"
import type { AccessLogRecord } from "../telemetry/access-log-record.ts"
import { spanOfExchange } from "../telemetry/tracing/exchange-span.ts"
import {
  b3Fields,
  formatB3,
  formatTraceparent,
  type IncomingTrace,
  readTrace,
  type TraceContext,
} from "../telemetry/tracing/trace-context.ts"
import { randomSpanId, randomTraceId } from "../telemetry/tracing/trace-ids.ts"
import { packTraceReason, type TraceReason } from "../telemetry/tracing/trace-reason.ts"
import type { Tracer } from "../telemetry/tracing/tracer.ts"
import { isDrawn } from "./fault-injection.ts"

/** Of an exchange that no rule took. */
const OPERATION_WITHOUT_ROUTE = "ingress"

export class TraceOfExchange {
  readonly context: TraceContext
  readonly #tracer: Tracer
  /** The client says something of a trace, well-formed or not. */
  readonly #isMentioned: boolean
  readonly #reason: TraceReason
  readonly #traceState: string
  #operation = OPERATION_WITHOUT_ROUTE

  /** Reads the client's part of the trace. */
  constructor(tracer: Tracer, fields: FieldTable) {
    this.#tracer = tracer
    this.#isMentioned = mentionsTrace(fields)
    const incoming = this.#isMentioned ? readTrace((name) => fields.joinedValue(name)) : null
    const isWanted = this.#isMentioned && fields.joinedValue(CLIENT_TRACE_ID) !== null
    this.context = continueTrace(incoming, isWanted, tracer.samplingPpm)
    this.#reason = !this.context.isSampled ? "not-traced" : isWanted ? "client-forced" : "sampled"
    // Without its traceparent a tracestate means nothing.
    this.#traceState = incoming?.notation === "w3c" ? (fields.joinedValue("tracestate") ?? "") : ""
  }

  /** Puts the gateway's part of the trace in the place of the client's, for whoever is behind. */
  announce(fields: FieldTable): void {
    // As generated it says that nothing is recorded, which is nearly always so.
    if (this.#reason !== "not-traced") replaceRequestId(fields, this.#reason)
    if (!this.#isMentioned) {
      fields.appendLower("traceparent", formatTraceparent(this.context))
      return
    }
    if (this.#traceState === "") fields.dropNamed("tracestate")
    replaceField(fields, "traceparent", formatTraceparent(this.context))
    // A service that reads B3 only must not take the client for its parent.
    if (fields.joinedValue("b3") !== null) replaceField(fields, "b3", formatB3(this.context))
    const several = b3Fields(this.context)
    if (several.some(([name]) => fields.joinedValue(name) !== null)) {
      for (const [name, value] of several) replaceField(fields, name, value)
    }
  }

  /** A rule takes the request: it names the span, and the service hears of it. @param routesName of its route configuration */
  nameAfter(route: Route, routesName: string, fields: FieldTable): void {
    this.#operation = operationOf(route, routesName)
    // A client's own was dropped before.
    fields.append("x-envoy-decorator-operation", this.#operation)
  }

  /** @param record of the finished exchange */
  end(record: AccessLogRecord): void {
    if (!this.context.isSampled) return
    this.#tracer.spans.write(spanOfExchange(this.context, this.#operation, this.#traceState, record))
  }
}

const CLIENT_TRACE_ID = "x-client-trace-id"

const traceFieldNames: ReadonlySet<string> = new Set([
  CLIENT_TRACE_ID,
  "traceparent",
  "tracestate",
  "b3",
  "x-b3-traceid",
  "x-b3-spanid",
  "x-b3-parentspanid",
  "x-b3-sampled",
  "x-b3-flags",
])
const traceNameLengths: ReadonlySet<number> = new Set([...traceFieldNames].map((name) => name.length))

/** Whether the client says anything of a trace: most say nothing, and one look at the lengths of the names tells. */
function mentionsTrace(fields: FieldTable): boolean {
  const { offsets, count } = fields
  for (let index = 0; index < count; index++) {
    const nameLength = (offsets[(index << 2) + 1] as number) - (offsets[index << 2] as number)
    if (traceNameLengths.has(nameLength) && traceFieldNames.has(fields.nameAt(index).toLowerCase())) return true
  }
  return false
}

function replaceRequestId(fields: FieldTable, reason: TraceReason): void {
  const requestId = fields.joinedValue("x-request-id")
  if (requestId !== null) replaceField(fields, "x-request-id", packTraceReason(requestId, reason))
}

/** @param value "" = the field is left out */
function replaceField(fields: FieldTable, name: string, value: string): void {
  fields.dropNamed(name)
  if (value !== "") fields.appendLower(name, value)
}

function continueTrace(incoming: IncomingTrace | null, isWanted: boolean, samplingPpm: number): TraceContext {
  const isSampled = incoming?.isSampled ?? (isWanted || isDrawn(samplingPpm, Math.random()))
  const spanId = randomSpanId()
  if (incoming === null || incoming.traceId === "") {
    return { traceId: randomTraceId(), spanId, parentSpanId: "", isSampled }
  }
  return { traceId: incoming.traceId, spanId, parentSpanId: incoming.spanId, isSampled }
}

/** By rule: a rule comes from one configuration, and its name is put together once. */
const operations = new WeakMap<Route, string>()

function operationOf(route: Route, routesName: string): string {
  const known = operations.get(route)
  if (known !== undefined) return known
  // It is sent in a field: what a pattern may hold and a field may not becomes a space.
  const operation = `${placeOf(route, routesName)}${patternOf(route)}`.replace(/[\x00-\x1f\x7f]/g, " ")
  operations.set(route, operation)
  return operation
}

/** The service, where there is one to name; else the VirtualService (Istio `GetRouteOperation`). */
function placeOf({ action, virtualService }: Route, routesName: string): string {
  const entries = action.kind === "forward" ? action.destinations.entries : []
  const [only] = entries
  // `outbound|PORT|SUBSET|HOST`
  const [, clusterPort = "", , host = ""] = only?.clusterName.split("|") ?? []
  if (entries.length === 1 && host !== "") return `${host}:${clusterPort}`
  // `http.80`, `https.443.NAME.GATEWAY.NAMESPACE`
  return `${virtualService.name}:${routesName.split(".")[1] ?? ""}`
}

function patternOf({ match: { path } }: Route): string {
  switch (path.kind) {
    case "any":
      return "/*"
    case "exact":
      return path.value
    case "prefix":
      return `${path.value}*`
    case "regex":
      return toByteString(path.regex.source)
  }
}
