/**
 * Typed resources to a Snapshot: the whole of Istio's translation as one pure function (Istio semantics sheet 1-3, 6, 7).
 *
 *   Gateways ──merge──▶ server groups ──────────────┐
 *   VirtualServices ──bind──▶ served at each server ─┴─▶ virtual hosts ▸ routes ▸ actions ─▶ listeners
 *   Services, ServiceEntries, DestinationRules ──▶ clusters ◀── destinations of the actions
 *
 * No I/O, no clock; the same resources give the same Snapshot in whatever order they come. Never throws on what users
 * write: everything wrong comes back as diagnostics, all of it at once.
 */
import type { Diagnosed } from "../config/diagnostics.ts"
import type {
  DestinationRuleResource,
  EndpointSliceResource,
  EndpointsResource,
  GatewayResource,
  Resource,
  ServiceEntryResource,
  ServiceResource,
  VirtualServiceResource,
  WorkloadEntryResource,
} from "../config/resources.ts"
import { sortedInSteps } from "../config/sort-in-steps.ts"
import { runAtOnce, type Steps } from "../config/steps.ts"
import {
  type Bindings,
  type BoundVirtualService,
  bindVirtualServices,
  type ServedVirtualService,
  virtualServicesAt,
} from "./bind-virtual-services.ts"
import { ClusterTable } from "./clusters.ts"
import { reportUnmetHosts } from "./cross-checks.ts"
import { type DelegateIndex, type EffectiveRule, effectiveRules, indexDelegates } from "./delegates.ts"
import { DestinationRules } from "./destination-rules.ts"
import { DestinationResolver } from "./destinations.ts"
import { type GatewayServer, mergeServers, type ServerGroup } from "./gateway-servers.ts"
import { kubernetesDefinitions } from "./kubernetes-services.ts"
import { compileListeners, type ListenerSources } from "./listeners.ts"
import { qualifiedName } from "./names.ts"
import { reportUnreadableAnnotations } from "./non-idempotent-annotation.ts"
import { compareByCreation } from "./order.ts"
import { RegexCompiler } from "./regex-compiler.ts"
import { Report } from "./report.ts"
import { MatchTranslator, type ServerView } from "./route-match.ts"
import { type CompiledRoute, compileRoutes } from "./routes.ts"
import { serviceEntryDefinitions } from "./service-entries.ts"
import { type DemoService, demoDefinitions, type ServiceDefinition, ServiceRegistry } from "./services.ts"
import type { Listener, Snapshot } from "./snapshot.ts"

export interface CompileOptions {
  /** The Gateway's port number to the port really bound; 0 = any free one. */
  readonly portMap: ReadonlyMap<number, number>
  /** Whether a destination that no resource defines is looked up in DNS as written. */
  readonly dnsFallback: boolean
  readonly demoServices: readonly DemoService[]
  /** The labels of this gateway's workload: Gateways that select others are not served. null = every Gateway is. */
  readonly selector: Readonly<Record<string, string>> | null
  /** `region/zone/subzone` of this gateway; absent or "" = not known: no endpoint is nearer than another. */
  readonly locality?: string
}

export function compile(resources: readonly Resource[], options: CompileOptions): Diagnosed<Snapshot> {
  return runAtOnce(compiling(resources, options))
}

