/**
 * Spans as an OTLP/HTTP request in JSON, and what a collector answers, in OpenTelemetry's own encoder: here is only the
 * way from our spans to what it takes. Its SDK, with spans, contexts and timers of its own, has no part in it.
 */
import { createTraceState, type Link, SpanKind, SpanStatusCode, TraceFlags } from "@opentelemetry/api"
import { JsonTraceSerializer } from "@opentelemetry/otlp-transformer"
import { resourceFromAttributes } from "@opentelemetry/resources"
import type { Span } from "./tracer.ts"

/** Who speaks. */
export interface TracedService {
  readonly name: string
  readonly version: string
}

type EncodedSpan = Parameters<typeof JsonTraceSerializer.serializeRequest>[0][number]

/** The body of `POST /v1/traces`. */
export function encodeSpans(spans: readonly Span[], service: TracedService): Uint8Array {
  const resource = resourceFromAttributes({ "service.name": service.name, "service.version": service.version })
  return JsonTraceSerializer.serializeRequest(spans.map((span) => encodedSpan(span, resource, service))) ?? NOTHING
}

/** How many spans of a batch that was taken were not: a partial success. 0 where the answer says nothing. */
export function rejectedSpans(answer: Uint8Array): number {
  try {
    return Number(JsonTraceSerializer.deserializeResponse(answer).partialSuccess?.rejectedSpans ?? 0)
  } catch {
    return 0
  }
}

const NOTHING = new Uint8Array(0)
const NO_LINKS: Link[] = []

function encodedSpan(span: Span, resource: EncodedSpan["resource"], service: TracedService): EncodedSpan {
  const { traceId, spanId, parentSpanId, traceState, startUnixMs, durationMs } = span
  const traceFlags = TraceFlags.SAMPLED
  const context = {
    traceId,
    spanId,
    traceFlags,
    ...(traceState === "" ? {} : { traceState: createTraceState(traceState) }),
  }
  return {
    name: readable(span.name),
    // An Istio gateway's span is its side of the call to the service (Istio semantics sheet 9.4).
    kind: SpanKind.CLIENT,
    spanContext: () => context,
    ...(parentSpanId === ""
      ? {}
      : { parentSpanContext: { traceId, spanId: parentSpanId, traceFlags, isRemote: true } }),
    startTime: timeOf(startUnixMs),
    endTime: timeOf(startUnixMs + durationMs),
    duration: timeOf(durationMs),
    ended: true,
    status: { code: span.isError ? SpanStatusCode.ERROR : SpanStatusCode.UNSET },
    attributes: Object.fromEntries(
      span.attributes.map(([name, value]) => [name, typeof value === "string" ? readable(value) : value]),
    ),
    links: NO_LINKS,
    events: [],
    resource,
    instrumentationScope: service,
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  }
}

/** Whole seconds, and the nanoseconds beyond. */
function timeOf(ms: number): [seconds: number, nanoseconds: number] {
  const seconds = Math.trunc(ms / 1000)
  return [seconds, Math.round((ms - seconds * 1000) * 1e6)]
}

/** Texts of requests have one character per byte; most are ASCII, the rest is meant as UTF-8. */
function readable(text: string): string {
  return /^[\x00-\x7f]*$/.test(text) ? text : Buffer.from(text, "latin1").toString("utf8")
}
