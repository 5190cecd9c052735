/**
 * Who may send: the connection's send window and the streams that wait for it, for their own window or for the socket.
 * They take turns, one frame each, so that a large response does not starve a small one (RFC 9113 section 5.3 leaves the
 * order to us; priority signals are accepted and ignored).
 */
import type { Output } from "../../net/output.ts"
import { SendWindow } from "./flow-control.ts"
import { DATA_BYTES_PER_FRAME } from "./frame-writer.ts"
import { INITIAL_WINDOW_BYTES } from "./settings.ts"
import type { Http2Stream } from "./stream.ts"

export class OutputQueue {
  readonly window = new SendWindow(INITIAL_WINDOW_BYTES)
  readonly #output: Output
  /** In the order of their turns. */
  readonly #blocked = new Set<Http2Stream>()
  readonly #clock: { readonly coarseNowMs: number }

  constructor(output: Output, clock: { readonly coarseNowMs: number }) {
    this.#output = output
    this.#clock = clock
  }

  /** The stream hears `onWritable` when nothing of it waits any more and the socket takes bytes. */
  block(stream: Http2Stream): void {
    if (this.#blocked.has(stream)) return
    stream.blockedSinceMs = this.#clock.coarseNowMs
    this.#blocked.add(stream)
  }

  forget(stream: Http2Stream): void {
    this.#blocked.delete(stream)
  }

  /** A window grew or the socket drained: gives turns until nobody gets anywhere. */
  flush(): void {
    let isMoving = true
    while (isMoving && this.#blocked.size > 0 && !this.#output.isBackedUp) {
      isMoving = false
      for (const stream of [...this.#blocked]) {
        if (this.#output.isBackedUp) return
        if (this.#blocked.has(stream) && this.#giveTurn(stream)) isMoving = true
      }
    }
  }

  /** Only this stream's window grew. */
  flushStream(stream: Http2Stream): void {
    while (this.#blocked.has(stream) && !this.#output.isBackedUp && this.#giveTurn(stream)) {
      // Until it gets no further.
    }
  }

  /** @returns whether it got anywhere */
  #giveTurn(stream: Http2Stream): boolean {
    const progress = stream.flush(DATA_BYTES_PER_FRAME)
    if (stream.isClosed || stream.isBackedUp) return progress
    this.#blocked.delete(stream)
    stream.onWritable()
    return progress
  }

  /** Streams that have waited since before `sinceMs` without any progress. */
  blockedSince(sinceMs: number): readonly Http2Stream[] {
    if (this.#blocked.size === 0) return NONE
    return [...this.#blocked].filter((stream) => stream.blockedSinceMs < sinceMs)
  }
}

const NONE: readonly Http2Stream[] = []
