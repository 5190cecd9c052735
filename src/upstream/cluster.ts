/**
 * A live cluster: what `ClusterSpec` says, plus the endpoints there are right now, which of them are healthy, how to
 * choose one, and counters.
 *
 * A cluster outlives snapshots. A new configuration revises it in place and DNS moves its endpoints, so `spec` and
 * `endpoints` may differ from one moment to the next; each array of endpoints is replaced whole, never changed, and an
 * endpoint that leaves is drained but stays usable for the requests that hold it.
 */
import { isDeepStrictEqual } from "node:util"
import type { ClusterSpec } from "../compile/snapshot.ts"
import { DestinationConnections } from "../telemetry/destination-connections.ts"
import { DestinationRequests } from "../telemetry/destination-requests.ts"
import { CircuitBreaker } from "./circuit-breaker.ts"
import { ClusterStats } from "./cluster-stats.ts"
import { type CreatePool, Endpoint, formatHostText, type ResolvedEndpoint } from "./endpoint.ts"
import type { EndpointPool } from "./endpoint-pool.ts"
import { EndpointSelection } from "./endpoint-selection.ts"
import { HealthChecker, type HealthProbe } from "./health-checker.ts"
import { OutlierDetector } from "./outlier-detection.ts"
import type { Scheduler } from "./scheduler.ts"

/** Envoy's `host_selection_retry_max_attempts` as Istio sets it (Istio semantics sheet 3.6). */
const reselectionsMax = 5

export interface ClusterDeps<Pool extends EndpointPool> {
  readonly createPool: CreatePool<Pool>
  readonly scheduler: Scheduler
  /** Gives numbers in [0, 1). */
  readonly random: () => number
  readonly probe: HealthProbe<Pool>
}

export class Cluster<Pool extends EndpointPool> {
  readonly stats = new ClusterStats()
  /** How the requests to it ended, for Istio's standard metrics. */
  readonly requests = new DestinationRequests()
  /** The same of forwarded TCP connections. */
  readonly connections = new DestinationConnections()
  private readonly deps: ClusterDeps<Pool>
  private readonly breaker: CircuitBreaker
  private currentSpec: ClusterSpec
  private currentEndpoints: readonly Endpoint<Pool>[] = []
  private selection: EndpointSelection<Endpoint<Pool>>
  /** null = nothing is ejected. */
  private outliers: OutlierDetector | null = null
  private checker: HealthChecker<Pool> | null = null
  private cancelWarmupEnd: (() => void) | null = null

