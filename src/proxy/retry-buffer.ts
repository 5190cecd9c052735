/** What was sent of a request body, kept while another try may have to send it again. */
import type { UpstreamStream } from "../http/stream.ts"

/** Envoy's default connection buffer limit (semantics sheet 3.6). Beyond: no more retries for this request. */
export const RETRY_BUFFER_BYTES_MAX = 1024 * 1024

export class RetryBuffer {
  readonly #pieces: Buffer[] = []
  #bytes = 0

  /** @returns false when the limit is passed: what is kept is then incomplete and must not be used. */
  append(bytes: Buffer, start: number, end: number): boolean {
    this.#bytes += end - start
    if (this.#bytes > RETRY_BUFFER_BYTES_MAX) return false
    this.#pieces.push(Buffer.from(bytes.subarray(start, end)))
    return true
  }

  replay(stream: UpstreamStream): void {
    for (const piece of this.#pieces) stream.sendBody(piece, 0, piece.length)
  }
}
