/**
 * Where in a trace a request stands: read from the client's fields, written to the service's (W3C Trace Context level 1;
 * Zipkin's B3, one header and several). Pure text; the ids come from `trace-ids.ts`.
 *
 * `traceparent` goes before `b3`, and `b3` before `x-b3-…`. What is malformed counts as absent, and its `tracestate`
 * with it (W3C Trace Context section 3.2.2.5).
 */

/** What a client says of the trace it is in. */
export interface IncomingTrace {
  /** 32 lower-case hex digits; "" = it leaves the choice of ids to us, and only says whether to record. */
  readonly traceId: string
  /** Its own span: 16 hex digits; "" with a trace id of "". */
  readonly spanId: string
  /** null = it leaves the choice to us. */
  readonly isSampled: boolean | null
}

/** How a client spoke of its trace: what the service hears beside `traceparent`. */
export type TraceNotation = "w3c" | "b3" | "b3-multi"

export interface NotedTrace extends IncomingTrace {
  readonly notation: TraceNotation
}

/** The fields that are read: value by lower-cased name, repeated ones joined with `,`; null = absent. */
export type ReadField = (name: string) => string | null

export function readTrace(read: ReadField): NotedTrace | null {
  const traceparent = read("traceparent")
  const w3c = traceparent === null ? null : parseTraceparent(traceparent)
  if (w3c !== null) return { ...w3c, notation: "w3c" }
  const b3 = read("b3")
  const single = b3 === null ? null : parseB3(b3)
  if (single !== null) return { ...single, notation: "b3" }
  const several = parseB3Fields(read)
  return several === null ? null : { ...several, notation: "b3-multi" }
}

const traceparentForm = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/
const noTraceId = "0".repeat(32)
const noSpanId = "0".repeat(16)
const sampledFlag = 1

/** @returns null when it must be ignored. Later versions are read as far as this one goes (section 4.3). */
export function parseTraceparent(text: string): IncomingTrace | null {
  const [, version = "", traceId = "", spanId = "", flags = "", more] = traceparentForm.exec(text) ?? []
  if (version === "" || version === "ff" || (version === "00" && more !== undefined)) return null
  if (traceId === noTraceId || spanId === noSpanId) return null
  return { traceId, spanId, isSampled: (Number.parseInt(flags, 16) & sampledFlag) !== 0 }
}

const b3Form = /^([0-9a-f]{16}|[0-9a-f]{32})-([0-9a-f]{16})(?:-([01d])(?:-[0-9a-f]{16})?)?$/i

/** `TRACE-SPAN[-SAMPLED[-PARENT]]`, or the decision alone. */
export function parseB3(text: string): IncomingTrace | null {
  if (/^[01d]$/.test(text)) return { traceId: "", spanId: "", isSampled: text !== "0" }
  const [, traceId = "", spanId = "", decision] = b3Form.exec(text) ?? []
  return identified(traceId, spanId, decision === undefined ? null : decision !== "0")
}

function parseB3Fields(read: ReadField): IncomingTrace | null {
  const isDebug = read("x-b3-flags") === "1"
  const isSampled = isDebug ? true : decisionOf(read("x-b3-sampled"))
  const traceId = read("x-b3-traceid") ?? ""
  const spanId = read("x-b3-spanid") ?? ""
  if (/^(?:[0-9a-f]{16}|[0-9a-f]{32})$/i.test(traceId) && /^[0-9a-f]{16}$/i.test(spanId)) {
    const known = identified(traceId, spanId, isSampled)
    if (known !== null) return known
  }
  return isSampled === null ? null : { traceId: "", spanId: "", isSampled }
}

/** Early tracers wrote `true` and `false`. */
function decisionOf(text: string | null): boolean | null {
  if (text === "1" || text === "true") return true
  return text === "0" || text === "false" ? false : null
}

function identified(traceId: string, spanId: string, isSampled: boolean | null): IncomingTrace | null {
  // Zipkin's short ids are the lower half of a long one.
  const long = traceId.toLowerCase().padStart(noTraceId.length, "0")
  const span = spanId.toLowerCase()
  return spanId === "" || long === noTraceId || span === noSpanId ? null : { traceId: long, spanId: span, isSampled }
}

/** The gateway's own place in a trace. */
export interface TraceContext {
  readonly traceId: string
  /** Of the gateway's span. */
  readonly spanId: string
  /** The client's span; "" = the trace begins here. */
  readonly parentSpanId: string
  readonly isSampled: boolean
}

export function formatTraceparent({ traceId, spanId, isSampled }: TraceContext): string {
  return `00-${traceId}-${spanId}-${isSampled ? "01" : "00"}`
}

export function formatB3({ traceId, spanId, parentSpanId, isSampled }: TraceContext): string {
  return `${traceId}-${spanId}-${isSampled ? "1" : "0"}${parentSpanId === "" ? "" : `-${parentSpanId}`}`
}

/** Every header of the notation in several headers, with its value here; "" = the header is left out. */
export function b3Fields({ traceId, spanId, parentSpanId, isSampled }: TraceContext): readonly [string, string][] {
  return [
    ["x-b3-traceid", traceId],
    ["x-b3-spanid", spanId],
    ["x-b3-parentspanid", parentSpanId],
    ["x-b3-sampled", isSampled ? "1" : "0"],
    ["x-b3-flags", ""],
  ]
}
