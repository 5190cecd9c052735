/**
 * The endpoints of a request's failed tries, and which one they leave for the next (semantics sheet 3.6). Made with the first
 * retry: most requests have none.
 */
import type { RetryPolicy } from "../compile/snapshot.ts"
import type { Cluster } from "../upstream/cluster.ts"
import type { Endpoint } from "../upstream/endpoint.ts"
import type { HttpPool } from "../upstream/http-pool.ts"

/** With `retryRemoteLocalities`: failed tries before other priorities are looked at, as Istio sets Envoy up. */
const PRIORITY_UPDATE_FREQUENCY = 2

export class FailedTries {
  readonly #endpoints: Endpoint<HttpPool>[] = []
  readonly #avoidsEndpoints: boolean
  readonly #leavesPriorities: boolean

  /** @param isTied the request's key decides its endpoint, whether it failed or not */
  constructor(policy: RetryPolicy, isTied: boolean) {
    this.#avoidsEndpoints = policy.avoidPreviousHosts && !isTied
    this.#leavesPriorities = policy.triesOtherPriorities
  }

  add(endpoint: Endpoint<HttpPool>): void {
    this.#endpoints.push(endpoint)
  }

  /** @param hash see `Cluster.pickEndpoint`. @returns null when there is none. */
  pickNext(cluster: Cluster<HttpPool>, hash: number): Endpoint<HttpPool> | null {
    const endpoints = this.#endpoints
    if (this.#leavesPriorities && endpoints.length >= PRIORITY_UPDATE_FREQUENCY) {
      const counted = endpoints.length - (endpoints.length % PRIORITY_UPDATE_FREQUENCY)
      const other = cluster.pickFromOtherPriority(endpoints.slice(0, counted))
      if (other !== null) return other
    }
    return cluster.pickEndpoint(this.#avoidsEndpoints ? endpoints : null, hash)
  }
}
