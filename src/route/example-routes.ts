/** Routes and requests for this room's tests and benchmarks, with everything that does not matter filled in. */
import type { PathMatch, Predicate, Route } from "../compile/snapshot.ts"
import type { MatchInput } from "./path-table.ts"
import { type CompiledRegex, compileRegex } from "./regex.ts"

export function exampleRoute(index: number, path: PathMatch, predicates: readonly Predicate[] = []): Route {
  return {
    index,
    name: `route-${index}`,
    virtualService: { namespace: "default", name: "example" },
    location: { file: "example.yaml", line: index + 1, column: 1 },
    match: { path, predicates },
    action: { kind: "direct-response", status: 200, body: new Uint8Array(0) },
    requestEdits: null,
    responseEdits: null,
  }
}

export function exampleRoutes(
  matches: readonly (readonly [path: PathMatch, ...predicates: readonly Predicate[]])[],
): readonly Route[] {
  return matches.map(([path, ...predicates], index) => exampleRoute(index, path, predicates))
}

export interface ExampleRequest {
  readonly method?: string
  readonly authority?: string
  readonly scheme?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** @param path with its query. */
export function exampleRequest(path: string, request: ExampleRequest = {}): MatchInput {
  const headers = new Map(Object.entries(request.headers ?? {}))
  const question = path.indexOf("?")
  return {
    method: request.method ?? "GET",
    authority: request.authority ?? "example.com",
    scheme: request.scheme ?? "http",
    path,
    pathLength: question < 0 ? path.length : question,
    fieldValue: (name) => headers.get(name) ?? null,
  }
}

/** For patterns that are known to be valid. */
export function exampleRegex(source: string): CompiledRegex {
  const regex = compileRegex(source)
  if ("error" in regex) throw new Error(`${source}: ${regex.error}`)
  return regex
}

export function exact(value: string, ignoreCase = false): PathMatch {
  return { kind: "exact", value, ignoreCase }
}

export function prefix(value: string, ignoreCase = false): PathMatch {
  return { kind: "prefix", value, ignoreCase }
}

export function pathRegex(source: string): PathMatch {
  return { kind: "regex", regex: exampleRegex(source) }
}

export const anyPath: PathMatch = { kind: "any" }
