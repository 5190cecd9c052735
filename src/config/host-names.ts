/**
 * Host names, wildcards and addresses as Istio's validation accepts them.
 * Source: istio/istio pkg/config/validation/agent/validation.go (ValidateFQDN, ValidateWildcardDomain, ValidateIPAddress),
 * pkg/config/labels (DNS-1123).
 */
import { isIP } from "node:net"

const label = /^[a-zA-Z0-9](?:[-a-zA-Z0-9]{0,61}[a-zA-Z0-9])?$/
const hostNameMax = 255

export function isDnsLabel(text: string): boolean {
  return label.test(text)
}

export function isIpAddress(text: string): boolean {
  return isIP(text) !== 0
}

/** An IP address with an optional prefix length: `10.0.0.0/8`, `2001:db8::1`. */
export function isIpSubnet(text: string): boolean {
  const slash = text.indexOf("/")
  if (slash === -1) return isIpAddress(text)
  const version = isIP(text.slice(0, slash))
  const prefixLength = text.slice(slash + 1)
  return version !== 0 && /^\d{1,3}$/.test(prefixLength) && Number(prefixLength) <= (version === 4 ? 32 : 128)
}

/** @returns what is wrong with a name without wildcard, or null. Dots are not required; one trailing dot is allowed. */
export function hostNameProblem(name: string): string | null {
  if (name === "") return "a host name cannot be empty"
  if (name.length > hostNameMax) return `a host name cannot be longer than ${hostNameMax} characters`
  const labels = name.split(".")
  if (labels.length > 1 && labels.at(-1) === "") labels.pop()
  for (const part of labels) {
    if (part.includes("*")) return "a wildcard can only be the whole first label, as in `*.example.com`"
    if (!isDnsLabel(part)) {
      return part === ""
        ? "a host name cannot have an empty label (two dots, or a dot in front)"
        : `\`${part}\` is not a DNS label: letters, digits and hyphens, at most 63`
    }
  }
  if (/^\d+$/.test(labels.at(-1) ?? "")) return "the last label of a host name cannot be only digits"
  return null
}

/** A name, `*`, or `*.` and a name. IP addresses pass too. */
export function wildcardHostProblem(host: string): string | null {
  if (host === "*" || isIpAddress(host)) return null
  return hostNameProblem(host.startsWith("*.") ? host.slice(2) : host)
}

/** Like `wildcardHostProblem`, but a name needs a dot: a short name means nothing at a gateway's door. */
export function fullWildcardHostProblem(host: string): string | null {
  const problem = wildcardHostProblem(host)
  if (problem !== null || host === "*" || host.includes(".") || isIpAddress(host)) return problem
  return "short names are not allowed here; the host must be fully qualified"
}

/** Whether some name is matched by both hosts (lower-case comparison; `*` and `*.suffix` understood). */
export function hostsOverlap(a: string, b: string): boolean {
  return covers(a, b) || covers(b, a)
}

/** Whether every name that `narrow` matches is matched by `wide`. */
export function covers(wide: string, narrow: string): boolean {
  const wideLower = wide.toLowerCase()
  const narrowLower = narrow.toLowerCase()
  if (wideLower === "*" || wideLower === narrowLower) return true
  return (
    wideLower.startsWith("*.") && narrowLower.endsWith(wideLower.slice(1)) && narrowLower.length >= wideLower.length
  )
}
