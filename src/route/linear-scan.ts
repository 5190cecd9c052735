/**
 * The reference: finds a route by trying one after the other, written straight from the Istio semantics sheet
 * (2.3, 2.4) and nothing else. Slow on purpose. `path-table.ts` is held against it by a property test, and `explain`
 * uses `pathHolds` so that its reasons and the reference cannot drift apart.
 */
import type { PathMatch, Route } from "../compile/snapshot.ts"
import { asciiLowerCase } from "./byte-string.ts"
import type { MatchInput } from "./path-table.ts"
import { allHold } from "./predicates.ts"

/** The first route whose path and predicates all hold; null = 404. */
export function scanRoutes(routes: readonly Route[], input: MatchInput): Route | null {
  const path = input.path.slice(0, input.pathLength)
  for (const route of routes) {
    if (pathHolds(route.match.path, path) && allHold(route.match.predicates, input)) return route
  }
  return null
}

/** @param path without query. A prefix is plain text: `/foo` also matches `/foobar`. */
export function pathHolds(match: PathMatch, path: string): boolean {
  switch (match.kind) {
    case "any":
      return path.startsWith("/")
    case "exact":
      return match.ignoreCase ? asciiLowerCase(path) === asciiLowerCase(match.value) : path === match.value
    case "prefix":
      return match.ignoreCase
        ? asciiLowerCase(path).startsWith(asciiLowerCase(match.value))
        : path.startsWith(match.value)
    case "regex":
      return match.regex.matchesWhole(path)
  }
}
