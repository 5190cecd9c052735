/** Envoy's `RouteMatch` of a rule (Istio semantics sheet 10). */
import type { PathMatch, Predicate, RouteMatch, StringMatcher } from "../compile/snapshot.ts"
import { type JsonObject, message } from "./json-value.ts"

export function routeMatchJson({ path, predicates }: RouteMatch): JsonObject {
  // Istio puts method, authority and scheme behind the headers.
  const inOrder = [
    ...predicates.filter(({ kind }) => kind === "header"),
    ...predicates.filter(({ kind }) => kind !== "header"),
  ]
  const headers = inOrder.flatMap((predicate) => headerJson(predicate) ?? [])
  const queryParameters = predicates.flatMap((predicate) =>
    predicate.kind === "query" ? [{ name: predicate.name, ...stringMatchJson(predicate.matcher) }] : [],
  )
  return message({ ...pathJson(path), headers, queryParameters })
}

function pathJson(path: PathMatch): JsonObject {
  switch (path.kind) {
    case "any":
      return { prefix: "/" }
    case "exact":
      return { path: path.value, caseSensitive: !path.ignoreCase }
    case "prefix":
      return { prefix: path.value, caseSensitive: !path.ignoreCase }
    case "regex":
      return { safeRegex: { regex: path.regex.source } }
  }
}

/** null = not a condition on a header. Method, authority and scheme are pseudo-headers to Envoy. */
function headerJson(predicate: Predicate): JsonObject | null {
  switch (predicate.kind) {
    case "query":
      return null
    case "header": {
      const treatMissingHeaderAsEmpty = predicate.invert && predicate.matcher.kind !== "present"
      return {
        name: predicate.name,
        ...stringMatchJson(predicate.matcher),
        ...(predicate.invert ? { invertMatch: true } : {}),
        ...(treatMissingHeaderAsEmpty ? { treatMissingHeaderAsEmpty } : {}),
      }
    }
    default:
      return { name: `:${predicate.kind}`, ...stringMatchJson(predicate.matcher) }
  }
}

function stringMatchJson(matcher: StringMatcher): JsonObject {
  return matcher.kind === "present" ? { presentMatch: true } : { stringMatch: stringMatcherJson(matcher) }
}

/** `envoy.type.matcher.v3.StringMatcher`. */
export function stringMatcherJson(matcher: StringMatcher): JsonObject {
  switch (matcher.kind) {
    case "present":
      return { safeRegex: { regex: ".*" } }
    case "exact":
      return { exact: matcher.value }
    case "prefix":
      return { prefix: matcher.value }
    case "regex":
      return { safeRegex: { regex: matcher.regex.source } }
  }
}
