/**
 * Server groups to listeners (Istio semantics sheet 1.2, 1.3, 1.6, 1.10, 8). Each kind of server makes its own filter
 * chains; a group whose servers make none is not opened (8.1 (5)).
 */
import type { Steps } from "../config/steps.ts"
import { buildHostTable } from "../route/host-table.ts"
import type { GatewayServer, ServerGroup } from "./gateway-servers.ts"
import { translatesGrpcWeb } from "./grpc-web-annotation.ts"
import {
  autoPassthroughForwardings,
  type Layer4Sources,
  passthroughForwardings,
  type SniForwarding,
  tcpForwarding,
} from "./layer4-chains.ts"
import { httpRouteConfigurationName, httpsRouteConfigurationName, listenerName } from "./names.ts"
import { acceptedProxies } from "./proxy-protocol-annotation.ts"
import type { Report } from "./report.ts"
import { compileServerTls } from "./server-tls.ts"
import type {
  FilterChain,
  HttpFilterChain,
  Listener,
  ResourceName,
  RouteConfiguration,
  SourceLocation,
} from "./snapshot.ts"
import { compileVirtualHosts, type VirtualHostSources } from "./virtual-hosts.ts"

export interface ListenerSources extends VirtualHostSources, Layer4Sources {
  readonly report: Report
}

export function* compileListeners(
  groups: readonly ServerGroup[],
  sources: ListenerSources,
): Steps<readonly Listener[]> {
  const listeners: Listener[] = []
  for (const group of groups) {
    const filterChains = yield* compileFilterChains(group, sources)
    if (filterChains.length === 0) continue
    listeners.push({
      name: listenerName(group.bind, namingPort(group)),
      bindAddress: group.bind,
      declaredPort: group.declaredPort,
      boundPort: group.boundPort,
      proxyProtocolFrom: acceptedProxies(group, sources.report),
      filterChains,
    })
  }
  return listeners
}

/** In the order of the servers. Plain HTTP servers share one chain without server names, at the first one's place. */
function* compileFilterChains(group: ServerGroup, sources: ListenerSources): Steps<readonly FilterChain[]> {
  const plainHttp = group.servers.filter((server) => server.kind === "http")
  const chains: FilterChain[] = []
  const taken = new TakenNames(sources.report)
  for (const server of group.servers) {
    if (server.kind === "tls") chains.push(...(yield* tlsChains(group, server, taken, sources)))
    else if (server.kind === "tcp") chains.push(...tcpChains(server, sources))
    else if (server === plainHttp[0]) chains.push(yield* plainHttpChain(group, server, plainHttp, sources))
  }
  return chains
}

function* plainHttpChain(
  group: ServerGroup,
  first: GatewayServer,
  servers: readonly GatewayServer[],
  sources: ListenerSources,
): Steps<HttpFilterChain> {
  const port = namingPort(group)
  return {
    kind: "http",
    tls: null,
    serverNames: [],
    ...originOf(first, servers.slice(1)),
    routes: yield* routeConfiguration(httpRouteConfigurationName(group.bind, port), servers, port, sources),
    translatesGrpcWeb: translatesGrpcWeb(servers, sources.report),
  }
}

function tcpChains(server: GatewayServer, sources: ListenerSources): readonly FilterChain[] {
  const forwarding = tcpForwarding(server, sources)
  if (forwarding !== null) return [{ kind: "tcp", tls: null, serverNames: [], ...originOf(server), ...forwarding }]
  reportWithoutRoute(server, "tcp", sources.report)
  return []
}

