/**
 * What can be wrong with an HTTP/1.1 message. Negative, so that one integer carries either an offset or a fault without
 * an allocation. One table says what a client gets for each (semantics sheet 4.4; DESIGN section 5).
 */

export const Fault = Object.freeze({
  /** Not a fault: wait for more bytes. */
  incomplete: -1,
  bareLineEnd: -2,
  obsFold: -3,
  emptyName: -4,
  spaceBeforeColon: -5,
  badName: -6,
  badValue: -7,
  tooManyFields: -8,
  headTooLarge: -9,
  badRequestLine: -10,
  badMethod: -11,
  badTarget: -12,
  lowVersion: -13,
  unsupportedVersion: -14,
  missingHost: -15,
  badHost: -16,
  badContentLength: -17,
  contentLengthAndChunked: -18,
  badTransferEncoding: -19,
  badChunk: -20,
  badTrailer: -21,
  unknownExpect: -22,
  bodyTooLarge: -23,
  headTimeout: -24,
  badConnectionOption: -25,
  badStatusLine: -26,
  pathNormalization: -27,
  schemeMismatch: -28,
  relativeTarget: -29,
  trailersTooLarge: -30,
} as const)

export interface FaultAnswer {
  /** Short, for counters and metrics labels. */
  readonly name: string
  readonly status: number
  readonly body: string
  /** `%RESPONSE_CODE_DETAILS%` */
  readonly details: string
}

const BAD_REQUEST = { status: 400, body: "Bad Request", details: "http1.codec_error" }

const ANSWERS: Readonly<Record<number, FaultAnswer>> = Object.freeze({
  [Fault.bareLineEnd]: { name: "bare_line_end", ...BAD_REQUEST },
  [Fault.obsFold]: { name: "obs_fold", ...BAD_REQUEST },
  [Fault.emptyName]: { name: "empty_name", ...BAD_REQUEST },
  [Fault.spaceBeforeColon]: { name: "space_before_colon", ...BAD_REQUEST },
  [Fault.badName]: { name: "bad_name", ...BAD_REQUEST },
  [Fault.badValue]: { name: "bad_value", ...BAD_REQUEST },
  [Fault.tooManyFields]: {
    name: "too_many_fields",
    status: 431,
    body: "Request Header Fields Too Large",
    details: "http1.too_many_headers",
  },
  [Fault.headTooLarge]: {
    name: "head_too_large",
    status: 431,
    body: "Request Header Fields Too Large",
    details: "http1.headers_too_large",
  },
  [Fault.trailersTooLarge]: {
    name: "trailers_too_large",
    status: 431,
    body: "Request Header Fields Too Large",
    details: "http1.trailers_too_large",
  },
  [Fault.badRequestLine]: { name: "bad_request_line", ...BAD_REQUEST },
  [Fault.badMethod]: { name: "bad_method", ...BAD_REQUEST },
  [Fault.badTarget]: { name: "bad_target", ...BAD_REQUEST },
  [Fault.lowVersion]: { name: "low_version", status: 426, body: "", details: "low_version" },
  [Fault.unsupportedVersion]: {
    name: "unsupported_version",
    status: 505,
    body: "",
    details: "http1.unsupported_version",
  },
  [Fault.missingHost]: { name: "missing_host", status: 400, body: "", details: "missing_host_header" },
  [Fault.badHost]: { name: "bad_host", status: 400, body: "", details: "invalid_host_header" },
  [Fault.badContentLength]: { name: "bad_content_length", ...BAD_REQUEST },
  [Fault.contentLengthAndChunked]: {
    name: "content_length_and_chunked",
    status: 400,
    body: "Bad Request",
    details: "http1.content_length_and_chunked_not_allowed",
  },
  [Fault.badTransferEncoding]: {
    name: "bad_transfer_encoding",
    status: 400,
    body: "Bad Request",
    details: "http1.invalid_transfer_encoding",
  },
  [Fault.badChunk]: { name: "bad_chunk", ...BAD_REQUEST },
  [Fault.badTrailer]: { name: "bad_trailer", ...BAD_REQUEST },
  [Fault.unknownExpect]: { name: "unknown_expect", status: 417, body: "", details: "unknown_expect" },
  [Fault.bodyTooLarge]: {
    name: "body_too_large",
    status: 413,
    body: "Payload Too Large",
    details: "request_payload_too_large",
  },
  [Fault.headTimeout]: {
    name: "head_timeout",
    status: 408,
    body: "request header timeout",
    details: "request_header_timeout",
  },
  [Fault.badConnectionOption]: {
    name: "bad_connection_option",
    status: 400,
    body: "Bad Request",
    details: "invalid_connection_header",
  },
  [Fault.badStatusLine]: { name: "bad_status_line", ...BAD_REQUEST },
  [Fault.pathNormalization]: {
    name: "path_normalization",
    status: 400,
    body: "",
    details: "path_normalization_failed",
  },
  [Fault.schemeMismatch]: { name: "scheme_mismatch", status: 400, body: "", details: "scheme_mismatch" },
  [Fault.relativeTarget]: { name: "relative_target", status: 404, body: "", details: "absolute_path_rejected" },
})

const UNNAMED: FaultAnswer = { name: "codec_error", ...BAD_REQUEST }

/** What a client gets for a fault. An upstream's fault is always 502, whatever its name. */
export function answerOf(fault: number): FaultAnswer {
  return ANSWERS[fault] ?? UNNAMED
}
