/**
 * The registry of destinations that the configuration defines: who offers a host name, on which ports, with which
 * endpoints (Istio semantics sheet 3.1 (2), 7; CONTRACT of lookups: whole name first, then the name as written).
 */
import type { Resource } from "../config/resources.ts"
import { sortedInSteps } from "../config/sort-in-steps.ts"
import type { Steps } from "../config/steps.ts"
import { isVisible } from "./export-to.ts"
import { fullyQualifiedHost } from "./names.ts"
import { compareByCreation } from "./order.ts"
import type { ClusterSpec, Discovery, EndpointSpec } from "./snapshot.ts"

export interface ServicePort {
  readonly number: number
  readonly name: string
  readonly protocol: ClusterSpec["protocol"]
  readonly discovery: Discovery
}

export interface ServiceDefinition {
  readonly host: string
  /** The host of its clusters: another than `host` for an ExternalName. */
  readonly clusterHost: string
  readonly namespace: string
  readonly exportTo: readonly string[] | undefined
  readonly ports: readonly ServicePort[]
  /** A ServiceEntry's: what TLS expects in the endpoints' certificates. */
  readonly subjectAltNames: readonly string[]
  /** null for services that no file defines. */
  readonly resource: Resource | null
}

/** A service that this very process runs. */
export interface DemoService {
  readonly host: string
  readonly port: number
  /** `IP:PORT` it really listens on; `IP` alone means `port`. */
  readonly address: string
  readonly protocol: ClusterSpec["protocol"]
}

export class ServiceRegistry {
  /** Oldest first; those of no file last. */
  readonly all: readonly ServiceDefinition[]
  readonly #byHost = new Map<string, ServiceDefinition[]>()

  static *of(definitions: readonly ServiceDefinition[]): Steps<ServiceRegistry> {
    return new ServiceRegistry(yield* sortedInSteps(definitions, compareDefinitions))
  }

  private constructor(sorted: readonly ServiceDefinition[]) {
    this.all = sorted
    for (const definition of this.all) {
      const sameHost = this.#byHost.get(definition.host)
      if (sameHost === undefined) this.#byHost.set(definition.host, [definition])
      else sameHost.push(definition)
    }
  }

  get hosts(): Iterable<string> {
    return this.#byHost.keys()
  }

  /**
   * @param written   `destination.host`.
   * @param namespace of the rule that names it: its own services come first.
   * @param viewer    namespace of the gateway, to which the service must be exported.
   */
  find(written: string, namespace: string, viewer: string): ServiceDefinition | null {
    const whole = fullyQualifiedHost(written, namespace)
    return (
      this.#findHost(whole, namespace, viewer) ??
      (whole === written ? null : this.#findHost(written, namespace, viewer))
    )
  }

  #findHost(host: string, namespace: string, viewer: string): ServiceDefinition | null {
    const sameHost = this.#byHost.get(host)
    if (sameHost === undefined) return null
    let first: ServiceDefinition | null = null
    for (const each of sameHost) {
      if (!isVisible(each.exportTo, each.namespace, viewer)) continue
      if (each.namespace === namespace) return each
      first ??= each
    }
    return first
  }
}

/** Demo services as one definition per host. */
export function demoDefinitions(services: readonly DemoService[]): readonly ServiceDefinition[] {
  const portsByHost = new Map<string, ServicePort[]>()
  for (const { host, port, address, protocol } of services) {
    const ports = portsByHost.get(host) ?? []
    portsByHost.set(host, ports)
    ports.push({
      number: port,
      name: "",
      protocol,
      discovery: { kind: "static", endpoints: [demoEndpoint(address, port)] },
    })
  }
  return [...portsByHost].map(([host, ports]) => ({
    host,
    clusterHost: host,
    namespace: "",
    exportTo: undefined,
    ports,
    subjectAltNames: [],
    resource: null,
  }))
}

function demoEndpoint(text: string, declaredPort: number): EndpointSpec {
  const bound = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(text)
  const address = bound?.[1] ?? bound?.[2] ?? text
  const port = bound?.[3] === undefined ? declaredPort : Number(bound[3])
  return { address, port, weight: 1, labels: {}, locality: "", priority: 0, localityShare: 0 }
}

function compareDefinitions(left: ServiceDefinition, right: ServiceDefinition): number {
  if (left.resource === null || right.resource === null) {
    return Number(left.resource === null) - Number(right.resource === null)
  }
  return compareByCreation(left.resource, right.resource)
}
