/**
 * `istioctl proxy-config` over a snapshot: one answer for `portcullis proxy-config` (files) and for the admin interface
 * (the running gateway), so that both print the same.
 */
import type { Snapshot } from "../compile/snapshot.ts"
import { clusterJson } from "./cluster-json.ts"
import { type JsonObject, type JsonValue, message } from "./json-value.ts"
import { dynamicSecretJson, type ListedCertificate, listedSecrets } from "./listed-certificate.ts"
import type { ListedEndpoint } from "./listed-endpoint.ts"
import { addressJson, listenerJson } from "./listener-json.ts"
import type { ProxyConfigFilter, ProxyConfigKind, ProxyConfigOutput } from "./proxy-config-request.ts"
import {
  clustersTable,
  endpointsTable,
  listenersTable,
  routesTable,
  secretsTable,
  sortEndpoints,
} from "./proxy-config-tables.ts"
import { routeConfigurationJson, routeConfigurationsOf } from "./route-configuration-json.ts"

export interface ProxyConfigSource {
  readonly snapshot: Snapshot
  readonly endpoints: readonly ListedEndpoint[]
  /** Those in service. */
  readonly certificates: readonly ListedCertificate[]
  readonly nowUnixMs: number
}

export async function renderProxyConfig(
  kind: ProxyConfigKind,
  source: ProxyConfigSource,
  filter: ProxyConfigFilter,
  output: ProxyConfigOutput,
): Promise<string> {
  if (output === "table") return proxyConfigTable(kind, source, filter)
  const value = proxyConfigJson(kind, source, filter)
  if (output === "json") return `${JSON.stringify(value, null, 4)}\n`
  const { stringify } = await import("yaml")
  return stringify(value, { lineWidth: 0 })
}

function proxyConfigTable(kind: ProxyConfigKind, source: ProxyConfigSource, filter: ProxyConfigFilter): string {
  switch (kind) {
    case "listeners":
      return listenersTable(listenersOf(source, filter))
    case "routes":
      return routesTable(routesOf(source, filter))
    case "clusters":
      return clustersTable(clustersOf(source, filter))
    case "endpoints":
      return endpointsTable(endpointsOf(source, filter))
    case "secrets":
      return secretsTable(source.certificates, source.nowUnixMs)
  }
}

function proxyConfigJson(kind: ProxyConfigKind, source: ProxyConfigSource, filter: ProxyConfigFilter): JsonValue {
  switch (kind) {
    case "listeners":
      return listenersOf(source, filter).map(listenerJson)
    case "routes":
      return routesOf(source, filter).map(routeConfigurationJson)
    case "clusters":
      return clustersOf(source, filter).map(clusterJson)
    case "endpoints":
      return endpointsJson(endpointsOf(source, filter))
    case "secrets":
      return { dynamicActiveSecrets: listedSecrets(source.certificates).map(dynamicSecretJson) }
  }
}

function listenersOf({ snapshot }: ProxyConfigSource, { port }: ProxyConfigFilter) {
  return snapshot.listeners.filter((listener) => port === null || listener.boundPort === port)
}

function routesOf({ snapshot }: ProxyConfigSource, { name }: ProxyConfigFilter) {
  return routeConfigurationsOf(snapshot).filter((configuration) => name === null || configuration.name === name)
}

function clustersOf({ snapshot }: ProxyConfigSource, { port, fqdn }: ProxyConfigFilter) {
  return snapshot.clusters.filter(
    (spec) => (port === null || spec.port === port) && (fqdn === null || spec.host === fqdn),
  )
}

function endpointsOf({ snapshot, endpoints }: ProxyConfigSource, { port, fqdn }: ProxyConfigFilter) {
  const hosts = new Map(snapshot.clusters.map((spec) => [spec.name, spec.host]))
  return endpoints.filter(
    (endpoint) => (port === null || endpoint.port === port) && (fqdn === null || hosts.get(endpoint.cluster) === fqdn),
  )
}

/** Envoy's `ClusterStatus`, one per cluster. */
function endpointsJson(endpoints: readonly ListedEndpoint[]): readonly JsonObject[] {
  const clusters = Map.groupBy(sortEndpoints(endpoints), ({ cluster }) => cluster)
  return [...clusters].map(([name, members]) => ({
    name,
    hostStatuses: members.map(({ address, port, weight, status, isEjected }) =>
      message({
        address: addressJson(address, port),
        weight,
        healthStatus: message({ edsHealthStatus: status, failedOutlierCheck: isEjected ? true : null }),
      }),
    ),
  }))
}
