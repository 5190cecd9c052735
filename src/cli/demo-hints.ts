/**
 * What to try first, printed by `run --demo`: three curl lines that really answer, and one for plain TCP, made from the
 * running snapshot and the ports really bound.
 */
import type { BoundListener } from "../admin/running-gateway.ts"
import type { Route, Snapshot, VirtualHost } from "../compile/snapshot.ts"

const hintsMax = 3
const actionKinds = ["forward", "redirect", "direct-response"] as const

interface Candidate {
  readonly command: string
  readonly targetLength: number
}

/** At most three requests, then a TCP connection where one is forwarded. */
export function demoHints(snapshot: Snapshot, bound: readonly BoundListener[]): readonly string[] {
  return [...httpHints(snapshot, bound), ...tcpHints(snapshot, bound)]
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
  const { path, predicates } = route.match
  if (path.kind === "regex" || predicates.length > 0 || host.requireTls) return null
  const target = path.kind === "any" ? "/" : path.value
  if (!/^\/[\w./~-]*$/.test(target)) return null
  const url = `http://localhost:${port}${target}`
  if (isLocal(host)) return { command: `curl -i ${url}`, targetLength: target.length }
  const domain = host.domains.find((candidate) => /^[\w.-]+$/.test(candidate))
  return domain === undefined ? null : { command: `curl -i -H 'Host: ${domain}' ${url}`, targetLength: target.length }
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
