/**
 * Fields of the API that Portcullis understands but does not honour yet. Setting one is a warning (P2901) that names
 * it: never silence. One line per field; a line is deleted in the change that honours its field.
 *
 * Fields that only name things (`statPrefix`) or that no gateway can act on are not listed.
 */
import type { Findings } from "./findings.ts"
import type { Resource } from "./resources.ts"
import type { FieldPath } from "./span-tree.ts"

interface NotHonoured {
  readonly kind: Resource["kind"]
  /** `[]` stands for every item of a list. */
  readonly path: string
  /** Only these values are not honoured (any case); absent = any value. */
  readonly values?: readonly string[]
}

const table: readonly NotHonoured[] = [
  { kind: "Gateway", path: "spec.servers[].port.protocol", values: ["HTTPS", "TLS", "TCP", "MONGO", "MYSQL", "REDIS"] },
  { kind: "Gateway", path: "spec.servers[].defaultEndpoint" },
  { kind: "Gateway", path: "spec.servers[].tls.httpsRedirect" },
  { kind: "Gateway", path: "spec.servers[].tls.mode" },
  { kind: "Gateway", path: "spec.servers[].tls.credentialName" },
  { kind: "Gateway", path: "spec.servers[].tls.credentialNames" },
  { kind: "Gateway", path: "spec.servers[].tls.serverCertificate" },
  { kind: "Gateway", path: "spec.servers[].tls.privateKey" },
  { kind: "Gateway", path: "spec.servers[].tls.tlsCertificates" },
  { kind: "Gateway", path: "spec.servers[].tls.caCertificates" },
  { kind: "Gateway", path: "spec.servers[].tls.caCertCredentialName" },
  { kind: "Gateway", path: "spec.servers[].tls.caCrl" },
  { kind: "Gateway", path: "spec.servers[].tls.subjectAltNames" },
  { kind: "Gateway", path: "spec.servers[].tls.verifyCertificateSpki" },
  { kind: "Gateway", path: "spec.servers[].tls.verifyCertificateHash" },
  { kind: "Gateway", path: "spec.servers[].tls.minProtocolVersion" },
  { kind: "Gateway", path: "spec.servers[].tls.maxProtocolVersion" },
  { kind: "Gateway", path: "spec.servers[].tls.cipherSuites" },
  { kind: "Gateway", path: "spec.servers[].tls.ecdhCurves" },
  { kind: "Gateway", path: "spec.servers[].tls.insecureSkipVerify" },

  { kind: "VirtualService", path: "spec.tls" },
  { kind: "VirtualService", path: "spec.tcp" },
  { kind: "VirtualService", path: "spec.http[].match[].sourceLabels" },
  { kind: "VirtualService", path: "spec.http[].match[].sourceNamespace" },
  { kind: "VirtualService", path: "spec.http[].delegate" },
  { kind: "VirtualService", path: "spec.http[].fault" },
  { kind: "VirtualService", path: "spec.http[].mirror" },
  { kind: "VirtualService", path: "spec.http[].mirrors" },
  { kind: "VirtualService", path: "spec.http[].mirrorPercent" },
  { kind: "VirtualService", path: "spec.http[].mirror_percent" },
  { kind: "VirtualService", path: "spec.http[].mirrorPercentage" },
  { kind: "VirtualService", path: "spec.http[].corsPolicy" },
  { kind: "VirtualService", path: "spec.http[].retries.backoff" },
  { kind: "VirtualService", path: "spec.http[].retries.perTryTimeout" },
  { kind: "VirtualService", path: "spec.http[].retries.retryOn" },
  { kind: "VirtualService", path: "spec.http[].retries.retryIgnorePreviousHosts" },
  { kind: "VirtualService", path: "spec.http[].retries.retryRemoteLocalities" },

  { kind: "DestinationRule", path: "spec.workloadSelector" },
  { kind: "DestinationRule", path: "spec.trafficPolicy.connectionPool.http" },
  { kind: "DestinationRule", path: "spec.trafficPolicy.connectionPool.tcp.maxConnections" },
  { kind: "DestinationRule", path: "spec.trafficPolicy.connectionPool.tcp.idleTimeout" },
  { kind: "DestinationRule", path: "spec.trafficPolicy.connectionPool.tcp.maxConnectionDuration" },
  { kind: "DestinationRule", path: "spec.trafficPolicy.connectionPool.tcp.tcpKeepalive" },
  { kind: "DestinationRule", path: "spec.trafficPolicy.loadBalancer.simple", values: ["PASSTHROUGH"] },
  { kind: "DestinationRule", path: "spec.trafficPolicy.loadBalancer.consistentHash" },
  { kind: "DestinationRule", path: "spec.trafficPolicy.loadBalancer.localityLbSetting" },
  { kind: "DestinationRule", path: "spec.trafficPolicy.loadBalancer.warmup" },
  { kind: "DestinationRule", path: "spec.trafficPolicy.loadBalancer.warmupDurationSecs" },
  { kind: "DestinationRule", path: "spec.trafficPolicy.outlierDetection" },
  { kind: "DestinationRule", path: "spec.trafficPolicy.tls" },
  { kind: "DestinationRule", path: "spec.trafficPolicy.portLevelSettings" },
  { kind: "DestinationRule", path: "spec.trafficPolicy.proxyProtocol" },
  { kind: "DestinationRule", path: "spec.trafficPolicy.retryBudget" },
  { kind: "DestinationRule", path: "spec.trafficPolicy.tunnel" },
  { kind: "DestinationRule", path: "spec.subsets[].trafficPolicy" },

  { kind: "ServiceEntry", path: "spec.resolution", values: ["DYNAMIC_DNS"] },
  { kind: "ServiceEntry", path: "spec.workloadSelector" },
  { kind: "ServiceEntry", path: "spec.addresses" },
  { kind: "ServiceEntry", path: "spec.subjectAltNames" },

  { kind: "WorkloadEntry", path: "spec" },
]

interface CompiledLine extends NotHonoured {
  /** Field names; "[]" for every item. */
  readonly steps: readonly string[]
}

const linesOfKind: ReadonlyMap<string, readonly CompiledLine[]> = Map.groupBy(
  table.map((line) => ({ ...line, steps: line.path.replaceAll("[]", ".[]").split(".") })),
  (line) => line.kind,
)

/** Warns of every set field that the table lists for this kind. */
export function warnOfFieldsNotHonoured(resource: Resource, findings: Findings): void {
  for (const line of linesOfKind.get(resource.kind) ?? []) walk(resource, line, 0, [], findings)
}

function walk(value: unknown, line: CompiledLine, depth: number, path: FieldPath, findings: Findings): void {
  if (value === undefined || value === null) return
  const step = line.steps[depth]
  if (step === undefined) {
    report(value, line, path, findings)
  } else if (step === "[]") {
    if (!Array.isArray(value)) return
    for (const [index, item] of value.entries()) walk(item, line, depth + 1, [...path, index], findings)
  } else if (typeof value === "object" && Object.hasOwn(value, step)) {
    walk(Reflect.get(value, step), line, depth + 1, [...path, step], findings)
  }
}

function report(value: unknown, line: CompiledLine, path: FieldPath, findings: Findings): void {
  if (line.values === undefined) {
    const name = path.length === 1 ? `a ${line.kind}` : `\`${path.at(-1)}\``
    findings.warning("P2901", path, `${name} is not honoured yet: it has no effect here`, "", "key")
  } else if (typeof value === "string" && line.values.includes(value.toUpperCase())) {
    findings.warning("P2901", path, `\`${path.at(-1)}: ${value}\` is not honoured yet: it has no effect here`)
  }
}
