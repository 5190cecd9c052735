/**
 * Which VirtualServices a Gateway's servers serve: by `gateways`, by `exportTo` as seen from the Gateway's namespace,
 * and by hosts that meet (Istio semantics sheet 1.5). Also the order in which they are joined (2.1).
 */

import type { GatewayResource, VirtualServiceResource } from "../config/resources.ts"
import { sortedInSteps } from "../config/sort-in-steps.ts"
import type { Steps } from "../config/steps.ts"
import { Nearness, nearness } from "./export-to.ts"
import type { GatewayServer } from "./gateway-servers.ts"
import { HostIndex } from "./host-names.ts"
import { fullyQualifiedHost, meshGateway, qualifiedName, resolveGatewayName } from "./names.ts"
import type { Report } from "./report.ts"

/** A VirtualService on its way to the servers. */
export interface BoundVirtualService {
  readonly resource: VirtualServiceResource
  /** Expanded and lower-cased, in the order written. */
  readonly hosts: readonly string[]
  /** Beside `hosts`: whether any server met it. Filled by `virtualServicesAt`, judged by the cross-checks. */
  readonly isHostMet: boolean[]
}

/** The VirtualServices of one Gateway, in joining order. */
export interface GatewayBinding {
  readonly virtualServices: readonly BoundVirtualService[]
  readonly hosts: HostIndex<HostOwner>
}

interface HostOwner {
  /** In `GatewayBinding.virtualServices`. */
  readonly position: number
  /** In `BoundVirtualService.hosts`. */
  readonly hostIndex: number
}

/** A VirtualService at one server, with the hosts that both know. */
export interface ServedVirtualService {
  readonly virtualService: BoundVirtualService
  readonly hosts: readonly string[]
}

export interface Bindings {
  /** By `NAMESPACE/NAME`, one for each served Gateway. */
  readonly byGateway: ReadonlyMap<string, GatewayBinding>
  /** Those that at least one served Gateway took. */
  readonly bound: readonly BoundVirtualService[]
}

interface Candidates {
  readonly gatewayNamespace: string
  readonly found: { readonly virtualService: BoundVirtualService; readonly rank: number }[]
}

/**
 * @param served          the Gateways that are served, in creation order.
 * @param known           every Gateway's `NAMESPACE/NAME`, served or not.
 * @param virtualServices in creation order. Those without hosts are delegates and bind to nothing.
 */
export function* bindVirtualServices(
  served: readonly GatewayResource[],
  known: ReadonlySet<string>,
  virtualServices: readonly VirtualServiceResource[],
  report: Report,
): Steps<Bindings> {
  const candidates = new Map<string, Candidates>()
  for (const { metadata } of served) {
    candidates.set(qualifiedName(metadata), { gatewayNamespace: metadata.namespace, found: [] })
  }

  const bound: BoundVirtualService[] = []
  for (const resource of virtualServices) {
    yield
    const { namespace } = resource.metadata
    const written = resource.spec.hosts ?? []
    if (written.length === 0) continue
    const virtualService: BoundVirtualService = {
      resource,
      hosts: written.map((host) => fullyQualifiedHost(host, namespace).toLowerCase()),
      isHostMet: written.map(() => false),
    }
    let isBound = false
    for (const [index, text] of (resource.spec.gateways ?? []).entries()) {
      const name = resolveGatewayName(text, namespace)
      if (name === meshGateway) continue
      const candidate = candidates.get(name)
      if (candidate === undefined) {
        if (!known.has(name)) reportMissingGateway(resource, index, name, known, report)
        continue
      }
      const rank = nearness(resource.spec.exportTo, namespace, candidate.gatewayNamespace)
      if (rank === Nearness.invisible) continue
      isBound = true
      // A Gateway listed twice binds once.
      if (candidate.found.at(-1)?.virtualService !== virtualService) candidate.found.push({ virtualService, rank })
    }
    if (isBound) bound.push(virtualService)
  }

  const byGateway = new Map<string, GatewayBinding>()
  for (const [name, { found }] of candidates) byGateway.set(name, yield* indexBinding(found))
  return { byGateway, bound }
}

function* indexBinding(found: Candidates["found"]): Steps<GatewayBinding> {
  const sorted = yield* sortedInSteps(found, (left, right) => left.rank - right.rank)
  const virtualServices = sorted.map((each) => each.virtualService)
  const hosts = new HostIndex<HostOwner>()
  for (const [position, virtualService] of virtualServices.entries()) {
    yield
    for (const [hostIndex, host] of virtualService.hosts.entries()) hosts.add(host, { position, hostIndex })
  }
  return { virtualServices, hosts }
}

/** The VirtualServices that meet one server's hosts, in joining order; marks the hosts that were met. */
export function* virtualServicesAt(
  server: GatewayServer,
  binding: GatewayBinding,
): Steps<readonly ServedVirtualService[]> {
  const hostsByPosition = new Map<number, Set<string>>()
  for (const { host, namespace } of server.hosts) {
    yield* binding.hosts.forEachShared(host, (narrower, { position, hostIndex }) => {
      const virtualService = binding.virtualServices[position]
      if (virtualService === undefined) return
      if (namespace !== null && virtualService.resource.metadata.namespace !== namespace) return
      virtualService.isHostMet[hostIndex] = true
      const hosts = hostsByPosition.get(position)
      if (hosts === undefined) hostsByPosition.set(position, new Set([narrower]))
      else hosts.add(narrower)
    })
  }
  const served: ServedVirtualService[] = []
  for (const position of yield* sortedInSteps([...hostsByPosition.keys()], (left, right) => left - right)) {
    yield
    const virtualService = binding.virtualServices[position]
    const hosts = hostsByPosition.get(position)
    if (virtualService !== undefined && hosts !== undefined) served.push({ virtualService, hosts: [...hosts] })
  }
  return served
}

function reportMissingGateway(
  resource: VirtualServiceResource,
  index: number,
  name: string,
  known: ReadonlySet<string>,
  report: Report,
): void {
  report.add({
    severity: "error",
    code: "P3001",
    resource,
    path: ["spec", "gateways", index],
    message: `Gateway "${name}" does not exist`,
    hint: report.closestName(name, known),
  })
}