  /** Starts without endpoints. */
  constructor(spec: ClusterSpec, deps: ClusterDeps<Pool>) {
    this.currentSpec = spec
    this.deps = deps
    this.breaker = new CircuitBreaker(spec.limits, this.stats)
    this.selection = this.select()
    this.startWatching()
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
   * @param hash of the request's key where `spec.hash` asks for one, 32 bits unsigned; -1 = none.
   * @returns null when the cluster has no endpoint it may use: 503 UH (Istio semantics sheet 5.2).
   */
  pickEndpoint(tried: readonly Endpoint<Pool>[] | null, hash = -1): Endpoint<Pool> | null {
    const picked = this.selection.pick(hash)
    if (picked === null) {
      this.stats.upstreamCxNoneHealthy++
      return null
    }
    if (this.selection.isInPanic) this.stats.lbHealthyPanic++
    return tried === null || !tried.includes(picked) ? picked : this.reselect(picked, tried, hash)
  }

  /**
   * The endpoint for a try that keeps away from the priorities of these: one of the next priority there is.
   * @returns null when no other priority has a usable endpoint
   */
  pickFromOtherPriority(tried: readonly Endpoint<Pool>[]): Endpoint<Pool> | null {
    const isTried = (priority: number) => tried.some(({ spec }) => spec.priority === priority)
    const others = this.selection.usable.filter(({ spec }) => !isTried(spec.priority))
    const next = Math.min(...others.map(({ spec }) => spec.priority))
    const candidates = others.filter(({ spec }) => spec.priority === next)
    return candidates[Math.floor(this.deps.random() * candidates.length)] ?? null
  }

  /**
   * Asks to try a request again. Pairs with `finishRetry`, when the outcome of that try is known.
   * @returns false when as many retries as the cluster allows are under way
   */
  startRetry(): boolean {
    if (!this.breaker.admitsRetry) {
      this.stats.upstreamRqRetryOverflow++
      return false
    }
    this.breaker.activeRetries++
    return true
  }

  finishRetry(): void {
    this.breaker.activeRetries--
  }

  /** An endpoint answered with this status: outlier detection listens. */
  recordResponse(endpoint: Endpoint<Pool>, status: number): void {
    if (this.outliers !== null) this.outliers.onResponse(endpoint, status)
  }

  /** An endpoint could not be connected to, or broke off before its response. */
  recordFailure(endpoint: Endpoint<Pool>): void {
    if (this.outliers !== null) this.outliers.onFailure(endpoint)
  }

  /** An endpoint did not answer in time. */
  recordTimeout(endpoint: Endpoint<Pool>): void {
    if (this.outliers !== null) this.outliers.onTimeout(endpoint)
  }

  /**
   * Takes over a new specification of the same cluster. Endpoints stay, unless what their connections were made with
   * (protocol, TLS, timeouts) is different now: then each gets a fresh pool and the old one drains.
   */
  revise(spec: ClusterSpec): void {
    const previous = this.currentSpec
    this.currentSpec = spec
    this.breaker.revise(spec.limits)
    if (!isDeepStrictEqual(previous.warmup, spec.warmup)) {
      for (const endpoint of this.currentEndpoints) endpoint.warmUp(null)
    }
    const isWatchedAnew = !isDeepStrictEqual(watchingOf(previous), watchingOf(spec))
    if (isWatchedAnew) {
      this.stopWatching()
      this.startWatching()
    }
    if (!isDeepStrictEqual(transportOf(previous), transportOf(spec))) {
      const replaced = this.currentEndpoints
      this.useEndpoints(replaced.map((endpoint) => this.createEndpoint(endpoint.key, endpoint)))
      for (const endpoint of replaced) endpoint.drain()
    } else if (isWatchedAnew || !isDeepStrictEqual(balancingOf(previous), balancingOf(spec))) {
      this.reconsider()
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
      isReweighted ||= !hasSamePlace(known.spec, one.spec)
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
    this.stopWatching()
    this.cancelWarmupEnd?.()
    this.cancelWarmupEnd = null
    for (const endpoint of this.currentEndpoints) endpoint.drain()
  }

  /** The rare half of `pickEndpoint`: asks again a few times, then looks for any endpoint that was not tried. */
  private reselect(picked: Endpoint<Pool>, tried: readonly Endpoint<Pool>[], hash: number): Endpoint<Pool> {
    for (let reselection = 1; reselection <= reselectionsMax; reselection++) {
      // Another place on the ring, the same one for every request with this key.
      const candidate = this.selection.pick(hash < 0 ? hash : Math.imul(hash + reselection, 0x9e3779b1) >>> 0)
      if (candidate !== null && !tried.includes(candidate)) return candidate
    }
    // From the one that was picked on, so that the choice does not always fall on the head of the list.
    const endpoints = this.selection.usable
    const start = endpoints.indexOf(picked)
    for (let step = 1; step < endpoints.length; step++) {
      const candidate = endpoints[(start + step) % endpoints.length]
      if (candidate !== undefined && !tried.includes(candidate)) return candidate
    }
    return picked
  }

  private useEndpoints(endpoints: readonly Endpoint<Pool>[]): void {
    this.currentEndpoints = endpoints
    this.stats.membershipTotal = endpoints.length
    this.outliers?.watch(endpoints)
    this.checker?.watch(endpoints)
    this.reconsider()
  }

  /** Health or weights are different now. */
  private reconsider(): void {
    this.selection = this.select()
    this.stats.membershipHealthy = this.currentEndpoints.reduce((sum, { health }) => sum + Number(health.isHealthy), 0)
    this.cancelWarmupEnd?.()
    this.cancelWarmupEnd = null
    const warmupLeftMs = this.warmupLeftMs
    if (warmupLeftMs > 0) this.cancelWarmupEnd = this.deps.scheduler.after(warmupLeftMs, () => this.reconsider())
  }

  private select(): EndpointSelection<Endpoint<Pool>> {
    const { loadBalancer, hash, panicThresholdPercent } = this.currentSpec
    const settings = { loadBalancer, hash, panicThresholdPercent, hasMovingWeights: this.warmupLeftMs > 0 }
    return new EndpointSelection(settings, this.currentEndpoints, this.deps.random)
  }

  /** Until every endpoint has its full weight. */
  private get warmupLeftMs(): number {
    return this.currentEndpoints.reduce((longest, { warmupLeftMs }) => Math.max(longest, warmupLeftMs), 0)
  }

  private startWatching(): void {
    const { outlierDetection, healthCheck, host } = this.currentSpec
    const { scheduler, random, probe } = this.deps
    if (outlierDetection !== null) {
      this.outliers = new OutlierDetector(outlierDetection, this.stats, scheduler, () => this.reconsider())
      this.outliers.watch(this.currentEndpoints)
    }
    if (healthCheck === null) return
    this.checker = new HealthChecker(healthCheck, host, this.stats, { scheduler, random, probe }, (recovered) => {
      recovered?.warmUp(this.currentSpec.warmup)
      this.reconsider()
    })
    this.checker.watch(this.currentEndpoints)
  }

  private stopWatching(): void {
    this.outliers?.stop()
    this.outliers = null
    this.checker?.stop()
    this.checker = null
  }

  private createEndpoint(key: string, resolved: ResolvedEndpoint): Endpoint<Pool> {
    const { scheduler, createPool } = this.deps
    const surroundings = { stats: this.stats, breaker: this.breaker, nowMs: () => scheduler.nowMs }
    return new Endpoint(key, resolved, this.currentSpec, surroundings, createPool)
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

/** What decides how an endpoint is balanced, apart from its health. */
function hasSamePlace(a: ResolvedEndpoint["spec"], b: ResolvedEndpoint["spec"]): boolean {
  return (
    a.weight === b.weight &&
    a.priority === b.priority &&
    a.localityShare === b.localityShare &&
    a.locality === b.locality
  )
}

/** Connections made for one specification serve another as well when these are the same. */
function transportOf(spec: ClusterSpec): unknown {
  const { maxRequestsPerConnection, maxConnectionDurationMs, keepAliveAfterMs } = spec.limits
  const { maxConcurrentStreams, http2KeepAlive } = spec.limits
  const perConnection = [maxRequestsPerConnection, maxConnectionDurationMs, keepAliveAfterMs]
  const ofHttp2 = [maxConcurrentStreams, http2KeepAlive]
  const spoken = [spec.protocol, spec.usesClientProtocol, spec.tls, spec.proxyProtocol]
  return [spoken, spec.connectTimeoutMs, spec.idleTimeoutMs, perConnection, ofHttp2]
}

/** Health is judged anew when one of these is different. */
function watchingOf(spec: ClusterSpec): unknown {
  return [spec.outlierDetection, spec.healthCheck]
}

/** A balancer made for one specification serves another as well when these are the same. */
function balancingOf(spec: ClusterSpec): unknown {
  return [spec.loadBalancer, spec.hash, spec.panicThresholdPercent, spec.warmup]
}
