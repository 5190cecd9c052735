/**
 * The virtual hosts of the plain HTTP servers of one port: one per host, the routes of every VirtualService of that host
 * joined, hosts with the very same routes folded into one (Istio semantics sheet 1.6, 1.7, 2.1).
 * Source: Istio `pilot/pkg/networking/core/gateway.go` (`buildGatewayHTTPRouteConfig`, `collapseDuplicateRoutes`).
 */
import { sortedInSteps } from "../config/sort-in-steps.ts"
import type { Steps } from "../config/steps.ts"
import { buildPathTable } from "../route/path-table.ts"
import type { BoundVirtualService, ServedVirtualService } from "./bind-virtual-services.ts"
import type { GatewayServer } from "./gateway-servers.ts"
import { compareSpecificity, compareText } from "./host-names.ts"
import { virtualHostName } from "./names.ts"
import { sinkCatchAlls } from "./order.ts"
import type { CompiledRoute } from "./routes.ts"
import type { VirtualHost } from "./snapshot.ts"

export interface VirtualHostSources {
  virtualServicesOf(server: GatewayServer): readonly ServedVirtualService[]
  /** The very same array for the same VirtualService, Gateway and port: hosts are folded by it. */
  routesOf(virtualService: BoundVirtualService, server: GatewayServer): readonly CompiledRoute[]
}

/** A virtual host being joined. */
interface OpenHost {
  readonly host: string
  readonly declaredPort: number
  requireTls: boolean
  /** One per VirtualService, in joining order. */
  readonly contributions: (readonly CompiledRoute[])[]
}

/**
 * @param servers   in merging order.
 * @param boundPort names the placeholder that stands for "nothing bound".
 * @returns sorted by name, never empty.
 */
export function* compileVirtualHosts(
  servers: readonly GatewayServer[],
  boundPort: number,
  sources: VirtualHostSources,
): Steps<readonly VirtualHost[]> {
  const open = new Map<string, OpenHost>()
  for (const server of servers) {
    const declaredPort = server.server.port.number
    const requireTls = server.server.tls?.httpsRedirect ?? false
    for (const { virtualService, hosts } of sources.virtualServicesOf(server)) {
      yield
      const routes = sources.routesOf(virtualService, server)
      // A VirtualService without a route for this server does not even make a virtual host.
      if (routes.length === 0) continue
      for (const host of hosts) contribute(open, host, declaredPort, requireTls, routes)
    }
    if (requireTls) requireTlsOfServerHosts(open, server, declaredPort)
  }
  if (open.size === 0) return [placeholder(boundPort)]
  const closed: VirtualHost[] = []
  for (const folded of yield* foldHosts(open)) {
    yield
    closed.push(closeHost(folded))
  }
  return yield* sortedInSteps(closed, (left, right) => compareText(left.name, right.name))
}

function contribute(
  open: Map<string, OpenHost>,
  host: string,
  declaredPort: number,
  requireTls: boolean,
  routes: readonly CompiledRoute[],
): void {
  const existing = open.get(host)
  if (existing === undefined) {
    open.set(host, { host, declaredPort, requireTls, contributions: [routes] })
    return
  }
  if (requireTls) existing.requireTls = true
  // Two servers may bring the same VirtualService to one host: its routes would only repeat themselves.
  if (!existing.contributions.includes(routes)) existing.contributions.push(routes)
}

/** `httpsRedirect` holds for every host of the server, also for those that no VirtualService knows. */
function requireTlsOfServerHosts(open: Map<string, OpenHost>, server: GatewayServer, declaredPort: number): void {
  for (const { host, namespace } of server.hosts) {
    // A namespaced host counts only through what binds to it: no request can have its literal name.
    if (namespace !== null) continue
    const existing = open.get(host)
    if (existing !== undefined) existing.requireTls = true
    else open.set(host, { host, declaredPort, requireTls: true, contributions: [] })
  }
}

interface FoldedHost extends OpenHost {
  readonly domains: string[]
}

/** Folds hosts with identical contributions; the most specific host gives the name. */
function* foldHosts(open: ReadonlyMap<string, OpenHost>): Steps<readonly FoldedHost[]> {
  const identities = new Map<readonly CompiledRoute[], number>()
  const identityOf = (routes: readonly CompiledRoute[]): number => {
    const known = identities.get(routes) ?? identities.size
    identities.set(routes, known)
    return known
  }
  const folded = new Map<string, FoldedHost>()
  const bySpecificity = (left: OpenHost, right: OpenHost) => compareSpecificity(left.host, right.host)
  for (const each of yield* sortedInSteps([...open.values()], bySpecificity)) {
    yield
    const key = `${each.requireTls} ${each.contributions.map(identityOf).join(" ")}`
    const existing = folded.get(key)
    if (existing === undefined) folded.set(key, { ...each, domains: [each.host] })
    else existing.domains.push(each.host)
  }
  return [...folded.values()]
}

function closeHost(host: FoldedHost): VirtualHost {
  const [only] = host.contributions
  // A lone VirtualService ends with its catch-all already, and its indices count from 0.
  const joined = host.contributions.length === 1 && only !== undefined ? only : sinkCatchAlls(host.contributions.flat())
  const routes = joined.map((route, index) => route.at(index))
  return {
    name: virtualHostName(host.host, host.declaredPort),
    domains: host.domains,
    requireTls: host.requireTls,
    routes,
    paths: buildPathTable(routes),
  }
}

/** Envoy wants a virtual host where there is none: it answers 404 to everything. */
function placeholder(boundPort: number): VirtualHost {
  return {
    name: `blackhole:${boundPort}`,
    domains: ["*"],
    requireTls: false,
    routes: [],
    paths: buildPathTable([]),
  }
}
