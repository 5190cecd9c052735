/**
 * Fault injection of a forwarding rule (Istio semantics sheet 3.7).
 * Source: Istio `pilot/pkg/networking/core/route/route.go` (`TranslateFault`).
 */
import { parseDurationMs } from "../config/duration.ts"
import type { Fault } from "./api-types.ts"
import type { FaultPolicy } from "./snapshot.ts"

/** gRPC's status names in the order of their numbers. */
const grpcStatusNames = [
  "OK",
  "CANCELLED",
  "UNKNOWN",
  "INVALID_ARGUMENT",
  "DEADLINE_EXCEEDED",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "PERMISSION_DENIED",
  "RESOURCE_EXHAUSTED",
  "FAILED_PRECONDITION",
  "ABORTED",
  "OUT_OF_RANGE",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
  "UNAUTHENTICATED",
]

interface Share {
  readonly percentage?: { readonly value?: number | undefined } | undefined
  readonly percent?: number | undefined
}

/** @returns null when no request is ever touched: a fault without a percentage is never injected. */
export function compileFault(fault: Fault | undefined): FaultPolicy | null {
  if (fault === undefined) return null
  const { delay, abort } = fault
  const delayMs = parseDurationMs(delay?.fixedDelay ?? "0") ?? 0
  const abortStatus = abort?.httpStatus ?? 0
  const abortGrpcStatus = grpcStatusNames.indexOf(abort?.grpcStatus ?? "")
  const delayPpm = delayMs > 0 ? partsPerMillion(delay) : 0
  const abortPpm = abortStatus > 0 || abortGrpcStatus >= 0 ? partsPerMillion(abort) : 0
  if (delayPpm === 0 && abortPpm === 0) return null
  return { delayPpm, delayMs, abortPpm, abortStatus, abortGrpcStatus }
}

/** `percentage` over the older `percent`; percent of requests to parts per million of them. */
function partsPerMillion(share: Share | undefined): number {
  return percentToPpm(share?.percentage === undefined ? (share?.percent ?? 0) : (share.percentage.value ?? 0))
}

/** Granularity 0.0001 percent; what lies outside 0 to 100 counts as the nearest bound. */
export function percentToPpm(percent: number): number {
  return Math.min(1_000_000, Math.max(0, Math.round(percent * 10_000)))
}
