/**
 * How many messages go by on a gRPC stream, for `istio_request_messages_total` and `istio_response_messages_total` (Istio
 * semantics sheet 9.1): each is a flag, four bytes of length and as many bytes (gRPC `PROTOCOL-HTTP2.md`,
 * "Length-Prefixed-Message"). Nothing is kept and nothing is judged; what does not follow the format is counted as if it
 * did.
 */
import { isGrpcContentType } from "../http/grpc-status.ts"

const PREFIX_BYTES = 5

/** One direction. The bytes come in pieces that end anywhere. */
export class GrpcMessageCounter {
  /** Messages that have begun, as Envoy's `grpc_stats` counts them. */
  count = 0
  /** Of the present message's flag and length, read so far. */
  #prefixBytes = 0
  #lengthBytes = 0
  /** Of the present message, still to come. */
  #bytesLeft = 0

  feed(bytes: Uint8Array, start: number, end: number): void {
    let offset = start
    while (offset < end) {
      if (this.#bytesLeft > 0) {
        const skipped = Math.min(this.#bytesLeft, end - offset)
        this.#bytesLeft -= skipped
        offset += skipped
        continue
      }
      if (this.#prefixBytes === 0) this.count++
      else this.#lengthBytes = this.#lengthBytes * 256 + (bytes[offset] as number)
      offset++
      this.#prefixBytes++
      if (this.#prefixBytes === PREFIX_BYTES) {
        this.#bytesLeft = this.#lengthBytes
        this.#prefixBytes = 0
        this.#lengthBytes = 0
      }
    }
  }
}

/** Both directions of one call. Made for gRPC requests alone. */
export class GrpcMessages {
  readonly #request = new GrpcMessageCounter()
  /** null = there is no response, or it is not gRPC. */
  #response: GrpcMessageCounter | null = null

  get requestCount(): number {
    return this.#request.count
  }

  get responseCount(): number {
    return this.#response?.count ?? 0
  }

  onRequestBody(bytes: Uint8Array, start: number, end: number): void {
    this.#request.feed(bytes, start, end)
  }

  /** @param contentType of the service's response; null = none */
  onResponseHead(contentType: string | null): void {
    if (contentType !== null && isGrpcContentType(contentType)) this.#response = new GrpcMessageCounter()
  }

  onResponseBody(bytes: Uint8Array, start: number, end: number): void {
    this.#response?.feed(bytes, start, end)
  }
}
