/**
 * Why one virtual host of a route configuration won: the domains of all of them that match the host, and the order
 * between them (Istio semantics sheet 2.2). Asks the same table as the gateway, one domain at a time.
 */
import type { RouteConfiguration, VirtualHost } from "../compile/snapshot.ts"
import { nearestWord } from "../config/suggest.ts"
import { buildHostTable } from "../route/host-table.ts"
import type { BeatenVirtualHost, ExplainedVirtualHost } from "./explanation.ts"

/** @param found what the gateway's own lookup gave for this host */
export function explainVirtualHost(
  configuration: RouteConfiguration,
  host: string,
  found: VirtualHost,
): ExplainedVirtualHost {
  const domain = matchingDomain(found, host) ?? ""
  const beaten: BeatenVirtualHost[] = []
  for (const other of configuration.virtualHosts) {
    if (other === found) continue
    const otherDomain = matchingDomain(other, host)
    if (otherDomain === null) continue
    beaten.push({ name: other.name, domain: otherDomain, reason: whyBeaten(domain, otherDomain) })
  }
  return { name: found.name, domain, beaten }
}

/** What to say where no virtual host has a domain for the host. */
export function noteUnknownHost(configuration: RouteConfiguration, host: string): string {
  const domains = configuration.virtualHosts.flatMap((virtualHost) => virtualHost.domains)
  const nearest = nearestWord(host, domains)
  const hint = nearest === null ? "" : ` (did you mean ${nearest}?)`
  return `no virtual host of ${configuration.name} has a domain for ${JSON.stringify(host)}${hint}`
}

/** The most specific domain that matches; null = none. */
function matchingDomain(virtualHost: VirtualHost, host: string): string | null {
  const entries = virtualHost.domains.map((domain) => ({ domains: [domain], value: domain }))
  return buildHostTable(entries).find(host)
}

function whyBeaten(winner: string, loser: string): string {
  if (!winner.startsWith("*")) return "an exact name beats a wildcard"
  if (loser === "*") return "any suffix beats *"
  return "the longer suffix wins"
}
