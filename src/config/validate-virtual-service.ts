/**
 * What a VirtualService's schema cannot say about the resource as a whole and its tls and tcp rules
 * (Istio semantics sheet 3.11, 8, 13). The http rules are validate-http-route.ts's.
 * Source: istio/istio pkg/config/validation/virtualservice.go.
 */
import type { z } from "zod"
import type { Findings } from "./findings.ts"
import { covers, hostsOverlap, wildcardHostProblem } from "./host-names.ts"
import type { virtualServiceSpec } from "./schemas/virtual-service.ts"
import { warnOfShadowedMatches } from "./shadowed-matches.ts"
import { validateHttpRoute, validateWeights } from "./validate-http-route.ts"

type Spec = z.output<typeof virtualServiceSpec>

export function validateVirtualService(spec: Spec, findings: Findings): void {
  const hosts = spec.hosts ?? []
  const http = spec.http ?? []
  const tls = spec.tls ?? []
  const tcp = spec.tcp ?? []
  const isDelegate = hosts.length === 0
  if (isDelegate) validateDelegate(spec, findings)
  else validateHosts(spec, hosts, findings)
  if (http.length + tls.length + tcp.length === 0) {
    findings.error("P2204", ["spec"], "a VirtualService needs http, tls or tcp rules", "", "key")
  }
  for (const [index, gateway] of (spec.gateways ?? []).entries()) {
    if (!gateway.includes(".") || gateway.startsWith("./")) continue
    const [name, namespace] = gateway.split(".")
    findings.warning(
      "P2252",
      ["spec", "gateways", index],
      "naming a gateway by its DNS name is deprecated",
      `write "${namespace}/${name}"`,
    )
  }
  const boundToGateway = isBoundToGateway(spec)
  if (boundToGateway) warnOfSidecarConditions(spec, findings)
  for (const [index, rule] of http.entries()) {
    validateHttpRoute(rule, ["spec", "http", index], { isDelegate, boundToGateway }, findings)
  }
  warnOfShadowedMatches(http, findings)
  validateLayer4(spec, hosts, findings)
}

/** A VirtualService without hosts is included by another one and lives by its rules (sheet 3.11). */
function validateDelegate(spec: Spec, findings: Findings): void {
  for (const field of ["gateways", "tls", "tcp"] as const) {
    if ((spec[field] ?? []).length === 0) continue
    const message = `\`${field}\` needs \`hosts\`: a VirtualService without hosts is a delegate and has only http rules`
    findings.error("P2201", ["spec", field], message, "add `hosts`", "key")
  }
}

function validateHosts(spec: Spec, hosts: readonly string[], findings: Findings): void {
  const gateways = spec.gateways ?? []
  const boundToMesh = gateways.length === 0 || gateways.includes("mesh")
  for (const [index, host] of hosts.entries()) {
    const path = ["spec", "hosts", index]
    if (host === "*" && boundToMesh) {
      const message = "host `*` is not allowed for a VirtualService of the mesh"
      findings.error("P2202", path, message, "name your gateway in `gateways`")
    }
    const earlier = hosts.slice(0, index).find((other) => hostsOverlap(other, host))
    if (earlier !== undefined) {
      findings.error("P2203", path, `host \`${host}\` overlaps with \`${earlier}\` of the same VirtualService`)
    }
  }
  if (!isBoundToGateway(spec)) {
    const message = "no gateway is named: these rules are for sidecars only and never apply at a gateway"
    findings.warning("P2256", gateways.length === 0 ? ["spec"] : ["spec", "gateways"], message, "add `gateways`", "key")
  }
}

function isBoundToGateway(spec: Spec): boolean {
  const isDelegate = (spec.hosts ?? []).length === 0
  return isDelegate || (spec.gateways ?? []).some((name) => name !== "mesh")
}

/** Conditions of `tls` and `tcp` rules that only a sidecar evaluates (sheet 8.1 (3)). */
const sidecarConditions = ["destinationSubnets", "sourceLabels", "sourceNamespace", "sourceSubnet"] as const

function warnOfSidecarConditions(spec: Spec, findings: Findings): void {
  for (const kind of ["tls", "tcp"] as const) {
    for (const [index, rule] of (spec[kind] ?? []).entries()) {
      for (const [matchIndex, match] of (rule.match ?? []).entries()) {
        for (const field of sidecarConditions) {
          if (!Object.hasOwn(match, field)) continue
          const path = ["spec", kind, index, "match", matchIndex, field]
          const message = `\`${field}\` is not evaluated at a gateway: the match holds without it`
          findings.warning("P2257", path, message, "a gateway looks at `port`, `gateways` and `sniHosts` only", "key")
        }
      }
    }
  }
}

function validateLayer4(spec: Spec, hosts: readonly string[], findings: Findings): void {
  for (const [index, rule] of (spec.tls ?? []).entries()) {
    const path = ["spec", "tls", index]
    if (rule.match.length === 0) findings.error("P2221", [...path, "match"], "a tls rule needs a match with sniHosts")
    for (const [matchIndex, match] of rule.match.entries()) {
      const at = [...path, "match", matchIndex, "sniHosts"]
      if (match.sniHosts.length === 0) findings.error("P2221", at, "a tls match needs at least one of `sniHosts`")
      for (const [sniIndex, sni] of match.sniHosts.entries()) {
        if (wildcardHostProblem(sni) !== null || hosts.some((host) => covers(host, sni))) continue
        const message = `\`${sni}\` lies outside the hosts of this VirtualService`
        findings.error("P2222", [...at, sniIndex], message, "add it to `hosts`")
      }
    }
    if ((rule.route ?? []).length === 0) findings.error("P2205", path, "a tls rule needs `route`")
    validateWeights(rule.route ?? [], [...path, "route"], findings)
  }
  for (const [index, rule] of (spec.tcp ?? []).entries()) {
    const path = ["spec", "tcp", index]
    if ((rule.route ?? []).length === 0) findings.error("P2205", path, "a tcp rule needs `route`")
    validateWeights(rule.route ?? [], [...path, "route"], findings)
  }
}
