/** From what a dry run left behind to what a client or a service would see. */
import type { ClusterSpec, Route, Snapshot, WeightedCluster } from "../compile/snapshot.ts"
import { formatHostText } from "../upstream/endpoint.ts"
import { describeEdits, locationText } from "./describe-route.ts"
import type { DryRunResult } from "./dry-run.ts"
import type { ExplainedCluster, GatewayResponse, Outcome, UpstreamRequestHead } from "./explanation.ts"
import type { RequestHeader } from "./request-to-explain.ts"

/** What the exchange says where the destination decided: another destination may fare otherwise. */
const decidedByDestination: ReadonlySet<string> = new Set([
  "cluster_not_found",
  "no_healthy_upstream",
  "invalid_path_after_rewrite",
])

/**
 * One per destination, each with its share.
 * @param first the run that has the first destination already
 * @param run   makes another run with the destination of that index
 */
export function explainOutcomes(
  snapshot: Snapshot,
  route: Route | null,
  first: DryRunResult,
  run: (destination: number) => DryRunResult,
): readonly Outcome[] {
  const depends = first.upstreamHead !== "" || decidedByDestination.has(first.details)
  if (route === null || route.action.kind !== "forward" || !depends) {
    return [{ ...whatWent(first), sharePercent: 100, cluster: null, responseEdits: [] }]
  }
  const { entries, totalWeight } = route.action.destinations
  return entries.map((entry, index) => {
    const went = whatWent(index === 0 ? first : run(index))
    const edits = [...describeEdits(entry.responseEdits), ...describeEdits(route.responseEdits)]
    return {
      ...went,
      sharePercent: Number(((entry.weight / totalWeight) * 100).toFixed(4)),
      cluster: explainedCluster(snapshot, entry),
      responseEdits: went.response === null ? edits : [],
    }
  })
}

function whatWent(result: DryRunResult): Pick<Outcome, "upstreamRequest" | "response"> {
  return { upstreamRequest: upstreamRequestOf(result), response: responseOf(result) }
}

function explainedCluster(snapshot: Snapshot, { clusterName, clusterIndex }: WeightedCluster): ExplainedCluster {
  const spec = snapshot.clusters[clusterIndex]
  if (spec === undefined) return { name: clusterName, discovery: "", loadBalancer: "", endpoints: [], location: "" }
  return {
    name: spec.name,
    discovery: spec.discovery.kind,
    loadBalancer: spec.loadBalancer,
    endpoints: endpointTexts(spec),
    location: spec.location === null ? "" : locationText(spec.location),
  }
}

function endpointTexts(spec: ClusterSpec): readonly string[] {
  return spec.discovery.endpoints.map(({ address, port }) => formatHostText(address, port))
}

function upstreamRequestOf(result: DryRunResult): UpstreamRequestHead | null {
  if (result.upstreamHead === "") return null
  return {
    method: result.upstreamMethod,
    path: result.upstreamPath,
    authority: result.upstreamAuthority,
    headers: headersOf(result.upstreamHead),
  }
}

function responseOf(result: DryRunResult): GatewayResponse | null {
  if (result.responseHead === "") return null
  return {
    status: result.responseStatus,
    headers: headersOf(result.responseHead),
    body: result.responseBody.toString("utf8"),
    details: result.details,
    flags: result.flags,
  }
}

/** The fields of a head that the gateway's own writer made. */
export function headersOf(headText: string): readonly RequestHeader[] {
  return headText
    .split("\r\n")
    .slice(1, -2)
    .map((line) => {
      const colon = line.indexOf(":")
      return { name: line.slice(0, colon), value: line.slice(colon + 1).trim() }
    })
}
