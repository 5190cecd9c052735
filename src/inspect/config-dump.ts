/**
 * Envoy's `/config_dump`: the groups in Envoy's order and spelling. Private keys do not come here, so none can be in a
 * dump.
 */
import type { Snapshot } from "../compile/snapshot.ts"
import { clusterJson } from "./cluster-json.ts"
import { type JsonObject, type JsonValue, withSnakeCaseKeys } from "./json-value.ts"
import { dynamicSecretJson, type ListedCertificate, listedSecrets } from "./listed-certificate.ts"
import type { ListedEndpoint } from "./listed-endpoint.ts"
import { addressJson, listenerJson } from "./listener-json.ts"
import { routeConfigurationJson, routeConfigurationsOf } from "./route-configuration-json.ts"

export interface ConfigDumpSource {
  readonly snapshot: Snapshot
  /** null = without the group of endpoints (Envoy: `?include_eds` asks for it). */
  readonly endpoints: readonly ListedEndpoint[] | null
  readonly certificates: readonly ListedCertificate[]
  readonly loadedUnixMs: number
  readonly version: string
}

const adminTypes = "type.googleapis.com/envoy.admin.v3."
const types = "type.googleapis.com/envoy.config."

export function configDump(source: ConfigDumpSource): JsonValue {
  const { snapshot, endpoints, version } = source
  const lastUpdated = new Date(source.loadedUnixMs).toISOString()
  const configs: JsonObject[] = [
    {
      "@type": `${adminTypes}BootstrapConfigDump`,
      bootstrap: { node: { id: "portcullis", userAgentName: "portcullis", userAgentVersion: version } },
      lastUpdated,
    },
    {
      "@type": `${adminTypes}ClustersConfigDump`,
      staticClusters: snapshot.clusters.map((spec) => ({
        cluster: { "@type": `${types}cluster.v3.Cluster`, ...clusterJson(spec) },
        lastUpdated,
      })),
    },
    {
      "@type": `${adminTypes}ListenersConfigDump`,
      staticListeners: snapshot.listeners.map((listener) => ({
        listener: { "@type": `${types}listener.v3.Listener`, ...listenerJson(listener) },
        lastUpdated,
      })),
    },
    {
      "@type": `${adminTypes}RoutesConfigDump`,
      staticRouteConfigs: routeConfigurationsOf(snapshot).map((configuration) => ({
        routeConfig: { "@type": `${types}route.v3.RouteConfiguration`, ...routeConfigurationJson(configuration) },
        lastUpdated,
      })),
    },
  ]
  if (source.certificates.length > 0) {
    configs.push({
      "@type": `${adminTypes}SecretsConfigDump`,
      dynamicActiveSecrets: listedSecrets(source.certificates).map(dynamicSecretJson),
    })
  }
  if (endpoints !== null) {
    configs.push({
      "@type": `${adminTypes}EndpointsConfigDump`,
      staticEndpointConfigs: endpointConfigs(endpoints),
    })
  }
  return withSnakeCaseKeys({ configs })
}

function endpointConfigs(endpoints: readonly ListedEndpoint[]): readonly JsonObject[] {
  const clusters = Map.groupBy(endpoints, ({ cluster }) => cluster)
  return [...clusters].map(([clusterName, members]) => ({
    endpointConfig: {
      "@type": `${types}endpoint.v3.ClusterLoadAssignment`,
      clusterName,
      endpoints: [
        {
          lbEndpoints: members.map(({ address, port, weight, status }) => ({
            endpoint: { address: addressJson(address, port) },
            healthStatus: status,
            loadBalancingWeight: weight,
          })),
        },
      ],
    },
  }))
}
