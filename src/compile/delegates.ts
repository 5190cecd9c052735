/**
 * Delegation: a root rule's place is taken by the rules of another VirtualService, its conditions joined with theirs
 * (Istio semantics sheet 3.11). Everything behind this file sees plain rules.
 * Source: Istio `pilot/pkg/model/virtualservice.go` (`mergeVirtualServicesIfNeeded`, `mergeHTTPMatchRequests`).
 */
import type { VirtualServiceResource } from "../config/resources.ts"
import type { HttpMatch, HttpRule } from "./api-types.ts"
import { isVisible } from "./export-to.ts"
import { joinNames, mergeMatches } from "./merge-matches.ts"
import { qualifiedName, resolveGatewayName } from "./names.ts"
import type { Report } from "./report.ts"
import { RuleSource } from "./rule-source.ts"

/** A rule as it takes effect: its own, or a delegate's joined with its root's. */
export interface EffectiveRule {
  readonly rule: HttpRule
  readonly source: RuleSource
  /** Where short names of destinations and gateways belong. */
  readonly namespace: string
  /** The same for mirrors, which a delegate's rule may inherit from its root. */
  readonly mirrorNamespace: string
}

/** Delegates by `NAMESPACE/NAME`: the VirtualServices without hosts. */
export type DelegateIndex = ReadonlyMap<string, VirtualServiceResource>

export function indexDelegates(virtualServices: readonly VirtualServiceResource[]): DelegateIndex {
  const delegates = new Map<string, VirtualServiceResource>()
  for (const resource of virtualServices) {
    if ((resource.spec.hosts ?? []).length === 0) delegates.set(qualifiedName(resource.metadata), resource)
  }
  return delegates
}

/** The HTTP rules of a root VirtualService in order, delegates put in place. */
export function effectiveRules(
  root: VirtualServiceResource,
  delegates: DelegateIndex,
  report: Report,
): readonly EffectiveRule[] {
  const { namespace } = root.metadata
  const effective: EffectiveRule[] = []
  for (const [ruleIndex, rule] of (root.spec.http ?? []).entries()) {
    const source = new RuleSource(root, ruleIndex)
    if (rule.delegate === undefined) {
      effective.push({ rule, source, namespace, mirrorNamespace: namespace })
      continue
    }
    const delegate = findDelegate(source, rule, delegates, report)
    if (delegate !== null) effective.push(...joinedRules(source, rule, delegate, report))
  }
  return effective
}

function findDelegate(
  source: RuleSource,
  rule: HttpRule,
  delegates: DelegateIndex,
  report: Report,
): VirtualServiceResource | null {
  const root = source.resource
  const namespace = rule.delegate?.namespace ?? ""
  const name = `${namespace === "" ? root.metadata.namespace : namespace}/${rule.delegate?.name ?? ""}`
  const delegate = delegates.get(name)
  if (delegate === undefined) {
    report.add({
      severity: "error",
      code: "P3009",
      resource: root,
      path: source.path("delegate"),
      message: `delegate VirtualService "${name}" does not exist (a delegate has no \`hosts\`): this rule is left out`,
      hint: report.closestName(name, delegates.keys()),
    })
    return null
  }
  if (!isVisible(delegate.spec.exportTo, delegate.metadata.namespace, root.metadata.namespace)) {
    report.add({
      severity: "error",
      code: "P3009",
      resource: root,
      path: source.path("delegate"),
      message: `delegate VirtualService "${name}" is not exported to namespace "${root.metadata.namespace}": this rule is left out`,
      hint: "add the namespace to the delegate's `exportTo`",
    })
    return null
  }
  return delegate
}

function joinedRules(
  rootSource: RuleSource,
  root: HttpRule,
  delegate: VirtualServiceResource,
  report: Report,
): readonly EffectiveRule[] {
  const rootNamespace = rootSource.resource.metadata.namespace
  const { namespace } = delegate.metadata
  const rootMatches = (root.match ?? []).map((match) => withWholeGatewayNames(match, rootNamespace))
  const joined: EffectiveRule[] = []
  for (const [ruleIndex, leaf] of (delegate.spec.http ?? []).entries()) {
    const source = new RuleSource(delegate, ruleIndex)
    // A delegate may not delegate again (sheet 3.11 (1)).
    if (leaf.delegate !== undefined) continue
    const leafMatches = (leaf.match ?? []).map((match) => withWholeGatewayNames(match, namespace))
    const matches = mergeMatches(rootMatches, leafMatches)
    if (matches === null) {
      report.add({
        severity: "warning",
        code: "P3010",
        resource: delegate,
        path: source.path("match"),
        message:
          `a match block contradicts every match block of the root rule in VirtualService ` +
          `${qualifiedName(rootSource.resource.metadata)}: the whole rule is left out`,
        hint: "a delegate's conditions must lie within the root's: a longer prefix, never another exact value or a regex on both sides",
      })
      continue
    }
    const inheritsMirror = !hasMirror(leaf) && hasMirror(root)
    joined.push({
      rule: joinRule(root, leaf, matches, inheritsMirror),
      source,
      namespace,
      mirrorNamespace: inheritsMirror ? rootNamespace : namespace,
    })
  }
  return joined
}

/** Fields the delegate leaves unset come from the root whole, never merged (sheet 3.11 (5)). */
function joinRule(root: HttpRule, leaf: HttpRule, match: readonly HttpMatch[], inheritsMirror: boolean): HttpRule {
  const mirror = inheritsMirror ? root : leaf
  return {
    ...leaf,
    name: joinNames(root.name, leaf.name),
    match: [...match],
    rewrite: leaf.rewrite ?? root.rewrite,
    directResponse: leaf.directResponse ?? root.directResponse,
    timeout: leaf.timeout ?? root.timeout,
    retries: leaf.retries ?? root.retries,
    fault: leaf.fault ?? root.fault,
    mirror: mirror.mirror,
    mirrors: mirror.mirrors,
    mirrorPercent: leaf.mirrorPercent ?? root.mirrorPercent,
    mirror_percent: leaf.mirror_percent ?? root.mirror_percent,
    mirrorPercentage: leaf.mirrorPercentage ?? root.mirrorPercentage,
    corsPolicy: leaf.corsPolicy ?? root.corsPolicy,
    headers: leaf.headers ?? root.headers,
  }
}

function hasMirror(rule: HttpRule): boolean {
  return rule.mirror !== undefined || (rule.mirrors ?? []).length > 0
}

/** Gateways are named relative to the VirtualService that names them, so this comes before joining. */
function withWholeGatewayNames(match: HttpMatch, namespace: string): HttpMatch {
  if (match.gateways === undefined) return match
  return { ...match, gateways: match.gateways.map((name) => resolveGatewayName(name, namespace)) }
}
