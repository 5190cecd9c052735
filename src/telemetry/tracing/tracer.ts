/**
 * Tracing as the data path sees it: a decision for traces that begin here, and somewhere to put finished spans. Nothing
 * of this exists while tracing is off.
 */
import type { TraceContext } from "./trace-context.ts"

/** A finished span, in the terms of OpenTelemetry. */
export interface Span extends TraceContext {
  /** `tracestate` as it came; "" = none. */
  readonly traceState: string
  readonly name: string
  readonly startUnixMs: number
  readonly durationMs: number
  readonly attributes: readonly SpanAttribute[]
  readonly isError: boolean
}

export type SpanAttribute = readonly [name: string, value: string | number]

/** Where finished spans go. Never blocks and never throws. */
export interface SpanSink {
  write(span: Span): void
}

export interface Tracer {
  /** Share of the traces that begin here and are recorded; parts per million. */
  readonly samplingPpm: number
  readonly spans: SpanSink
}