function* tlsChains(
  group: ServerGroup,
  server: GatewayServer,
  taken: TakenNames,
  sources: ListenerSources,
): Steps<readonly FilterChain[]> {
  const { tls, port } = server.server
  const mode = tls?.mode ?? "PASSTHROUGH"
  if (tls === undefined || mode === "PASSTHROUGH" || mode === "AUTO_PASSTHROUGH") {
    const isAutomatic = mode === "AUTO_PASSTHROUGH"
    const found = isAutomatic ? autoPassthroughForwardings(server, sources) : passthroughForwardings(server, sources)
    if (found.length === 0) reportWithoutRoute(server, isAutomatic ? "cluster" : "tls", sources.report)
    return found
      .filter((forwarding) => taken.takePassthrough(forwarding))
      .map(({ source: _source, ...forwarding }) => ({
        kind: "tcp",
        tls: null,
        ...originOf(server),
        ...forwarding,
        serverNames: withoutCatchAll(forwarding.serverNames),
      }))
  }
  const names = [...new Set(server.hosts.map(({ host }) => host))]
  taken.take(names)
  const isHttp = port.protocol.toUpperCase() === "HTTPS"
  const downstreamTls = compileServerTls(server, tls, mode, isHttp, sources.report)
  const chain = { tls: downstreamTls, serverNames: withoutCatchAll(names), ...originOf(server) }
  if (isHttp) {
    const name = httpsRouteConfigurationName(group.bind, port, server.gateway.metadata)
    const routes = yield* routeConfiguration(name, [server], port.number, sources)
    return [{ kind: "http", ...chain, routes, translatesGrpcWeb: translatesGrpcWeb([server], sources.report) }]
  }
  const forwarding = tcpForwarding(server, sources)
  if (forwarding !== null) return [{ kind: "tcp", ...chain, ...forwarding }]
  reportWithoutRoute(server, "tcp", sources.report)
  return []
}

/** With `*` among its names a chain takes every connection that no other one does. */
function withoutCatchAll(names: readonly string[]): readonly string[] {
  return names.includes("*") ? [] : names
}

function* routeConfiguration(
  name: string,
  servers: readonly GatewayServer[],
  port: number,
  sources: VirtualHostSources,
): Steps<RouteConfiguration> {
  const virtualHosts = yield* compileVirtualHosts(servers, port, sources)
  return {
    name,
    virtualHosts,
    hosts: buildHostTable(virtualHosts.map((host) => ({ domains: host.domains, value: host }))),
  }
}

/** @param others that share the chain */
function originOf(
  first: GatewayServer,
  others: readonly GatewayServer[] = [],
): Pick<FilterChain, "gateways" | "location"> {
  const { file, line, column } = first.gateway.locate(["spec", "servers", first.serverIndex])
  const location: SourceLocation = { file, line, column }
  // A Gateway with several servers on the port counts once.
  const further = new Set(others.map(({ gateway }) => gateway))
  further.delete(first.gateway)
  return { gateways: [gatewayName(first.gateway), ...[...further].map(gatewayName)], location }
}

function gatewayName({ metadata: { namespace, name } }: GatewayServer["gateway"]): ResourceName {
  return { namespace, name }
}

/** Server names of one listener: whoever comes first keeps a name (sheet 8.2 (3)). */
class TakenNames {
  readonly #names = new Set<string>()
  readonly #report: Report

  constructor(report: Report) {
    this.#report = report
  }

  /** Of a terminating server; that no two of these collide was seen to when they were merged. */
  take(names: readonly string[]): void {
    for (const name of names) this.#names.add(name)
  }

  /** @returns false when a name is taken: then the match is dropped whole. */
  takePassthrough({ serverNames, source }: SniForwarding): boolean {
    const taken = serverNames.find((name) => this.#names.has(name))
    if (taken === undefined) {
      this.take(serverNames)
      return true
    }
    if (source !== null) {
      this.#report.add({
        severity: "warning",
        code: "P3016",
        resource: source.rule.resource,
        path: source.rule.path("match", source.matchIndex, "sniHosts", serverNames.indexOf(taken)),
        message: `server name "${taken}" is already taken on this port: this match is left out`,
        hint: "of several claims to a name the first counts: older VirtualServices, earlier servers",
      })
    }
    return false
  }
}

function reportWithoutRoute(server: GatewayServer, wanted: "tcp" | "tls" | "cluster", report: Report): void {
  const { port } = server.server
  report.add({
    severity: "warning",
    code: "P3017",
    resource: server.gateway,
    path: ["spec", "servers", server.serverIndex],
    message:
      wanted === "cluster"
        ? "no service falls in the hosts of this server: connections to it are closed"
        : `no VirtualService has a \`${wanted}\` rule for this ${port.protocol.toUpperCase()} server: connections to it are closed`,
    hint: wanted === "tls" ? "servers of mode PASSTHROUGH use `tls` rules, others `http` or `tcp`" : "",
  })
}

/** A port that the system chooses has no number yet: names then carry the declared one. */
function namingPort(group: ServerGroup): number {
  return group.boundPort === 0 ? group.declaredPort : group.boundPort
}
