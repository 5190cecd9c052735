/**
 * The trace decision inside `x-request-id`, where Envoys behind this gateway look for it and logs show it (Envoy
 * `UuidRequestIdConfig.pack_trace_reason`, on by default; Istio semantics sheet 4.1, 9.4): one digit of a version 4 UUID,
 * which as generated says "not traced".
 */

/** Why a request is recorded, or that it is not. */
export type TraceReason = "not-traced" | "sampled" | "client-forced"

/** `xxxxxxxx-xxxx-Rxxx-xxxx-xxxxxxxxxxxx`: the digit that a version 4 UUID has its version in. */
const REASON_OFFSET = 14

/** `a`, forced by a service inside (`x-envoy-force-trace`), is never ours to say: every client is external here. */
const digits: Readonly<Record<TraceReason, string>> = Object.freeze({
  "not-traced": "4",
  sampled: "9",
  "client-forced": "b",
})

/** @param requestId a UUID, of whatever reason */
export function packTraceReason(requestId: string, reason: TraceReason): string {
  return requestId.slice(0, REASON_OFFSET) + digits[reason] + requestId.slice(REASON_OFFSET + 1)
}
