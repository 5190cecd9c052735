/**
 * Which endpoints are near (Istio semantics sheet 6.4): `localityLbSetting` and the gateway's own locality become a
 * priority, or a share of the traffic, of each endpoint.
 * Source: Istio `pilot/pkg/networking/core/loadbalancer/loadbalancer.go`.
 */
import type { EndpointSpec } from "./snapshot.ts"
import type { LocalityLbSetting } from "./traffic-policy.ts"

/** Where the gateway itself runs. */
export interface GatewayPlace {
  /** `region/zone/subzone`, or a beginning of it; "" = not known, then no endpoint is nearer than another. */
  readonly locality: string
  readonly labels: Readonly<Record<string, string>>
}

/**
 * @param hasOutlierDetection without it nobody could tell when to fail over, so no locality is preferred.
 */
export function placeEndpoints(
  endpoints: readonly EndpointSpec[],
  setting: LocalityLbSetting | undefined,
  hasOutlierDetection: boolean,
  place: GatewayPlace,
): readonly EndpointSpec[] {
  if (setting?.enabled === false) return endpoints
  const distribution = setting?.distribute?.find(({ from = "*" }) => covers(from, place.locality))
  if (place.locality !== "" && distribution !== undefined) return distribute(endpoints, distribution.to ?? {})
  if (setting?.distribute !== undefined || !hasOutlierDetection) return endpoints
  const labels = setting?.failoverPriority ?? []
  if (labels.length > 0) {
    const wanted = labels.map((label) => wantedLabel(label, place))
    return withPriorities(endpoints, (endpoint) => labels.length - leadingMatches(wanted, endpoint))
  }
  if (place.locality === "") return endpoints
  const region = place.locality.split("/")[0] ?? ""
  const target = setting?.failover?.find(({ from }) => from === region)?.to
  return withPriorities(endpoints, (endpoint) => distance(place.locality, endpoint.locality, target))
}

/** Endpoints of localities that get no traffic are left out. */
function distribute(
  endpoints: readonly EndpointSpec[],
  shares: Readonly<Record<string, number>>,
): readonly EndpointSpec[] {
  const entries = Object.entries(shares)
  const localitiesOf = new Map<string, Set<string>>()
  const patternOf = (locality: string) => entries.find(([pattern]) => covers(pattern, locality))
  for (const { locality } of endpoints) {
    const pattern = patternOf(locality)?.[0]
    if (pattern === undefined) continue
    const known = localitiesOf.get(pattern)
    if (known === undefined) localitiesOf.set(pattern, new Set([locality]))
    else known.add(locality)
  }
  return endpoints.flatMap((endpoint) => {
    const [pattern, share = 0] = patternOf(endpoint.locality) ?? []
    if (pattern === undefined || share === 0) return []
    // Localities of one pattern divide its share.
    return [{ ...endpoint, localityShare: share / (localitiesOf.get(pattern)?.size ?? 1) }]
  })
}

/** Numbers that nobody has are closed up, so that 0 is always there. */
function withPriorities(
  endpoints: readonly EndpointSpec[],
  rankOf: (endpoint: EndpointSpec) => number,
): readonly EndpointSpec[] {
  const ranks = endpoints.map(rankOf)
  const used = [...new Set(ranks)].sort((left, right) => left - right)
  return endpoints.map((endpoint, index) => ({ ...endpoint, priority: used.indexOf(ranks[index] ?? 0) }))
}

/** 0 same region, zone and subzone; 1 same region and zone; 2 same region; 3 elsewhere, or 3 the target and 4 the rest. */
function distance(own: string, other: string, failoverTarget: string | undefined): number {
  const [region = "", zone = "", subzone = ""] = own.split("/")
  const [otherRegion = "", otherZone = "", otherSubzone = ""] = other.split("/")
  if (otherRegion !== region) return failoverTarget === undefined || otherRegion === failoverTarget ? 3 : 4
  if (otherZone !== zone) return 2
  return otherSubzone === subzone ? 0 : 1
}

/** `region/zone/*` and `*` cover what is below them; a shorter name covers all of its zones. */
function covers(pattern: string, locality: string): boolean {
  const wanted = pattern.split("/")
  const parts = locality.split("/")
  return wanted.every((part, index) => part === "*" || part === (parts[index] ?? ""))
}

/** `name=value` names its value, `name` takes the gateway's own. */
function wantedLabel(label: string, place: GatewayPlace): readonly [name: string, value: string] {
  const split = label.indexOf("=")
  if (split >= 0) return [label.slice(0, split), label.slice(split + 1)]
  return [label, place.labels[label] ?? localityLabel(label, place.locality)]
}

function leadingMatches(wanted: readonly (readonly [string, string])[], endpoint: EndpointSpec): number {
  const first = wanted.findIndex(
    ([name, value]) => (endpoint.labels[name] ?? localityLabel(name, endpoint.locality)) !== value,
  )
  return first < 0 ? wanted.length : first
}

/** Istio reads the locality as these labels as well. */
function localityLabel(name: string, locality: string): string {
  const [region = "", zone = "", subzone = ""] = locality.split("/")
  switch (name) {
    case "topology.kubernetes.io/region":
      return region
    case "topology.kubernetes.io/zone":
      return zone
    case "topology.istio.io/subzone":
      return subzone
    default:
      return ""
  }
}
