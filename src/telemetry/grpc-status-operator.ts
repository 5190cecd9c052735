/**
 * Envoy's `%GRPC_STATUS%` and `%GRPC_STATUS_NUMBER%`: what a call came to, wherever the response says it (Envoy
 * `source/common/formatter/http_specific_formatter.cc`, `source/common/grpc/common.cc` `getGrpcStatus`).
 */
import { grpcStatusName, grpcStatusOfHttp, isGrpcContentType } from "../http/grpc-status.ts"
import type { AccessLogRecord, ReadValue } from "./access-log-record.ts"

/** In the trailers, else in the head, else as the HTTP status has it; null = the request was not gRPC, or has no response. */
export function readGrpcStatus(record: AccessLogRecord): number | null {
  if (!isGrpcContentType(record.requestHeader("content-type") ?? "")) return null
  const text = record.responseTrailer("grpc-status") ?? record.responseHeader("grpc-status")
  if (text !== null && /^[0-9]{1,9}$/.test(text)) return Number(text)
  return record.responseCode === 0 ? null : grpcStatusOfHttp(record.responseCode)
}

/** @param argument `CAMEL_STRING` (which is meant when it is empty), `SNAKE_STRING` or `NUMBER` */
export function compileGrpcStatus(argument: string): ReadValue | { readonly error: string } {
  switch (argument.toUpperCase()) {
    case "":
    case "CAMEL_STRING":
      return named(toCamelCase)
    case "SNAKE_STRING":
      return named((name) => name)
    case "NUMBER":
      return readGrpcStatus
    default:
      return { error: `takes CAMEL_STRING, SNAKE_STRING or NUMBER in parentheses, and has (${argument})` }
  }
}

/** A number without a name stays a number. */
function named(write: (name: string) => string): ReadValue {
  return (record) => {
    const status = readGrpcStatus(record)
    if (status === null) return null
    const name = grpcStatusName(status)
    return name === null ? String(status) : write(name)
  }
}

/** `NOT_FOUND` as `NotFound`. Two names are not written so, in Envoy as in gRPC's own code. */
function toCamelCase(name: string): string {
  if (name === "OK") return name
  if (name === "CANCELLED") return "Canceled"
  return name.toLowerCase().replace(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase())
}
