/**
 * How often each rule was taken, and how that ended. Counted beside the route object, found by its identity: a snapshot
 * stays as it was compiled, and what it counted goes with it unless the next one takes it over.
 */
import type { Route, Snapshot, VirtualHost } from "../compile/snapshot.ts"

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
   * the rules of that name is the same rule. In steps of one virtual host each, while requests are counted for both: to be
   * run when `next` is in force, and before its counts are shown.
   */
  *adopting(previous: Snapshot, next: Snapshot): Generator<void, void> {
    const known = new Map<string, RouteCount>()
    for (const [configuration, host] of virtualHostsOf(previous)) {
      yield
      // Rules are named only where something was counted: of thousands of virtual hosts mostly few are asked for.
      if (!host.routes.some((route) => this.#byRoute.has(route))) continue
      for (const [identity, route] of identifiedRoutes(configuration, host)) {
        const counted = this.#byRoute.get(route)
        if (counted !== undefined) known.set(identity, counted)
      }
    }
    if (known.size === 0) return
    // Virtual hosts may share a rule: what it counted is handed over once, however many names it goes by.
    const handedOver = new Set<RouteCount>()
    for (const [configuration, host] of virtualHostsOf(next)) {
      yield
      for (const [identity, route] of identifiedRoutes(configuration, host)) {
        const counted = known.get(identity)
        if (counted === undefined || handedOver.has(counted)) continue
        handedOver.add(counted)
        this.#join(route, counted)
      }
    }
  }

  /** @param earlier of the rule that `route` goes on from; whoever still counts for that one counts here too */
  #join(route: Route, earlier: RouteCount): void {
    const meanwhile = this.#byRoute.get(route)
    if (meanwhile !== undefined) {
      earlier.total += meanwhile.total
      earlier.clientErrors += meanwhile.clientErrors
      earlier.serverErrors += meanwhile.serverErrors
    }
    this.#byRoute.set(route, earlier)
  }
}

/** With the names of their route configurations. */
function* virtualHostsOf(snapshot: Snapshot): Generator<readonly [configuration: string, host: VirtualHost]> {
  for (const chain of snapshot.listeners.flatMap(({ filterChains }) => filterChains)) {
    if (chain.kind !== "http") continue
    for (const host of chain.routes.virtualHosts) yield [chain.routes.name, host]
  }
}

function* identifiedRoutes(
  configuration: string,
  host: VirtualHost,
): Generator<readonly [identity: string, route: Route]> {
  const seen = new Map<string, number>()
  for (const route of host.routes) {
    const { namespace, name } = route.virtualService
    const identity = `${configuration} ${host.name} ${namespace}/${name} ${route.name}`
    const place = seen.get(identity) ?? 0
    seen.set(identity, place + 1)
    yield [`${identity} ${place}`, route]
  }
}
