/**
 * What a DestinationRule's schema cannot say (Istio semantics sheet 6, 13).
 * Source: istio/istio pkg/config/validation (ValidateDestinationRule, validateTrafficPolicy, validateTLS).
 */
import type { z } from "zod"
import type { Findings } from "./findings.ts"
import type { destinationRuleSpec, trafficPolicy } from "./schemas/destination-rule.ts"
import type { FieldPath } from "./span-tree.ts"

type Spec = z.output<typeof destinationRuleSpec>
type TrafficPolicy = z.output<typeof trafficPolicy>
/** What the policy, and each port of it, can set. */
type PortPolicy = Pick<TrafficPolicy, "connectionPool" | "loadBalancer" | "outlierDetection" | "tls">

/** Envoy's bound on a Maglev table. */
const maglevTableSizeMax = 5_000_011

export function validateDestinationRule(spec: Spec, findings: Findings): void {
  validatePolicy(spec.trafficPolicy, ["spec", "trafficPolicy"], findings)
  const names = new Set<string>()
  for (const [index, subset] of (spec.subsets ?? []).entries()) {
    const path = ["spec", "subsets", index]
    if (names.has(subset.name)) {
      findings.error("P2301", [...path, "name"], `subset \`${subset.name}\` is already defined in this rule`)
    }
    names.add(subset.name)
    validatePolicy(subset.trafficPolicy, [...path, "trafficPolicy"], findings)
  }
}

function validatePolicy(policy: TrafficPolicy | undefined, path: FieldPath, findings: Findings): void {
  if (policy === undefined) return
  validatePortPolicy(policy, path, findings)
  for (const [index, setting] of (policy.portLevelSettings ?? []).entries()) {
    const at = [...path, "portLevelSettings", index]
    if (setting.port?.number === undefined) {
      findings.error("P2308", at, "a port level setting needs `port.number`")
    }
    validatePortPolicy(setting, at, findings)
  }
}

function validatePortPolicy(policy: PortPolicy, path: FieldPath, findings: Findings): void {
  validateConnectionPool(policy.connectionPool, [...path, "connectionPool"], findings)
  validateLoadBalancer(policy.loadBalancer, [...path, "loadBalancer"], findings)
  validateOutlierDetection(policy.outlierDetection, [...path, "outlierDetection"], findings)
  validateTls(policy.tls, [...path, "tls"], findings)
}

function validateConnectionPool(pool: PortPolicy["connectionPool"], path: FieldPath, findings: Findings): void {
  if (pool === undefined) return
  if (pool.http === undefined && pool.tcp === undefined) {
    findings.error("P2303", path, "connectionPool needs `tcp` or `http`", "", "key")
  }
  if (pool.http?.useClientProtocol === true && pool.http.h2UpgradePolicy === "UPGRADE") {
    const message = "useClientProtocol excludes h2UpgradePolicy UPGRADE"
    findings.error("P2307", [...path, "http", "useClientProtocol"], message)
  }
  const keepAlive = pool.http?.http2KeepAlive
  if (keepAlive !== undefined && (keepAlive.interval === undefined || keepAlive.timeout === undefined)) {
    findings.error(
      "P2304",
      [...path, "http", "http2KeepAlive"],
      "a keepalive needs `interval` and `timeout`",
      "",
      "key",
    )
  }
}

function validateLoadBalancer(balancer: PortPolicy["loadBalancer"], path: FieldPath, findings: Findings): void {
  if (balancer?.simple === "PASSTHROUGH") {
    const message = "a gateway has no original destination to pass through to: requests get 503"
    findings.warning("P2351", [...path, "simple"], message, "leave it out, or choose another load balancer")
  }
  const maglev = balancer?.consistentHash?.maglev
  if (maglev !== undefined) {
    const size = maglev.tableSize
    if (size === undefined || size >= maglevTableSizeMax || !isPrime(size)) {
      const message = `maglev needs a \`tableSize\` that is a prime number below ${maglevTableSizeMax}`
      findings.error("P2302", [...path, "consistentHash", "maglev", "tableSize"], message, "65537 is usual")
    }
  }
  for (const [index, entry] of (balancer?.localityLbSetting?.distribute ?? []).entries()) {
    const sum = Object.values(entry.to ?? {}).reduce((total, weight) => total + weight, 0)
    if (sum === 100) continue
    const at = [...path, "localityLbSetting", "distribute", index, "to"]
    findings.error("P2306", at, `the weights of \`to\` must sum to 100, not ${sum}`, "", "key")
  }
}

function validateOutlierDetection(
  detection: PortPolicy["outlierDetection"],
  path: FieldPath,
  findings: Findings,
): void {
  if (detection === undefined) return
  if (detection.consecutiveLocalOriginFailures !== undefined && detection.splitExternalLocalOriginErrors !== true) {
    const message = "consecutiveLocalOriginFailures needs `splitExternalLocalOriginErrors: true`"
    findings.error("P2305", [...path, "consecutiveLocalOriginFailures"], message)
  }
  if (detection.consecutiveErrors !== undefined) {
    const hint = "use consecutive5xxErrors or consecutiveGatewayErrors"
    findings.warning("P2350", [...path, "consecutiveErrors"], "consecutiveErrors is deprecated", hint, "key")
  }
}

function validateTls(tls: PortPolicy["tls"], path: FieldPath, findings: Findings): void {
  if (tls?.mode !== "MUTUAL") return
  const fromSecret = (tls.credentialName ?? "") !== ""
  for (const field of ["clientCertificate", "privateKey"] as const) {
    const given = (tls[field] ?? "") !== ""
    if (given && fromSecret) {
      findings.error("P2309", [...path, field], `\`${field}\` and credentialName exclude each other`, "keep one", "key")
    } else if (!given && !fromSecret) {
      findings.error("P2309", path, `mode MUTUAL needs \`${field}\``, "or set credentialName", "key")
    }
  }
}

function isPrime(value: number): boolean {
  if (value < 2) return false
  for (let divisor = 2; divisor * divisor <= value; divisor++) if (value % divisor === 0) return false
  return true
}
