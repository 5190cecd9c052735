/**
 * One DNS question: a name in, addresses and their time to live out. A failure is a value.
 *
 * Bun's c-ares backend is asked first: it reads the hosts file (so `localhost` and compose's own entries hold), sends A
 * and AAAA, and is the only one that tells the TTL and tells "no such name" from "no answer". Where it has nothing,
 * getaddrinfo is asked: it knows what else the system can resolve (mDNS, NSS modules, a resolv.conf that changed).
 */
import { isIP } from "node:net"
import { networkInterfaces } from "node:os"
import { isUnixAddress } from "./endpoint.ts"

/** More addresses than this in one answer are not used. */
const addressesMax = 512

export type DnsOutcome =
  /** `addresses` in the order of the answer, without repeats; empty = the name has none. `ttlMs` 0 = not known. */
  | { readonly kind: "answered"; readonly addresses: readonly string[]; readonly ttlMs: number }
  /** Nobody could say: timeout, refused, server failure. `reason` is the resolver's code. */
  | { readonly kind: "failed"; readonly reason: string }

/** Never rejects. */
export type ResolveName = (name: string) => Promise<DnsOutcome>

export type DnsBackend = "c-ares" | "getaddrinfo"

export interface DnsRecord {
  readonly address: string
  readonly family: 4 | 6
  /** Seconds; 0 from the hosts file and from getaddrinfo. */
  readonly ttl: number
}

/** Asks one backend. Rejects (or throws) with an error that carries a `code`. */
export type LookUpRecords = (name: string, backend: DnsBackend) => Promise<readonly DnsRecord[]>

/** Whether an endpoint's address has to be resolved: neither an IP address nor a unix socket. */
export function isDnsName(address: string): boolean {
  return isIP(address) === 0 && !isUnixAddress(address)
}

/** @param hasIpv6 whether this machine can reach IPv6 hosts; asked per answer, networks come and go. */
export function createResolver(lookUpRecords: LookUpRecords, hasIpv6: () => boolean): ResolveName {
  return async (name) => {
    const first = await attempt(lookUpRecords, name, "c-ares")
    if (first.kind === "answered") return toOutcome(first.records, hasIpv6)
    const second = await attempt(lookUpRecords, name, "getaddrinfo")
    if (second.kind === "answered") return toOutcome(second.records, hasIpv6)
    // getaddrinfo reports every trouble as "not found" (Bun 1.4.x), so only c-ares is believed about that. As in Envoy,
    // a name that does not exist is an answer (no endpoints), not a failure (earlier endpoints stay).
    if (first.reason === "DNS_ENOTFOUND" || first.reason === "DNS_ENODATA") {
      return { kind: "answered", addresses: [], ttlMs: 0 }
    }
    return { kind: "failed", reason: first.reason }
  }
}

/** The resolver of this machine. */
export const resolveBySystem: ResolveName = createResolver(lookUpByBun, hasGlobalIpv6Address)

/** Asks Bun. What it must answer for `createResolver` to be right is in `dns-backends.test.ts`. */
export function lookUpByBun(name: string, backend: DnsBackend): Promise<readonly DnsRecord[]> {
  return Bun.dns.lookup(name, { backend })
}

type Attempt =
  | { readonly kind: "answered"; readonly records: readonly DnsRecord[] }
  | { readonly kind: "failed"; readonly reason: string }

async function attempt(lookUpRecords: LookUpRecords, name: string, backend: DnsBackend): Promise<Attempt> {
  try {
    return { kind: "answered", records: await lookUpRecords(name, backend) }
  } catch (error) {
    const hasCode = error instanceof Error && "code" in error && typeof error.code === "string"
    return { kind: "failed", reason: hasCode ? String(error.code) : String(error) }
  }
}

function toOutcome(records: readonly DnsRecord[], hasIpv6: () => boolean): DnsOutcome {
  // Half of all requests would fail if IPv6 endpoints were used where IPv6 goes nowhere (RFC 3493 §6.1, AI_ADDRCONFIG).
  const hasIpv4Record = records.some((record) => record.family === 4)
  const reachable = hasIpv4Record && !hasIpv6() ? records.filter((record) => record.family === 4) : records
  const used = reachable.slice(0, addressesMax)
  const ttlSeconds = used.reduce((least, record) => Math.min(least, record.ttl), Number.POSITIVE_INFINITY)
  return {
    kind: "answered",
    addresses: [...new Set(used.map((record) => record.address))],
    ttlMs: Number.isFinite(ttlSeconds) ? ttlSeconds * 1000 : 0,
  }
}

function hasGlobalIpv6Address(): boolean {
  return Object.values(networkInterfaces()).some((addresses) =>
    addresses?.some((entry) => entry.family === "IPv6" && !entry.internal && !entry.address.startsWith("fe80:")),
  )
}
