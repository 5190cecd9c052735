/** A client's connection as its listener sees it, whatever it speaks: something to time out, to drain and to cut. */
import type { SocketOwner } from "../net/socket.ts"

export interface DownstreamConnection extends SocketOwner {
  /** Something is under way that a drain waits for. */
  readonly isBusy: boolean
  /** Called about once a second. */
  checkTimeouts(nowMs: number): void
  /** What is under way may finish; then the connection ends. */
  drain(): void
  /** Cuts it, whatever is under way. */
  terminate(): void
}
