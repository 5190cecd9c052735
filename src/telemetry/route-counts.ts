/**
 * How often each rule was taken, and how that ended. Counted beside the route object, found by its identity: a snapshot
 * stays as it was compiled, and what it counted goes with it unless the next one takes it over.
 */
import type { Route, Snapshot } from "../compile/snapshot.ts"

export class RouteCount {
  total = 0
  clientErrors = 0
  serverErrors = 0
}

export class RouteCounts {
  #byRoute = new WeakMap<Route, RouteCount>()

  /** @param status of the response; 0 when none was sent */
  count(route: Route, status: number): void {
    let counted = this.#byRoute.get(route)
    if (counted === undefined) {
      counted = new RouteCount()
      this.#byRoute.set(route, counted)
    }
    counted.total++
    if (status >= 500) counted.serverErrors++
    else if (status >= 400) counted.clientErrors++
  }

  /** null = never taken. */
  of(route: Route): RouteCount | null {
    return this.#byRoute.get(route) ?? null
  }

  /**
   * A new snapshot goes on where the old one was: a rule of the same virtual host, VirtualService, name and place among
   * the rules of that name is the same rule.
   */
  adopt(previous: Snapshot, next: Snapshot): void {
    const known = new Map<string, RouteCount>()
    forEachRoute(previous, (key, route) => {
      const counted = this.#byRoute.get(route)
      if (counted !== undefined) known.set(key, counted)
    })
    if (known.size === 0) return
    forEachRoute(next, (key, route) => {
      const counted = known.get(key)
      if (counted !== undefined) this.#byRoute.set(route, counted)
    })
  }
}

function forEachRoute(snapshot: Snapshot, visit: (key: string, route: Route) => void): void {
  for (const chain of snapshot.listeners.flatMap(({ filterChains }) => filterChains)) {
    if (chain.kind !== "http") continue
    for (const host of chain.routes.virtualHosts) {
      const seen = new Map<string, number>()
      for (const route of host.routes) {
        const { namespace, name } = route.virtualService
        const identity = `${chain.routes.name} ${host.name} ${namespace}/${name} ${route.name}`
        const place = seen.get(identity) ?? 0
        seen.set(identity, place + 1)
        visit(`${identity} ${place}`, route)
      }
    }
  }
}
