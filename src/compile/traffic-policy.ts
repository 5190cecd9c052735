/**
 * What a DestinationRule says for one port and one subset of a host, as numbers (Istio semantics sheet 6.2, 6.3, 6.5, 6.6).
 * Source: Istio `pilot/pkg/networking/core/cluster_traffic_policy.go`, `pilot/pkg/networking/core/loadbalancer`.
 */
import { parseDurationMs } from "../config/duration.ts"
import type { Subset, TrafficPolicy } from "./api-types.ts"
import {
  type ClusterTrafficPolicy,
  type ConnectionLimits,
  type Http2KeepAlive,
  type LoadBalancerKind,
  type OutlierPolicy,
  type StatusRange,
  trafficPolicyDefault,
  unlimited,
  type WarmupPolicy,
} from "./cluster-policies.ts"
import type { MergedRule } from "./destination-rules.ts"
import { compileHashPolicy } from "./hash-policy.ts"
import { compileUpstreamTls } from "./upstream-tls.ts"

/** The four settings that a port takes whole from its own entry, or not at all. */
export type PortPolicy = Pick<TrafficPolicy, "loadBalancer" | "connectionPool" | "outlierDetection" | "tls">

export interface CompiledPolicy {
  readonly traffic: ClusterTrafficPolicy
  /** `h2UpgradePolicy: UPGRADE`. */
  readonly upgradesToHttp2: boolean
  /** `simple: PASSTHROUGH`: to where the connection was going, and at a gateway it was going nowhere else. */
  readonly isPassthrough: boolean
  readonly localityLbSetting: LocalityLbSetting | undefined
}

export type LocalityLbSetting = NonNullable<NonNullable<PortPolicy["loadBalancer"]>["localityLbSetting"]>

/** What the policy is for. */
export interface PolicyTarget {
  readonly host: string
  /** The service's port number. */
  readonly port: number
  /** Of the ServiceEntry, used where the rule names none (sheet 6.7). */
  readonly subjectAltNames: readonly string[]
}

export function compileTrafficPolicy(
  rule: MergedRule | null,
  subset: Subset | null,
  target: PolicyTarget,
): CompiledPolicy {
  const policy = effectivePolicy(rule, target.port, subset)
  const { http, tcp } = policy.connectionPool ?? {}
  const proxyProtocol = subset?.trafficPolicy?.proxyProtocol ?? rule?.trafficPolicy?.proxyProtocol
  const loadBalancer = loadBalancerOf(policy)
  return {
    traffic: {
      loadBalancer,
      hash: compileHashPolicy(policy.loadBalancer?.consistentHash),
      warmup: warmupOf(policy, loadBalancer),
      connectTimeoutMs: durationMs(tcp?.connectTimeout) || trafficPolicyDefault.connectTimeoutMs,
      // 0 disables the timeout, so it is not the same as unset.
      idleTimeoutMs:
        durationMs(http?.idleTimeout) ?? durationMs(tcp?.idleTimeout) ?? trafficPolicyDefault.idleTimeoutMs,
      tcpIdleTimeoutMs: durationMs(tcp?.idleTimeout) ?? trafficPolicyDefault.tcpIdleTimeoutMs,
      limits: limitsOf(policy, subset?.trafficPolicy?.retryBudget ?? rule?.trafficPolicy?.retryBudget),
      outlierDetection: outlierDetectionOf(policy),
      panicThresholdPercent:
        policy.outlierDetection === undefined
          ? trafficPolicyDefault.panicThresholdPercent
          : (policy.outlierDetection.minHealthPercent ?? 0),
      tls: compileUpstreamTls(policy.tls, subset?.name ?? "", rule?.namespace ?? "", target),
      usesClientProtocol: http?.useClientProtocol ?? false,
      proxyProtocol: proxyProtocol === undefined ? 0 : proxyProtocol.version === "V2" ? 2 : 1,
    },
    upgradesToHttp2: http?.h2UpgradePolicy === "UPGRADE",
    isPassthrough: policy.loadBalancer?.simple === "PASSTHROUGH",
    localityLbSetting: policy.loadBalancer?.localityLbSetting,
  }
}

function effectivePolicy(rule: MergedRule | null, port: number, subset: Subset | null): PortPolicy {
  const base = atPort(rule?.trafficPolicy, port)
  const own = subset?.trafficPolicy
  const ownSettings = atPort(own, port)
  // A subset's own entry for the port replaces all four, its general policy only those it names.
  return hasPort(own, port) ? ownSettings : { ...base, ...withoutUnset(ownSettings) }
}

function atPort(policy: TrafficPolicy | undefined, port: number): PortPolicy {
  return policy?.portLevelSettings?.find((settings) => settings.port?.number === port) ?? policy ?? {}
}

function hasPort(policy: TrafficPolicy | undefined, port: number): boolean {
  return policy?.portLevelSettings?.some((settings) => settings.port?.number === port) ?? false
}

