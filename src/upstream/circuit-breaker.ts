/**
 * A cluster's limits on connections, waiting requests, requests and retries (Istio semantics sheet 6.5; Envoy: ResourceManager).
 * They count for the whole cluster, whichever endpoint the load is on; the counts are the cluster's own gauges.
 *
 * As in Envoy, requests under way when a limit falls stay, and an endpoint without any connection may always make one.
 */
import type { ConnectionLimits } from "../compile/cluster-policies.ts"
import type { ClusterStats } from "./cluster-stats.ts"

export class CircuitBreaker {
  /** Retries that wait for their time or are under way. */
  activeRetries = 0
  private readonly stats: ClusterStats
  private limits: ConnectionLimits

  constructor(limits: ConnectionLimits, stats: ClusterStats) {
    this.limits = limits
    this.stats = stats
  }

  revise(limits: ConnectionLimits): void {
    this.limits = limits
  }

  /** Whether one more connection may be made. */
  get admitsConnection(): boolean {
    return this.stats.upstreamCxActive < this.limits.maxConnections
  }

  /** Whether one more request may wait for a connection. */
  get admitsPending(): boolean {
    return this.stats.upstreamRqPendingActive < this.limits.maxPendingRequests
  }

  /** Whether one more request may be put on a connection; one that waits is not on any yet. */
  get admitsRequest(): boolean {
    return this.requestsOnConnections < this.limits.maxRequests
  }

  /** The same for a request that is among the active ones already. */
  get admitsAnotherRequest(): boolean {
    return this.requestsOnConnections <= this.limits.maxRequests
  }

  /** Whether one more request may be tried again. A budget grows with the load, and is never less than its minimum. */
  get admitsRetry(): boolean {
    const { maxRetries, retryBudget } = this.limits
    if (retryBudget === null) return this.activeRetries < maxRetries
    const share = Math.trunc((retryBudget.percent / 100) * this.stats.upstreamRqActive)
    return this.activeRetries < Math.max(share, retryBudget.minRetryConcurrency)
  }

  private get requestsOnConnections(): number {
    return this.stats.upstreamRqActive - this.stats.upstreamRqPendingActive
  }
}
