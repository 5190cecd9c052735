/**
 * Server groups to listeners (Istio semantics sheet 1.2, 1.3, 1.6). Each kind of server makes its own filter chains;
 * a group whose servers make none is not opened (8.1 (5)).
 */
import { buildHostTable } from "../route/host-table.ts"
import type { GatewayServer, ServerGroup } from "./gateway-servers.ts"
import { httpRouteConfigurationName, listenerName } from "./names.ts"
import type { FilterChain, HttpFilterChain, Listener } from "./snapshot.ts"
import { compileVirtualHosts, type VirtualHostSources } from "./virtual-hosts.ts"

export function compileListeners(groups: readonly ServerGroup[], sources: VirtualHostSources): readonly Listener[] {
  const listeners: Listener[] = []
  for (const group of groups) {
    const filterChains = compileFilterChains(group, sources)
    if (filterChains.length === 0) continue
    listeners.push({
      name: listenerName(group.bind, namingPort(group)),
      bindAddress: group.bind,
      declaredPort: group.declaredPort,
      boundPort: group.boundPort,
      filterChains,
    })
  }
  return listeners
}

/** Plain HTTP servers share one chain without server names. */
function compileFilterChains(group: ServerGroup, sources: VirtualHostSources): readonly FilterChain[] {
  const plainHttp = group.servers.filter((server) => server.kind === "http")
  const [first] = plainHttp
  return first === undefined ? [] : [plainHttpChain(group, first, plainHttp, sources)]
}

function plainHttpChain(
  group: ServerGroup,
  first: GatewayServer,
  servers: readonly GatewayServer[],
  sources: VirtualHostSources,
): HttpFilterChain {
  const virtualHosts = compileVirtualHosts(servers, namingPort(group), sources)
  const { file, line, column } = first.gateway.locate(["spec", "servers", first.serverIndex])
  const { namespace, name } = first.gateway.metadata
  return {
    kind: "http",
    tls: null,
    serverNames: [],
    gateway: { namespace, name },
    location: { file, line, column },
    routes: {
      name: httpRouteConfigurationName(group.bind, namingPort(group)),
      virtualHosts,
      hosts: buildHostTable(virtualHosts.map((host) => ({ domains: host.domains, value: host }))),
    },
  }
}

/** A port that the system chooses has no number yet: names then carry the declared one. */
function namingPort(group: ServerGroup): number {
  return group.boundPort === 0 ? group.declaredPort : group.boundPort
}
