/** How long an exchange may take (semantics sheet 3.5). Pure. */
import type { ForwardAction } from "../compile/snapshot.ts"
import { FieldId } from "../http/field-names.ts"
import type { RequestHead } from "../http/message.ts"

/** Milliseconds per unit of `grpc-timeout` (gRPC over HTTP/2, "Timeout"). */
const UNIT_MS: Readonly<Record<string, number>> = Object.freeze({
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
  m: 1,
  u: 0.001,
  n: 0.000_001,
})

/** @returns milliseconds; 0 = none. A gRPC client's deadline counts, capped by the route's timeout where there is one. */
export function effectiveTimeoutMs(request: RequestHead, action: ForwardAction): number {
  const { timeoutMs } = action
  if (request.fields.indexOfId(FieldId.grpcTimeout) < 0 || !request.isGrpc()) return timeoutMs
  const grpcTimeoutMs = parseGrpcTimeoutMs(request.fields.valueOfId(FieldId.grpcTimeout) ?? "")
  if (grpcTimeoutMs < 0) return timeoutMs
  return timeoutMs > 0 ? Math.min(timeoutMs, grpcTimeoutMs) : grpcTimeoutMs
}

/** @returns -1 when it is not 1 to 8 digits and a unit. Never 0 for a valid text: that would mean no timeout. */
export function parseGrpcTimeoutMs(text: string): number {
  const parsed = /^([0-9]{1,8})([HMSmun])$/.exec(text)
  if (parsed === null) return -1
  return Math.max(1, Math.ceil(Number(parsed[1]) * (UNIT_MS[parsed[2] ?? ""] ?? 0)))
}

/**
 * What the service is told in `x-envoy-expected-rq-timeout-ms`: the time of this try, or what is left of the whole
 * (Envoy router.cc `setTimeoutHeaders`).
 * @param elapsedMs since the complete request
 * @returns 0 = no limit; never less than 1 where there is one
 */
export function expectedTimeoutMs(timeoutMs: number, perTryTimeoutMs: number, elapsedMs: number): number {
  const perTryMs = shortenedPerTryTimeoutMs(perTryTimeoutMs, timeoutMs)
  const wantedMs = perTryMs > 0 ? perTryMs : timeoutMs
  return timeoutMs > 0 ? Math.max(1, Math.min(wantedMs, Math.trunc(timeoutMs - elapsedMs))) : wantedMs
}

/** A try may not outlast the whole: a longer time of its own is ignored (semantics sheet 3.6). */
export function shortenedPerTryTimeoutMs(perTryTimeoutMs: number, timeoutMs: number): number {
  return timeoutMs > 0 && perTryTimeoutMs >= timeoutMs ? 0 : perTryTimeoutMs
}

/** Digits that `grpc-timeout` may have. */
const GRPC_TIMEOUT_MAX = 99_999_999

/** @param timeoutMs > 0. Milliseconds where they fit, else the next unit that holds it, rounded down. */
export function formatGrpcTimeout(timeoutMs: number): string {
  if (timeoutMs <= GRPC_TIMEOUT_MAX) return `${timeoutMs}m`
  const seconds = Math.trunc(timeoutMs / 1_000)
  if (seconds <= GRPC_TIMEOUT_MAX) return `${seconds}S`
  return `${Math.min(GRPC_TIMEOUT_MAX, Math.trunc(seconds / 60))}M`
}
