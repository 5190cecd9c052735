/**
 * `/routes`: what the running snapshot does with requests. Text is istioctl's table of `proxy-config route`
 * (Istio semantics sheet 10); JSON says the same with the actions and where each rule stands in the user's files.
 */
import type { PathMatch, Route, RouteAction, RouteConfiguration, Snapshot, VirtualHost } from "../compile/snapshot.ts"

/** Spaces between columns (istioctl: cell padding 5). */
const columnGap = 5
/** Domains shown per virtual host before ` + N more...`. */
const domainsMax = 2

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
        match: describePath(route.match.path),
        predicates: route.match.predicates.map((predicate) => predicate.kind),
        action: describeAction(route.action),
        virtual_service: `${route.virtualService.name}.${route.virtualService.namespace}`,
        location: `${route.location.file}:${route.location.line}:${route.location.column}`,
      })),
    })),
  }))
}

export function routesText(snapshot: Snapshot, name: string | null): string {
  const rows = [["NAME", "VHOST NAME", "DOMAINS", "MATCH", "VIRTUAL SERVICE"]]
  for (const configuration of routeConfigurations(snapshot, name)) {
    for (const host of configuration.virtualHosts) rows.push(...hostRows(configuration.name, host))
  }
  return renderTable(rows)
}

/** Each once, although several listeners may share one. */
function routeConfigurations(snapshot: Snapshot, name: string | null): readonly RouteConfiguration[] {
  const found = new Map<string, RouteConfiguration>()
  for (const listener of snapshot.listeners) {
    for (const chain of listener.filterChains) {
      if (chain.kind === "http" && (name === null || chain.routes.name === name))
        found.set(chain.routes.name, chain.routes)
    }
  }
  return [...found.values()]
}

function hostRows(configuration: string, host: VirtualHost): readonly string[][] {
  const domains = describeDomains(host.domains)
  if (host.routes.length === 0) return [[configuration, host.name, domains, "/*", "404"]]
  return host.routes.map((route: Route) => [
    configuration,
    host.name,
    domains,
    describePath(route.match.path),
    `${route.virtualService.name}.${route.virtualService.namespace}`,
  ])
}

function describeDomains(domains: readonly string[]): string {
  const shown = domains.slice(0, domainsMax).join(", ")
  return domains.length > domainsMax ? `${shown} + ${domains.length - domainsMax} more...` : shown
}

function describePath(path: PathMatch): string {
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

function renderTable(rows: readonly (readonly string[])[]): string {
  const widths: number[] = []
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length)
  }
  let text = ""
  for (const row of rows) {
    const cells = row.map((cell, column) => cell.padEnd((widths[column] ?? 0) + columnGap))
    text += `${cells.join("").trimEnd()}\n`
  }
  return text
}
