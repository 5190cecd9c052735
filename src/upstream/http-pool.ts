/**
 * What the exchange needs of an endpoint's connections, whatever protocol they speak.
 */
import type { RequestHead } from "../http/message.ts"
import type { PeerAddresses, UpstreamEvents, UpstreamFailure, UpstreamStream } from "../http/stream.ts"
import type { EndpointPool } from "./endpoint-pool.ts"

/** A place for one request: a whole HTTP/1.1 connection, or a stream of an HTTP/2 one. */
export interface ReadyUpstream extends UpstreamStream {
  /** `IP:PORT` of the gateway's end. */
  readonly localAddress: string
  /** Sends the request head; the body follows through `sendBody` and `sendEnd`. */
  start(events: UpstreamEvents, request: RequestHead): void
}

/** Whoever waits for a place. Exactly one of the two is called, unless it cancels. */
export interface UpstreamRequester {
  /** The Host as it goes upstream: TLS may name the server by it. */
  readonly authority: string
  /** Who the request comes from, for a PROXY protocol header; null = the gateway itself. */
  readonly peer: PeerAddresses | null
  /** Whether the request came over HTTP/2: a cluster may go by that. */
  readonly isHttp2: boolean
  onReady(upstream: ReadyUpstream): void
  onConnectFailure(failure: UpstreamFailure): void
}

export interface HttpPool extends EndpointPool {
  /**
   * A place at once, or null: then the requester is called later, never during this call; or "overflow": a circuit
   * breaker is open (it is counted), and the requester is not called.
   */
  acquire(requester: UpstreamRequester): ReadyUpstream | "overflow" | null
  /** The requester no longer wants one. */
  cancel(requester: UpstreamRequester): void
  /** Closes connections that have been idle too long. Called every few seconds. */
  closeExpired(nowMs: number): void
}
