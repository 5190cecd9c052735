/**
 * Why each earlier route was passed over: the slow walk behind `portcullis explain`. It looks at every route in rule
 * order, which is what a reader wants to see, and decides with the same functions as the fast one.
 */
import type { PathMatch, Predicate, Route, StringMatcher } from "../compile/snapshot.ts"
import { pathHolds } from "./linear-scan.ts"
import type { MatchInput, MatchObserver } from "./path-table.ts"
import { headerValue, predicateHolds, queryValue } from "./predicates.ts"

/** Longer values are cut in reasons. */
const SHOWN_CHARS_MAX = 80

/** Finds what the fast walk finds, telling the observer of each route until then. */
export function narratedScan(routes: readonly Route[], input: MatchInput, observer: MatchObserver): Route | null {
  for (const route of routes) {
    const reason = reasonAgainst(route, input)
    if (reason === null) {
      observer.matched(route)
      return route
    }
    observer.passedOver(route, reason)
  }
  return null
}

/** The first condition that fails, with the value it saw; null when the route matches. */
export function reasonAgainst(route: Route, input: MatchInput): string | null {
  const path = input.path.slice(0, input.pathLength)
  if (!pathHolds(route.match.path, path)) return `path ${quoted(path)} ${describePathFailure(route.match.path)}`
  for (const predicate of route.match.predicates) {
    if (!predicateHolds(predicate, input)) return describeFailure(predicate, input)
  }
  return null
}

function describePathFailure(match: PathMatch): string {
  switch (match.kind) {
    case "any":
      return "does not start with /"
    case "exact":
      return `is not exactly ${quoted(match.value)}${match.ignoreCase ? " (case ignored)" : ""}`
    case "prefix":
      return `does not start with ${quoted(match.value)}${match.ignoreCase ? " (case ignored)" : ""}`
    case "regex":
      return `does not match regex ${quoted(match.regex.source)} as a whole`
  }
}

function describeFailure(predicate: Predicate, input: MatchInput): string {
  switch (predicate.kind) {
    case "method":
      return `method ${quoted(input.method)} ${unmet(predicate.matcher)}`
    case "authority":
      return `authority ${quoted(input.authority)} ${unmet(predicate.matcher)}`
    case "scheme":
      return `scheme ${quoted(input.scheme)} ${unmet(predicate.matcher)}`
    case "header": {
      const value = headerValue(input, predicate.name)
      if (!predicate.invert) {
        return value === null
          ? `header ${predicate.name} is absent`
          : `header ${predicate.name} is ${quoted(value)}, which ${unmet(predicate.matcher)}`
      }
      if (value === null) {
        return `header ${predicate.name} is absent, which counts as empty and ${met(predicate.matcher)} (withoutHeaders)`
      }
      return `header ${predicate.name} is ${quoted(value)}, which ${met(predicate.matcher)} (withoutHeaders)`
    }
    case "query": {
      const value = queryValue(input.path, input.pathLength, predicate.name)
      return value === null
        ? `query parameter ${predicate.name} is absent`
        : `query parameter ${predicate.name} is ${quoted(value)}, which ${unmet(predicate.matcher)}`
    }
  }
}

function unmet(matcher: StringMatcher): string {
  switch (matcher.kind) {
    case "present":
      return "is absent"
    case "exact":
      return `is not exactly ${quoted(matcher.value)}`
    case "prefix":
      return `does not start with ${quoted(matcher.value)}`
    case "regex":
      return `does not match regex ${quoted(matcher.regex.source)} as a whole`
  }
}

function met(matcher: StringMatcher): string {
  switch (matcher.kind) {
    case "present":
      return "must be absent"
    case "exact":
      return `is exactly ${quoted(matcher.value)}`
    case "prefix":
      return `starts with ${quoted(matcher.value)}`
    case "regex":
      return `matches regex ${quoted(matcher.regex.source)}`
  }
}

function quoted(text: string): string {
  return JSON.stringify(text.length > SHOWN_CHARS_MAX ? `${text.slice(0, SHOWN_CHARS_MAX)}…` : text)
}
