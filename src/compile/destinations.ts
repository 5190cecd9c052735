/**
 * From what a rule writes as `destination` to a cluster (Istio semantics sheet 3.1). A name that no resource defines is
 * left to DNS as written, or stays unknown: the request then gets 503 NC (5.2).
 */
import type { Destination } from "./api-types.ts"
import type { ClusterTable } from "./clusters.ts"
import type { DestinationRules } from "./destination-rules.ts"
import { clusterName, fullyQualifiedHost } from "./names.ts"
import type { FieldPath, Report } from "./report.ts"
import type { ServerView } from "./route-match.ts"
import type { RuleSource } from "./rule-source.ts"
import type { ServiceDefinition, ServiceRegistry } from "./services.ts"

export interface ResolvedCluster {
  readonly name: string
  /** Into `Snapshot.clusters`; -1 = unknown. */
  readonly index: number
}

export class DestinationResolver {
  readonly #services: ServiceRegistry
  readonly #rules: DestinationRules
  readonly #clusters: ClusterTable
  readonly #dnsFallback: boolean
  readonly #report: Report

  constructor(
    services: ServiceRegistry,
    rules: DestinationRules,
    clusters: ClusterTable,
    dnsFallback: boolean,
    report: Report,
  ) {
    this.#services = services
    this.#rules = rules
    this.#clusters = clusters
    this.#dnsFallback = dnsFallback
    this.#report = report
  }

  /**
   * @param namespace of the VirtualService: where short names belong.
   * @param path      of the destination, for diagnostics.
   */
  resolve(
    destination: Destination,
    namespace: string,
    source: RuleSource,
    path: FieldPath,
    server: ServerView,
  ): ResolvedCluster {
    const subset = destination.subset ?? ""
    const service = this.#services.find(destination.host, namespace, server.gatewayNamespace)
    if (service === null) return this.#resolveUndefined(destination, namespace, source, path, server)

    const [only] = service.ports
    const onlyPort = service.ports.length === 1 ? only?.number : undefined
    const port = destination.port?.number ?? onlyPort ?? server.declaredPort
    const name = clusterName(port, subset, service.clusterHost)
    const index = this.#clusters.indexOf(name)
    if (index >= 0) {
      this.#reportWithoutEndpoints(index, destination.host, source, path)
    } else if (this.#clusters.indexOf(clusterName(port, "", service.clusterHost)) < 0) {
      this.#reportPort(destination, service, port, source, path)
    } else {
      this.#reportSubset(destination.host, subset, service, source, path)
    }
    return { name, index }
  }

  #resolveUndefined(
    destination: Destination,
    namespace: string,
    source: RuleSource,
    path: FieldPath,
    server: ServerView,
  ): ResolvedCluster {
    const { host } = destination
    const subset = destination.subset ?? ""
    const port = destination.port?.number ?? server.declaredPort
    const whole = fullyQualifiedHost(host, namespace)
    const hint = this.#report.closestName(host, this.#shortHosts(namespace))
    if (!this.#dnsFallback || host.includes("*")) {
      this.#report.add({
        severity: "error",
        code: "P3005",
        resource: source.resource,
        path: [...path, "host"],
        message: `no Service or ServiceEntry defines destination "${host}"${whole === host ? "" : ` (${whole})`}: requests get 503`,
        hint,
      })
      return { name: clusterName(port, subset, whole), index: -1 }
    }
    if (subset !== "") {
      this.#report.add({
        severity: "error",
        code: "P3008",
        resource: source.resource,
        path: [...path, "subset"],
        message: `subset "${subset}" needs endpoints with labels, but no Service or ServiceEntry defines "${host}": requests get 503`,
        hint: hint === "" ? "define the host in a ServiceEntry with labelled endpoints, or leave the subset out" : hint,
      })
      return { name: clusterName(port, subset, host), index: -1 }
    }
    this.#report.add({
      severity: "warning",
      code: "P3006",
      resource: source.resource,
      path: [...path, "host"],
      onceKey: host,
      message: `no Service or ServiceEntry defines destination "${host}": it is looked up in DNS as written, port ${port}`,
      hint,
    })
    return this.#clusters.addByName(host, port, whole, namespace)
  }

  /** Names as this namespace would write them. */
  *#shortHosts(namespace: string): Iterable<string> {
    const suffix = fullyQualifiedHost("", namespace)
    for (const host of this.#services.hosts) yield host.endsWith(suffix) ? host.slice(0, -suffix.length) : host
  }

  #reportPort(
    destination: Destination,
    service: ServiceDefinition,
    port: number,
    source: RuleSource,
    path: FieldPath,
  ): void {
    const offered = service.ports.map(({ number }) => number).join(", ")
    const isWritten = destination.port?.number !== undefined
    this.#report.add({
      severity: "error",
      code: "P3007",
      resource: source.resource,
      path: isWritten ? [...path, "port", "number"] : path,
      message: isWritten
        ? `"${destination.host}" has no port ${port}: requests get 503`
        : `"${destination.host}" has several ports, and without \`port\` the Gateway's own is taken, ${port}, which it does not have: requests get 503`,
      hint: offered === "" ? "the service has no ports" : `it has ${offered}`,
    })
  }

  #reportSubset(host: string, subset: string, service: ServiceDefinition, source: RuleSource, path: FieldPath): void {
    const subsets = [...(this.#rules.find(service.clusterHost, service.namespace)?.subsets.keys() ?? [])]
    const closest = this.#report.closestName(subset, subsets)
    this.#report.add({
      severity: "error",
      code: "P3008",
      resource: source.resource,
      path: [...path, "subset"],
      message: `no DestinationRule that applies to "${host}" defines subset "${subset}": requests get 503`,
      hint: closest !== "" || subsets.length === 0 ? closest : `it has ${subsets.join(", ")}`,
    })
  }

  #reportWithoutEndpoints(index: number, host: string, source: RuleSource, path: FieldPath): void {
    const cluster = this.#clusters.clusters[index]
    if (cluster === undefined || cluster.discovery.endpoints.length > 0) return
    this.#report.add({
      severity: "warning",
      code: "P3011",
      resource: source.resource,
      path,
      onceKey: cluster.name,
      message: `"${host}" has no endpoints here (${cluster.name}): requests get 503`,
      hint:
        cluster.subset === ""
          ? "a Service needs EndpointSlices, a ServiceEntry needs endpoints or resolution: DNS"
          : "no endpoint carries the labels of the subset",
    })
  }
}
