/**
 * The tables of `istioctl proxy-config`: columns, order of lines and what stands in a cell (Istio semantics sheet 10).
 * Source: istioctl `pkg/writer/envoy/configdump`, `pkg/writer/envoy/clusters`.
 */
import type { ClusterSpec, FilterChain, Listener, RouteConfiguration, VirtualHost } from "../compile/snapshot.ts"
import { clusterType } from "./cluster-json.ts"
import { type ListedCertificate, listedSecrets } from "./listed-certificate.ts"
import type { ListedEndpoint } from "./listed-endpoint.ts"
import { listenerAddress } from "./listener-json.ts"
import { pathPattern } from "./route-configuration-json.ts"
import { renderTable } from "./text-table.ts"

const cellPadding = 5
const listenerCellPadding = 1
/** Domains shown per virtual host before ` + N more...`. */
const domainsMax = 2

export function listenersTable(listeners: readonly Listener[]): string {
  const rows = [["ADDRESSES", "PORT", "MATCH", "DESTINATION"]]
  const sorted = listeners.toSorted(
    (a, b) => a.boundPort - b.boundPort || compareText(listenerAddress(a), listenerAddress(b)),
  )
  for (const listener of sorted) {
    const lines = listener.filterChains.map((chain) => [
      listenerAddress(listener),
      String(listener.boundPort),
      chain.serverNames.length === 0 ? "ALL" : `SNI: ${chain.serverNames.join(",")}`,
      describeChainTarget(chain),
    ])
    rows.push(...lines.toSorted((a, b) => compareText(b[3] ?? "", a[3] ?? "")))
  }
  return renderTable(rows, listenerCellPadding)
}

function describeChainTarget(chain: FilterChain): string {
  if (chain.kind === "http") return `Route: ${chain.routes.name}`
  const [only, ...others] = chain.clusters.entries
  return `Cluster: ${only === undefined || others.length > 0 ? "" : only.clusterName}`
}

export function routesTable(configurations: readonly RouteConfiguration[]): string {
  const rows = [["NAME", "VHOST NAME", "DOMAINS", "MATCH", "VIRTUAL SERVICE"]]
  for (const configuration of sortConfigurations(configurations)) {
    for (const host of configuration.virtualHosts) rows.push(...virtualHostRows(configuration.name, host))
  }
  return renderTable(rows, cellPadding)
}

/** istioctl sorts names that are numbers, and leaves the rest where it stands. */
function sortConfigurations(configurations: readonly RouteConfiguration[]): readonly RouteConfiguration[] {
  return configurations.toSorted((a, b) => {
    const difference = Number(a.name) - Number(b.name)
    return Number.isNaN(difference) ? 0 : difference
  })
}

function virtualHostRows(configuration: string, host: VirtualHost): readonly string[][] {
  const domains = describeDomains(host.domains)
  if (host.routes.length === 0) return [[configuration, host.name, domains, "/*", "404"]]
  return host.routes.map(({ match, virtualService }) => [
    configuration,
    host.name,
    domains,
    pathPattern(match.path),
    `${virtualService.name}.${virtualService.namespace}`,
  ])
}

function describeDomains(domains: readonly string[]): string {
  const shown = domains.slice(0, domainsMax).join(", ")
  return domains.length > domainsMax ? `${shown} + ${domains.length - domainsMax} more...` : shown
}

export function clustersTable(clusters: readonly ClusterSpec[]): string {
  const rows = [["SERVICE FQDN", "PORT", "SUBSET", "DIRECTION", "TYPE", "DESTINATION RULE"]]
  const sorted = clusters.toSorted(
    (a, b) => compareText(a.host, b.host) || compareText(a.subset, b.subset) || a.port - b.port,
  )
  for (const spec of sorted) {
    const subset = spec.subset === "" ? "-" : spec.subset
    const rule = spec.destinationRule
    const ruleName = rule === null ? "" : `${rule.name}.${rule.namespace}`
    rows.push([spec.host, String(spec.port), subset, "outbound", clusterType(spec), ruleName])
  }
  return renderTable(rows, cellPadding)
}

export function endpointsTable(endpoints: readonly ListedEndpoint[]): string {
  const rows = [["ENDPOINT", "STATUS", "OUTLIER CHECK", "CLUSTER"]]
  for (const endpoint of sortEndpoints(endpoints)) {
    const { address, port, status, isEjected, cluster } = endpoint
    const place = address.startsWith("unix:") ? `unix://${address.slice("unix:".length)}` : `${address}:${port}`
    rows.push([place, status, isEjected ? "FAILED" : "OK", cluster])
  }
  return renderTable(rows, cellPadding)
}

/** As istioctl: of a chain the server's own certificate, of authorities each. */
export function secretsTable(certificates: readonly ListedCertificate[], nowUnixMs: number): string {
  const head = "RESOURCE NAME,TYPE,STATUS,VALID CERT,SERIAL NUMBER,NOT AFTER,NOT BEFORE".split(",")
  const rows = listedSecrets(certificates).flatMap(({ name, use, certificates: members }) => {
    const shown = use === "server" ? members.slice(0, 1) : members
    return shown.map(({ serialNumber, validFromUnixMs, validToUnixMs }) => [
      name,
      use === "server" ? "Cert Chain" : "CA",
      "ACTIVE",
      String(validFromUnixMs <= nowUnixMs && nowUnixMs <= validToUnixMs),
      // A number to istioctl, without zeros in front of it.
      serialNumber.replace(/^0+(?=.)/, ""),
      secondsText(validToUnixMs),
      secondsText(validFromUnixMs),
    ])
  })
  return renderTable([head, ...rows], cellPadding)
}

/** RFC 3339 in UTC, whole seconds. */
function secondsText(unixMs: number): string {
  return new Date(unixMs).toISOString().replace(/\.\d{3}Z$/, "Z")
}

export function sortEndpoints(endpoints: readonly ListedEndpoint[]): readonly ListedEndpoint[] {
  return endpoints.toSorted(
    (a, b) => compareText(a.address, b.address) || a.port - b.port || compareText(a.cluster, b.cluster),
  )
}

/** As Go compares strings. */
function compareText(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1
}
