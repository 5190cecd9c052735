/**
 * `consistentHash` of a DestinationRule (Istio semantics sheet 6.3).
 * Source: Istio `pilot/pkg/networking/core/route/route.go` (`consistentHashToHashPolicy`), `core/loadbalancer`.
 */
import { parseDurationMs } from "../config/duration.ts"
import type { TrafficPolicy } from "./api-types.ts"
import type { CookieHashKey, HashKey, HashPolicy } from "./cluster-policies.ts"

type ConsistentHash = NonNullable<NonNullable<TrafficPolicy["loadBalancer"]>["consistentHash"]>

/** Istio's default; Envoy alone has the same. */
const ringSizeMinDefault = 1024
/** Envoy's bound on a ring: beyond it no balance is gained, only memory lost. */
const ringSizeMax = 8_388_608
const tableSizeDefault = 65_537

/** @returns null without `consistentHash`, or when it names no key. */
export function compileHashPolicy(consistentHash: ConsistentHash | undefined): HashPolicy | null {
  if (consistentHash === undefined) return null
  const key = hashKeyOf(consistentHash)
  if (key === null) return null
  const ringSizeMin = consistentHash.ringHash?.minimumRingSize ?? consistentHash.minimumRingSize
  return {
    key,
    ringSizeMin: Math.min(Number(ringSizeMin ?? 0) || ringSizeMinDefault, ringSizeMax),
    tableSize: Number(consistentHash.maglev?.tableSize ?? 0) || tableSizeDefault,
  }
}

function hashKeyOf(consistentHash: ConsistentHash): HashKey | null {
  const { httpHeaderName, httpCookie, httpQueryParameterName, useSourceIp } = consistentHash
  if (httpHeaderName !== undefined) return { kind: "header", nameLower: httpHeaderName.toLowerCase() }
  if (httpCookie !== undefined) return cookieKey(httpCookie)
  if (httpQueryParameterName !== undefined) return { kind: "query", name: httpQueryParameterName }
  return useSourceIp === true ? { kind: "source-ip" } : null
}

function cookieKey(cookie: NonNullable<ConsistentHash["httpCookie"]>): CookieHashKey {
  const ttlMs = cookie.ttl === undefined ? null : parseDurationMs(cookie.ttl)
  return {
    kind: "cookie",
    name: cookie.name,
    path: cookie.path ?? "",
    ttlSeconds: ttlMs === null ? -1 : Math.floor(ttlMs / 1000),
    attributes: (cookie.attributes ?? [])
      .map(({ name, value }) => (value === undefined || value === "" ? `; ${name}` : `; ${name}=${value}`))
      .join(""),
  }
}
