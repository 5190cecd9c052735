/**
 * One endpoint of a cluster: an address that requests are sent to, its pool and its counters (Envoy's `Host`).
 *
 * An endpoint outlives snapshots: as long as its address stays in its cluster, the object stays, and with it the open
 * connections. What a new configuration may change in place (weight, labels, and the address of a logical-dns
 * endpoint) is behind getters, so that nothing but `revise` writes it.
 */
import { isIPv6 } from "node:net"
import type { WarmupPolicy } from "../compile/cluster-policies.ts"
import type { ClusterSpec, EndpointSpec } from "../compile/snapshot.ts"
import type { CircuitBreaker } from "./circuit-breaker.ts"
import type { ClusterStats } from "./cluster-stats.ts"
import { EndpointHealth } from "./endpoint-health.ts"
import type { EndpointPool } from "./endpoint-pool.ts"

const unixPrefix = "unix:"

/** One address a cluster should have, and the configured endpoint it comes from. */
export interface ResolvedEndpoint {
  /** IP address or `unix:PATH`. */
  readonly address: string
  /** 0 with a unix socket. */
  readonly port: number
  readonly spec: EndpointSpec
}

/** What an endpoint shares with the others of its cluster. */
export interface EndpointSurroundings {
  /** The counters of its cluster, so that a pool can move both without knowing the cluster. */
  readonly stats: ClusterStats
  readonly breaker: CircuitBreaker
  /** Monotonic. */
  readonly nowMs: () => number
}

/** Makes the pool of a new endpoint; called once per endpoint, when its other fields are set. */
export type CreatePool<Pool extends EndpointPool> = (endpoint: Endpoint<Pool>, spec: ClusterSpec) => Pool

export class Endpoint<Pool extends EndpointPool> {
  /** What identifies it within its cluster: see `endpointKey`. */
  readonly key: string
  readonly clusterStats: ClusterStats
  readonly breaker: CircuitBreaker
  readonly health = new EndpointHealth()
  /** Requests sent to it and not yet answered in full. Least request balancing reads it. */
  activeRequests = 0
  requestsTotal = 0
  /** Requests that ended in a 5xx answer, a timeout, a reset or a failed connect (Envoy `rq_error`). */
  requestErrors = 0
  connectionsTotal = 0
  /** Refused, unreachable, timed out. */
  connectFailures = 0
  /** No longer in its cluster: a connection that becomes idle is closed instead of pooled. Never turns false again. */
  isDraining = false
  private currentAddress: string
  private currentPort: number
  private currentHostText: string
  private currentSpec: EndpointSpec
  private readonly nowMs: () => number
  /** null = it has its full weight. */
  private warmup: WarmupPolicy | null
  private warmingSinceMs: number
  readonly pool: Pool

  constructor(
    key: string,
    resolved: ResolvedEndpoint,
    clusterSpec: ClusterSpec,
    surroundings: EndpointSurroundings,
    createPool: CreatePool<Pool>,
  ) {
    this.key = key
    this.clusterStats = surroundings.stats
    this.breaker = surroundings.breaker
    this.nowMs = surroundings.nowMs
    this.warmup = clusterSpec.warmup
    this.warmingSinceMs = clusterSpec.warmup === null ? 0 : this.nowMs()
    this.currentAddress = resolved.address
    this.currentPort = resolved.port
    this.currentHostText = formatHostText(resolved.address, resolved.port)
    this.currentSpec = resolved.spec
    this.pool = createPool(this, clusterSpec)
  }

  /**
   * IP address or `unix:PATH`, as of now: that of a logical-dns endpoint follows DNS, so a connection that wants to
   * report where it went notes `hostText` when it connects.
   */
  get address(): string {
    return this.currentAddress
  }

  /** 0 with a unix socket. */
  get port(): number {
    return this.currentPort
  }

  /** `1.2.3.4:80`, `[::1]:80`, `unix:PATH`; as of now, like `address`. */
  get hostText(): string {
    return this.currentHostText
  }

  /** The configured weight, ≥ 1, or a part of it while the endpoint warms up. */
  get weight(): number {
    const { weight } = this.currentSpec
    return this.warmup === null ? weight : weight * this.warmupFactor(this.warmup)
  }

  /** Milliseconds until it has its full weight; 0 = it has. */
  get warmupLeftMs(): number {
    return this.warmup === null ? 0 : Math.max(0, this.warmingSinceMs + this.warmup.durationMs - this.nowMs())
  }

  /** Starts warming up; again after it was unhealthy. @param warmup null = it has its full weight at once */
  warmUp(warmup: WarmupPolicy | null): void {
    this.warmup = warmup
    this.warmingSinceMs = this.nowMs()
  }

  /** Istio semantics sheet 6.3 (Envoy: slow start). Never 0: even a cold endpoint has its turns. */
  private warmupFactor(warmup: WarmupPolicy): number {
    const elapsed = Math.max(1, this.nowMs() - this.warmingSinceMs) / warmup.durationMs
    if (elapsed >= 1) return 1
    return Math.max(warmup.minimumPercent / 100, elapsed ** (1 / warmup.aggression))
  }

  get spec(): EndpointSpec {
    return this.currentSpec
  }

  /** Takes over what changed in the configuration or in DNS without giving up its connections. */
  revise(resolved: ResolvedEndpoint): void {
    this.currentSpec = resolved.spec
    if (resolved.address === this.currentAddress && resolved.port === this.currentPort) return
    this.currentAddress = resolved.address
    this.currentPort = resolved.port
    this.currentHostText = formatHostText(resolved.address, resolved.port)
  }

  /** Counts a request handed to this endpoint, here and in its cluster. Pairs with `finishRequest`. */
  startRequest(): void {
    this.activeRequests++
    this.requestsTotal++
    this.clusterStats.upstreamRqActive++
    this.clusterStats.upstreamRqTotal++
  }

  /** Counts the end of a request, however it ended. @param failed a 5xx answer, a timeout, a reset, or no connection. */
  finishRequest(failed: boolean): void {
    this.activeRequests--
    this.clusterStats.upstreamRqActive--
    if (failed) this.requestErrors++
  }

  /** It has left its cluster: idle connections close now, busy ones when their request is over. */
  drain(): void {
    this.isDraining = true
    this.pool.closeIdle()
  }
}

/** Whether an address is a unix socket: `unix:PATH`. */
export function isUnixAddress(address: string): boolean {
  return address.startsWith(unixPrefix)
}

/** An address with its port as logs show it: `1.2.3.4:80`, `[::1]:80`; a unix address has no port. */
export function formatHostText(address: string, port: number): string {
  if (isUnixAddress(address)) return address
  return isIPv6(address) ? `[${address}]:${port}` : `${address}:${port}`
}
