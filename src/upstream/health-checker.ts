/**
 * Active health checks of one cluster (Envoy: HealthCheckerImplBase): each endpoint is asked again and again, on its own
 * timer; so many failures in a row take it out, so many passes bring it back.
 *
 * As in Envoy, the first check decides alone: a new endpoint need not pass twice before it serves. Until that check is
 * over it counts as healthy, so that a reload is no outage.
 */
import type { HealthCheckPolicy } from "../compile/cluster-policies.ts"
import type { ClusterStats } from "./cluster-stats.ts"
import type { Endpoint } from "./endpoint.ts"
import type { EndpointPool } from "./endpoint-pool.ts"
import type { Scheduler } from "./scheduler.ts"

/** Checks are spread by up to this part of their interval, so that gateways do not knock together. */
const jitterFactorMax = 0.1

/** `skipped`: the endpoint could not be asked, for no fault of its own. */
export type ProbeOutcome = "passed" | "failed" | "no-answer" | "skipped"

/**
 * Asks an endpoint once.
 * @param done called once, unless cancelled
 * @returns gives the question up
 */
export type HealthProbe<Pool extends EndpointPool> = (
  endpoint: Endpoint<Pool>,
  question: { readonly host: string; readonly path: string },
  done: (outcome: ProbeOutcome) => void,
) => () => void

export interface HealthCheckerDeps<Pool extends EndpointPool> {
  readonly scheduler: Scheduler
  /** In [0, 1). */
  readonly random: () => number
  readonly probe: HealthProbe<Pool>
}

interface Watched {
  /** Ends the timer or the question, whichever is under way. */
  cancel: () => void
  isFirst: boolean
  passesInRow: number
  failuresInRow: number
}

export class HealthChecker<Pool extends EndpointPool> {
  private readonly policy: HealthCheckPolicy
  private readonly host: string
  private readonly stats: ClusterStats
  private readonly deps: HealthCheckerDeps<Pool>
  private readonly onHealthChange: (recovered: Endpoint<Pool> | null) => void
  private readonly watched = new Map<Endpoint<Pool>, Watched>()

  /**
   * @param host what the checks put into `Host`
   * @param onHealthChange an endpoint came back (it is given), or went (null)
   */
  constructor(
    policy: HealthCheckPolicy,
    host: string,
    stats: ClusterStats,
    deps: HealthCheckerDeps<Pool>,
    onHealthChange: (recovered: Endpoint<Pool> | null) => void,
  ) {
    this.policy = policy
    this.host = host
    this.stats = stats
    this.deps = deps
    this.onHealthChange = onHealthChange
  }

  /** These endpoints are checked from now on; those checked before go on as they were. */
  watch(endpoints: readonly Endpoint<Pool>[]): void {
    const gone = new Map(this.watched)
    for (const endpoint of endpoints) {
      if (gone.delete(endpoint)) continue
      const watched: Watched = { cancel: noop, isFirst: true, passesInRow: 0, failuresInRow: 0 }
      this.watched.set(endpoint, watched)
      this.check(endpoint, watched)
    }
    for (const [endpoint, watched] of gone) {
      watched.cancel()
      this.watched.delete(endpoint)
    }
  }

  /** No endpoint is out because of checks any more. */
  stop(): void {
    for (const [endpoint, watched] of this.watched) {
      watched.cancel()
      endpoint.health.isFailingChecks = false
    }
    this.watched.clear()
  }

  private check(endpoint: Endpoint<Pool>, watched: Watched): void {
    const { scheduler, probe } = this.deps
    this.stats.healthCheckAttempt++
    let isOver = false
    const finish = (outcome: ProbeOutcome): void => {
      if (isOver) return
      isOver = true
      cancelTimeout()
      this.judge(endpoint, watched, outcome)
      this.scheduleNext(endpoint, watched)
    }
    const cancelTimeout = scheduler.after(this.policy.timeoutMs, () => {
      cancelProbe()
      finish("no-answer")
    })
    const cancelProbe = probe(endpoint, { host: this.host, path: this.policy.path }, finish)
    if (isOver) return
    watched.cancel = () => {
      isOver = true
      cancelTimeout()
      cancelProbe()
    }
  }

  private scheduleNext(endpoint: Endpoint<Pool>, watched: Watched): void {
    if (this.watched.get(endpoint) !== watched) return
    const delayMs = this.policy.intervalMs * (1 + jitterFactorMax * this.deps.random())
    watched.cancel = this.deps.scheduler.after(delayMs, () => this.check(endpoint, watched))
  }

  private judge(endpoint: Endpoint<Pool>, watched: Watched, outcome: ProbeOutcome): void {
    if (outcome === "skipped") return
    const { stats, policy } = this
    const { health } = endpoint
    const { isFirst } = watched
    watched.isFirst = false
    if (outcome === "passed") {
      stats.healthCheckSuccess++
      watched.failuresInRow = 0
      watched.passesInRow++
      if (!health.isFailingChecks || watched.passesInRow < policy.healthyThreshold) return
      health.isFailingChecks = false
      this.onHealthChange(endpoint)
      return
    }
    stats.healthCheckFailure++
    if (outcome === "no-answer") stats.healthCheckNetworkFailure++
    watched.passesInRow = 0
    watched.failuresInRow++
    if (health.isFailingChecks || (!isFirst && watched.failuresInRow < policy.unhealthyThreshold)) return
    health.isFailingChecks = true
    this.onHealthChange(null)
  }
}

function noop(): void {
  // Nothing is under way yet.
}
