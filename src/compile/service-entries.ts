/**
 * ServiceEntry to service definitions: one per host, with endpoints written out, selected from WorkloadEntries, or left
 * to DNS (Istio semantics sheet 7.1).
 * Source: Istio `pilot/pkg/serviceregistry/serviceentry`, `pilot/pkg/networking/core/cluster.go`.
 */
import type { ServiceEntryResource, WorkloadEntryResource } from "../config/resources.ts"
import type { ServiceEntryPort } from "./api-types.ts"
import type { ServiceDefinition } from "./services.ts"
import type { ClusterSpec, Discovery, EndpointSpec } from "./snapshot.ts"

/** An endpoint as ServiceEntry, WorkloadEntry and `workloadSelector` all write it. */
export type WorkloadSpec = WorkloadEntryResource["spec"]

const unixScheme = "unix://"

export function serviceEntryDefinitions(
  entry: ServiceEntryResource,
  workloads: readonly WorkloadEntryResource[],
): readonly ServiceDefinition[] {
  const { spec, metadata } = entry
  const selected = spec.workloadSelector
  const workloadSpecs: readonly WorkloadSpec[] =
    selected === undefined
      ? (spec.endpoints ?? [])
      : selectWorkloads(workloads, metadata.namespace, selected.labels ?? {})
  return spec.hosts.map((host) => ({
    host,
    clusterHost: host,
    namespace: metadata.namespace,
    exportTo: spec.exportTo,
    ports: (spec.ports ?? []).map((port) => ({
      number: port.number,
      name: port.name,
      protocol: upstreamProtocol(port.protocol ?? ""),
      discovery: discover(spec.resolution ?? "NONE", host, port, workloadSpecs, selected !== undefined),
    })),
    subjectAltNames: spec.subjectAltNames ?? [],
    resource: entry,
  }))
}

/** WorkloadEntries of a namespace that carry all of the labels. Nothing is selected by no label at all. */
export function selectWorkloads(
  workloads: readonly WorkloadEntryResource[],
  namespace: string,
  selector: Readonly<Record<string, string>>,
): readonly WorkloadSpec[] {
  const wanted = Object.entries(selector)
  if (wanted.length === 0) return []
  return workloads
    .filter(({ metadata, spec }) => {
      const labels = spec.labels ?? metadata.labels
      return metadata.namespace === namespace && wanted.every(([key, value]) => labels[key] === value)
    })
    .map(({ spec, metadata }) => ({ ...spec, labels: spec.labels ?? metadata.labels }))
}

/** What is spoken to the endpoints, by a port's protocol: only HTTP/2 by name is HTTP/2. */
export function upstreamProtocol(protocol: string): ClusterSpec["protocol"] {
  switch (protocol.toUpperCase()) {
    case "HTTP2":
    case "GRPC":
    case "GRPC-WEB":
      return "http2"
    case "TCP":
    case "TLS":
    case "MONGO":
    case "MYSQL":
    case "REDIS":
      return "tcp"
    default:
      return "http1"
  }
}

function discover(
  resolution: string,
  host: string,
  port: ServiceEntryPort,
  workloads: readonly WorkloadSpec[],
  isSelected: boolean,
): Discovery {
  const endpoints = workloads.map((workload) => workloadEndpoint(workload, port.name, port.targetPort ?? port.number))
  switch (resolution) {
    case "STATIC":
      return { kind: "static", endpoints }
    case "DNS":
    case "DNS_ROUND_ROBIN": {
      const kind = resolution === "DNS" ? "strict-dns" : "logical-dns"
      if (endpoints.length > 0 || isSelected) return { kind, endpoints }
      return { kind, endpoints: [hostEndpoint(host, port)] }
    }
    default:
      // NONE forwards to where the client was going; at a gateway there is no such place.
      return { kind: "static", endpoints: [] }
  }
}

function hostEndpoint(host: string, port: ServiceEntryPort): EndpointSpec {
  const number = port.targetPort ?? port.number
  return { address: host, port: number, weight: 1, labels: {}, locality: "", priority: 0, localityShare: 0 }
}

/** Precedence of the port: a unix socket has none, then the endpoint's own for this port name, then `port`. */
export function workloadEndpoint(workload: WorkloadSpec, portName: string, port: number): EndpointSpec {
  const address = workload.address ?? ""
  const isUnix = address.startsWith(unixScheme)
  const ports = workload.ports ?? {}
  const own = Object.hasOwn(ports, portName) ? ports[portName] : undefined
  return {
    address: isUnix ? `unix:${address.slice(unixScheme.length)}` : address,
    port: isUnix ? 0 : (own ?? port),
    weight: Math.max(1, workload.weight ?? 1),
    labels: workload.labels ?? {},
    locality: workload.locality ?? "",
    priority: 0,
    localityShare: 0,
  }
}