/** The same in steps of about one resource each, for whoever has something else to do meanwhile. */
export function* compiling(resources: readonly Resource[], options: CompileOptions): Steps<Diagnosed<Snapshot>> {
  const report = new Report()
  const inventory = yield* sortByKind(resources)
  const served = inventory.gateways.filter((gateway) => isServed(gateway, options.selector))
  const knownGateways = new Set(inventory.gateways.map((gateway) => qualifiedName(gateway.metadata)))

  const services = yield* ServiceRegistry.of(yield* defineServices(inventory, options))
  const gatewayNamespaces = [...new Set(served.map((gateway) => gateway.metadata.namespace))]
  const rules = yield* DestinationRules.merge(inventory.destinationRules, gatewayNamespaces, options.selector)
  const place = { locality: options.locality ?? "", labels: options.selector ?? {} }
  const clusters = yield* ClusterTable.of(services, rules, place, report)
  const destinations = new DestinationResolver(services, rules, clusters, options.dnsFallback, report)

  const groups = mergeServers(served, options.portMap, report)
  const bindings = yield* bindVirtualServices(served, knownGateways, inventory.virtualServices, report)
  const delegates = indexDelegates(inventory.virtualServices)
  const meetings = yield* meetServers(groups, bindings)
  const sources = new CompiledSources(meetings, delegates, services, clusters, destinations, options, report)
  const listeners = yield* compileListeners(groups, sources)
  yield* reportUnmetHosts(bindings.bound, report)
  yield* reportUnreadableAnnotations(bindings.bound, report)

  const value: Snapshot = { listeners, clusters: clusters.clusters, ...countRoutes(listeners) }
  return { value, diagnostics: report.diagnostics }
}

/** Of each server, the VirtualServices that it serves. */
type Meetings = ReadonlyMap<GatewayServer, readonly ServedVirtualService[]>

/** Every server is asked, whatever it speaks: a host is unmet only when none of them knows it. */
function* meetServers(groups: readonly ServerGroup[], bindings: Bindings): Steps<Meetings> {
  const meetings = new Map<GatewayServer, readonly ServedVirtualService[]>()
  for (const server of groups.flatMap((group) => group.servers)) {
    const binding = bindings.byGateway.get(qualifiedName(server.gateway.metadata))
    if (binding !== undefined) meetings.set(server, yield* virtualServicesAt(server, binding))
  }
  return meetings
}

/** What the virtual hosts are made of, each made once. */
class CompiledSources implements ListenerSources {
  readonly services: ServiceRegistry
  readonly clusters: ClusterTable
  readonly destinations: DestinationResolver
  readonly report: Report
  readonly #meetings: Meetings
  readonly #rules = new Map<BoundVirtualService, readonly EffectiveRule[]>()
  /** By Gateway and declared port: what a VirtualService becomes depends on nothing else of a server. */
  readonly #routes = new Map<string, Map<BoundVirtualService, readonly CompiledRoute[]>>()
  readonly #delegates: DelegateIndex
  readonly #regexes: RegexCompiler
  readonly #matches: MatchTranslator
  readonly #options: CompileOptions

  constructor(
    meetings: Meetings,
    delegates: DelegateIndex,
    services: ServiceRegistry,
    clusters: ClusterTable,
    destinations: DestinationResolver,
    options: CompileOptions,
    report: Report,
  ) {
    this.#meetings = meetings
    this.#delegates = delegates
    this.services = services
    this.clusters = clusters
    this.destinations = destinations
    this.#regexes = new RegexCompiler(report)
    this.#matches = new MatchTranslator(this.#regexes, report)
    this.#options = options
    this.report = report
  }

  virtualServicesOf(server: GatewayServer): readonly ServedVirtualService[] {
    return this.#meetings.get(server) ?? []
  }

