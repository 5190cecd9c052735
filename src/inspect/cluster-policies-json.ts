/**
 * What a DestinationRule settled for a cluster, as Envoy's `Cluster` has it (Istio semantics sheet 6.3-6.7, 10): circuit
 * breakers, outlier detection, health checks, HTTP options and TLS. Values are the ones in force, defaults included.
 */
import type { ConnectionLimits, OutlierPolicy, UpstreamTls } from "../compile/cluster-policies.ts"
import { trafficPolicyDefault } from "../compile/cluster-policies.ts"
import type { ClusterSpec } from "../compile/snapshot.ts"
import { durationText, type JsonObject, message } from "./json-value.ts"

const httpOptions = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
const tlsContext = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext"
/** What Istio says of a detector: it always ejects, or never. */
const enforced = 100

/** Envoy's `CircuitBreakers`: one set of thresholds, for every priority there is here. */
export function circuitBreakersJson(limits: ConnectionLimits): JsonObject {
  const { retryBudget } = limits
  const thresholds = message({
    maxConnections: limits.maxConnections,
    maxPendingRequests: limits.maxPendingRequests,
    maxRequests: limits.maxRequests,
    maxRetries: retryBudget === null ? limits.maxRetries : null,
    retryBudget:
      retryBudget === null
        ? null
        : {
            budgetPercent: { value: retryBudget.percent },
            minRetryConcurrency: retryBudget.minRetryConcurrency,
          },
  })
  return { thresholds: [thresholds] }
}

export function outlierDetectionJson(policy: OutlierPolicy | null): JsonObject | null {
  if (policy === null) return null
  const enforcing = (errors: number) => (errors > 0 ? enforced : 0)
  return message({
    consecutive5xx: policy.consecutive5xxErrors,
    interval: durationText(policy.intervalMs),
    baseEjectionTime: durationText(policy.baseEjectionTimeMs),
    maxEjectionPercent: policy.maxEjectionPercent,
    enforcingConsecutive5xx: enforcing(policy.consecutive5xxErrors),
    enforcingSuccessRate: 0,
    consecutiveGatewayFailure: policy.consecutiveGatewayErrors,
    enforcingConsecutiveGatewayFailure: enforcing(policy.consecutiveGatewayErrors),
    splitExternalLocalOriginErrors: policy.splitsLocalOrigin ? true : null,
    consecutiveLocalOriginFailure: policy.splitsLocalOrigin ? policy.consecutiveLocalOriginFailures : null,
    enforcingConsecutiveLocalOriginFailure: policy.splitsLocalOrigin
      ? enforcing(policy.consecutiveLocalOriginFailures)
      : null,
  })
}

/** The panic threshold; Envoy's own default is not said. */
export function commonLbConfigJson(spec: ClusterSpec): JsonObject | null {
  const { panicThresholdPercent } = spec
  return panicThresholdPercent === trafficPolicyDefault.panicThresholdPercent
    ? null
    : { healthyPanicThreshold: { value: panicThresholdPercent } }
}

export function healthChecksJson(spec: ClusterSpec): readonly JsonObject[] {
  const { healthCheck } = spec
  if (healthCheck === null) return []
  return [
    {
      timeout: durationText(healthCheck.timeoutMs),
      interval: durationText(healthCheck.intervalMs),
      unhealthyThreshold: healthCheck.unhealthyThreshold,
      healthyThreshold: healthCheck.healthyThreshold,
      httpHealthCheck: { host: spec.host, path: healthCheck.path },
    },
  ]
}

/** Envoy's `HttpProtocolOptions`: which version is spoken, and how long a connection is used. */
export function httpProtocolOptionsJson(spec: ClusterSpec): JsonObject | null {
  const common = commonHttpOptions(spec)
  const names = spec.tls === null ? {} : hostNamingOptions(spec.tls)
  const hasOptions = Object.keys(common).length + Object.keys(names).length > 0
  if (spec.protocol !== "http2" && !spec.usesClientProtocol && !hasOptions) return null
  return {
    [httpOptions]: message({
      "@type": `type.googleapis.com/${httpOptions}`,
      commonHttpProtocolOptions: common,
      upstreamHttpProtocolOptions: names,
      ...spokenVersions(spec),
    }),
  }
}

