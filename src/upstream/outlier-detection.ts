/**
 * Outlier detection: an endpoint that fails several times in a row is taken out for a while (Istio semantics sheet 6.6;
 * Envoy: DetectorImpl). Ejection happens at once, in the request that was one too many; only a sweep brings back.
 *
 * Success-rate detection is never on in Istio, so there is none.
 */
import type { OutlierPolicy } from "../compile/cluster-policies.ts"
import type { ClusterStats } from "./cluster-stats.ts"
import type { EndpointHealth } from "./endpoint-health.ts"
import type { Scheduler } from "./scheduler.ts"

/** Envoy's `max_ejection_time`: no ejection lasts longer, unless the base is longer. */
const ejectionTimeMsMax = 300_000

/** Statuses that Envoy records for failures of its own. */
const connectFailureStatus = 503
const timeoutStatus = 504

export interface MonitoredEndpoint {
  readonly health: EndpointHealth
}

export class OutlierDetector {
  private readonly policy: OutlierPolicy
  private readonly stats: ClusterStats
  private readonly scheduler: Scheduler
  private readonly onHealthChange: () => void
  private endpoints: readonly MonitoredEndpoint[] = []
  private cancelSweep: () => void

  /** @param onHealthChange called after endpoints were ejected or brought back. */
  constructor(policy: OutlierPolicy, stats: ClusterStats, scheduler: Scheduler, onHealthChange: () => void) {
    this.policy = policy
    this.stats = stats
    this.scheduler = scheduler
    this.onHealthChange = onHealthChange
    this.cancelSweep = scheduler.after(policy.intervalMs, () => this.sweep())
  }

  /** The endpoints there are now: shares are counted over them. */
  watch(endpoints: readonly MonitoredEndpoint[]): void {
    this.endpoints = endpoints
    this.stats.outlierDetectionEjectionsActive = this.countEjected()
  }

  /** No endpoint is ejected any more. */
  stop(): void {
    this.cancelSweep()
    for (const { health } of this.endpoints) {
      health.isEjected = false
      health.ejectionMultiplier = 0
      health.resetErrors()
    }
    this.stats.outlierDetectionEjectionsActive = 0
  }

  /** The endpoint answered. */
  onResponse(endpoint: MonitoredEndpoint, status: number): void {
    endpoint.health.consecutiveLocalOriginFailures = 0
    this.judgeStatus(endpoint, status)
  }

  /** The endpoint could not be connected to, or broke off before its response. */
  onFailure(endpoint: MonitoredEndpoint): void {
    if (this.policy.splitsLocalOrigin) this.countLocalOriginFailure(endpoint)
    else this.judgeStatus(endpoint, connectFailureStatus)
  }

  /** The endpoint did not answer in time. */
  onTimeout(endpoint: MonitoredEndpoint): void {
    if (this.policy.splitsLocalOrigin) this.countLocalOriginFailure(endpoint)
    else this.judgeStatus(endpoint, timeoutStatus)
  }

  private judgeStatus(endpoint: MonitoredEndpoint, status: number): void {
    const { health } = endpoint
    if (!this.isError(status)) {
      health.consecutive5xx = 0
      health.consecutiveGatewayErrors = 0
      return
    }
    const { policy, stats } = this
    if (status < 502 || status > 504) {
      health.consecutiveGatewayErrors = 0
    } else if (++health.consecutiveGatewayErrors === policy.consecutiveGatewayErrors) {
      health.consecutiveGatewayErrors = 0
      stats.outlierDetectionEjectionsDetectedConsecutiveGatewayFailure++
      if (this.eject(endpoint)) stats.outlierDetectionEjectionsEnforcedConsecutiveGatewayFailure++
    }
    if (++health.consecutive5xx === policy.consecutive5xxErrors) {
      health.consecutive5xx = 0
      stats.outlierDetectionEjectionsDetectedConsecutive5xx++
      if (this.eject(endpoint)) stats.outlierDetectionEjectionsEnforcedConsecutive5xx++
    }
  }

  private countLocalOriginFailure(endpoint: MonitoredEndpoint): void {
    const { health } = endpoint
    if (++health.consecutiveLocalOriginFailures !== this.policy.consecutiveLocalOriginFailures) return
    health.consecutiveLocalOriginFailures = 0
    this.stats.outlierDetectionEjectionsDetectedConsecutiveLocalOriginFailure++
    if (this.eject(endpoint)) this.stats.outlierDetectionEjectionsEnforcedConsecutiveLocalOriginFailure++
  }

  private isError(status: number): boolean {
    const { errorStatuses } = this.policy
    if (errorStatuses === null) return status >= 500
    return errorStatuses.some(({ first, last }) => status >= first && status <= last)
  }

  /** @returns whether it was ejected: not when it is out already, nor when too many are. */
  private eject(endpoint: MonitoredEndpoint): boolean {
    const { health } = endpoint
    // Requests under way end after the ejection; they do not lengthen it.
    if (health.isEjected || !this.endpoints.includes(endpoint)) return false
    const ejectedPercent = (100 * (this.stats.outlierDetectionEjectionsActive + 1)) / this.endpoints.length
    // Since Envoy 1.28 this binds the first ejection as well.
    if (ejectedPercent > this.policy.maxEjectionPercent) {
      this.stats.outlierDetectionEjectionsOverflow++
      return false
    }
    health.isEjected = true
    health.ejectedAtMs = this.scheduler.nowMs
    health.ejectionsTotal++
    if (this.policy.baseEjectionTimeMs * health.ejectionMultiplier < this.ejectionTimeMsMax) health.ejectionMultiplier++
    this.stats.outlierDetectionEjectionsActive++
    this.stats.outlierDetectionEjectionsEnforcedTotal++
    this.onHealthChange()
    return true
  }

  private get ejectionTimeMsMax(): number {
    return Math.max(ejectionTimeMsMax, this.policy.baseEjectionTimeMs)
  }

  private sweep(): void {
    this.cancelSweep = this.scheduler.after(this.policy.intervalMs, () => this.sweep())
    const { nowMs } = this.scheduler
    let isChanged = false
    for (const { health } of this.endpoints) {
      if (!health.isEjected) {
        if (health.ejectionMultiplier > 0) health.ejectionMultiplier--
        continue
      }
      const lastsMs = Math.min(this.policy.baseEjectionTimeMs * health.ejectionMultiplier, this.ejectionTimeMsMax)
      if (nowMs - health.ejectedAtMs < lastsMs) continue
      health.isEjected = false
      health.resetErrors()
      isChanged = true
    }
    if (!isChanged) return
    this.stats.outlierDetectionEjectionsActive = this.countEjected()
    this.onHealthChange()
  }

  private countEjected(): number {
    return this.endpoints.reduce((count, { health }) => count + Number(health.isEjected), 0)
  }
}
