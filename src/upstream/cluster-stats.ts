/**
 * A cluster's counters: plain integer fields on the hot path, Envoy's names for whoever reads them
 * (Envoy: configuration/upstream/cluster_manager/cluster_stats).
 *
 * The name of a field is Envoy's name in camel case. Counters only grow; gauges say how things stand.
 */

export interface StatSample {
  /** Envoy's, without the `cluster.NAME.` prefix: `upstream_rq_total`. */
  readonly name: string
  readonly kind: "counter" | "gauge"
  readonly value: number
}

export class ClusterStats {
  /** Endpoints that may be picked, and all of them. */
  membershipHealthy = 0
  membershipTotal = 0
  membershipChange = 0

  /** Outlier detection: endpoints that are out now; all ejections; those that too many others stood in the way of. */
  outlierDetectionEjectionsActive = 0
  outlierDetectionEjectionsEnforcedTotal = 0
  outlierDetectionEjectionsOverflow = 0
  /** By what was found, and of these the ones that led to an ejection. */
  outlierDetectionEjectionsDetectedConsecutive5xx = 0
  outlierDetectionEjectionsDetectedConsecutiveGatewayFailure = 0
  outlierDetectionEjectionsDetectedConsecutiveLocalOriginFailure = 0
  outlierDetectionEjectionsEnforcedConsecutive5xx = 0
  outlierDetectionEjectionsEnforcedConsecutiveGatewayFailure = 0
  outlierDetectionEjectionsEnforcedConsecutiveLocalOriginFailure = 0

  /** Active health checks: all, those that passed, those that failed, and of these the ones without an answer. */
  healthCheckAttempt = 0
  healthCheckSuccess = 0
  healthCheckFailure = 0
  healthCheckNetworkFailure = 0
  /** Requests that were sent anyway where too few endpoints were healthy. */
  lbHealthyPanic = 0

  /** DNS look-ups: finished, answered, answered with no address, failed. */
  updateAttempt = 0
  updateSuccess = 0
  updateEmpty = 0
  updateFailure = 0

  /** HTTP/2 connections that were cut because a PING was not answered. */
  http2KeepaliveTimeout = 0

  upstreamCxActive = 0
  upstreamCxTotal = 0
  upstreamCxHttp1Total = 0
  upstreamCxHttp2Total = 0
  upstreamCxConnectFail = 0
  upstreamCxConnectTimeout = 0
  upstreamCxIdleTimeout = 0
  upstreamCxDestroy = 0
  upstreamCxMaxDurationReached = 0
  upstreamCxMaxRequests = 0
  /** A destination was wanted and the cluster had no endpoint: 503 UH. */
  upstreamCxNoneHealthy = 0
  upstreamCxOverflow = 0
  upstreamCxProtocolError = 0
  upstreamCxRxBytesTotal = 0
  upstreamCxTxBytesTotal = 0

  upstreamRqActive = 0
  upstreamRqTotal = 0
  upstreamRqCompleted = 0
  upstreamRq1xx = 0
  upstreamRq2xx = 0
  upstreamRq3xx = 0
  upstreamRq4xx = 0
  upstreamRq5xx = 0
  upstreamRqPendingActive = 0
  upstreamRqPendingTotal = 0
  /** Refused because too many requests were waiting for a connection: 503 UO. */
  upstreamRqPendingOverflow = 0
  upstreamRqPendingFailureEject = 0
  upstreamRqCancelled = 0
  upstreamRqTimeout = 0
  upstreamRqPerTryTimeout = 0
  upstreamRqRxReset = 0
  upstreamRqTxReset = 0
  upstreamRqRetry = 0
  upstreamRqRetrySuccess = 0
  upstreamRqRetryLimitExceeded = 0
  /** Retries that the cluster's limit on retries forbade. */
  upstreamRqRetryOverflow = 0

  /** Counts one complete upstream response by its class. */
  countResponse(statusCode: number): void {
    this.upstreamRqCompleted++
    if (statusCode >= 500) this.upstreamRq5xx++
    else if (statusCode >= 400) this.upstreamRq4xx++
    else if (statusCode >= 300) this.upstreamRq3xx++
    else if (statusCode >= 200) this.upstreamRq2xx++
    else this.upstreamRq1xx++
  }

  /** Every counter with its value as of now, in the order of Envoy's names. */
  snapshotStats(): readonly StatSample[] {
    return statFields.map((field) => ({ name: field.name, kind: field.kind, value: this[field.key] }))
  }
}

/** The fields that hold numbers; methods are not statistics. */
type StatKey = { [Key in keyof ClusterStats]: ClusterStats[Key] extends number ? Key : never }[keyof ClusterStats]

interface StatField {
  readonly name: string
  readonly kind: "counter" | "gauge"
  readonly key: StatKey
}

