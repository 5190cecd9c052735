/**
 * Kubernetes Services to service definitions; endpoints come from EndpointSlices, from Endpoints, or from WorkloadEntries
 * that the Service selects, never from the cluster IP (Istio semantics sheet 7.2).
 *
 * There are no Pods to take labels from: an endpoint carries the labels of the EndpointSlice (or Endpoints) that lists
 * it, so one slice per version is how subsets are told apart.
 */
import type {
  EndpointSliceResource,
  EndpointsResource,
  ServiceResource,
  WorkloadEntryResource,
} from "../config/resources.ts"
import type { Steps } from "../config/steps.ts"
import { fullyQualifiedHost, qualifiedName } from "./names.ts"
import { selectWorkloads, upstreamProtocol, workloadEndpoint } from "./service-entries.ts"
import type { ServiceDefinition, ServicePort } from "./services.ts"
import type { ClusterSpec, Discovery, EndpointSpec } from "./snapshot.ts"

const serviceNameLabel = "kubernetes.io/service-name"
const exportToAnnotation = "networking.istio.io/exportTo"

type KubernetesPort = NonNullable<ServiceResource["body"]["spec"]["ports"]>[number]

/** Endpoint resources by the `NAMESPACE/NAME` of their Service. */
interface EndpointSources {
  readonly slices: ReadonlyMap<string, readonly EndpointSliceResource[]>
  readonly endpoints: ReadonlyMap<string, EndpointsResource>
  readonly workloads: readonly WorkloadEntryResource[]
}

/** @returns in the order of `services`. */
export function* kubernetesDefinitions(
  services: readonly ServiceResource[],
  slices: readonly EndpointSliceResource[],
  endpoints: readonly EndpointsResource[],
  workloads: readonly WorkloadEntryResource[],
): Steps<ServiceDefinition[]> {
  const slicesByService = new Map<string, EndpointSliceResource[]>()
  for (const slice of slices) {
    const name = `${slice.metadata.namespace}/${slice.metadata.labels[serviceNameLabel] ?? ""}`
    const known = slicesByService.get(name)
    if (known === undefined) slicesByService.set(name, [slice])
    else known.push(slice)
    yield
  }
  const sources: EndpointSources = {
    slices: slicesByService,
    endpoints: new Map(endpoints.map((each) => [qualifiedName(each.metadata), each])),
    workloads,
  }
  const definitions: ServiceDefinition[] = []
  for (const service of services) {
    definitions.push(compileService(service, sources))
    yield
  }
  return definitions
}

function compileService(service: ServiceResource, sources: EndpointSources): ServiceDefinition {
  const { metadata, body } = service
  const host = fullyQualifiedHost(metadata.name, metadata.namespace)
  const externalName = body.spec.type === "ExternalName" ? (body.spec.externalName ?? "") : ""
  const annotation = metadata.annotations[exportToAnnotation]
  return {
    host,
    clusterHost: externalName === "" ? host : externalName,
    namespace: metadata.namespace,
    exportTo: annotation?.split(",").map((namespace) => namespace.trim()),
    ports: (body.spec.ports ?? []).map(
      (port): ServicePort => ({
        number: port.port,
        name: port.name ?? "",
        protocol: portProtocol(port),
        discovery:
          externalName === ""
            ? discover(service, port, sources)
            : { kind: "strict-dns", endpoints: [endpoint(externalName, port.port, {}, "")] },
      }),
    ),
    subjectAltNames: [],
    resource: service,
  }
}

/** `appProtocol` first, else the port name's part before the first `-`. */
function portProtocol(port: KubernetesPort): ClusterSpec["protocol"] {
  const { appProtocol, name = "" } = port
  switch (appProtocol) {
    case undefined:
    case "":
      return name.startsWith("grpc-web") ? "http2" : upstreamProtocol(name.split("-")[0] ?? "")
    case "kubernetes.io/h2c":
      return "http2"
    default:
      return upstreamProtocol(appProtocol)
  }
}

function discover(service: ServiceResource, port: KubernetesPort, sources: EndpointSources): Discovery {
  const name = qualifiedName(service.metadata)
  const takesNotReady = service.body.spec.publishNotReadyAddresses ?? false
  const slices = sources.slices.get(name)
  if (slices !== undefined) {
    const endpoints = slices.flatMap((slice) => sliceEndpoints(slice, port.name ?? "", takesNotReady))
    const isNamed = slices.some((slice) => slice.body.addressType === "FQDN")
    return { kind: isNamed ? "strict-dns" : "static", endpoints }
  }
  const listed = sources.endpoints.get(name)
  if (listed !== undefined) {
    return { kind: "static", endpoints: listedEndpoints(listed, port.name ?? "", takesNotReady) }
  }
  const targetPort = typeof port.targetPort === "number" ? port.targetPort : port.port
  const workloads = selectWorkloads(sources.workloads, service.metadata.namespace, service.body.spec.selector ?? {})
  return {
    kind: "static",
    endpoints: workloads.map((workload) => workloadEndpoint(workload, port.name ?? "", targetPort)),
  }
}

function sliceEndpoints(slice: EndpointSliceResource, portName: string, takesNotReady: boolean): EndpointSpec[] {
  const number = numberedPort(slice.body.ports ?? [], portName)
  if (number === null) return []
  const labels = slice.metadata.labels
  return (slice.body.endpoints ?? [])
    .filter((each) => takesNotReady || each.conditions?.ready !== false)
    .flatMap((each) => each.addresses.map((address) => endpoint(address, number, labels, each.zone ?? "")))
}

function listedEndpoints(listed: EndpointsResource, portName: string, takesNotReady: boolean): EndpointSpec[] {
  const labels = listed.metadata.labels
  return (listed.body.subsets ?? []).flatMap((subset) => {
    const number = numberedPort(subset.ports ?? [], portName)
    if (number === null) return []
    const addresses = [...(subset.addresses ?? []), ...(takesNotReady ? (subset.notReadyAddresses ?? []) : [])]
    return addresses.map((address) => endpoint(address.ip, number, labels, ""))
  })
}

/** Ports are matched by name; unnamed ones with the unnamed one. */
function numberedPort(
  ports: readonly { readonly name?: string | null | undefined; readonly port?: number | null | undefined }[],
  name: string,
): number | null {
  return ports.find((port) => (port.name ?? "") === name)?.port ?? null
}

function endpoint(
  address: string,
  port: number,
  labels: Readonly<Record<string, string>>,
  locality: string,
): EndpointSpec {
  return { address, port, weight: 1, labels, locality, priority: 0, localityShare: 0 }
}
