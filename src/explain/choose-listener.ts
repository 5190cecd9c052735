/**
 * Which listener a URL leads to, and which of its filter chains the handshake chooses (Istio semantics sheet 1.3, 1.10).
 */
import { isIP } from "node:net"
import type { FilterChain, Listener, Snapshot } from "../compile/snapshot.ts"
import { buildHostTable } from "../route/host-table.ts"
import type { ParsedUrl } from "./request-to-explain.ts"

export type ListenerChoice =
  | { readonly kind: "found"; readonly listener: Listener; readonly note: string }
  | { readonly kind: "none"; readonly note: string }

/**
 * The port of the URL is the port really bound. Where none is, it is taken for the Gateway's own number: in a cluster
 * the Service in front translates it, with `--port-map` the reader may have either in mind.
 */
export function chooseListener(snapshot: Snapshot, url: ParsedUrl, gateway: string | null): ListenerChoice {
  const ofGateway = snapshot.listeners.filter((listener) => gateway === null || servesGateway(listener, gateway))
  if (gateway !== null && ofGateway.length === 0) {
    return {
      kind: "none",
      note: `no listener belongs to Gateway ${gateway}; there are: ${describeListeners(snapshot)}`,
    }
  }
  const bound = ofGateway.filter((listener) => listener.boundPort === url.port)
  const declared = ofGateway.filter((listener) => listener.declaredPort === url.port)
  const candidates = bound.length > 0 ? bound : declared
  const ownAddress = candidates.find((listener) => listener.bindAddress === url.host)
  const listener = ownAddress ?? candidates.find(({ bindAddress }) => bindAddress === null) ?? candidates[0]
  if (listener === undefined) {
    return { kind: "none", note: `nothing listens on port ${url.port}; there are: ${describeListeners(snapshot)}` }
  }
  if (bound.length > 0) return { kind: "found", listener, note: "" }
  const translated = `the Gateway's port ${url.port} is bound as ${listener.boundPort}`
  return { kind: "found", listener, note: listener.boundPort === 0 ? "" : translated }
}

function servesGateway(listener: Listener, gateway: string): boolean {
  return listener.filterChains.some((chain) => gatewayNames(chain).includes(gateway))
}

/** `NAMESPACE/NAME` of each. */
export function gatewayNames({ gateways }: FilterChain): readonly string[] {
  return gateways.map(({ namespace, name }) => `${namespace}/${name}`)
}

function describeListeners(snapshot: Snapshot): string {
  if (snapshot.listeners.length === 0) return "none"
  return snapshot.listeners
    .map(({ name, filterChains }) => {
      const gateways = new Set(filterChains.flatMap(gatewayNames))
      return gateways.size === 0 ? name : `${name} (Gateway ${[...gateways].join(", ")})`
    })
    .join(", ")
}

export type ChainChoice =
  | { readonly kind: "found"; readonly chain: FilterChain; readonly serverName: string }
  /** The connection is closed. */
  | { readonly kind: "none"; readonly serverName: string; readonly note: string }

/** @param serverName the SNI; null = the URL's host, unless it is an IP address (RFC 6066 section 3) */
export function chooseFilterChain(listener: Listener, url: ParsedUrl, serverName: string | null): ChainChoice {
  const isTls = url.scheme === "https"
  const asked = isTls ? (serverName ?? (isIP(url.host) === 0 ? url.host : "")).toLowerCase() : ""
  const [first] = listener.filterChains
  const isPlain = first?.kind === "http" && first.tls === null
  if (isPlain !== !isTls) {
    const speaks = isPlain ? "plain HTTP" : "TLS"
    return {
      kind: "none",
      serverName: asked,
      note: `listener ${listener.name} speaks ${speaks}, the URL says ${url.scheme}: the connection fails`,
    }
  }
  const entries = listener.filterChains.map((chain) => ({
    domains: chain.serverNames.length === 0 ? ["*"] : chain.serverNames,
    value: chain,
  }))
  const chain = buildHostTable(entries).find(asked)
  if (chain !== null) return { kind: "found", chain, serverName: asked }
  const known = entries.flatMap(({ domains }) => domains).join(", ")
  const sni = asked === "" ? "a handshake without a server name" : `the server name ${asked}`
  return { kind: "none", serverName: asked, note: `no filter chain takes ${sni}; there are: ${known}` }
}
