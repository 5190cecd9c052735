/**
 * What every pool of connections keeps count of, whatever protocol its connections speak: who waits for one, and how many
 * there are. Counters of the endpoint and its cluster move with it.
 */
import type { UpstreamFailure } from "../http/stream.ts"
import type { ClusterStats } from "./cluster-stats.ts"
import type { UpstreamRequester } from "./http-pool.ts"

/** Requests that wait for a connection, first come, first served. */
export class PendingRequests {
  readonly #stats: ClusterStats
  readonly #waiting: UpstreamRequester[] = []

  constructor(stats: ClusterStats) {
    this.#stats = stats
  }

  get count(): number {
    return this.#waiting.length
  }

  add(requester: UpstreamRequester): void {
    this.#waiting.push(requester)
    this.#stats.upstreamRqPendingTotal++
    this.#stats.upstreamRqPendingActive++
  }

  next(): UpstreamRequester | undefined {
    const requester = this.#waiting.shift()
    if (requester !== undefined) this.#stats.upstreamRqPendingActive--
    return requester
  }

  /** The requester no longer waits, if it did. */
  cancel(requester: UpstreamRequester): void {
    const index = this.#waiting.indexOf(requester)
    if (index < 0) return
    this.#waiting.splice(index, 1)
    this.#stats.upstreamRqPendingActive--
  }

  /** Everybody who waits is told: they would only wait for the same (Envoy: purgePendingStreams). */
  failAll(failure: UpstreamFailure): void {
    const waiting = this.#waiting.splice(0)
    this.#stats.upstreamRqPendingActive -= waiting.length
    for (const requester of waiting) requester.onConnectFailure(failure)
  }
}

/** The part of an endpoint that counts connections. */
export interface ConnectionCounters {
  readonly clusterStats: ClusterStats
  connectionsTotal: number
  connectFailures: number
}

/** How many connections there are, and how many of them are still on their way. */
export class ConnectionCounts {
  readonly #endpoint: ConnectionCounters
  total = 0
  connecting = 0

  constructor(endpoint: ConnectionCounters) {
    this.#endpoint = endpoint
  }

  started(): void {
    const { clusterStats } = this.#endpoint
    this.total++
    this.connecting++
    this.#endpoint.connectionsTotal++
    clusterStats.upstreamCxTotal++
    clusterStats.upstreamCxActive++
  }

  connected(): void {
    this.connecting--
  }

  /**
   * @param reason Envoy's transport failure reason; "" = it took too long
   * @returns what those who waited are told
   */
  failed(reason: string): UpstreamFailure {
    const { clusterStats } = this.#endpoint
    this.connecting--
    this.closed()
    this.#endpoint.connectFailures++
    clusterStats.upstreamCxConnectFail++
    if (reason === "") clusterStats.upstreamCxConnectTimeout++
    return {
      kind: reason === "" ? "connect-timeout" : "connect-failure",
      transportReason: reason,
      isStaleConnection: false,
    }
  }

  closed(): void {
    this.total--
    this.#endpoint.clusterStats.upstreamCxActive--
    this.#endpoint.clusterStats.upstreamCxDestroy++
  }
}
