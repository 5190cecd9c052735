/**
 * A live cluster: what `ClusterSpec` says, plus the endpoints there are right now, a balancer over them, and counters.
 *
 * A cluster outlives snapshots. A new configuration revises it in place and DNS moves its endpoints, so `spec` and
 * `endpoints` may differ from one moment to the next; each array of endpoints is replaced whole, never changed, and an
 * endpoint that leaves is drained but stays usable for the requests that hold it.
 */
import type { ClusterSpec } from "../compile/snapshot.ts"
import type { Balancer } from "./balancers/balancer.ts"
import { createBalancer } from "./balancers/create-balancer.ts"
import { ClusterStats } from "./cluster-stats.ts"
import { type CreatePool, Endpoint, formatHostText, type ResolvedEndpoint } from "./endpoint.ts"
import type { EndpointPool } from "./endpoint-pool.ts"

/** Envoy's `host_selection_retry_max_attempts` as Istio sets it (Istio semantics sheet 3.6). */
const reselectionsMax = 5

export class Cluster<Pool extends EndpointPool> {
  readonly stats = new ClusterStats()
  private currentSpec: ClusterSpec
  private currentEndpoints: readonly Endpoint<Pool>[] = []
  private balancer: Balancer<Endpoint<Pool>>
  private readonly createPool: CreatePool<Pool>
  private readonly random: () => number

  /** Starts without endpoints. @param random gives numbers in [0, 1). */
  constructor(spec: ClusterSpec, createPool: CreatePool<Pool>, random: () => number) {
    this.currentSpec = spec
    this.createPool = createPool
    this.random = random
    this.balancer = createBalancer(spec.loadBalancer, this.currentEndpoints, random)
  }

  get spec(): ClusterSpec {
    return this.currentSpec
  }

  get endpoints(): readonly Endpoint<Pool>[] {
    return this.currentEndpoints
  }

  /**
   * The endpoint for the next try. Allocates nothing.
   *
   * @param tried endpoints that earlier tries of this request used: avoided as long as there is any other (Envoy:
   *   retry host predicate `previous_hosts`); null for a first try.
   * @returns null when the cluster has no endpoint: 503 UH (Istio semantics sheet 5.2).
   */
  pickEndpoint(tried: readonly Endpoint<Pool>[] | null): Endpoint<Pool> | null {
    const picked = this.balancer.pick()
    if (picked === null) {
      this.stats.upstreamCxNoneHealthy++
      return null
    }
    return tried === null || !tried.includes(picked) ? picked : this.reselect(picked, tried)
  }

  /**
   * Takes over a new specification of the same cluster. Endpoints stay, unless what their connections were made with
   * (protocol, timeouts) is different now: then each gets a fresh pool and the old one drains.
   */
  revise(spec: ClusterSpec): void {
    const previous = this.currentSpec
    this.currentSpec = spec
    if (!hasSameTransport(previous, spec)) {
      const replaced = this.currentEndpoints
      this.useEndpoints(replaced.map((endpoint) => this.createEndpoint(endpoint.key, endpoint)))
      for (const endpoint of replaced) endpoint.drain()
    } else if (previous.loadBalancer !== spec.loadBalancer) {
      this.useEndpoints(this.currentEndpoints)
    }
  }

  /**
   * Makes `resolved` the cluster's endpoints. Those it has already keep their object, pool and counters; vanished ones
   * drain. An address that is listed twice counts once, with its first weight.
   */
  replaceEndpoints(resolved: readonly ResolvedEndpoint[]): void {
    const previous = new Map(this.currentEndpoints.map((endpoint) => [endpoint.key, endpoint]))
    const next = new Map<string, Endpoint<Pool>>()
    let isReweighted = false
    let isJoined = false
    for (const one of resolved) {
      const key = this.endpointKey(one)
      if (next.has(key)) continue
      const known = previous.get(key)
      if (known === undefined) {
        next.set(key, this.createEndpoint(key, one))
        isJoined = true
        continue
      }
      isReweighted ||= known.weight !== one.spec.weight
      known.revise(one)
      next.set(key, known)
      previous.delete(key)
    }
    const isMembershipChanged = isJoined || previous.size > 0
    // DNS answers change their order all the time: that alone must not restart a round robin.
    if (isMembershipChanged || isReweighted) this.useEndpoints([...next.values()])
    if (isMembershipChanged) this.stats.membershipChange++
    for (const vanished of previous.values()) vanished.drain()
  }

  /** No snapshot names this cluster any more: exchanges that still hold it may finish on it, nothing stays pooled. */
  drain(): void {
    for (const endpoint of this.currentEndpoints) endpoint.drain()
  }

  /** The rare half of `pickEndpoint`: asks again a few times, then looks for any endpoint that was not tried. */
  private reselect(picked: Endpoint<Pool>, tried: readonly Endpoint<Pool>[]): Endpoint<Pool> {
    for (let reselection = 0; reselection < reselectionsMax; reselection++) {
      const candidate = this.balancer.pick()
      if (candidate !== null && !tried.includes(candidate)) return candidate
    }
    // From the one that was picked on, so that the choice does not always fall on the head of the list.
    const endpoints = this.currentEndpoints
    const start = endpoints.indexOf(picked)
    for (let step = 1; step < endpoints.length; step++) {
      const candidate = endpoints[(start + step) % endpoints.length]
      if (candidate !== undefined && !tried.includes(candidate)) return candidate
    }
    return picked
  }

  private useEndpoints(endpoints: readonly Endpoint<Pool>[]): void {
    this.currentEndpoints = endpoints
    this.balancer = createBalancer(this.currentSpec.loadBalancer, endpoints, this.random)
    this.stats.membershipTotal = endpoints.length
    this.stats.membershipHealthy = endpoints.length
  }

  private createEndpoint(key: string, resolved: ResolvedEndpoint): Endpoint<Pool> {
    return new Endpoint(key, resolved, this.currentSpec, this.stats, this.createPool)
  }

  /**
   * An endpoint is its address, except in a logical-dns cluster: there it is the name, and its address follows DNS
   * while connections to earlier addresses are kept (Envoy: LOGICAL_DNS).
   */
  private endpointKey(resolved: ResolvedEndpoint): string {
    return this.currentSpec.discovery.kind === "logical-dns"
      ? `logical ${formatHostText(resolved.spec.address, resolved.spec.port)}`
      : formatHostText(resolved.address, resolved.port)
  }
}

/** Whether connections made for one specification serve the other as well. */
function hasSameTransport(a: ClusterSpec, b: ClusterSpec): boolean {
  return a.protocol === b.protocol && a.connectTimeoutMs === b.connectTimeoutMs && a.idleTimeoutMs === b.idleTimeoutMs
}
