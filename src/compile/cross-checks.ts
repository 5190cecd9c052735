/**
 * What is wrong between resources that are each right by themselves, and that compiling does not come across:
 * hosts that no server knows, rules that nothing can reach (Istio semantics sheet 13, "warnings"). What compiling does
 * come across is reported where it is decided; docs/diagnostics-cross-checks.md lists all of it.
 */
import type { HttpMatch } from "./api-types.ts"
import type { BoundVirtualService } from "./bind-virtual-services.ts"
import type { EffectiveRule } from "./delegates.ts"
import type { Report } from "./report.ts"

/** @param bound after every server has been asked. */
export function reportUnmetHosts(bound: readonly BoundVirtualService[], report: Report): void {
  for (const { resource, isHostMet } of bound) {
    for (const [index, isMet] of isHostMet.entries()) {
      if (isMet) continue
      const written = resource.spec.hosts?.[index] ?? ""
      const isShort = !written.includes(".") && written !== "*"
      report.add({
        severity: "warning",
        code: "P3002",
        resource,
        path: ["spec", "hosts", index],
        message: `host "${written}" meets no server of the Gateways it names: it is never served`,
        hint: isShort
          ? `a short name stands for a service of the cluster, never for a request's Host "${written}"`
          : "a server's hosts must contain it, or a wildcard that covers it, for this namespace",
      })
    }
  }
}

/** Match blocks and rules behind one that takes everything on every server. */
export function reportUnreachable(rules: readonly EffectiveRule[], report: Report): void {
  let isShadowed = false
  for (const { rule, source } of rules) {
    if (isShadowed) {
      report.add({
        severity: "warning",
        code: "P3009",
        resource: source.resource,
        path: source.path(),
        message: "this rule is never reached: an earlier rule takes every request",
        hint: "move it before the rule that takes everything",
      })
      continue
    }
    const blocks = rule.match ?? []
    const taker = blocks.findIndex(takesEverything)
    isShadowed = blocks.length === 0 || taker >= 0
    if (taker < 0) continue
    for (let matchIndex = taker + 1; matchIndex < blocks.length; matchIndex++) {
      report.add({
        severity: "warning",
        code: "P3009",
        resource: source.resource,
        path: source.path("match", matchIndex),
        message: "this match block is never reached: an earlier block of the rule takes every request",
      })
    }
  }
}

/** Conditions on port, gateway or source may hold on one server and not on another: they shadow nothing for sure. */
function takesEverything(match: HttpMatch): boolean {
  const { uri } = match
  const isEveryPath = uri === undefined || uri.prefix === "/" || uri.prefix === "" || uri.regex === ".*"
  const isConditional =
    match.method !== undefined ||
    match.authority !== undefined ||
    match.scheme !== undefined ||
    match.port !== undefined ||
    isFilled(match.gateways) ||
    isFilled(Object.keys(match.headers ?? {})) ||
    isFilled(Object.keys(match.withoutHeaders ?? {})) ||
    isFilled(Object.keys(match.queryParams ?? {})) ||
    isFilled(Object.keys(match.sourceLabels ?? {})) ||
    (match.sourceNamespace ?? "") !== ""
  return isEveryPath && !isConditional
}

function isFilled(list: readonly string[] | undefined): boolean {
  return list !== undefined && list.length > 0
}
