/** Envoy's `Cluster`, and its endpoints as `/clusters` lists them (Istio semantics sheet 6, 7, 10). */
import type { ClusterSpec, EndpointSpec, ResourceName } from "../compile/snapshot.ts"
import {
  circuitBreakersJson,
  commonLbConfigJson,
  connectionOptionsJson,
  healthChecksJson,
  httpProtocolOptionsJson,
  outlierDetectionJson,
  upstreamTransportSocketJson,
} from "./cluster-policies-json.ts"
import { durationText, type JsonObject, message } from "./json-value.ts"
import { addressJson } from "./listener-json.ts"

const lbPolicies: Readonly<Record<ClusterSpec["loadBalancer"], string>> = Object.freeze({
  "least-request": "LEAST_REQUEST",
  "round-robin": "ROUND_ROBIN",
  random: "RANDOM",
  "ring-hash": "RING_HASH",
  maglev: "MAGLEV",
})

/** Envoy's discovery type: addresses that files name are STATIC here, where istiod would send them by EDS. */
export function clusterType(spec: ClusterSpec): "STATIC" | "STRICT_DNS" | "LOGICAL_DNS" {
  switch (spec.discovery.kind) {
    case "static":
      return "STATIC"
    case "strict-dns":
      return "STRICT_DNS"
    case "logical-dns":
      return "LOGICAL_DNS"
  }
}

export function clusterJson(spec: ClusterSpec): JsonObject {
  const { loadBalancer, hash } = spec
  return message({
    name: spec.name,
    type: clusterType(spec),
    connectTimeout: durationText(spec.connectTimeoutMs),
    lbPolicy: lbPolicies[loadBalancer],
    loadAssignment: { clusterName: spec.name, endpoints: localitiesJson(spec.discovery.endpoints) },
    healthChecks: healthChecksJson(spec),
    circuitBreakers: circuitBreakersJson(spec.limits),
    typedExtensionProtocolOptions: httpProtocolOptionsJson(spec),
    outlierDetection: outlierDetectionJson(spec.outlierDetection),
    ringHashLbConfig: loadBalancer === "ring-hash" && hash !== null ? { minimumRingSize: `${hash.ringSizeMin}` } : null,
    maglevLbConfig: loadBalancer === "maglev" && hash !== null ? { tableSize: `${hash.tableSize}` } : null,
    commonLbConfig: commonLbConfigJson(spec),
    transportSocket: upstreamTransportSocketJson(spec),
    metadata: spec.destinationRule === null ? null : destinationRuleMetadata(spec.destinationRule),
    upstreamConnectionOptions: connectionOptionsJson(spec.limits),
  })
}

/** Where istioctl looks for the rule's name. */
function destinationRuleMetadata({ namespace, name }: ResourceName): JsonObject {
  const config = `/apis/networking.istio.io/v1/namespaces/${namespace}/destination-rule/${name}`
  return { filterMetadata: { istio: { config } } }
}

function localitiesJson(endpoints: readonly EndpointSpec[]): readonly JsonObject[] {
  const groups = Map.groupBy(endpoints, ({ locality }) => locality)
  return [...groups].map(([locality, members]) =>
    message({
      locality: localityJson(locality),
      lbEndpoints: members.map(({ address, port, weight }) => ({
        endpoint: { address: addressJson(address, port) },
        loadBalancingWeight: weight,
      })),
    }),
  )
}

/** `region/zone/subzone`. */
function localityJson(locality: string): JsonObject {
  const [region = "", zone = "", subZone = ""] = locality.split("/")
  return message({ region, zone, subZone })
}
