/**
 * How the requests to one destination ended: Istio's standard metrics at a gateway (Istio semantics sheet 9.1), kept as
 * numbers beside the cluster they belong to. Labels are put together when somebody reads.
 *
 * A destination has as many series as it has had different endings: nearly always one or two, so they are found by a
 * scan over small integers. A service that answers with ever new status codes is bounded.
 */
import { Histogram } from "./histogram.ts"

/** Different endings of one destination. Beyond: counted under `overflowSeries`, one for each protocol. */
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
  /** Of gRPC calls. */
  requestMessages = 0
  responseMessages = 0

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
  readonly #overflow: RequestSeries[] = []

  /**
   * @param grpcStatus of a gRPC response; `notGrpc` or `noGrpcStatus` otherwise
   * @returns where it was counted, for what only some requests have
   */
  record(
    status: number,
    flags: string,
    grpcStatus: number,
    durationMs: number,
    requestBytes: number,
    responseBytes: number,
  ): RequestSeries {
    const series = this.#find(status, flags, grpcStatus)
    series.durationMs.observe(durationMs)
    series.requestBytes.observe(requestBytes)
    series.responseBytes.observe(responseBytes)
    return series
  }

  get series(): readonly RequestSeries[] {
    return this.#series
  }

  /** Empty = there never were too many. Their status says nothing. */
  get overflowSeries(): readonly RequestSeries[] {
    return this.#overflow
  }

  #find(status: number, flags: string, grpcStatus: number): RequestSeries {
    for (const known of this.#series) {
      if (known.status === status && known.grpcStatus === grpcStatus && known.flags === flags) return known
    }
    if (this.#series.length >= seriesCountMax)
      return this.#findOverflow(grpcStatus === notGrpc ? notGrpc : noGrpcStatus)
    const created = new RequestSeries(status, flags, grpcStatus)
    this.#series.push(created)
    return created
  }

  #findOverflow(grpcStatus: number): RequestSeries {
    const known = this.#overflow.find((series) => series.grpcStatus === grpcStatus)
    if (known !== undefined) return known
    const created = new RequestSeries(0, "", grpcStatus)
    this.#overflow.push(created)
    return created
  }
}
