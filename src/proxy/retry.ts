/** When a failed try may be made again (semantics sheet 3.6), and after how long. Pure decisions. */
import { RetryOn, type RetryPolicy } from "../compile/snapshot.ts"
import { BODY_NONE, type RequestHead } from "../http/message.ts"
import type { UpstreamFailure } from "../http/stream.ts"

/** Methods that only read (RFC 9110 section 9.2.1): delivering one twice changes nothing. */
const SAFE_METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "TRACE"])

/** Whether the request may be delivered twice without anybody having asked for retries. */
export function isSafelyRepeatable(request: RequestHead): boolean {
  return SAFE_METHODS.has(request.method) && (request.bodyLength === BODY_NONE || request.bodyLength === 0)
}

/** Whether the policy's conditions cover a failure before any response. */
export function isRetriable(failure: UpstreamFailure, policy: RetryPolicy): boolean {
  switch (failure.kind) {
    case "connect-failure":
    case "connect-timeout":
      return (policy.retryOn & (RetryOn.connectFailure | RetryOn.serverError | RetryOn.gatewayError)) !== 0
    case "connection-termination":
    case "protocol-error":
      return (policy.retryOn & (RetryOn.reset | RetryOn.serverError | RetryOn.gatewayError)) !== 0
    case "overflow":
      return false
  }
}

/**
 * Fully jittered exponential back-off: uniform in [0, min(max, (2^n - 1) x base)).
 * @param attempt 1 for the first retry
 * @param random in [0, 1)
 */
export function backoffMs(policy: RetryPolicy, attempt: number, random: number): number {
  return random * Math.min(policy.backoffMaxMs, (2 ** attempt - 1) * policy.backoffBaseMs)
}
