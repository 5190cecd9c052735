/** A finished exchange into Istio's standard metrics (semantics sheet 9.1), and into its rule's own count. */
import { valueInLines } from "../http/field-table.ts"
import type { ResponseHead } from "../http/message.ts"
import type { Counters } from "../telemetry/counters.ts"
import { type DestinationRequests, noGrpcStatus, notGrpc } from "../telemetry/destination-requests.ts"
import type { HttpExchange } from "./http-exchange.ts"

/**
 * @param exchange one that has ended
 * @param cluster undefined = the request never had one
 */
export function countRequest(
  exchange: HttpExchange,
  cluster: { readonly requests: DestinationRequests } | undefined,
  counters: Counters,
): void {
  const { route, responseStatus, grpcMessages } = exchange
  if (route !== null) counters.routes.count(route, responseStatus)
  const requests = cluster === undefined ? counters.unroutedRequests : cluster.requests
  const grpcStatus = grpcMessages === null ? notGrpc : grpcStatusOf(exchange.responseHead, exchange.responseTrailers)
  const series = requests.record(
    responseStatus,
    exchange.responseFlags,
    grpcStatus,
    exchange.endedAtMs - exchange.startedAtMs,
    exchange.requestBodyBytes,
    exchange.responseBodyBytes,
  )
  if (grpcMessages === null) return
  series.requestMessages += grpcMessages.requestCount
  series.responseMessages += grpcMessages.responseCount
}

/** In the trailers, or in the head of a response that is nothing else (Envoy grpc/common.cc `getGrpcStatus`). */
function grpcStatusOf(head: ResponseHead | null, trailers: string): number {
  const text = valueInLines(trailers, "grpc-status") ?? head?.fields.joinedValue("grpc-status") ?? ""
  return /^[0-9]{1,3}$/.test(text) ? Number(text) : noGrpcStatus
}
