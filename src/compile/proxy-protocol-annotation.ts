/**
 * PROXY protocol from clients, by annotation on a Gateway, for each of its listeners:
 *
 *   portcullis.dev/proxy-protocol: from=10.0.0.0/8,127.0.0.1
 *
 * Istio has it for the whole mesh (`gatewayTopology.proxyProtocol`), from anybody. Here it takes a list, because whoever
 * may announce a client may be any client.
 */
import { isIP } from "node:net"
import type { GatewayResource } from "../config/resources.ts"
import type { ServerGroup } from "./gateway-servers.ts"
import type { Report } from "./report.ts"
import type { IpRange } from "./snapshot.ts"

export const proxyProtocolAnnotation = "portcullis.dev/proxy-protocol"

const path = ["metadata", "annotations", proxyProtocolAnnotation]

/**
 * Who may connect to a listener, each connection behind a PROXY header. The first Gateway of a port decides for all of
 * it: the header comes before anything that tells servers apart.
 * @returns null = no header is looked for. Where the annotation cannot be read, nobody may connect.
 */
export function acceptedProxies(group: ServerGroup, report: Report): readonly IpRange[] | null {
  const [first] = group.servers
  if (first === undefined) return null
  const text = annotationOf(first.gateway)
  for (const { gateway } of group.servers) {
    if (annotationOf(gateway) === text) continue
    const { namespace, name } = first.gateway.metadata
    report.add({
      severity: "warning",
      code: "P3022",
      resource: gateway,
      path,
      message: `Gateway ${namespace}/${name} came first on port ${group.declaredPort} and decides about the PROXY protocol there`,
      hint: "give both Gateways the same annotation, or ports of their own",
    })
  }
  if (text === null) return null
  const parsed = parseProxyProtocol(text)
  if (typeof parsed !== "string") return parsed
  report.add({ severity: "error", code: "P3021", resource: first.gateway, path, message: parsed })
  return []
}

function annotationOf({ metadata }: GatewayResource): string | null {
  return metadata.annotations[proxyProtocolAnnotation] ?? null
}

/** @param text `from=RANGE,RANGE…` @returns what is wrong with it, as text */
export function parseProxyProtocol(text: string): readonly IpRange[] | string {
  const list = /^from=(.*)$/s.exec(text.trim())?.[1]
  if (list === undefined) return "`portcullis.dev/proxy-protocol` must be `from=` and the proxies' addresses"
  const ranges: IpRange[] = []
  for (const word of list.split(",").map((each) => each.trim())) {
    const range = parseRange(word)
    if (range === null) return `\`${word.slice(0, 100)}\` is not an IP address or range (10.0.0.0/8)`
    ranges.push(range)
  }
  return ranges
}

function parseRange(text: string): IpRange | null {
  const [, address = "", length] = /^([0-9A-Fa-f.:]+)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  const family = isIP(address)
  if (family === 0) return null
  const prefixLengthMax = family === 4 ? 32 : 128
  const prefixLength = length === undefined ? prefixLengthMax : Number(length)
  return prefixLength > prefixLengthMax ? null : { address, prefixLength }
}
