/**
 * How the requests to one destination ended: Istio's standard metrics at a gateway (Istio semantics sheet 9.1), kept as
 * numbers beside the cluster they belong to. Labels are put together when somebody reads.
 *
 * A destination has as many series as it has had different endings: nearly always one or two, so they are found by a
 * scan over small integers. A service that answers with ever new status codes is bounded.
 */
import { Histogram } from "./histogram.ts"

/** Different endings of one destination. Beyond: counted under `overflowSeries`. */
export const seriesCountMax = 64

/** `grpcStatus` where the request was not gRPC. */
export const notGrpc = -1
/** A gRPC request whose response had no status. */
export const noGrpcStatus = -2

/** Requests that ended alike. */
export class RequestSeries {
  /** 0 when no response was sent. */
  readonly status: number
  /** Response flags, comma-joined; "" = none. */
  readonly flags: string
  readonly grpcStatus: number
  readonly durationMs = new Histogram()
  readonly requestBytes = new Histogram()
  readonly responseBytes = new Histogram()

  constructor(status: number, flags: string, grpcStatus: number) {
    this.status = status
    this.flags = flags
    this.grpcStatus = grpcStatus
  }

  get count(): number {
    return this.durationMs.count
  }
}

export class DestinationRequests {
  readonly #series: RequestSeries[] = []
  #overflow: RequestSeries | null = null

  /** @param grpcStatus of a gRPC response; `notGrpc` or `noGrpcStatus` otherwise */
  record(
    status: number,
    flags: string,
    grpcStatus: number,
    durationMs: number,
    requestBytes: number,
    responseBytes: number,
  ): void {
    const series = this.#find(status, flags, grpcStatus)
    series.durationMs.observe(durationMs)
    series.requestBytes.observe(requestBytes)
    series.responseBytes.observe(responseBytes)
  }

  get series(): readonly RequestSeries[] {
    return this.#series
  }

  /** null = there never were too many. */
  get overflowSeries(): RequestSeries | null {
    return this.#overflow
  }

  #find(status: number, flags: string, grpcStatus: number): RequestSeries {
    for (const known of this.#series) {
      if (known.status === status && known.grpcStatus === grpcStatus && known.flags === flags) return known
    }
    if (this.#series.length >= seriesCountMax) {
      this.#overflow ??= new RequestSeries(0, "", notGrpc)
      return this.#overflow
    }
    const created = new RequestSeries(status, flags, grpcStatus)
    this.#series.push(created)
    return created
  }
}
