/**
 * Rules that forward: destinations and weights, rewrites, timeout, and the policies around them
 * (Istio semantics sheet 3.1, 3.2, 3.5-3.10).
 * Source: Istio `pilot/pkg/networking/core/route/route.go` (`applyHTTPRouteDestination`).
 */
import { parseDurationMs } from "../config/duration.ts"
import { toByteString } from "../route/byte-string.ts"
import type { HttpRule, RouteDestination } from "./api-types.ts"
import { compileCors } from "./cors-policy.ts"
import type { EffectiveRule } from "./delegates.ts"
import type { DestinationResolver } from "./destinations.ts"
import { compileFault, percentToPpm } from "./fault-policy.ts"
import { compileHeaders, joinEdits, noEdits } from "./header-edits.ts"
import { repeatsNonIdempotent } from "./non-idempotent-annotation.ts"
import type { RegexCompiler } from "./regex-compiler.ts"
import { compileRetryPolicy } from "./retry-policy.ts"
import type { ServerView } from "./route-match.ts"
import type {
  ForwardAction,
  HeaderEdits,
  Mirror,
  PathMatch,
  PathRewrite,
  WeightedCluster,
  WeightedClusters,
} from "./snapshot.ts"

export interface ForwardContext {
  readonly server: ServerView
  readonly destinations: DestinationResolver
  readonly regexes: RegexCompiler
}

/** A forward rule, the path rewrite left out: that one depends on the match block. */
export interface CompiledForward {
  readonly action: ForwardAction
  readonly requestEdits: HeaderEdits | null
  readonly responseEdits: HeaderEdits | null
}

/** @returns null when the rule has no destination. */
export function compileForward(effective: EffectiveRule, context: ForwardContext): CompiledForward | null {
  const { rule, source } = effective
  const routes = rule.route ?? []
  const [only] = routes
  if (only === undefined) return null

  const ruleLevel = compileHeaders(rule.headers)
  const ruleHost =
    rule.rewrite?.authority === undefined || rule.rewrite.authority === ""
      ? ruleLevel.hostRewrite
      : rule.rewrite.authority
  const isSingle = routes.length === 1
  const single = isSingle ? compileHeaders(only.headers) : noEdits
  const timeoutMs = rule.timeout === undefined ? 0 : (parseDurationMs(rule.timeout) ?? 0)
  return {
    action: {
      kind: "forward",
      destinations: isSingle
        ? singleDestination(only, effective, context)
        : weightedDestinations(routes, ruleHost, effective, context),
      pathRewrite: null,
      hostRewrite: ruleHost ?? single.hostRewrite,
      timeoutMs,
      // What cannot be read is reported with the VirtualService, and is then the safer of the two.
      retry: compileRetryPolicy(rule.retries, timeoutMs, repeatsNonIdempotent(source.resource) ?? false),
      fault: compileFault(rule.fault),
      mirrors: compileMirrors(effective, context),
      cors: compileCors(rule.corsPolicy, source, context.regexes),
    },
    requestEdits: joinEdits(ruleLevel.request, single.request),
    responseEdits: joinEdits(ruleLevel.response, single.response),
  }
}

/** The weight of a lone destination is ignored, 0 included. */
function singleDestination(
  route: RouteDestination,
  effective: EffectiveRule,
  context: ForwardContext,
): WeightedClusters {
  const { name, index } = context.destinations.resolve(
    route.destination,
    effective.namespace,
    effective.source,
    effective.source.path("route", 0, "destination"),
    context.server,
  )
  const entry = {
    clusterName: name,
    clusterIndex: index,
    weight: 1,
    requestEdits: null,
    responseEdits: null,
    hostRewrite: null,
  }
  return { entries: [entry], totalWeight: 1 }
}

function weightedDestinations(
  routes: readonly RouteDestination[],
  ruleHost: string | null,
  effective: EffectiveRule,
  context: ForwardContext,
): WeightedClusters {
  const { source, namespace } = effective
  const compileEntry = (route: RouteDestination, routeIndex: number, weight: number): WeightedCluster => {
    const path = source.path("route", routeIndex, "destination")
    const { name, index } = context.destinations.resolve(route.destination, namespace, source, path, context.server)
    const level = compileHeaders(route.headers)
    return {
      clusterName: name,
      clusterIndex: index,
      weight,
      requestEdits: level.request,
      responseEdits: level.response,
      hostRewrite: ruleHost === null ? level.hostRewrite : null,
    }
  }
  const entries: WeightedCluster[] = []
  for (const [routeIndex, route] of routes.entries()) {
    const weight = route.weight ?? 0
    if (weight > 0) entries.push(compileEntry(route, routeIndex, weight))
  }
  const [first] = routes
  // The schema refuses weights that are all 0; a total answer is still owed.
  if (entries.length === 0 && first !== undefined) entries.push(compileEntry(first, 0, 1))
  return { entries, totalWeight: entries.reduce((total, entry) => total + entry.weight, 0) }
}

/** Plain text substitution; what is replaced follows from the kind of uri match (sheet 3.2). */
export function compilePathRewrite(
  rule: HttpRule,
  path: PathMatch,
  effective: EffectiveRule,
  regexes: RegexCompiler,
): PathRewrite | null {
  const { rewrite } = rule
  if (rewrite === undefined) return null
  if (rewrite.uriRegexRewrite !== undefined) {
    const { match, rewrite: substitution } = rewrite.uriRegexRewrite
    const { source } = effective
    const regex = regexes.compile(match ?? "", source.resource, source.path("rewrite", "uriRegexRewrite", "match"))
    return regex === null ? null : { kind: "regex", regex, substitution: substitution ?? "" }
  }
  const replacement = toByteString(rewrite.uri ?? "")
  if (replacement === "") return null
  switch (path.kind) {
    case "prefix":
      return { kind: "prefix", prefixLength: path.value.length, replacement }
    case "any":
      return { kind: "prefix", prefixLength: 1, replacement }
    case "exact":
    case "regex":
      return { kind: "full", replacement }
  }
}

/** Each mirror is drawn by itself; without a percentage every request is copied, with 0 none (sheet 3.8). */
function compileMirrors(effective: EffectiveRule, context: ForwardContext): readonly Mirror[] {
  const { rule, source, mirrorNamespace } = effective
  const written = [
    ...(rule.mirror === undefined
      ? []
      : [{ destination: rule.mirror, percent: mirrorPercent(rule), path: source.path("mirror") }]),
    ...(rule.mirrors ?? []).map((mirror, index) => ({
      destination: mirror.destination,
      percent: mirror.percentage === undefined ? 100 : (mirror.percentage.value ?? 0),
      path: source.path("mirrors", index, "destination"),
    })),
  ]
  const mirrors: Mirror[] = []
  for (const { destination, percent, path } of written) {
    const ppm = percentToPpm(percent)
    if (ppm === 0) continue
    const { name, index } = context.destinations.resolve(destination, mirrorNamespace, source, path, context.server)
    mirrors.push({ clusterName: name, clusterIndex: index, ppm })
  }
  return mirrors
}

function mirrorPercent(rule: HttpRule): number {
  if (rule.mirrorPercentage !== undefined) return rule.mirrorPercentage.value ?? 0
  return rule.mirrorPercent ?? rule.mirror_percent ?? 100
}
