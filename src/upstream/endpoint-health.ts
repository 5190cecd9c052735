/**
 * What is known of one endpoint's health: two independent opinions, outlier detection's and active checks'. An endpoint
 * that either rejects gets no requests while others can take them (Istio semantics sheet 6.3, 6.6).
 */

export class EndpointHealth {
  /** By outlier detection. */
  isEjected = false
  /** By active health checks: false until they have failed often enough. */
  isFailingChecks = false
  /** Errors in a row. */
  consecutive5xx = 0
  consecutiveGatewayErrors = 0
  consecutiveLocalOriginFailures = 0
  /** How many base ejection times the next ejection lasts; falls by one in every sweep without one. */
  ejectionMultiplier = 0
  /** Scheduler time of the last ejection. */
  ejectedAtMs = 0
  ejectionsTotal = 0

  get isHealthy(): boolean {
    return !this.isEjected && !this.isFailingChecks
  }

  /** Envoy's words, as its admin page prints them. */
  get flags(): string {
    if (this.isHealthy) return "healthy"
    const checks = this.isFailingChecks ? "/failed_active_hc" : ""
    return this.isEjected ? `${checks}/failed_outlier_check` : checks
  }

  resetErrors(): void {
    this.consecutive5xx = 0
    this.consecutiveGatewayErrors = 0
    this.consecutiveLocalOriginFailures = 0
  }
}
