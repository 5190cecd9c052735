/**
 * gRPC statuses: their names, and how they stand to HTTP's (Istio semantics sheet 5.3; Envoy
 * `source/common/grpc/status.cc`, gRPC `doc/statuscodes.md`).
 */

interface GrpcStatus {
  /** As gRPC's protocol files write it. */
  readonly name: string
  readonly httpStatus: number
}

/** By number, from 0. */
const STATUSES: readonly GrpcStatus[] = [
  { name: "OK", httpStatus: 200 },
  { name: "CANCELLED", httpStatus: 499 },
  { name: "UNKNOWN", httpStatus: 500 },
  { name: "INVALID_ARGUMENT", httpStatus: 400 },
  { name: "DEADLINE_EXCEEDED", httpStatus: 504 },
  { name: "NOT_FOUND", httpStatus: 404 },
  { name: "ALREADY_EXISTS", httpStatus: 409 },
  { name: "PERMISSION_DENIED", httpStatus: 403 },
  { name: "RESOURCE_EXHAUSTED", httpStatus: 429 },
  { name: "FAILED_PRECONDITION", httpStatus: 400 },
  { name: "ABORTED", httpStatus: 409 },
  { name: "OUT_OF_RANGE", httpStatus: 400 },
  { name: "UNIMPLEMENTED", httpStatus: 501 },
  { name: "INTERNAL", httpStatus: 500 },
  { name: "UNAVAILABLE", httpStatus: 503 },
  { name: "DATA_LOSS", httpStatus: 500 },
  { name: "UNAUTHENTICATED", httpStatus: 401 },
]

/** What a gRPC client is told where the answer is an HTTP status. */
export function grpcStatusOfHttp(httpStatus: number): number {
  switch (httpStatus) {
    case 400:
      return 13
    case 401:
      return 16
    case 403:
      return 7
    case 404:
      return 12
    case 429:
    case 502:
    case 503:
    case 504:
      return 14
    default:
      return 2
  }
}

/** What it would be over HTTP; 500 for a number that gRPC does not know. */
export function httpStatusOfGrpc(grpcStatus: number): number {
  return STATUSES[grpcStatus]?.httpStatus ?? 500
}

/** `NOT_FOUND`; null for a number that gRPC does not know. */
export function grpcStatusName(grpcStatus: number): string | null {
  return STATUSES[grpcStatus]?.name ?? null
}

/** semantics sheet 5.3: `application/grpc` or `application/grpc+…`; grpc-web is not gRPC here. */
export function isGrpcContentType(contentType: string): boolean {
  return (
    contentType.startsWith("application/grpc") && (contentType.length === 16 || contentType.charCodeAt(16) === 0x2b)
  )
}