function withoutUnset(policy: PortPolicy): PortPolicy {
  return {
    ...(policy.loadBalancer === undefined ? {} : { loadBalancer: policy.loadBalancer }),
    ...(policy.connectionPool === undefined ? {} : { connectionPool: policy.connectionPool }),
    ...(policy.outlierDetection === undefined ? {} : { outlierDetection: policy.outlierDetection }),
    ...(policy.tls === undefined ? {} : { tls: policy.tls }),
  }
}

function loadBalancerOf(policy: PortPolicy): LoadBalancerKind {
  const { consistentHash, simple } = policy.loadBalancer ?? {}
  if (consistentHash !== undefined) return consistentHash.maglev === undefined ? "ring-hash" : "maglev"
  switch (simple) {
    case "ROUND_ROBIN":
      return "round-robin"
    case "RANDOM":
      return "random"
    default:
      return "least-request"
  }
}

/** Only the two balancers that look at weights in turns can warm up. */
function warmupOf(policy: PortPolicy, loadBalancer: LoadBalancerKind): WarmupPolicy | null {
  const { warmup, warmupDurationSecs } = policy.loadBalancer ?? {}
  const durationMsOfWarmup = durationMs(warmup?.duration ?? warmupDurationSecs) ?? 0
  if (durationMsOfWarmup === 0 || (loadBalancer !== "least-request" && loadBalancer !== "round-robin")) return null
  return {
    durationMs: durationMsOfWarmup,
    minimumPercent: warmup?.minimumPercent ?? 10,
    aggression: warmup?.aggression ?? 1,
  }
}

/** Zero means unset for all of these numbers. */
function limitsOf(policy: PortPolicy, budget: TrafficPolicy["retryBudget"]): ConnectionLimits {
  const { http, tcp } = policy.connectionPool ?? {}
  const keepalive = tcp?.tcpKeepalive
  return {
    maxConnections: tcp?.maxConnections || unlimited,
    maxPendingRequests: http?.http1MaxPendingRequests || unlimited,
    maxRequests: http?.http2MaxRequests || unlimited,
    maxRetries: http?.maxRetries || unlimited,
    retryBudget:
      budget === undefined
        ? null
        : { percent: budget.percent ?? 20, minRetryConcurrency: budget.minRetryConcurrency || 3 },
    maxRequestsPerConnection: http?.maxRequestsPerConnection ?? 0,
    maxConnectionDurationMs: durationMs(tcp?.maxConnectionDuration) ?? 0,
    keepAliveAfterMs: keepalive === undefined ? 0 : (durationMs(keepalive.time) ?? keepAliveAfterMsDefault),
    maxConcurrentStreams: http?.maxConcurrentStreams || unlimited,
    http2KeepAlive: http2KeepAliveOf(policy),
  }
}

/** Both are required: a rule without one of them has been refused. */
function http2KeepAliveOf(policy: PortPolicy): Http2KeepAlive | null {
  const { interval, timeout } = policy.connectionPool?.http?.http2KeepAlive ?? {}
  const [intervalMs, timeoutMs] = [durationMs(interval), durationMs(timeout)]
  return intervalMs === null || timeoutMs === null ? null : { intervalMs, timeoutMs }
}

/** The operating system's: two hours. */
const keepAliveAfterMsDefault = 7_200_000

function outlierDetectionOf(policy: PortPolicy): OutlierPolicy | null {
  const detection = policy.outlierDetection
  if (detection === undefined) return null
  const splitsLocalOrigin = detection.splitExternalLocalOriginErrors ?? false
  return {
    // The deprecated consecutiveErrors counted gateway errors.
    consecutive5xxErrors: detection.consecutive5xxErrors ?? 5,
    consecutiveGatewayErrors: detection.consecutiveGatewayErrors ?? detection.consecutiveErrors ?? 0,
    consecutiveLocalOriginFailures: splitsLocalOrigin ? (detection.consecutiveLocalOriginFailures ?? 5) : 0,
    splitsLocalOrigin,
    intervalMs: durationMs(detection.interval) || 10_000,
    baseEjectionTimeMs: durationMs(detection.baseEjectionTime) || 30_000,
    maxEjectionPercent: detection.maxEjectionPercent ?? 10,
    errorStatuses: statusRanges(detection.outlierDetectionHttpErrorCodes),
  }
}

/** `503`, `5xx`, or `500-504`; others are the schema's to refuse. @returns null when none is given. */
function statusRanges(codes: readonly string[] | undefined): readonly StatusRange[] | null {
  const ranges = (codes ?? []).flatMap((code): StatusRange[] => {
    const written = /^([1-5])(?:(\d\d)|xx)(?:-([1-5]\d\d))?$/i.exec(code.trim())
    if (written === null) return []
    const [, digit = "", rest, last] = written
    if (rest === undefined) return [{ first: Number(digit) * 100, last: Number(digit) * 100 + 99 }]
    const first = Number(digit + rest)
    return [{ first, last: last === undefined ? first : Number(last) }]
  })
  return ranges.length === 0 ? null : ranges
}

export function durationMs(text: string | undefined): number | null {
  return text === undefined ? null : parseDurationMs(text)
}
