/** Envoy's `RouteConfiguration` as istiod would send it (Istio semantics sheet 1.6, 10). */
import type { PathMatch, Route, RouteConfiguration, Snapshot, VirtualHost } from "../compile/snapshot.ts"
import { type JsonObject, message } from "./json-value.ts"
import { actionJson, headerEditsJson, perFilterJson } from "./route-action-json.ts"
import { routeMatchJson } from "./route-match-json.ts"

/** Istio's limit, in bytes. */
const maxDirectResponseBodySizeBytes = 1_048_576

/** Each once, although several listeners may share one; numbered names in the order of their numbers. */
export function routeConfigurationsOf(snapshot: Snapshot): readonly RouteConfiguration[] {
  const found = new Map<string, RouteConfiguration>()
  for (const chain of snapshot.listeners.flatMap((listener) => listener.filterChains)) {
    if (chain.kind === "http") found.set(chain.routes.name, chain.routes)
  }
  return [...found.values()]
}

export function routeConfigurationJson(configuration: RouteConfiguration): JsonObject {
  return message({
    name: configuration.name,
    virtualHosts: configuration.virtualHosts.map(virtualHostJson),
    validateClusters: false,
    maxDirectResponseBodySizeBytes,
    ignorePortInHostMatching: true,
  })
}

function virtualHostJson(host: VirtualHost): JsonObject {
  const { name, domains } = host
  // Istio's placeholder where nothing is bound.
  if (host.routes.length === 0 && !host.requireTls) return { name, domains }
  return message({
    name,
    domains,
    routes: host.routes.map(routeJson),
    requireTls: host.requireTls ? "ALL" : "",
    includeRequestAttemptCount: true,
  })
}

function routeJson(route: Route): JsonObject {
  const { namespace, name } = route.virtualService
  const config = `/apis/networking.istio.io/v1/namespaces/${namespace}/virtual-service/${name}`
  return message({
    name: route.name,
    match: routeMatchJson(route.match),
    ...actionJson(route),
    metadata: { filterMetadata: { istio: { config } } },
    decorator: { operation: operationName(route) },
    typedPerFilterConfig: perFilterJson(route),
    ...headerEditsJson(route.requestEdits, route.responseEdits),
  })
}

/** `HOST:PORT` of the destination, or the VirtualService's name where there are several, and the path (sheet 4.1). */
function operationName({ action, match, virtualService }: Route): string {
  const path = match.path.kind === "regex" ? match.path.regex.source : pathPattern(match.path)
  if (action.kind !== "forward") return `${virtualService.name}${path}`
  const [first, ...others] = action.destinations.entries
  const [, port = "", , host = ""] = (first?.clusterName ?? "").split("|")
  return `${others.length > 0 ? virtualService.name : host}:${port}${path}`
}

/** As istioctl's table shows a match: `/api*`, an exact path as it is, `regex R`. */
export function pathPattern(path: PathMatch): string {
  switch (path.kind) {
    case "any":
      return "/*"
    case "exact":
      return path.value
    case "prefix":
      return `${path.value}*`
    case "regex":
      return `regex ${path.regex.source}`
  }
}
