/**
 * Upstream clusters: one for every port of every defined service and for every subset of it, and those that are left to
 * DNS (Istio semantics sheet 6.2, 7). Names are unique; of two services with one host and port the older counts.
 */
import type { Subset } from "./api-types.ts"
import { type ClusterPolicy, clusterPolicy, type DestinationRules, type MergedRule } from "./destination-rules.ts"
import { clusterName } from "./names.ts"
import type { ServiceDefinition, ServicePort, ServiceRegistry } from "./services.ts"
import type { ClusterSpec, Discovery, SourceLocation } from "./snapshot.ts"

export class ClusterTable {
  readonly #clusters: ClusterSpec[] = []
  readonly #indexByName = new Map<string, number>()
  readonly #rules: DestinationRules

  constructor(services: ServiceRegistry, rules: DestinationRules) {
    this.#rules = rules
    for (const service of services.all) {
      // Nobody may see it: not even a name is left.
      if (service.exportTo?.includes("~")) continue
      const rule = rules.find(service.clusterHost, service.namespace)
      for (const port of service.ports) this.#addPort(service, port, rule)
    }
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
    const policy = clusterPolicy(this.#rules.find(policyHost, namespace), port, null)
    const discovery: Discovery = {
      kind: "strict-dns",
      endpoints: [{ address: host, port, weight: 1, labels: {}, locality: "" }],
    }
    this.#add({ host, port, subset: "", discovery, protocol: "http1" }, policy, null)
    return { name, index: this.indexOf(name) }
  }

  #addPort(service: ServiceDefinition, port: ServicePort, rule: MergedRule | null): void {
    const { clusterHost: host } = service
    const { number, protocol, discovery } = port
    const whole = { host, port: number, subset: "", discovery, protocol }
    this.#add(whole, clusterPolicy(rule, number, null), service)
    for (const [name, subset] of rule?.subsets ?? []) {
      const part = { ...whole, subset: name, discovery: withLabels(discovery, subset) }
      this.#add(part, clusterPolicy(rule, number, subset), service)
    }
  }

  #add(
    described: Pick<ClusterSpec, "host" | "port" | "subset" | "discovery" | "protocol">,
    policy: ClusterPolicy,
    service: ServiceDefinition | null,
  ): void {
    const name = clusterName(described.port, described.subset, described.host)
    if (this.#indexByName.has(name)) return
    const index = this.#clusters.length
    this.#indexByName.set(name, index)
    this.#clusters.push({
      index,
      name,
      host: described.host,
      port: described.port,
      subset: described.subset,
      discovery: described.discovery,
      protocol: policy.upgradesToHttp2 && described.protocol === "http1" ? "http2" : described.protocol,
      loadBalancer: policy.loadBalancer,
      connectTimeoutMs: policy.connectTimeoutMs,
      idleTimeoutMs: policy.idleTimeoutMs,
      get location(): SourceLocation | null {
        return locationOf(service)
      },
    })
  }
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
