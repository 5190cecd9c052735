/**
 * The routes of one virtual host, indexed by path (DESIGN section 4): a radix trie of exact and prefix matches
 * (a second one over lower-cased paths), and the regex and path-less routes in one ordered list beside it.
 */
import type { Route } from "../compile/snapshot.ts"

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
