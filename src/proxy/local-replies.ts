/**
 * Responses the gateway makes itself, in Envoy's words (semantics sheet section 5). A gRPC request gets them as a
 * trailers-only response (5.3).
 */
import { grpcStatusOfHttp } from "../http/grpc-status.ts"
import { BODY_NONE, ResponseHead } from "../http/message.ts"
import { reasonPhrase } from "../http/status-text.ts"
import type { UpstreamFailure } from "../http/stream.ts"

/** One answer: status, body and how the access log speaks of it. */
export interface LocalReply {
  readonly status: number
  readonly body: string
  /** Response flags, comma-joined; "" = none. */
  readonly flags: string
  /** `%RESPONSE_CODE_DETAILS%` */
  readonly details: string
  /** Where it does not follow from `status`. */
  readonly grpcStatus?: number
  /** The answer says `x-envoy-overloaded: true`: a retry would only make it worse. */
  readonly isOverloaded?: boolean
}

export const ROUTE_NOT_FOUND: LocalReply = { status: 404, body: "", flags: "NR", details: "route_not_found" }
export const CLUSTER_NOT_FOUND: LocalReply = { status: 503, body: "", flags: "NC", details: "cluster_not_found" }
export const NO_HEALTHY_UPSTREAM: LocalReply = {
  status: 503,
  body: "no healthy upstream",
  flags: "UH",
  details: "no_healthy_upstream",
}
export const UPSTREAM_TIMEOUT: LocalReply = {
  status: 504,
  body: "upstream request timeout",
  flags: "UT",
  details: "upstream_response_timeout",
}
export const PER_TRY_TIMEOUT: LocalReply = { ...UPSTREAM_TIMEOUT, details: "upstream_per_try_timeout" }
export const UPGRADE_FAILED: LocalReply = { status: 403, body: "", flags: "", details: "upgrade_failed" }
/** The request was good and the rule made a path of it that no request may have: 500, for it is not the client's fault. */
export const REWRITE_FAILED: LocalReply = {
  status: 500,
  body: "invalid path after rewrite",
  flags: "",
  details: "invalid_path_after_rewrite",
}

interface ResetReason {
  readonly text: string
  readonly status: number
  readonly flag: string
}

const RESET_REASONS: Readonly<Record<UpstreamFailure["kind"], ResetReason>> = Object.freeze({
  "connect-failure": { text: "remote connection failure", status: 503, flag: "UF" },
  "connect-timeout": { text: "connection timeout", status: 503, flag: "UF" },
  "connection-termination": { text: "connection termination", status: 503, flag: "UC" },
  "remote-reset": { text: "remote reset", status: 503, flag: "UR" },
  "refused-stream": { text: "remote refused stream reset", status: 503, flag: "UR" },
  "per-try-timeout": { text: "upstream per try timeout", status: 504, flag: "UT" },
  "protocol-error": { text: "protocol error", status: 502, flag: "UPE" },
  overflow: { text: "overflow", status: 503, flag: "UO" },
})

/** @param hasRetried whether this was not the first try: then the text says so */
export function upstreamFailureReply(failure: UpstreamFailure, hasRetried: boolean): LocalReply {
  const reason = RESET_REASONS[failure.kind]
  const retried = hasRetried ? "retried and the latest " : ""
  const transport = failure.transportReason === "" ? "" : `, transport failure reason: ${failure.transportReason}`
  const detail = failure.transportReason === "" ? "" : `|${failure.transportReason}`
  return {
    status: reason.status,
    body: `upstream connect error or disconnect/reset before headers. ${retried}reset reason: ${reason.text}${transport}`,
    flags: reason.flag,
    details: `upstream_reset_before_response_started{${reason.text}${detail}}`.replaceAll(" ", "_"),
    ...(failure.kind === "overflow" ? { isOverloaded: true } : {}),
  }
}

/** The flag that speaks of a failure after the response head was sent. */
export function failureFlag(failure: UpstreamFailure): string {
  return RESET_REASONS[failure.kind].flag
}

export function failureText(failure: UpstreamFailure): string {
  return RESET_REASONS[failure.kind].text.replaceAll(" ", "_")
}

/** The head of a response with this body. `content-type` is the caller's business. */
export function localReplyHead(status: number, body: Uint8Array): ResponseHead {
  const head = new ResponseHead()
  head.status = status
  head.reason = reasonPhrase(status)
  head.bodyLength = body.length
  if (status === 204 || status === 304) head.bodyLength = BODY_NONE
  else head.fields.append("content-length", String(body.length))
  return head
}

/** The trailers-only form for a gRPC request. @param body becomes `grpc-message`, percent-encoded */
export function grpcReplyHead(reply: LocalReply, body: Uint8Array): ResponseHead {
  const head = new ResponseHead()
  head.status = 200
  head.reason = "OK"
  head.bodyLength = 0
  head.fields.append("content-type", "application/grpc")
  head.fields.append("grpc-status", String(reply.grpcStatus ?? grpcStatusOfHttp(reply.status)))
  if (body.length > 0) head.fields.append("grpc-message", encodeGrpcMessage(body))
  head.fields.append("content-length", "0")
  return head
}

/** gRPC over HTTP/2 "Responses": bytes outside 0x20-0x7d, and the percent sign, as %XX. */
export function encodeGrpcMessage(message: Uint8Array): string {
  let encoded = ""
  for (const byte of message) {
    encoded +=
      byte < 0x20 || byte > 0x7d || byte === 0x25
        ? `%${byte.toString(16).toUpperCase().padStart(2, "0")}`
        : String.fromCharCode(byte)
  }
  return encoded
}
