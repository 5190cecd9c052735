/**
 * The routes of one virtual host, indexed by path (DESIGN section 4): a radix trie of exact and prefix matches, and a
 * second one with folded case for `ignoreUriCase`. Regex routes hang in the trie at their literal start (the root where
 * none is known), path-less routes at the root.
 *
 * First rule wins (Istio semantics sheet 2.3), however it is found. One walk down gives the bound: the lowest route that
 * only its path decides. Then conditional routes below the bound are tried, each success lowering it; regexes come last,
 * so that they are tried only while they could still win. Predicates are pure, so the order of trying is free.
 */
import type { Route } from "../compile/snapshot.ts"
import { narratedScan } from "./narrate.ts"
import { allHold } from "./predicates.ts"
import { NO_ROUTE, RadixTrie, type TrieEntry } from "./radix-trie.ts"

/** What a predicate may look at. Implemented by `http/message`; a plain object in tests. */
export interface MatchInput {
  readonly method: string
  /** Host as sent, port included. */
  readonly authority: string
  readonly scheme: string
  /** Normalised path with query. */
  readonly path: string
  /** Length of `path` without `?query`. */
  readonly pathLength: number
  /** All values of a field joined with `,`; null when absent. @param name lower-cased. */
  fieldValue(name: string): string | null
}

/** Told of each step of the walk, for `explain`. Passed as null on the hot path. */
export interface MatchObserver {
  /** A route that could have matched was passed over; `reason` says which condition failed, and the value it saw. */
  passedOver(route: Route, reason: string): void
  matched(route: Route): void
}

export interface PathTable {
  /** The lowest-index route whose match holds; null = 404. */
  find(input: MatchInput, observer: MatchObserver | null): Route | null
}

/** @param routes in matching order; a route's place here is its rank. */
export function buildPathTable(routes: readonly Route[]): PathTable {
  const asSent: TrieEntry[] = []
  const folded: TrieEntry[] = []
  routes.forEach((route, index) => {
    const { path, predicates } = route.match
    const unconditional = predicates.length === 0
    switch (path.kind) {
      case "any":
        // Istio's match-all is the prefix `/`: `OPTIONS *` is not under it.
        asSent.push({ key: "/", kind: "prefix", index, unconditional })
        break
      case "exact":
      case "prefix":
        ;(path.ignoreCase ? folded : asSent).push({ key: path.value, kind: path.kind, index, unconditional })
        break
      case "regex":
        asSent.push({ key: path.regex.literalPrefix, kind: "regex", index, unconditional: false })
        break
    }
  })
  return new TriePathTable(routes, new RadixTrie(asSent, false), folded.length > 0 ? new RadixTrie(folded, true) : null)
}

class TriePathTable implements PathTable {
  readonly #routes: readonly Route[]
  readonly #asSent: RadixTrie
  readonly #folded: RadixTrie | null

  constructor(routes: readonly Route[], asSent: RadixTrie, folded: RadixTrie | null) {
    this.#routes = routes
    this.#asSent = asSent
    this.#folded = folded
  }

  find(input: MatchInput, observer: MatchObserver | null): Route | null {
    if (observer !== null) return narratedScan(this.#routes, input, observer)
    const asSent = this.#asSent
    const folded = this.#folded
    let best = asSent.walk(input.path, input.pathLength)
    if (folded !== null) {
      const foldedBound = folded.walk(input.path, input.pathLength)
      if (foldedBound < best) best = foldedBound
    }
    if (asSent.visitedCount > 0) best = this.#tryConditional(asSent, input, best)
    if (folded !== null && folded.visitedCount > 0) best = this.#tryConditional(folded, input, best)
    if (asSent.regexes.items.length > 0) best = this.#tryRegexes(asSent, input, best)
    return best === NO_ROUTE ? null : (this.#routes[best] ?? null)
  }

  /** Exact and prefix routes with predicates, along the last walk. The deepest first: the likeliest to win. */
  #tryConditional(trie: RadixTrie, input: MatchInput, bound: number): number {
    let best = bound
    if (trie.exactNode >= 0) best = this.#tryList(trie.exacts.starts, trie.exacts.items, trie.exactNode, input, best)
    for (let v = trie.visitedCount - 1; v >= 0; v--) {
      const node = trie.visited[v] as number
      best = this.#tryList(trie.prefixes.starts, trie.prefixes.items, node, input, best)
    }
    return best
  }

  #tryList(starts: Int32Array, items: Int32Array, node: number, input: MatchInput, bound: number): number {
    const end = starts[node + 1] as number
    for (let i = starts[node] as number; i < end; i++) {
      const index = items[i] as number
      if (index >= bound) return bound
      const route = this.#routes[index]
      if (route !== undefined && allHold(route.match.predicates, input)) return index
    }
    return bound
  }

  #tryRegexes(trie: RadixTrie, input: MatchInput, bound: number): number {
    const { starts, items } = trie.regexes
    let best = bound
    // Cut from the query once, and only where a regex is tried.
    let path: string | null = null
    for (let v = trie.visitedCount - 1; v >= 0; v--) {
      const node = trie.visited[v] as number
      const end = starts[node + 1] as number
      for (let i = starts[node] as number; i < end; i++) {
        const index = items[i] as number
        if (index >= best) break
        const route = this.#routes[index]
        if (route === undefined || route.match.path.kind !== "regex") continue
        path ??= input.pathLength === input.path.length ? input.path : input.path.slice(0, input.pathLength)
        if (route.match.path.regex.matchesWhole(path) && allHold(route.match.predicates, input)) {
          best = index
          break
        }
      }
    }
    return best
  }
}
