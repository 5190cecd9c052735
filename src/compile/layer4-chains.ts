/**
 * Filter chains that forward bytes: `tls` rules behind PASSTHROUGH servers, one chain per match; the clusters themselves
 * behind AUTO_PASSTHROUGH; the first fitting `tcp` rule behind servers that terminate TLS or speak plain TCP
 * (Istio semantics sheet 1.8, 8).
 * Source: Istio `pilot/pkg/networking/core/{gateway,tls}.go` (`buildGatewayNetworkFiltersFromTLSRoutes`,
 * `builtAutoPassthroughFilterChains`, `buildGatewayNetworkFiltersFromTCPRoutes`).
 */
import type { Layer4Destination, Layer4Match } from "./api-types.ts"
import type { ServedVirtualService } from "./bind-virtual-services.ts"
import { type ClusterTrafficPolicy, trafficPolicyDefault } from "./cluster-policies.ts"
import type { ClusterTable } from "./clusters.ts"
import type { DestinationResolver } from "./destinations.ts"
import type { GatewayServer } from "./gateway-servers.ts"
import { covers } from "./host-names.ts"
import { sniOfCluster } from "./names.ts"
import { holdsStatically, type ServerView } from "./route-match.ts"
import { RuleSource } from "./rule-source.ts"
import type { ServiceRegistry } from "./services.ts"
import type { TcpFilterChain, WeightedCluster, WeightedClusters } from "./snapshot.ts"

/** What a client of AUTO_PASSTHROUGH must offer one of: sidecars do. */
const meshAlpnProtocols: readonly string[] = [
  "istio-peer-exchange",
  "istio",
  "istio-http/1.0",
  "istio-http/1.1",
  "istio-h2",
]

export interface Layer4Sources {
  readonly destinations: DestinationResolver
  readonly clusters: ClusterTable
  readonly services: ServiceRegistry
  virtualServicesOf(server: GatewayServer): readonly ServedVirtualService[]
  viewOf(server: GatewayServer): ServerView
}

/** What a chain forwards to; names and origin are added by whoever assembles the listener. */
export type Forwarding = Pick<
  TcpFilterChain,
  "clusters" | "idleTimeoutMs" | "maxConnectionDurationMs" | "requiredAlpnProtocols"
>

export interface SniForwarding extends Forwarding {
  /** `*` among them = every name. */
  readonly serverNames: readonly string[]
  /** The match it comes from; null for a cluster of AUTO_PASSTHROUGH. */
  readonly source: { readonly rule: RuleSource; readonly matchIndex: number } | null
}

/** One for each fitting match of each `tls` rule, in joining order. */
export function passthroughForwardings(server: GatewayServer, sources: Layer4Sources): readonly SniForwarding[] {
  const view = sources.viewOf(server)
  const found: SniForwarding[] = []
  for (const { virtualService } of sources.virtualServicesOf(server)) {
    const { resource } = virtualService
    for (const [ruleIndex, rule] of (resource.spec.tls ?? []).entries()) {
      const source = new RuleSource(resource, ruleIndex, "tls")
      for (const [matchIndex, match] of rule.match.entries()) {
        if (!fits(match, resource.metadata.namespace, view)) continue
        const forwarding = forwardTo(rule.route ?? [], source, view, sources)
        if (forwarding === null) continue
        const serverNames = match.sniHosts.map((name) => name.toLowerCase())
        found.push({ ...forwarding, serverNames, source: { rule: source, matchIndex } })
      }
    }
  }
  return found
}

/** Every cluster of the mesh whose host falls in the server's hosts, under its own name; no VirtualService is asked. */
export function autoPassthroughForwardings(server: GatewayServer, sources: Layer4Sources): readonly SniForwarding[] {
  const external = new Set(
    sources.services.all
      .filter(({ resource }) => resource?.kind === "ServiceEntry" && resource.spec.location !== "MESH_INTERNAL")
      .map(({ clusterHost }) => clusterHost),
  )
  return sources.clusters.clusters
    .filter(({ host }) => !external.has(host) && server.hosts.some((allowed) => covers(allowed.host, host)))
    .map((cluster) => ({
      serverNames: [sniOfCluster(cluster.port, cluster.subset, cluster.host)],
      clusters: single(cluster.name, cluster.index),
      ...timeoutsOf(cluster),
      requiredAlpnProtocols: meshAlpnProtocols,
      source: null,
    }))
}

/** The first fitting `tcp` rule of all VirtualServices; null = none fits, the server makes no chain. */
export function tcpForwarding(server: GatewayServer, sources: Layer4Sources): Forwarding | null {
  const view = sources.viewOf(server)
  for (const { virtualService } of sources.virtualServicesOf(server)) {
    const { resource } = virtualService
    for (const [ruleIndex, rule] of (resource.spec.tcp ?? []).entries()) {
      const matches = rule.match ?? []
      if (matches.length > 0 && !matches.some((match) => fits(match, resource.metadata.namespace, view))) continue
      return forwardTo(rule.route ?? [], new RuleSource(resource, ruleIndex, "tcp"), view, sources)
    }
  }
  return null
}

/** Of a match only `port` and `gateways` count at a gateway (sheet 8.1). */
function fits({ port, gateways }: Layer4Match, namespace: string, view: ServerView): boolean {
  return holdsStatically({ port, gateways }, namespace, view)
}

/** @returns null when no destination is left. */
function forwardTo(
  routes: readonly Layer4Destination[],
  source: RuleSource,
  view: ServerView,
  sources: Layer4Sources,
): Forwarding | null {
  const { namespace } = source.resource.metadata
  const isSingle = routes.length === 1
  const entries: WeightedCluster[] = []
  for (const [index, { destination, weight }] of routes.entries()) {
    const counted = isSingle ? 1 : (weight ?? 0)
    if (counted === 0) continue
    const path = source.path("route", index, "destination")
    const resolved = sources.destinations.resolve(destination, namespace, source, path, view)
    entries.push(weighted(resolved.name, resolved.index, counted))
  }
  const [first] = entries
  if (first === undefined) return null
  return {
    clusters: { entries, totalWeight: entries.reduce((sum, entry) => sum + entry.weight, 0) },
    ...timeoutsOf(sources.clusters.clusters[first.clusterIndex]),
    requiredAlpnProtocols: [],
  }
}

/** Of the first destination (sheet 8.1 (6)); of one that does not exist the defaults. */
function timeoutsOf(cluster: ClusterTrafficPolicy = trafficPolicyDefault) {
  return {
    idleTimeoutMs: cluster.tcpIdleTimeoutMs,
    maxConnectionDurationMs: cluster.limits.maxConnectionDurationMs,
  }
}

function single(clusterName: string, clusterIndex: number): WeightedClusters {
  return { entries: [weighted(clusterName, clusterIndex, 1)], totalWeight: 1 }
}

function weighted(clusterName: string, clusterIndex: number, weight: number): WeightedCluster {
  return { clusterName, clusterIndex, weight, requestEdits: null, responseEdits: null, hostRewrite: null }
}
