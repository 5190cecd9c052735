/**
 * What to try first, printed by `run --demo`: three curl lines that really answer, made from the running snapshot and
 * the ports really bound.
 */
import type { BoundListener } from "../admin/running-gateway.ts"
import type { Route, Snapshot, VirtualHost } from "../compile/snapshot.ts"

const hintsMax = 3

/** At most three commands, each of a different kind of answer or host as long as there are any. */
export function demoHints(snapshot: Snapshot, bound: readonly BoundListener[]): readonly string[] {
  const byKind = new Map<string, string[]>()
  for (const listener of snapshot.listeners) {
    const port = bound.find((candidate) => candidate.name === listener.name)?.port
    const [chain] = listener.filterChains
    if (port === undefined || chain === undefined || chain.kind !== "http" || chain.tls !== null) continue
    for (const host of chain.routes.virtualHosts) {
      for (const route of host.routes) {
        const command = curlCommand(host, route, port)
        if (command === null) continue
        const kind = `${host.name} ${route.action.kind}`
        const commands = byKind.get(kind)
        if (commands === undefined) byKind.set(kind, [command])
        else if (!commands.includes(command)) commands.push(command)
      }
    }
  }
  return takeInTurn([...byKind.values()].sort(localhostFirst))
}

/** null = a line cannot say it: a regex, or conditions beyond the path. */
function curlCommand(host: VirtualHost, route: Route, port: number): string | null {
  const { path, predicates } = route.match
  if (path.kind === "regex" || predicates.length > 0 || host.requireTls) return null
  const target = path.kind === "any" ? "/" : path.value
  if (!/^\/[\w./~-]*$/.test(target)) return null
  const isLocal = host.domains.some((domain) => domain === "*" || domain === "localhost")
  const domain = host.domains.find((candidate) => /^[\w.-]+$/.test(candidate))
  if (isLocal) return `curl -i http://localhost:${port}${target}`
  return domain === undefined ? null : `curl -i -H 'Host: ${domain}' http://localhost:${port}${target}`
}

/** The first of each list, then the second of each, and so on. */
function takeInTurn(lists: readonly (readonly string[])[]): readonly string[] {
  const taken = new Set<string>()
  const longest = Math.max(0, ...lists.map((list) => list.length))
  for (let turn = 0; turn < longest; turn++) {
    for (const list of lists) {
      const command = list[turn]
      if (command !== undefined && taken.size < hintsMax) taken.add(command)
    }
  }
  return [...taken]
}

function localhostFirst([a = ""]: readonly string[], [b = ""]: readonly string[]): number {
  return Number(a.includes("Host:")) - Number(b.includes("Host:"))
}