function commonHttpOptions(spec: ClusterSpec): JsonObject {
  const { idleTimeoutMs, limits } = spec
  const { maxConnectionDurationMs, maxRequestsPerConnection } = limits
  return message({
    idleTimeout: idleTimeoutMs === trafficPolicyDefault.idleTimeoutMs ? null : durationText(idleTimeoutMs),
    maxConnectionDuration: maxConnectionDurationMs === 0 ? null : durationText(maxConnectionDurationMs),
    maxRequestsPerConnection: maxRequestsPerConnection === 0 ? null : maxRequestsPerConnection,
  })
}

/** What the request's Host decides of the handshake. */
function hostNamingOptions(tls: UpstreamTls): JsonObject {
  return message({ autoSni: tls.sni === "" ? true : null, autoSanValidation: tls.verifiesHost ? true : null })
}

function spokenVersions(spec: ClusterSpec): JsonObject {
  const http2ProtocolOptions = http2Options(spec.limits)
  if (spec.usesClientProtocol) {
    return { useDownstreamProtocolConfig: { httpProtocolOptions: {}, http2ProtocolOptions } }
  }
  return { explicitHttpConfig: spec.protocol === "http2" ? { http2ProtocolOptions } : { httpProtocolOptions: {} } }
}

function http2Options(limits: ConnectionLimits): JsonObject {
  const { maxConcurrentStreams, http2KeepAlive } = limits
  const isLimited = maxConcurrentStreams !== trafficPolicyDefault.limits.maxConcurrentStreams
  return message({
    maxConcurrentStreams: isLimited ? maxConcurrentStreams : null,
    connectionKeepalive:
      http2KeepAlive === null
        ? null
        : { interval: durationText(http2KeepAlive.intervalMs), timeout: durationText(http2KeepAlive.timeoutMs) },
  })
}

/** Envoy's `UpstreamTlsContext`. Secrets are named as istiod names them: keys are not shown. */
export function upstreamTransportSocketJson(spec: ClusterSpec): JsonObject | null {
  const { tls } = spec
  if (tls === null) return null
  return {
    name: "envoy.transport_sockets.tls",
    typedConfig: message({
      "@type": tlsContext,
      commonTlsContext: message({
        tlsCertificateSdsSecretConfigs: tls.isMutual ? [{ name: clientCertificateName(tls) }] : [],
        combinedValidationContext: tls.insecureSkipVerify ? null : validationContext(tls),
        alpnProtocols: spec.protocol === "http2" && !spec.usesClientProtocol ? ["h2"] : [],
      }),
      sni: tls.sni,
    }),
  }
}

function validationContext(tls: UpstreamTls): JsonObject {
  return {
    defaultValidationContext: message({
      matchTypedSubjectAltNames: tls.subjectAltNames.map((exact) => ({ matcher: { exact } })),
    }),
    validationContextSdsSecretConfig: { name: authoritiesName(tls) },
  }
}

function clientCertificateName(tls: UpstreamTls): string {
  return tls.credentialName === ""
    ? `file-cert:${tls.clientCertificateFile}~${tls.privateKeyFile}`
    : `kubernetes://${tls.credentialName}`
}

function authoritiesName(tls: UpstreamTls): string {
  if (tls.credentialName !== "") return `kubernetes://${tls.credentialName}-cacert`
  return `file-root:${tls.caCertificatesFile === "" ? "system" : tls.caCertificatesFile}`
}

/** Envoy's `UpstreamConnectionOptions`. */
export function connectionOptionsJson({ keepAliveAfterMs }: ConnectionLimits): JsonObject | null {
  return keepAliveAfterMs === 0 ? null : { tcpKeepalive: { keepaliveTime: Math.ceil(keepAliveAfterMs / 1000) } }
}
