/**
 * What can be wrong with an HTTP/2 message whose frames were in order (RFC 9113 section 8.1.1), and what a client gets for
 * it: an answer in HTTP, so that it learns why, then the end of the stream. Details are Envoy's words where it has some.
 */
import type { FaultAnswer } from "../h1/faults.ts"
import { ErrorCode } from "./frame.ts"

export interface MessageFault extends FaultAnswer {
  /** Of the RST_STREAM after the answer; noError = only where the request is not complete. */
  readonly resetCode: number
}

function malformed(name: string, details = "http2.violation.of.messaging.rule"): MessageFault {
  return { name, status: 400, body: "Bad Request", details, resetCode: ErrorCode.protocolError }
}

function refused(name: string, status: number, body: string, details: string): MessageFault {
  return { name, status, body, details, resetCode: ErrorCode.noError }
}

export const FIELD_MALFORMED = malformed("h2_bad_field", "http2.invalid.header.field")
export const FIELD_CONNECTION_SPECIFIC = malformed("h2_connection_specific_field", "http2.invalid.header.field")
export const PSEUDO_FIELD_MISPLACED = malformed("h2_misplaced_pseudo_field")
export const PSEUDO_FIELD_UNKNOWN = malformed("h2_unknown_pseudo_field")
export const PSEUDO_FIELD_REPEATED = malformed("h2_repeated_pseudo_field")
export const PSEUDO_FIELD_MISSING = malformed("h2_missing_pseudo_field")
export const METHOD_MALFORMED = malformed("h2_bad_method")
export const PATH_MALFORMED = malformed("h2_bad_path")
export const CONNECT_MALFORMED = malformed("h2_bad_connect")
export const HOST_DIFFERS = malformed("h2_host_differs_from_authority")
export const CONTENT_LENGTH_MALFORMED = malformed("h2_bad_content_length")
export const CONTENT_LENGTH_MISMATCH = malformed("h2_content_length_mismatch")
export const TRAILERS_MALFORMED = malformed("h2_bad_trailers")

const TOO_LARGE = "Request Header Fields Too Large"
export const HEAD_TOO_LARGE = refused("h2_head_too_large", 431, TOO_LARGE, "http2.headers_too_large")
export const TOO_MANY_FIELDS = refused("h2_too_many_fields", 431, TOO_LARGE, "http2.too_many_headers")
