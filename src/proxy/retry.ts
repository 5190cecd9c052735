/**
 * When a failed try may be made again, and after how long (semantics sheet 3.6; Envoy `x-envoy-retry-on`,
 * `x-envoy-retry-grpc-on`). Pure decisions.
 */
import { RetryOn, type RetryPolicy } from "../compile/snapshot.ts"
import { FieldId } from "../http/field-names.ts"
import { BODY_NONE, type RequestHead, type ResponseHead } from "../http/message.ts"
import type { UpstreamFailure } from "../http/stream.ts"

/** Methods that only read (RFC 9110 section 9.2.1): delivering one twice changes nothing. */
const SAFE_METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "TRACE"])

/** Conditions that can only hold before anything of the body was sent. */
const BEFORE_BODY =
  RetryOn.connectFailure | RetryOn.refusedStream | RetryOn.resetBeforeRequest | RetryOn.http3PostConnectFailure

const GRPC =
  RetryOn.grpcCancelled |
  RetryOn.grpcDeadlineExceeded |
  RetryOn.grpcInternal |
  RetryOn.grpcResourceExhausted |
  RetryOn.grpcUnavailable

const RETRY_ON_OF_GRPC_STATUS: Readonly<Record<string, number>> = Object.freeze({
  "1": RetryOn.grpcCancelled,
  "4": RetryOn.grpcDeadlineExceeded,
  "8": RetryOn.grpcResourceExhausted,
  "13": RetryOn.grpcInternal,
  "14": RetryOn.grpcUnavailable,
})

/** Whether the request may be delivered twice without anybody having asked for retries. */
export function isSafelyRepeatable(request: RequestHead): boolean {
  return SAFE_METHODS.has(request.method) && (request.bodyLength === BODY_NONE || request.bodyLength === 0)
}

/** Whether a retry under this policy could have to send the body again, so that it must be kept. */
export function mayNeedBody(policy: RetryPolicy, request: RequestHead): boolean {
  let conditions = policy.retryOn & ~BEFORE_BODY
  if (policy.statusCodes.length === 0) conditions &= ~RetryOn.statusCodes
  if (!request.isGrpc()) conditions &= ~GRPC
  return conditions !== 0
}

/** Methods that may be carried out twice with the effect of once (RFC 9110 section 9.2.2). */
const IDEMPOTENT_METHODS: ReadonlySet<string> = new Set([...SAFE_METHODS, "PUT", "DELETE"])

/** Whether the policy sends this request again although a service may have carried it out. */
export function repeatsAfterDelivery(policy: RetryPolicy, request: RequestHead): boolean {
  return policy.repeatsNonIdempotent || IDEMPOTENT_METHODS.has(request.method)
}

/** Whether nothing of the request can have been carried out when it failed so. */
export function isBeforeDelivery(failure: UpstreamFailure): boolean {
  return failure.kind === "connect-failure" || failure.kind === "connect-timeout" || failure.kind === "refused-stream"
}

/** Whether the policy covers a failure before any response. */
export function retriesFailure(policy: RetryPolicy, failure: UpstreamFailure): boolean {
  const { retryOn } = policy
  // `5xx` and `gateway-error` cover what the gateway would answer with a 5xx itself, overflow excepted.
  const anyReset = RetryOn.reset | RetryOn.serverError | RetryOn.gatewayError
  switch (failure.kind) {
    case "connect-failure":
    case "connect-timeout":
      // No connection: the request's head cannot have gone out.
      return (retryOn & (anyReset | RetryOn.connectFailure | RetryOn.resetBeforeRequest)) !== 0
    case "refused-stream":
      return (retryOn & (anyReset | RetryOn.refusedStream)) !== 0
    case "connection-termination":
    case "remote-reset":
    case "protocol-error":
    case "per-try-timeout":
      return (retryOn & anyReset) !== 0
    case "overflow":
      return false
  }
}

/** Whether the policy covers a response, judged by its head (Envoy retry_state_impl.cc `wouldRetryFromHeaders`). */
export function retriesResponse(policy: RetryPolicy, head: ResponseHead): boolean {
  const { retryOn } = policy
  const { status } = head
  // From here on the connection is a tunnel: there is no other try.
  if (status === 101) return false
  // The head of every good response goes through here: one look for a gRPC status is all that most need.
  if (status < 400 && policy.statusCodes.length === 0 && (retryOn & RetryOn.envoyRatelimited) === 0) {
    return retriesGrpcStatus(retryOn, head) && !isRatelimited(head)
  }
  if (isRatelimited(head)) return (retryOn & RetryOn.envoyRatelimited) !== 0
  if (status >= 500 && (retryOn & RetryOn.serverError) !== 0) return true
  if (status >= 502 && status <= 504 && (retryOn & RetryOn.gatewayError) !== 0) return true
  if (status === 409 && (retryOn & RetryOn.retriable4xx) !== 0) return true
  if ((retryOn & RetryOn.statusCodes) !== 0 && policy.statusCodes.includes(status)) return true
  return retriesGrpcStatus(retryOn, head)
}

/** The service has its own reasons: only a policy that names them tries again. */
function isRatelimited(head: ResponseHead): boolean {
  return head.fields.indexOfId(FieldId.xEnvoyRatelimited) >= 0
}

/** `grpc-status` in the head means a trailers-only response; in trailers it comes too late. */
function retriesGrpcStatus(retryOn: number, head: ResponseHead): boolean {
  if ((retryOn & GRPC) === 0) return false
  const status = head.fields.valueOfId(FieldId.grpcStatus)
  return status !== null && (retryOn & (RETRY_ON_OF_GRPC_STATUS[status] ?? 0)) !== 0
}

/**
 * Fully jittered exponential back-off: uniform in [0, min(max, (2^n - 1) x base)).
 * @param attempt 1 for the first retry
 * @param random in [0, 1)
 */
export function backoffMs(policy: RetryPolicy, attempt: number, random: number): number {
  return random * Math.min(policy.backoffMaxMs, (2 ** attempt - 1) * policy.backoffBaseMs)
}
