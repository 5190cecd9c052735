/** `/clusters` and the clusters' part of `/stats` (Envoy `envoy.admin.v3.Clusters`, and its text form). */
import type { ClusterView, EndpointView } from "./running-gateway.ts"
import { addressJson } from "./server-pages.ts"

/** `CLUSTER::ENDPOINT::KEY::VALUE` */
export function clustersText(clusters: readonly ClusterView[]): string {
  let text = ""
  for (const cluster of clusters) {
    const { name } = cluster.spec
    text += `${name}::observability_name::${name}\n${name}::added_via_api::false\n`
    for (const endpoint of cluster.endpoints) {
      for (const [key, value] of endpointRows(cluster, endpoint))
        text += `${name}::${endpoint.hostText}::${key}::${value}\n`
    }
  }
  return text
}

export function clustersJson(clusters: readonly ClusterView[]): unknown {
  return {
    cluster_statuses: clusters.map((cluster) => ({
      name: cluster.spec.name,
      observability_name: cluster.spec.name,
      added_via_api: false,
      host_statuses: cluster.endpoints.map((endpoint) => ({
        address: addressJson(endpoint.address, endpoint.port),
        hostname: cluster.spec.host,
        weight: endpoint.weight,
        health_status: {
          eds_health_status: endpoint.health.isHealthy || endpoint.health.isEjected ? "HEALTHY" : "UNHEALTHY",
          ...(endpoint.health.isEjected ? { failed_outlier_check: true } : {}),
        },
        stats: endpointStats(endpoint).map(([name, type, value]) => ({ name, type, value })),
      })),
    })),
  }
}

/** `[cluster.NAME.STAT, value]`, as Envoy names them. */
export function clusterStats(clusters: readonly ClusterView[]): readonly (readonly [string, number])[] {
  return clusters.flatMap((cluster) =>
    cluster.stats.snapshotStats().map((stat) => [`cluster.${cluster.spec.name}.${stat.name}`, stat.value] as const),
  )
}

type EndpointStat = readonly [name: string, type: "COUNTER" | "GAUGE", value: number]

function endpointStats(endpoint: EndpointView): readonly EndpointStat[] {
  return [
    ["cx_active", "GAUGE", endpoint.pool.connectionCount],
    ["cx_connect_fail", "COUNTER", endpoint.connectFailures],
    ["cx_total", "COUNTER", endpoint.connectionsTotal],
    ["rq_active", "GAUGE", endpoint.activeRequests],
    ["rq_error", "COUNTER", endpoint.requestErrors],
    ["rq_total", "COUNTER", endpoint.requestsTotal],
  ]
}

function endpointRows(cluster: ClusterView, endpoint: EndpointView): readonly (readonly [string, string | number])[] {
  return [
    ...endpointStats(endpoint).map(([name, , value]) => [name, value] as const),
    ["hostname", cluster.spec.host],
    ["health_flags", endpoint.health.flags],
    ["weight", endpoint.weight],
  ]
}
