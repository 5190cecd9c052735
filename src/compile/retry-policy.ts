/**
 * Retries of a forwarding rule (Istio semantics sheet 3.6).
 * Sources: Istio `pilot/pkg/networking/core/route/retry/retry.go`; Envoy router filter `x-envoy-retry-on`,
 * `x-envoy-retry-grpc-on`.
 */
import { parseDurationMs } from "../config/duration.ts"
import type { Retries } from "./api-types.ts"
import { RetryOn, type RetryPolicy } from "./snapshot.ts"

const backoffBaseMsDefault = 25

/** Envoy's cap where none is given: ten times the base. */
const backoffMaxFactor = 10

const retryOnDefault =
  RetryOn.connectFailure | RetryOn.refusedStream | RetryOn.grpcUnavailable | RetryOn.grpcCancelled | RetryOn.statusCodes

const retryOnWords: ReadonlyMap<string, number> = new Map([
  ["5xx", RetryOn.serverError],
  ["gateway-error", RetryOn.gatewayError],
  ["reset", RetryOn.reset],
  ["reset-before-request", RetryOn.resetBeforeRequest],
  ["connect-failure", RetryOn.connectFailure],
  ["retriable-4xx", RetryOn.retriable4xx],
  ["refused-stream", RetryOn.refusedStream],
  ["retriable-status-codes", RetryOn.statusCodes],
  ["retriable-headers", RetryOn.retriableHeaders],
  ["envoy-ratelimited", RetryOn.envoyRatelimited],
  ["http3-post-connect-failure", RetryOn.http3PostConnectFailure],
  ["cancelled", RetryOn.grpcCancelled],
  ["deadline-exceeded", RetryOn.grpcDeadlineExceeded],
  ["internal", RetryOn.grpcInternal],
  ["resource-exhausted", RetryOn.grpcResourceExhausted],
  ["unavailable", RetryOn.grpcUnavailable],
])

/** What a rule without `retries` gets: two more tries, where nothing was processed upstream. */
export const retryPolicyDefault: RetryPolicy = Object.freeze({
  attempts: 2,
  retryOn: retryOnDefault,
  statusCodes: Object.freeze([]),
  perTryTimeoutMs: 0,
  backoffBaseMs: backoffBaseMsDefault,
  backoffMaxMs: backoffBaseMsDefault * backoffMaxFactor,
  avoidPreviousHosts: true,
  triesOtherPriorities: false,
  repeatsNonIdempotent: true,
})

const retryPolicyIdempotent: RetryPolicy = Object.freeze({ ...retryPolicyDefault, repeatsNonIdempotent: false })

/**
 * @param timeoutMs the rule's; a try may not outlast it, so a longer `perTryTimeout` is ignored.
 * @returns null when nothing is retried: `attempts` 0, which is also its default inside `retries`.
 */
export function compileRetryPolicy(
  retries: Retries | undefined,
  timeoutMs: number,
  repeatsNonIdempotent: boolean,
): RetryPolicy | null {
  if (retries === undefined) return repeatsNonIdempotent ? retryPolicyDefault : retryPolicyIdempotent
  const attempts = retries.attempts ?? 0
  if (attempts <= 0) return null
  const { retryOn, statusCodes } = parseRetryOn(retries.retryOn ?? "")
  const perTryTimeoutMs = durationMs(retries.perTryTimeout, 0)
  const backoffBaseMs = durationMs(retries.backoff, 0) || backoffBaseMsDefault
  return {
    attempts,
    retryOn,
    statusCodes,
    perTryTimeoutMs: timeoutMs > 0 && perTryTimeoutMs >= timeoutMs ? 0 : perTryTimeoutMs,
    backoffBaseMs,
    backoffMaxMs: backoffBaseMs * backoffMaxFactor,
    avoidPreviousHosts: retries.retryIgnorePreviousHosts ?? true,
    triesOtherPriorities: retries.retryRemoteLocalities ?? false,
    repeatsNonIdempotent,
  }
}

/** Status codes in the list imply `retriable-status-codes`. Unknown words are the schema's to refuse. */
function parseRetryOn(text: string): { readonly retryOn: number; readonly statusCodes: readonly number[] } {
  if (text.trim() === "") return { retryOn: retryOnDefault, statusCodes: [] }
  let retryOn = 0
  const statusCodes: number[] = []
  for (const each of text.split(",")) {
    const word = each.trim()
    if (/^[1-5][0-9][0-9]$/.test(word)) {
      statusCodes.push(Number(word))
      retryOn |= RetryOn.statusCodes
    } else {
      retryOn |= retryOnWords.get(word) ?? 0
    }
  }
  return { retryOn, statusCodes }
}

function durationMs(text: string | undefined, fallbackMs: number): number {
  return text === undefined ? fallbackMs : (parseDurationMs(text) ?? fallbackMs)
}
