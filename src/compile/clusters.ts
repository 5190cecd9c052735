/**
 * Upstream clusters: one for every port of every defined service and for every subset of it, and those that are left to
 * DNS (Istio semantics sheet 6.2, 7). Names are unique; of two services with one host and port the older counts.
 */
import type { Steps } from "../config/steps.ts"
import type { Subset } from "./api-types.ts"
import type { DestinationRules, MergedRule } from "./destination-rules.ts"
import { healthCheckAnnotation, healthCheckOf } from "./health-check-annotation.ts"
import { type GatewayPlace, placeEndpoints } from "./locality.ts"
import { clusterName } from "./names.ts"
import type { Report } from "./report.ts"
import type { ServiceDefinition, ServicePort, ServiceRegistry } from "./services.ts"
import type { ClusterSpec, Discovery, SourceLocation } from "./snapshot.ts"
import { type CompiledPolicy, compileTrafficPolicy } from "./traffic-policy.ts"

export class ClusterTable {
  readonly #clusters: ClusterSpec[] = []
  readonly #indexByName = new Map<string, number>()
  readonly #rules: DestinationRules
  readonly #place: GatewayPlace

  private constructor(rules: DestinationRules, place: GatewayPlace) {
    this.#rules = rules
    this.#place = place
  }

  /** With the clusters of every service that somebody may see. */
  static *of(
    services: ServiceRegistry,
    rules: DestinationRules,
    place: GatewayPlace,
    report: Report,
  ): Steps<ClusterTable> {
    const table = new ClusterTable(rules, place)
    for (const service of services.all) {
      yield
      reportHealthCheck(service, report)
      // Nobody may see it: not even a name is left.
      if (service.exportTo?.includes("~")) continue
      const rule = rules.find(service.clusterHost, service.namespace)
      for (const port of service.ports) table.#addPort(service, port, rule)
    }
    return table
  }

  get clusters(): readonly ClusterSpec[] {
    return this.#clusters
  }

  /** @returns -1 when there is no such cluster. */
  indexOf(name: string): number {
    return this.#indexByName.get(name) ?? -1
  }

  /** The cluster of a name that no resource defines: every address that DNS has for it, on this port. */
  addByName(host: string, port: number, policyHost: string, namespace: string): { name: string; index: number } {
    const name = clusterName(port, "", host)
    const known = this.indexOf(name)
    if (known >= 0) return { name, index: known }
    const rule = this.#rules.find(policyHost, namespace)
    const policy = compileTrafficPolicy(rule, null, { host, port, subjectAltNames: [] })
    const discovery: Discovery = {
      kind: "strict-dns",
      endpoints: [{ address: host, port, weight: 1, labels: {}, locality: "", priority: 0, localityShare: 0 }],
    }
    this.#add({ host, port, subset: "", discovery, protocol: "http1" }, policy, rule, null)
    return { name, index: this.indexOf(name) }
  }

  #addPort(service: ServiceDefinition, port: ServicePort, rule: MergedRule | null): void {
    const { clusterHost: host } = service
    const { number, protocol, discovery } = port
    const whole = { host, port: number, subset: "", discovery, protocol }
    const target = { host, port: number, subjectAltNames: service.subjectAltNames }
    this.#add(whole, compileTrafficPolicy(rule, null, target), rule, service)
    for (const [name, subset] of rule?.subsets ?? []) {
      const part = { ...whole, subset: name, discovery: withLabels(discovery, subset) }
      this.#add(part, compileTrafficPolicy(rule, subset, target), rule, service)
    }
  }

  #add(
    described: Pick<ClusterSpec, "host" | "port" | "subset" | "discovery" | "protocol">,
    policy: CompiledPolicy,
    rule: MergedRule | null,
    service: ServiceDefinition | null,
  ): void {
    const name = clusterName(described.port, described.subset, described.host)
    if (this.#indexByName.has(name)) return
    const index = this.#clusters.length
    this.#indexByName.set(name, index)
    const { traffic } = policy
    const healthCheck = healthCheckOf(service?.resource ?? null)
    this.#clusters.push({
      ...traffic,
      index,
      name,
      host: described.host,
      port: described.port,
      subset: described.subset,
      discovery: this.#placed(described.discovery, policy),
      protocol: policy.upgradesToHttp2 && described.protocol === "http1" ? "http2" : described.protocol,
      healthCheck: healthCheck.kind === "policy" ? healthCheck.policy : null,
      destinationRule: rule === null ? null : { namespace: rule.namespace, name: rule.name },
      get location(): SourceLocation | null {
        return locationOf(service)
      },
    })
  }

  #placed(discovery: Discovery, policy: CompiledPolicy): Discovery {
    if (policy.isPassthrough) return { kind: "static", endpoints: [] }
    const { localityLbSetting, traffic } = policy
    const hasOutlierDetection = traffic.outlierDetection !== null
    const endpoints = placeEndpoints(discovery.endpoints, localityLbSetting, hasOutlierDetection, this.#place)
    return { kind: discovery.kind, endpoints }
  }
}

/** Found where the service is defined, once, however many clusters it has. */
function reportHealthCheck(service: ServiceDefinition, report: Report): void {
  const setting = healthCheckOf(service.resource)
  if (service.resource === null || setting.kind !== "invalid") return
  report.add({
    severity: "error",
    code: "P3014",
    resource: service.resource,
    path: ["metadata", "annotations", healthCheckAnnotation],
    message: `${healthCheckAnnotation}: ${setting.problem}`,
    hint: "for example: path=/healthz interval=5s timeout=1s healthy=2 unhealthy=3",
  })
}

/** Endpoints that carry all labels of a subset. */
function withLabels(discovery: Discovery, subset: Subset): Discovery {
  const wanted = Object.entries(subset.labels ?? {})
  if (wanted.length === 0) return discovery
  return {
    kind: discovery.kind,
    endpoints: discovery.endpoints.filter(({ labels }) => wanted.every(([key, value]) => labels[key] === value)),
  }
}

/** Looked up when someone asks: thousands of services are rarely all looked at. */
function locationOf(service: ServiceDefinition | null): SourceLocation | null {
  if (service === null || service.resource === null) return null
  const { file, line, column } = service.resource.locate(["metadata", "name"])
  return { file, line, column }
}
