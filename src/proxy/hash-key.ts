/**
 * The key by which a request sticks to an endpoint, as a hash (Istio semantics sheet 6.3; Envoy: HashPolicyImpl). Computed
 * only for clusters that balance by it.
 */
import type { CookieHashKey, HashKey } from "../compile/cluster-policies.ts"
import type { RequestHead } from "../http/message.ts"
import type { PeerAddresses } from "../http/stream.ts"

/** @returns 32 bits unsigned; -1 = the request has no such key: it goes anywhere. */
export function hashOfRequest(key: HashKey, request: RequestHead, peer: PeerAddresses): number {
  const value = keyValue(key, request, peer)
  return value === null ? -1 : hashOfText(value)
}

export function hashOfText(text: string): number {
  return Bun.hash.xxHash32(text)
}

function keyValue(key: HashKey, request: RequestHead, peer: PeerAddresses): string | null {
  switch (key.kind) {
    case "header":
      return headerValue(key.nameLower, request)
    case "cookie":
      return cookieValue(key.name, request.fieldValue("cookie"))
    case "source-ip":
      // A client on a unix socket has none (Envoy hash_policy.cc `IpHashMethod`).
      return peer.remoteIp === "" ? null : peer.remoteIp
    case "query":
      return queryValue(key.name, request)
  }
}

function headerValue(nameLower: string, request: RequestHead): string | null {
  switch (nameLower) {
    case ":authority":
    case "host":
      return request.authority
    case ":path":
      return request.path
    case ":method":
      return request.method
    default:
      return sortedValue(request.fieldValue(nameLower))
  }
}

/** Several values count in any order. */
function sortedValue(joined: string | null): string | null {
  return joined?.includes(",") ? joined.split(",").sort().join(",") : joined
}

/** Undecoded; the first occurrence. */
function queryValue(name: string, request: RequestHead): string | null {
  const query = request.path.slice(request.pathLength + 1)
  for (const pair of query.split("&")) {
    const split = pair.indexOf("=")
    if ((split < 0 ? pair : pair.slice(0, split)) === name) return split < 0 ? "" : pair.slice(split + 1)
  }
  return null
}

/** RFC 6265 section 4.2.1; quotes around a value belong to how it was set, not to it. An empty value is none. */
function cookieValue(name: string, header: string | null): string | null {
  if (header === null) return null
  // Several Cookie fields come joined with a comma, which no cookie's value may contain.
  for (const pair of header.split(/[;,]/)) {
    const split = pair.indexOf("=")
    if (split < 0 || pair.slice(0, split).trim() !== name) continue
    const value = pair.slice(split + 1).trim()
    const bare = value.length >= 2 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value
    return bare === "" ? null : bare
  }
  return null
}

/**
 * The cookie for a client that has none. Its value says nothing, so a client may keep it as long as it is told to: where
 * there are no addresses to tell clients apart it is drawn.
 */
export function newAffinityCookie(
  key: CookieHashKey,
  peer: PeerAddresses,
): { readonly value: string; readonly setCookie: string } {
  const client = peer.remoteAddress === "" ? crypto.randomUUID() : `${peer.remoteAddress}${peer.localAddress}`
  const value = Bun.hash.xxHash64(client).toString(16)
  const maxAge = key.ttlSeconds > 0 ? `; Max-Age=${key.ttlSeconds}` : ""
  const path = key.path === "" ? "" : `; Path=${key.path}`
  return { value, setCookie: `${key.name}="${value}"${maxAge}${path}${key.attributes}; HttpOnly` }
}
