/**
 * The two halves of HTTP/2 flow control (RFC 9113 sections 5.2 and 6.9), for a connection or for a stream. Pure counting;
 * writing the frames is the session's business.
 */
import { WINDOW_BYTES_MAX } from "./frame.ts"

/** What we may still send. Negative after the peer shrank its initial window (section 6.9.2). */
export class SendWindow {
  #bytes: number

  constructor(bytes: number) {
    this.#bytes = bytes
  }

  get bytes(): number {
    return this.#bytes
  }

  /** DATA was sent. */
  take(bytes: number): void {
    this.#bytes -= bytes
  }

  /** WINDOW_UPDATE, or a change of the initial window. @returns false when the window would overflow */
  grow(increment: number): boolean {
    this.#bytes += increment
    return this.#bytes <= WINDOW_BYTES_MAX
  }
}

/**
 * What the peer may still send. Bytes come back to it only when somebody took them, and in portions of half a window, so
 * that a stream of small pieces does not cost a frame each.
 */
export class ReceiveWindow {
  readonly #sizeBytes: number
  #bytes: number
  /** Taken, and not yet given back. */
  #owedBytes = 0

  constructor(sizeBytes: number) {
    this.#sizeBytes = sizeBytes
    this.#bytes = sizeBytes
  }

  /** DATA arrived. @returns false when the peer sent more than it may */
  receive(bytes: number): boolean {
    this.#bytes -= bytes
    return this.#bytes >= 0
  }

  /** Bytes were taken. @returns the increment to announce now; 0 = none yet */
  credit(bytes: number): number {
    this.#owedBytes += bytes
    if (this.#owedBytes * 2 < this.#sizeBytes) return 0
    const increment = this.#owedBytes
    this.#owedBytes = 0
    this.#bytes += increment
    return increment
  }
}
