/**
 * What to try first, printed by `run --demo`: three curl lines that really answer, one for each mode of TLS, and one for
 * plain TCP, made from the running snapshot and the ports really bound.
 */
import { join } from "node:path"
import type { BoundListener } from "../admin/running-gateway.ts"
import type { Route, Snapshot, VirtualHost } from "../compile/snapshot.ts"

const hintsMax = 3
const actionKinds = ["forward", "redirect", "direct-response"] as const

interface Candidate {
  readonly command: string
  readonly targetLength: number
}

/**
 * At most three requests, then one for each mode of TLS, then a TCP connection where one is forwarded.
 * @param secretsFolder where `certs dev` puts what curl needs
 */
export function demoHints(
  snapshot: Snapshot,
  bound: readonly BoundListener[],
  secretsFolder: string,
): readonly string[] {
  // A unix socket has none.
  const ports = bound.filter(({ port }) => port > 0)
  return [...httpHints(snapshot, ports), ...httpsHints(snapshot, ports, secretsFolder), ...tcpHints(snapshot, ports)]
}

/** One request for each mode of TLS, to a server name that curl can ask for. */
function httpsHints(snapshot: Snapshot, bound: readonly BoundListener[], secretsFolder: string): readonly string[] {
  const hints = new Map<string, string>()
  for (const { name, filterChains } of snapshot.listeners) {
    const port = bound.find((candidate) => candidate.name === name)?.port
    for (const chain of filterChains) {
      const serverName = chain.serverNames.find((candidate) => !candidate.startsWith("*"))
      if (port === undefined || chain.kind !== "http" || chain.tls === null || serverName === undefined) continue
      const host = chain.routes.hosts.find(serverName)
      const target = host?.routes.map(targetOf).find((candidate) => candidate !== null) ?? null
      if (target === null || hints.has(chain.tls.mode)) continue
      const client = `--cert ${join(secretsFolder, "client/tls.crt")} --key ${join(secretsFolder, "client/tls.key")} `
      hints.set(
        chain.tls.mode,
        `curl -i --cacert ${join(secretsFolder, "ca/ca.crt")} ${chain.tls.mode === "mutual" ? client : ""}` +
          `--resolve ${serverName}:${port}:127.0.0.1 https://${serverName}:${port}${target}`,
      )
    }
  }
  return [...hints.values()]
}

/** The first port that forwards plain TCP. */
function tcpHints(snapshot: Snapshot, bound: readonly BoundListener[]): readonly string[] {
  const listener = snapshot.listeners.find(({ filterChains: [chain] }) => {
    return chain?.kind === "tcp" && chain.tls === null && chain.serverNames.length === 0
  })
  const port = bound.find(({ name }) => name === listener?.name)?.port
  return port === undefined ? [] : [`nc localhost ${port}`]
}

/** Forwarded requests first, each on another host, then other kinds of answers. */
function httpHints(snapshot: Snapshot, bound: readonly BoundListener[]): readonly string[] {
  const lists: { readonly rank: number; readonly candidates: Candidate[] }[] = []
  for (const listener of snapshot.listeners) {
    const port = bound.find((candidate) => candidate.name === listener.name)?.port
    const [chain] = listener.filterChains
    if (port === undefined || chain === undefined || chain.kind !== "http" || chain.tls !== null) continue
    for (const host of chain.routes.virtualHosts) {
      for (const [kindRank, kind] of actionKinds.entries()) {
        const candidates = host.routes
          .filter((route) => route.action.kind === kind)
          .flatMap((route) => curlCommand(host, route, port) ?? [])
        const rank = kindRank * 2 + (isLocal(host) ? 0 : 1)
        lists.push({ rank, candidates: candidates.sort((a, b) => a.targetLength - b.targetLength) })
      }
    }
  }
  return takeInTurn(lists.sort((a, b) => a.rank - b.rank).map((list) => list.candidates))
}

/** null = a line cannot say it: a regex, or conditions beyond the path. */
function curlCommand(host: VirtualHost, route: Route, port: number): Candidate | null {
  const target = targetOf(route)
  if (target === null || host.requireTls) return null
  const url = `http://localhost:${port}${target}`
  if (isLocal(host)) return { command: `curl -i ${url}`, targetLength: target.length }
  const domain = host.domains.find((candidate) => /^[\w.-]+$/.test(candidate))
  return domain === undefined ? null : { command: `curl -i -H 'Host: ${domain}' ${url}`, targetLength: target.length }
}

/** What a plain `curl` of it would ask for; null = it cannot. */
function targetOf({ match: { path, predicates } }: Route): string | null {
  const isPlainGet = predicates.every(({ kind, matcher }) => {
    return kind === "method" && matcher.kind === "exact" && matcher.value === "GET"
  })
  if (path.kind === "regex" || !isPlainGet) return null
  const target = path.kind === "any" ? "/" : path.value
  return /^\/[\w./~-]*$/.test(target) ? target : null
}

function isLocal(host: VirtualHost): boolean {
  return host.domains.some((domain) => domain === "*" || domain === "localhost")
}

/** The first of each list, then the second of each, and so on. */
function takeInTurn(lists: readonly (readonly Candidate[])[]): readonly string[] {
  const taken = new Set<string>()
  const longest = lists.reduce((length, list) => Math.max(length, list.length), 0)
  for (let turn = 0; turn < longest && taken.size < hintsMax; turn++) {
    for (const list of lists) {
      const candidate = list[turn]
      if (candidate !== undefined && taken.size < hintsMax) taken.add(candidate.command)
    }
  }
  return [...taken]
}