/** Sorted by name, as Envoy prints them. `cluster-stats.test.ts` holds it against the fields. */
const statFields: readonly StatField[] = [
  { name: "health_check.attempt", kind: "counter", key: "healthCheckAttempt" },
  { name: "health_check.failure", kind: "counter", key: "healthCheckFailure" },
  { name: "health_check.network_failure", kind: "counter", key: "healthCheckNetworkFailure" },
  { name: "health_check.success", kind: "counter", key: "healthCheckSuccess" },
  { name: "http2.keepalive_timeout", kind: "counter", key: "http2KeepaliveTimeout" },
  { name: "lb_healthy_panic", kind: "counter", key: "lbHealthyPanic" },
  { name: "membership_change", kind: "counter", key: "membershipChange" },
  { name: "membership_healthy", kind: "gauge", key: "membershipHealthy" },
  { name: "membership_total", kind: "gauge", key: "membershipTotal" },
  { name: "outlier_detection.ejections_active", kind: "gauge", key: "outlierDetectionEjectionsActive" },
  {
    name: "outlier_detection.ejections_detected_consecutive_5xx",
    kind: "counter",
    key: "outlierDetectionEjectionsDetectedConsecutive5xx",
  },
  {
    name: "outlier_detection.ejections_detected_consecutive_gateway_failure",
    kind: "counter",
    key: "outlierDetectionEjectionsDetectedConsecutiveGatewayFailure",
  },
  {
    name: "outlier_detection.ejections_detected_consecutive_local_origin_failure",
    kind: "counter",
    key: "outlierDetectionEjectionsDetectedConsecutiveLocalOriginFailure",
  },
  {
    name: "outlier_detection.ejections_enforced_consecutive_5xx",
    kind: "counter",
    key: "outlierDetectionEjectionsEnforcedConsecutive5xx",
  },
  {
    name: "outlier_detection.ejections_enforced_consecutive_gateway_failure",
    kind: "counter",
    key: "outlierDetectionEjectionsEnforcedConsecutiveGatewayFailure",
  },
  {
    name: "outlier_detection.ejections_enforced_consecutive_local_origin_failure",
    kind: "counter",
    key: "outlierDetectionEjectionsEnforcedConsecutiveLocalOriginFailure",
  },
  {
    name: "outlier_detection.ejections_enforced_total",
    kind: "counter",
    key: "outlierDetectionEjectionsEnforcedTotal",
  },
  { name: "outlier_detection.ejections_overflow", kind: "counter", key: "outlierDetectionEjectionsOverflow" },
  { name: "update_attempt", kind: "counter", key: "updateAttempt" },
  { name: "update_empty", kind: "counter", key: "updateEmpty" },
  { name: "update_failure", kind: "counter", key: "updateFailure" },
  { name: "update_success", kind: "counter", key: "updateSuccess" },
  { name: "upstream_cx_active", kind: "gauge", key: "upstreamCxActive" },
  { name: "upstream_cx_connect_fail", kind: "counter", key: "upstreamCxConnectFail" },
  { name: "upstream_cx_connect_timeout", kind: "counter", key: "upstreamCxConnectTimeout" },
  { name: "upstream_cx_destroy", kind: "counter", key: "upstreamCxDestroy" },
  { name: "upstream_cx_http1_total", kind: "counter", key: "upstreamCxHttp1Total" },
  { name: "upstream_cx_http2_total", kind: "counter", key: "upstreamCxHttp2Total" },
  { name: "upstream_cx_idle_timeout", kind: "counter", key: "upstreamCxIdleTimeout" },
  { name: "upstream_cx_max_duration_reached", kind: "counter", key: "upstreamCxMaxDurationReached" },
  { name: "upstream_cx_max_requests", kind: "counter", key: "upstreamCxMaxRequests" },
  { name: "upstream_cx_none_healthy", kind: "counter", key: "upstreamCxNoneHealthy" },
  { name: "upstream_cx_overflow", kind: "counter", key: "upstreamCxOverflow" },
  { name: "upstream_cx_protocol_error", kind: "counter", key: "upstreamCxProtocolError" },
  { name: "upstream_cx_rx_bytes_total", kind: "counter", key: "upstreamCxRxBytesTotal" },
  { name: "upstream_cx_total", kind: "counter", key: "upstreamCxTotal" },
  { name: "upstream_cx_tx_bytes_total", kind: "counter", key: "upstreamCxTxBytesTotal" },
  { name: "upstream_rq_1xx", kind: "counter", key: "upstreamRq1xx" },
  { name: "upstream_rq_2xx", kind: "counter", key: "upstreamRq2xx" },
  { name: "upstream_rq_3xx", kind: "counter", key: "upstreamRq3xx" },
  { name: "upstream_rq_4xx", kind: "counter", key: "upstreamRq4xx" },
  { name: "upstream_rq_5xx", kind: "counter", key: "upstreamRq5xx" },
  { name: "upstream_rq_active", kind: "gauge", key: "upstreamRqActive" },
  { name: "upstream_rq_cancelled", kind: "counter", key: "upstreamRqCancelled" },
  { name: "upstream_rq_completed", kind: "counter", key: "upstreamRqCompleted" },
  { name: "upstream_rq_pending_active", kind: "gauge", key: "upstreamRqPendingActive" },
  { name: "upstream_rq_pending_failure_eject", kind: "counter", key: "upstreamRqPendingFailureEject" },
  { name: "upstream_rq_pending_overflow", kind: "counter", key: "upstreamRqPendingOverflow" },
  { name: "upstream_rq_pending_total", kind: "counter", key: "upstreamRqPendingTotal" },
  { name: "upstream_rq_per_try_timeout", kind: "counter", key: "upstreamRqPerTryTimeout" },
  { name: "upstream_rq_retry", kind: "counter", key: "upstreamRqRetry" },
  { name: "upstream_rq_retry_limit_exceeded", kind: "counter", key: "upstreamRqRetryLimitExceeded" },
  { name: "upstream_rq_retry_overflow", kind: "counter", key: "upstreamRqRetryOverflow" },
  { name: "upstream_rq_retry_success", kind: "counter", key: "upstreamRqRetrySuccess" },
  { name: "upstream_rq_rx_reset", kind: "counter", key: "upstreamRqRxReset" },
  { name: "upstream_rq_timeout", kind: "counter", key: "upstreamRqTimeout" },
  { name: "upstream_rq_total", kind: "counter", key: "upstreamRqTotal" },
  { name: "upstream_rq_tx_reset", kind: "counter", key: "upstreamRqTxReset" },
]
