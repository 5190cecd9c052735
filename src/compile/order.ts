/**
 * The orders that decide who comes first: resources by creation (Istio semantics sheet 2.1 (1)), and catch-all routes
 * sinking below everything else in a virtual host (2.1 (4)).
 * Source: Istio `pilot/pkg/networking/core/route/route.go` (`isCatchAllRoute`, `SortVHostRoutes`).
 */
import { compareText } from "./host-names.ts"
import type { RouteMatch } from "./snapshot.ts"

interface Created {
  readonly metadata: { readonly name: string; readonly namespace: string; readonly creationUnixMs: number }
}

/** Oldest first, ties by name, then namespace. Files without timestamps (0) are therefore ordered by name. */
export function compareByCreation(left: Created, right: Created): number {
  return (
    left.metadata.creationUnixMs - right.metadata.creationUnixMs ||
    compareText(left.metadata.name, right.metadata.name) ||
    compareText(left.metadata.namespace, right.metadata.namespace)
  )
}

/**
 * Whether a match takes every request: no path condition, prefix `/` (whatever its case rule) or regex exactly `.*`,
 * and no other condition. An empty prefix takes everything too, yet is no catch-all to Istio.
 */
export function isCatchAll(match: RouteMatch): boolean {
  if (match.predicates.length > 0) return false
  switch (match.path.kind) {
    case "any":
      return true
    case "prefix":
      return match.path.value === "/"
    case "regex":
      return match.path.regex.source === ".*"
    case "exact":
      return false
  }
}

/** Moves catch-all routes to the end; the rest, and the catch-alls among themselves, keep their order. */
export function sinkCatchAlls<R extends { readonly match: RouteMatch }>(routes: readonly R[]): readonly R[] {
  const others = routes.filter((route) => !isCatchAll(route.match))
  if (others.length === routes.length || others.length === 0) return routes
  return [...others, ...routes.filter((route) => isCatchAll(route.match))]
}
