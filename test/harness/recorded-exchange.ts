/** An access log record that lasts: the gateway's own is only true while its exchange is. */
import type { AccessLogRecord } from "../../src/telemetry/access-log-record.ts"

export interface RecordedExchange
  extends Omit<AccessLogRecord, "requestHeader" | "responseHeader" | "responseTrailer"> {
  /** As sent upstream. */
  readonly requestId: string | null
  readonly userAgent: string | null
  readonly forwardedFor: string | null
  /** `%RESP(grpc-status)%`: of a response that is nothing but trailers. */
  readonly grpcStatusInHead: string | null
  /** `%TRAILER(grpc-status)%` */
  readonly grpcStatusInTrailers: string | null
}

export function copyRecord(record: AccessLogRecord): RecordedExchange {
  return {
    startUnixMs: record.startUnixMs,
    method: record.method,
    originalPath: record.originalPath,
    path: record.path,
    authority: record.authority,
    scheme: record.scheme,
    protocol: record.protocol,
    responseCode: record.responseCode,
    responseFlags: record.responseFlags,
    responseCodeDetails: record.responseCodeDetails,
    connectionTerminationDetails: record.connectionTerminationDetails,
    upstreamTransportFailureReason: record.upstreamTransportFailureReason,
    bytesReceived: record.bytesReceived,
    bytesSent: record.bytesSent,
    durationMs: record.durationMs,
    requestDurationMs: record.requestDurationMs,
    responseDurationMs: record.responseDurationMs,
    upstreamAttempts: record.upstreamAttempts,
    traceId: record.traceId,
    routeName: record.routeName,
    upstreamHost: record.upstreamHost,
    upstreamCluster: record.upstreamCluster,
    upstreamLocalAddress: record.upstreamLocalAddress,
    downstreamLocalAddress: record.downstreamLocalAddress,
    downstreamRemoteAddress: record.downstreamRemoteAddress,
    downstreamDirectRemoteAddress: record.downstreamDirectRemoteAddress,
    requestedServerName: record.requestedServerName,
    downstreamTls: record.downstreamTls,
    requestId: record.requestHeader("x-request-id"),
    userAgent: record.requestHeader("user-agent"),
    forwardedFor: record.requestHeader("x-forwarded-for"),
    grpcStatusInHead: record.responseHeader("grpc-status"),
    grpcStatusInTrailers: record.responseTrailer("grpc-status"),
  }
}
