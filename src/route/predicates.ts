/**
 * The conditions of a match block beside its path: one function per kind, the same for the fast walk, the reference
 * scan and `explain` (Istio semantics sheet 2.4; Envoy `HeaderUtility::matchHeaders`, `QueryParameterMatcher`).
 *
 * Nothing is allocated except the text of a query parameter that is held against a regex.
 */
import type { Predicate, StringMatcher } from "../compile/snapshot.ts"
import type { MatchInput } from "./path-table.ts"

/** Whether a value that is there satisfies the matcher. Case-sensitive, byte for byte. */
export function textMatches(matcher: StringMatcher, text: string): boolean {
  switch (matcher.kind) {
    case "present":
      return true
    case "exact":
      return text === matcher.value
    case "prefix":
      return text.startsWith(matcher.value)
    case "regex":
      return matcher.regex.matchesWhole(text)
  }
}

/** Whether all hold. */
export function allHold(predicates: readonly Predicate[], input: MatchInput): boolean {
  for (let i = 0; i < predicates.length; i++) {
    const predicate = predicates[i]
    if (predicate !== undefined && !predicateHolds(predicate, input)) return false
  }
  return true
}

export function predicateHolds(predicate: Predicate, input: MatchInput): boolean {
  switch (predicate.kind) {
    case "method":
      return textMatches(predicate.matcher, input.method)
    case "authority":
      return textMatches(predicate.matcher, input.authority)
    case "scheme":
      return textMatches(predicate.matcher, input.scheme)
    case "header":
      return headerHolds(predicate.matcher, predicate.invert, headerValue(input, predicate.name))
    case "query":
      return queryHolds(predicate.matcher, input.path, input.pathLength, predicate.name)
  }
}

/**
 * A header as matching sees it: all values joined with `,`; pseudo-headers are accepted as names, `:path` with its
 * query. `host` is another name of `:authority`, in Envoy as here, so that HTTP/1.1 and HTTP/2 match alike.
 * @returns null when absent.
 */
export function headerValue(input: MatchInput, name: string): string | null {
  switch (name) {
    case ":method":
      return input.method
    case ":authority":
    case "host":
      return input.authority
    case ":scheme":
      return input.scheme
    case ":path":
      return input.path
    default:
      return input.fieldValue(name)
  }
}

function headerHolds(matcher: StringMatcher, invert: boolean, value: string | null): boolean {
  if (value !== null) return textMatches(matcher, value) !== invert
  // A missing header satisfies no matcher. Inverted, presence is simply inverted, while a value matcher is held
  // against an empty text first: `withoutHeaders` with regex `.*` does not match a request without the header.
  if (!invert) return false
  return matcher.kind === "present" || !textMatches(matcher, "")
}

/** The first occurrence counts, as sent: neither name nor value is percent-decoded. Absent never matches. */
function queryHolds(matcher: StringMatcher, path: string, pathLength: number, name: string): boolean {
  const start = queryValueStart(path, pathLength, name)
  if (start < 0) return false
  const end = queryValueEnd(path, start)
  switch (matcher.kind) {
    case "present":
      return true
    case "exact":
      return end - start === matcher.value.length && path.startsWith(matcher.value, start)
    case "prefix":
      return end - start >= matcher.value.length && path.startsWith(matcher.value, start)
    case "regex":
      return matcher.regex.matchesWhole(path.slice(start, end))
  }
}

/** The raw value of the first parameter of that name; "" for one without `=`; null when absent. For `explain`. */
export function queryValue(path: string, pathLength: number, name: string): string | null {
  const start = queryValueStart(path, pathLength, name)
  return start < 0 ? null : path.slice(start, queryValueEnd(path, start))
}

/** Offset of the value in `path`, or -1. A parameter without `=` has an empty value at its end. */
function queryValueStart(path: string, pathLength: number, name: string): number {
  // `path[pathLength]` is the `?`.
  let start = pathLength + 1
  while (start < path.length) {
    const nameEnd = start + name.length
    if (path.startsWith(name, start)) {
      if (nameEnd === path.length || path[nameEnd] === "&") return nameEnd
      if (path[nameEnd] === "=") return nameEnd + 1
    }
    const ampersand = path.indexOf("&", start)
    if (ampersand < 0) return -1
    start = ampersand + 1
  }
  return -1
}

function queryValueEnd(path: string, start: number): number {
  const ampersand = path.indexOf("&", start)
  return ampersand < 0 ? path.length : ampersand
}
