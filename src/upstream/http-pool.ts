/**
 * What the exchange needs of an endpoint's connections, whatever protocol they speak.
 */
import type { RequestHead } from "../http/message.ts"
import type { UpstreamEvents, UpstreamFailure, UpstreamStream } from "../http/stream.ts"
import type { EndpointPool } from "./endpoint-pool.ts"

/** A place for one request: a whole HTTP/1.1 connection, or a stream of an HTTP/2 one. */
export interface ReadyUpstream extends UpstreamStream {
  /** `IP:PORT` of the gateway's end. */
  readonly localAddress: string
  /**
   * Sends the request head; the body follows through `sendBody` and `sendEnd`.
   * @param extraLines lines (`name: value\r\n`) of this try only
   */
  start(events: UpstreamEvents, request: RequestHead, extraLines: string): void
}

/** Whoever waits for a place. Exactly one of the two is called, unless it cancels. */
export interface UpstreamRequester {
  onReady(upstream: ReadyUpstream): void
  onConnectFailure(failure: UpstreamFailure): void
}

export interface HttpPool extends EndpointPool {
  /** A place at once, or null: then the requester is called later, never during this call. */
  acquire(requester: UpstreamRequester): ReadyUpstream | null
  /** The requester no longer wants one. */
  cancel(requester: UpstreamRequester): void
  /** Closes connections that have been idle too long. Called every few seconds. */
  closeExpired(nowMs: number): void
}
