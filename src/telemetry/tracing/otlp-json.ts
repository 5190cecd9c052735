/**
 * Spans as an OTLP/HTTP request in JSON (OpenTelemetry Protocol 1.x: `ExportTraceServiceRequest` in the JSON mapping,
 * ids as hex). Little enough to be ours: the SDK that brings an encoder also brings its own spans, contexts and timers.
 */
import type { Span, SpanAttribute } from "./tracer.ts"

const SPAN_KIND_CLIENT = 3
const STATUS_ERROR = 2
const FLAG_SAMPLED = 1

/** Who speaks. */
export interface TracedService {
  readonly name: string
  readonly version: string
}

/** The body of `POST /v1/traces`. */
export function encodeSpans(spans: readonly Span[], service: TracedService): string {
  return JSON.stringify({
    resourceSpans: [
      {
        resource: {
          attributes: encodeAttributes([
            ["service.name", service.name],
            ["service.version", service.version],
          ]),
        },
        scopeSpans: [{ scope: service, spans: spans.map(encodeSpan) }],
      },
    ],
  })
}

function encodeSpan(span: Span): object {
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    ...(span.parentSpanId === "" ? {} : { parentSpanId: span.parentSpanId }),
    ...(span.traceState === "" ? {} : { traceState: span.traceState }),
    flags: FLAG_SAMPLED,
    name: readable(span.name),
    // An Istio gateway's span is its side of the call to the service (Istio semantics sheet 9.4).
    kind: SPAN_KIND_CLIENT,
    startTimeUnixNano: nanoseconds(span.startUnixMs),
    endTimeUnixNano: nanoseconds(span.startUnixMs + span.durationMs),
    attributes: encodeAttributes(span.attributes),
    ...(span.isError ? { status: { code: STATUS_ERROR } } : {}),
  }
}

/** 64-bit numbers are text in this mapping; microseconds are as fine as the clock is. */
function nanoseconds(unixMs: number): string {
  return `${Math.round(unixMs * 1000)}000`
}

function encodeAttributes(attributes: readonly SpanAttribute[]): object[] {
  return attributes.map(([key, value]) => ({
    key,
    value: typeof value === "number" ? { intValue: String(value) } : { stringValue: readable(value) },
  }))
}

/** Texts of requests have one character per byte; most are ASCII, the rest is meant as UTF-8. */
function readable(text: string): string {
  return /^[\x00-\x7f]*$/.test(text) ? text : Buffer.from(text, "latin1").toString("utf8")
}
