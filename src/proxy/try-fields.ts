/**
 * What the gateway tells the service of the present try: which one it is, and how much time it has (semantics sheet 3.5,
 * 3.6, 4.1; Envoy router.cc `setTimeoutHeaders`, `doRetry`). Set before the rule's operations, which may change it for the
 * first try, and anew for each further one.
 */
import type { RequestHead } from "../http/message.ts"
import { formatGrpcTimeout } from "./timeout.ts"

/**
 * @param attempt from 1
 * @param expectedMs for the response; 0 = no limit
 */
export function setTryFields(request: RequestHead, attempt: number, expectedMs: number): void {
  const { fields } = request
  // A client's own were dropped before.
  if (attempt > 1) {
    fields.dropNamed("x-envoy-expected-rq-timeout-ms")
    fields.dropNamed("x-envoy-attempt-count")
  }
  if (expectedMs > 0) {
    fields.appendLower("x-envoy-expected-rq-timeout-ms", String(expectedMs))
    // A gRPC service reads its deadline here.
    if (request.isGrpc()) {
      fields.dropNamed("grpc-timeout")
      fields.appendLower("grpc-timeout", formatGrpcTimeout(expectedMs))
    }
  }
  fields.appendLower("x-envoy-attempt-count", String(attempt))
}