  routesOf(virtualService: BoundVirtualService, server: GatewayServer): readonly CompiledRoute[] {
    const view = this.viewOf(server)
    const key = `${view.gatewayName} ${view.declaredPort}${server.kind === "tls" ? " tls" : ""}`
    const known = this.#routes.get(key) ?? new Map<BoundVirtualService, readonly CompiledRoute[]>()
    this.#routes.set(key, known)
    const existing = known.get(virtualService)
    if (existing !== undefined) return existing

    const { namespace, name } = virtualService.resource.metadata
    const routes = compileRoutes({ namespace, name }, this.#rulesOf(virtualService), {
      server: view,
      isTls: server.kind === "tls",
      destinations: this.destinations,
      regexes: this.#regexes,
      matches: this.#matches,
    })
    known.set(virtualService, routes)
    return routes
  }

  viewOf(server: GatewayServer): ServerView {
    return {
      gatewayName: qualifiedName(server.gateway.metadata),
      gatewayNamespace: server.gateway.metadata.namespace,
      // A gateway whose labels nobody told has at least those that select it.
      workloadLabels: this.#options.selector ?? server.gateway.spec.selector ?? {},
      declaredPort: server.server.port.number,
    }
  }

  #rulesOf(virtualService: BoundVirtualService): readonly EffectiveRule[] {
    const existing = this.#rules.get(virtualService)
    if (existing !== undefined) return existing
    const rules = effectiveRules(virtualService.resource, this.#delegates, this.report)
    this.#rules.set(virtualService, rules)
    return rules
  }
}

interface Inventory {
  readonly gateways: readonly GatewayResource[]
  readonly virtualServices: readonly VirtualServiceResource[]
  readonly destinationRules: readonly DestinationRuleResource[]
  readonly serviceEntries: readonly ServiceEntryResource[]
  readonly workloadEntries: readonly WorkloadEntryResource[]
  readonly services: readonly ServiceResource[]
  readonly endpointSlices: readonly EndpointSliceResource[]
  readonly endpoints: readonly EndpointsResource[]
}

/** In creation order. */
function* sortByKind(resources: readonly Resource[]): Steps<Inventory> {
  return {
    gateways: yield* sortedInSteps(
      resources.filter((each) => each.kind === "Gateway"),
      compareByCreation,
    ),
    virtualServices: yield* sortedInSteps(
      resources.filter((each) => each.kind === "VirtualService"),
      compareByCreation,
    ),
    destinationRules: yield* sortedInSteps(
      resources.filter((each) => each.kind === "DestinationRule"),
      compareByCreation,
    ),
    serviceEntries: yield* sortedInSteps(
      resources.filter((each) => each.kind === "ServiceEntry"),
      compareByCreation,
    ),
    workloadEntries: yield* sortedInSteps(
      resources.filter((each) => each.kind === "WorkloadEntry"),
      compareByCreation,
    ),
    services: yield* sortedInSteps(
      resources.filter((each) => each.kind === "Service"),
      compareByCreation,
    ),
    endpointSlices: yield* sortedInSteps(
      resources.filter((each) => each.kind === "EndpointSlice"),
      compareByCreation,
    ),
    endpoints: yield* sortedInSteps(
      resources.filter((each) => each.kind === "Endpoints"),
      compareByCreation,
    ),
  }
}

function* defineServices(inventory: Inventory, options: CompileOptions): Steps<readonly ServiceDefinition[]> {
  const { services, endpointSlices, endpoints, workloadEntries } = inventory
  const definitions = yield* kubernetesDefinitions(services, endpointSlices, endpoints, workloadEntries)
  for (const entry of inventory.serviceEntries) {
    definitions.push(...serviceEntryDefinitions(entry, workloadEntries))
    yield
  }
  definitions.push(...demoDefinitions(options.demoServices))
  return definitions
}

/** Every label a Gateway selects by must be the workload's; a Gateway without a selector applies to all (sheet 1.1). */
function isServed(gateway: GatewayResource, labels: CompileOptions["selector"]): boolean {
  if (labels === null) return true
  return Object.entries(gateway.spec.selector ?? {}).every(([key, value]) => labels[key] === value)
}

function countRoutes(listeners: readonly Listener[]): Pick<Snapshot, "virtualHostCount" | "routeCount"> {
  let virtualHostCount = 0
  let routeCount = 0
  for (const chain of listeners.flatMap((listener) => listener.filterChains)) {
    if (chain.kind !== "http") continue
    virtualHostCount += chain.routes.virtualHosts.length
    for (const host of chain.routes.virtualHosts) routeCount += host.routes.length
  }
  return { virtualHostCount, routeCount }
}
