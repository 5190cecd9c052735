/** A record for tests: one forwarded request, of which each test changes what it is about. */
import type { AccessLogRecord } from "./access-log-record.ts"

export interface RecordFields extends Omit<AccessLogRecord, "requestHeader" | "responseHeader" | "responseTrailer"> {
  readonly requestHeaders: Readonly<Record<string, string>>
  readonly responseHeaders: Readonly<Record<string, string>>
  readonly responseTrailers: Readonly<Record<string, string>>
}

const forwarded: RecordFields = {
  startUnixMs: 1_767_323_045_678,
  method: "GET",
  originalPath: "/shop?q=1",
  path: "/v2/shop?q=1",
  authority: "shop.example",
  scheme: "http",
  protocol: "HTTP/1.1",
  responseCode: 200,
  responseFlags: "",
  responseCodeDetails: "via_upstream",
  connectionTerminationDetails: "",
  upstreamTransportFailureReason: "",
  bytesReceived: 12,
  bytesSent: 345,
  durationMs: 67,
  requestDurationMs: 1.5,
  responseDurationMs: 65.25,
  upstreamAttempts: 1,
  traceId: "",
  routeName: "shop-route",
  upstreamHost: "10.0.0.7:8080",
  upstreamCluster: "outbound|80||shop.default.svc.cluster.local",
  upstreamLocalAddress: "10.0.0.2:40000",
  downstreamLocalAddress: "10.0.0.2:8080",
  downstreamRemoteAddress: "203.0.113.9:0",
  downstreamDirectRemoteAddress: "192.0.2.1:50000",
  requestedServerName: "shop.example",
  downstreamTls: null,
  requestHeaders: {
    "user-agent": "curl/8.1",
    "x-forwarded-for": "203.0.113.9",
    "x-request-id": "8a5d7f9c-0000-4000-8000-000000000001",
  },
  responseHeaders: { "x-envoy-upstream-service-time": "65" },
  responseTrailers: {},
}

export function createRecord(changes: Partial<RecordFields> = {}): AccessLogRecord {
  const { requestHeaders, responseHeaders, responseTrailers, ...fields } = { ...forwarded, ...changes }
  return {
    ...fields,
    requestHeader: (name) => requestHeaders[name] ?? null,
    responseHeader: (name) => responseHeaders[name] ?? null,
    responseTrailer: (name) => responseTrailers[name] ?? null,
  }
}
