/**
 * What a ServiceEntry's schema cannot say (Istio semantics sheet 7.1, 13).
 * Source: istio/istio pkg/config/validation (ValidateServiceEntry).
 */
import type { z } from "zod"
import type { Findings } from "./findings.ts"
import { isIpAddress, wildcardHostProblem } from "./host-names.ts"
import type { serviceEntrySpec } from "./schemas/service-entry.ts"

type Spec = z.output<typeof serviceEntrySpec>

const tcpLikeProtocols = ["TCP", "MONGO", "REDIS", "MYSQL"]

export function validateServiceEntry(spec: Spec, findings: Findings): void {
  const resolution = spec.resolution ?? "NONE"
  if (spec.hosts.length === 0) findings.error("P2401", ["spec", "hosts"], "a ServiceEntry needs at least one host")
  for (const [index, host] of spec.hosts.entries()) {
    if (wildcardHostProblem(host) === null) continue
    const message = `\`${host}\`: only \`*.\` in front of a whole name is a wildcard; this host matches nothing`
    findings.warning("P2451", ["spec", "hosts", index], message)
  }
  validatePorts(spec, resolution, findings)
  validateEndpoints(spec, resolution, findings)
  if (resolution !== "NONE" && resolution !== "STATIC") {
    for (const [index, address] of (spec.addresses ?? []).entries()) {
      if (!address.includes("/")) continue
      const message = `a subnet is only possible with resolution NONE or STATIC`
      findings.error("P2408", ["spec", "addresses", index], message)
    }
  }
  if (resolution === "NONE") {
    const message = "resolution NONE gives a gateway no endpoint: every request gets 503"
    const hint = "use DNS, or STATIC with endpoints"
    findings.warning("P2450", ["spec", "resolution"], message, hint)
  }
}

function validatePorts(spec: Spec, resolution: string, findings: Findings): void {
  const names = new Set<string>()
  const numbers = new Set<number>()
  for (const [index, port] of (spec.ports ?? []).entries()) {
    const path = ["spec", "ports", index]
    if (names.has(port.name)) {
      findings.error("P2406", [...path, "name"], `port name \`${port.name}\` is already used in this ServiceEntry`)
    }
    if (numbers.has(port.number)) {
      findings.error("P2406", [...path, "number"], `port ${port.number} is already used in this ServiceEntry`)
    }
    names.add(port.name)
    numbers.add(port.number)
    const isTcp = tcpLikeProtocols.includes((port.protocol ?? "").toUpperCase())
    if (isTcp && spec.hosts.length > 1 && resolution !== "NONE" && (spec.addresses ?? []).length === 0) {
      const message = `a ${port.protocol} port cannot tell ${spec.hosts.length} hosts apart`
      findings.error("P2407", path, message, "write one ServiceEntry per host")
    }
  }
}

function validateEndpoints(spec: Spec, resolution: string, findings: Findings): void {
  const endpoints = spec.endpoints ?? []
  const at = ["spec", "endpoints"]
  if (spec.workloadSelector !== undefined && endpoints.length > 0) {
    findings.error("P2403", at, "endpoints and workloadSelector exclude each other", "", "key")
  }
  if (resolution === "NONE" && endpoints.length > 0) {
    findings.error("P2402", at, "endpoints need resolution STATIC or DNS", "set `resolution: STATIC`", "key")
  }
  if (resolution === "DNS_ROUND_ROBIN" && endpoints.length > 1) {
    findings.error("P2410", at, "DNS_ROUND_ROBIN takes at most one endpoint", "use DNS", "key")
  }
  if ((resolution === "DNS" || resolution === "DNS_ROUND_ROBIN") && endpoints.length === 0) {
    for (const [index, host] of spec.hosts.entries()) {
      if (!host.includes("*")) continue
      const message = `a wildcard host cannot be looked up in DNS`
      findings.error("P2405", ["spec", "hosts", index], message, "give endpoints")
    }
  }
  const portNames = new Set((spec.ports ?? []).map((port) => port.name))
  for (const [index, endpoint] of endpoints.entries()) {
    const address = endpoint.address ?? ""
    const isUnix = address.startsWith("unix:")
    if (address === "") {
      findings.error("P2404", [...at, index], "an endpoint needs an `address`")
    } else if (resolution === "STATIC" && !isUnix && !isIpAddress(address)) {
      const message = `\`${address}\` is not an IP address, which resolution STATIC needs`
      findings.error("P2404", [...at, index, "address"], message, "use resolution DNS for names")
    } else if (
      resolution.startsWith("DNS") &&
      (isUnix || wildcardHostProblem(address) !== null || address.includes("*"))
    ) {
      findings.error("P2404", [...at, index, "address"], `\`${address}\` is neither a host name nor an IP address`)
    }
    for (const name of Object.keys(endpoint.ports ?? {})) {
      if (portNames.has(name)) continue
      const message = `port name \`${name}\` is not one of this ServiceEntry's ports`
      findings.error("P2409", [...at, index, "ports", name], message, "", "key")
    }
  }
}
