/**
 * Which DestinationRule applies to a host, and what the rules of one host come to (Istio semantics sheet 6.1). What it
 * says for one port and subset is in `traffic-policy.ts`.
 * Source: Istio `pilot/pkg/model/{destination_rule,push_context}.go`.
 */
import type { DestinationRuleResource } from "../config/resources.ts"
import type { Steps } from "../config/steps.ts"
import type { Subset, TrafficPolicy } from "./api-types.ts"
import { isVisible } from "./export-to.ts"
import { compareSpecificity, covers } from "./host-names.ts"
import { fullyQualifiedHost, rootNamespace } from "./names.ts"

/** All rules of one host in one namespace, merged oldest first. */
export interface MergedRule {
  readonly host: string
  /** Of the oldest one. */
  readonly name: string
  readonly exportTo: readonly string[] | undefined
  readonly namespace: string
  /** By name; the first rule that names it defines it. */
  readonly subsets: ReadonlyMap<string, Subset>
  readonly trafficPolicy: TrafficPolicy | undefined
}

interface OpenRule extends MergedRule {
  readonly subsets: Map<string, Subset>
  trafficPolicy: TrafficPolicy | undefined
}

interface Place {
  readonly exact: Map<string, OpenRule>
  /** Most specific first, once all are in. */
  readonly wildcards: OpenRule[]
}

export class DestinationRules {
  readonly #places = new Map<string, Place>()
  readonly #gatewayNamespaces: readonly string[]

  private constructor(gatewayNamespaces: readonly string[]) {
    this.#gatewayNamespaces = gatewayNamespaces
  }

  /**
   * @param rules             in creation order.
   * @param gatewayNamespaces of the Gateways that are served, which stand for the gateway's own: in Istio there is one.
   * @param workloadLabels    the gateway's; null when they are not known, then rules for chosen workloads do not apply.
   */
  static *merge(
    rules: readonly DestinationRuleResource[],
    gatewayNamespaces: readonly string[],
    workloadLabels: Readonly<Record<string, string>> | null,
  ): Steps<DestinationRules> {
    const merged = new DestinationRules(gatewayNamespaces)
    // Rules that choose this very workload come first, so that they win the merge.
    const chosen = rules.filter((rule) => selects(rule, workloadLabels) === true)
    const general = rules.filter((rule) => selects(rule, workloadLabels) === null)
    for (const rule of [...chosen, ...general]) {
      merged.#add(rule)
      yield
    }
    for (const { wildcards } of merged.#places.values()) {
      wildcards.sort((left, right) => compareSpecificity(left.host, right.host))
    }
    return merged
  }

  /**
   * The first place with a rule for the host wins: the gateway's namespace, the service's, the mesh root's. A service in
   * a Gateway's namespace counts its own first, so that no other team's rule comes before it.
   */
  find(host: string, serviceNamespace: string): MergedRule | null {
    const isOwnGateway = this.#gatewayNamespaces.includes(serviceNamespace)
    const gateways = isOwnGateway ? [serviceNamespace, ...this.#gatewayNamespaces] : this.#gatewayNamespaces
    for (const namespace of gateways) {
      const rule = this.#findIn(namespace, host)
      if (rule !== null) return rule
    }
    for (const namespace of [serviceNamespace, rootNamespace]) {
      const rule = this.#findIn(namespace, host)
      if (rule !== null && this.#isExported(rule)) return rule
    }
    return null
  }

  #isExported(rule: MergedRule): boolean {
    return this.#gatewayNamespaces.some((viewer) => isVisible(rule.exportTo, rule.namespace, viewer))
  }

  #findIn(namespace: string, host: string): MergedRule | null {
    const place = this.#places.get(namespace)
    if (place === undefined) return null
    return place.exact.get(host) ?? place.wildcards.find((rule) => covers(rule.host, host)) ?? null
  }

  #add(resource: DestinationRuleResource): void {
    const { spec, metadata } = resource
    const host = fullyQualifiedHost(spec.host, metadata.namespace)
    const place = this.#places.get(metadata.namespace) ?? { exact: new Map<string, OpenRule>(), wildcards: [] }
    this.#places.set(metadata.namespace, place)
    const isWildcard = host.startsWith("*")
    let rule = isWildcard ? place.wildcards.find((each) => each.host === host) : place.exact.get(host)
    if (rule === undefined) {
      const { exportTo } = spec
      rule = {
        host,
        name: metadata.name,
        exportTo,
        namespace: metadata.namespace,
        subsets: new Map(),
        trafficPolicy: undefined,
      }
      if (isWildcard) place.wildcards.push(rule)
      else place.exact.set(host, rule)
    }
    for (const subset of spec.subsets ?? []) if (!rule.subsets.has(subset.name)) rule.subsets.set(subset.name, subset)
    rule.trafficPolicy ??= spec.trafficPolicy
  }
}

/** @returns null for a rule that chooses no workloads. */
function selects(rule: DestinationRuleResource, labels: Readonly<Record<string, string>> | null): boolean | null {
  const selector = rule.spec.workloadSelector?.matchLabels
  if (selector === undefined) return null
  if (labels === null) return false
  return Object.entries(selector).every(([key, value]) => labels[key] === value)
}
