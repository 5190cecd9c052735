/**
 * `/routes`: what the running snapshot does with requests. Text is istioctl's table of `proxy-config route`
 * (Istio semantics sheet 10); JSON says the same with the actions and where each rule stands in the user's files.
 */
import type { RouteAction, RouteConfiguration, Snapshot } from "../compile/snapshot.ts"
import { routesTable } from "../inspect/proxy-config-tables.ts"
import { pathPattern, routeConfigurationsOf } from "../inspect/route-configuration-json.ts"

/** @param name of one route configuration; null = all. */
export function routesJson(snapshot: Snapshot, name: string | null): readonly unknown[] {
  return routeConfigurations(snapshot, name).map((configuration) => ({
    name: configuration.name,
    virtual_hosts: configuration.virtualHosts.map((host) => ({
      name: host.name,
      domains: host.domains,
      ...(host.requireTls ? { require_tls: "ALL" } : {}),
      routes: host.routes.map((route) => ({
        name: route.name,
        match: pathPattern(route.match.path),
        predicates: route.match.predicates.map((predicate) => predicate.kind),
        action: describeAction(route.action),
        virtual_service: `${route.virtualService.name}.${route.virtualService.namespace}`,
        location: `${route.location.file}:${route.location.line}:${route.location.column}`,
      })),
    })),
  }))
}

export function routesText(snapshot: Snapshot, name: string | null): string {
  return routesTable(routeConfigurations(snapshot, name))
}

function routeConfigurations(snapshot: Snapshot, name: string | null): readonly RouteConfiguration[] {
  return routeConfigurationsOf(snapshot).filter((configuration) => name === null || configuration.name === name)
}

function describeAction(action: RouteAction): unknown {
  switch (action.kind) {
    case "forward":
      return { clusters: action.destinations.entries.map(({ clusterName, weight }) => ({ name: clusterName, weight })) }
    case "redirect":
      return { redirect: action.status }
    case "direct-response":
      return { direct_response: action.status }
  }
}
