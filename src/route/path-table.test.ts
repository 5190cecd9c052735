import { describe, expect, test } from "bun:test"
import fc from "fast-check"
import type { PathMatch, Predicate, Route, StringMatcher } from "../compile/snapshot.ts"
import { anyPath, exact, exampleRequest, exampleRoute, exampleRoutes, pathRegex, prefix } from "./example-routes.ts"
import { scanRoutes } from "./linear-scan.ts"
import { reasonAgainst } from "./narrate.ts"
import { buildPathTable } from "./path-table.ts"
import { compileRegex } from "./regex.ts"

const isPost: Predicate = { kind: "method", matcher: { kind: "exact", value: "POST" } }
const isGet: Predicate = { kind: "method", matcher: { kind: "exact", value: "GET" } }

/** The index of the route found, or null. */
function found(matches: Parameters<typeof exampleRoutes>[0], path: string): number | null {
  return buildPathTable(exampleRoutes(matches)).find(exampleRequest(path), null)?.index ?? null
}

describe("path matching (Istio semantics sheet 2.4)", () => {
  test("a prefix match /foo also matches /foobar", () => {
    expect(found([[prefix("/foo")]], "/foobar")).toBe(0)
    expect(found([[prefix("/foo")]], "/foo")).toBe(0)
    expect(found([[prefix("/foo")]], "/fo")).toBeNull()
    expect(found([[prefix("/foo/")]], "/foo")).toBeNull()
  })

  test("an exact match takes the whole path", () => {
    expect(found([[exact("/foo")]], "/foo")).toBe(0)
    expect(found([[exact("/foo")]], "/foo/")).toBeNull()
    expect(found([[exact("/foo")]], "/fo")).toBeNull()
  })

  test("the query is no part of the path", () => {
    expect(found([[exact("/foo")]], "/foo?a=1")).toBe(0)
    expect(found([[prefix("/foo?")]], "/foo?a=1")).toBeNull()
    expect(found([[pathRegex("/fo+")]], "/foo?a=1")).toBe(0)
    expect(found([[pathRegex("/fo+.*1")]], "/foo?a=1")).toBeNull()
  })

  test("an empty prefix matches everything, no path condition all that starts with / (sheet 4.4)", () => {
    expect(found([[prefix("")]], "/x")).toBe(0)
    expect(found([[anyPath]], "/x")).toBe(0)
    expect(found([[anyPath]], "*")).toBeNull()
    expect(found([[prefix("")]], "*")).toBe(0)
  })

  test("case counts, unless ignoreUriCase; which regexes do not have", () => {
    expect(found([[prefix("/Foo")]], "/foo")).toBeNull()
    expect(found([[prefix("/Foo", true)]], "/fOObar")).toBe(0)
    expect(found([[exact("/Foo", true)]], "/FOO")).toBe(0)
    expect(found([[exact("/K", true)]], "/\u212a")).toBeNull()
    expect(found([[exact("/\u212a", true)]], "/k")).toBeNull()
    expect(found([[exact("/[", true)]], "/{")).toBeNull()
  })
})

describe("order (Istio semantics sheet 2.3)", () => {
  test("the first route wins, not the most specific", () => {
    expect(found([[prefix("/")], [exact("/foo")]], "/foo")).toBe(0)
    expect(found([[prefix("/foo")], [prefix("/foobar")]], "/foobar")).toBe(0)
    expect(found([[exact("/foo")], [prefix("/")]], "/foo")).toBe(0)
    expect(found([[pathRegex("/.*")], [exact("/foo")]], "/foo")).toBe(0)
    expect(found([[anyPath, isPost], [pathRegex("/f.*")], [exact("/foo", true)], [exact("/foo")]], "/foo")).toBe(1)
  })

  test("a route whose conditions fail is passed over", () => {
    expect(found([[exact("/foo"), isPost], [prefix("/foo")]], "/foo")).toBe(1)
    expect(found([[exact("/foo"), isPost, isGet], [exact("/foo"), isGet], [exact("/foo")]], "/foo")).toBe(1)
    expect(found([[prefix("/"), isPost]], "/foo")).toBeNull()
  })

  test("conditional routes of several depths are ranked together", () => {
    const nested: [PathMatch, ...Predicate[]][] = [
      [prefix("/a/b"), isPost],
      [prefix("/a"), isGet],
      [prefix("/a/b/c"), isGet],
      [prefix("/"), isGet],
    ]
    expect(found(nested, "/a/b/c")).toBe(1)
    expect(found(nested.toReversed(), "/a/b/c")).toBe(0)
  })

  test("a regex is tried only while it could still win", () => {
    let tried = 0
    const counting: PathMatch = {
      kind: "regex",
      regex: {
        source: "counting",
        literalPrefix: "",
        groupCount: 0,
        matchesWhole: () => {
          tried++
          return true
        },
        replaceAll: (text) => text,
      },
    }
    expect(found([[prefix("/foo")], [counting]], "/foo")).toBe(0)
    expect(found([[exact("/foo"), isGet], [counting]], "/foo")).toBe(0)
    expect(tried).toBe(0)
    expect(found([[exact("/foo"), isPost], [counting]], "/foo")).toBe(1)
    expect(tried).toBe(1)
  })

  test("no routes, no match", () => {
    expect(found([], "/")).toBeNull()
  })
})

describe("observer", () => {
  test("hears in rule order why each earlier route was passed over, with the value seen", () => {
    const routes = exampleRoutes([
      [exact("/foo"), isPost],
      [prefix("/bar")],
      [prefix("/foo"), { kind: "header", name: "x-env", matcher: { kind: "exact", value: "dev" }, invert: false }],
      [anyPath, { kind: "query", name: "v", matcher: { kind: "prefix", value: "2" } }],
      [pathRegex("/f.")],
      [anyPath, { kind: "header", name: "x-a", matcher: { kind: "present" }, invert: true }],
      [prefix("/")],
      [anyPath],
    ])
    const heard: string[] = []
    const match = buildPathTable(routes).find(exampleRequest("/foo?v=1", { headers: { "x-a": "q" } }), {
      passedOver: (route, reason) => heard.push(`${route.index}: ${reason}`),
      matched: (route) => heard.push(`${route.index}: matched`),
    })
    expect(match?.index).toBe(6)
    expect(heard).toEqual([
      '0: method "GET" is not exactly "POST"',
      '1: path "/foo" does not start with "/bar"',
      "2: header x-env is absent",
      '3: query parameter v is "1", which does not start with "2"',
      '4: path "/foo" does not match regex "/f." as a whole',
      '5: header x-a is "q", which must be absent (withoutHeaders)',
      "6: matched",
    ])
  })
})

describe("reasons", () => {
  const header = (matcher: StringMatcher, invert: boolean): Predicate => ({
    kind: "header",
    name: "x-a",
    matcher,
    invert,
  })
  const exactly = (text: string): StringMatcher => ({ kind: "exact", value: text })
  const reasonOf = (
    path: PathMatch,
    predicates: readonly Predicate[],
    headers: Readonly<Record<string, string>> = {},
  ) => reasonAgainst(exampleRoute(0, path, predicates), exampleRequest("/foo", { headers }))

  test("name the condition that failed", () => {
    expect(reasonOf(anyPath, [])).toBeNull()
    expect(reasonOf(exact("/Bar", true), [])).toBe('path "/foo" is not exactly "/Bar" (case ignored)')
    expect(reasonOf(anyPath, [{ kind: "authority", matcher: { kind: "prefix", value: "api." } }])).toBe(
      'authority "example.com" does not start with "api."',
    )
    expect(reasonOf(anyPath, [{ kind: "scheme", matcher: exactly("https") }])).toBe(
      'scheme "http" is not exactly "https"',
    )
    expect(reasonOf(anyPath, [{ kind: "query", name: "v", matcher: { kind: "present" } }])).toBe(
      "query parameter v is absent",
    )
    expect(reasonOf(anyPath, [header(exactly("1"), false)], { "x-a": "2" })).toBe(
      'header x-a is "2", which is not exactly "1"',
    )
  })

  test("say that a missing header counts as empty in withoutHeaders", () => {
    expect(reasonOf(anyPath, [header(exactly(""), true)])).toBe(
      'header x-a is absent, which counts as empty and is exactly "" (withoutHeaders)',
    )
    expect(reasonOf(anyPath, [header(exactly("1"), true)], { "x-a": "1" })).toBe(
      'header x-a is "1", which is exactly "1" (withoutHeaders)',
    )
  })

  test("cut long values", () => {
    expect(reasonOf(anyPath, [header(exactly("1"), false)], { "x-a": "v".repeat(500) })).toBe(
      `header x-a is "${"v".repeat(80)}…", which is not exactly "1"`,
    )
  })
})

const segment = fc.constantFrom("a", "b", "ab", "A", "aB", "", "a.b")
const path = fc.array(segment, { maxLength: 4 }).map((segments) => `/${segments.join("/")}`)
const pathMatch: fc.Arbitrary<PathMatch> = fc.oneof(
  { weight: 1, arbitrary: fc.constant(anyPath) },
  { weight: 4, arbitrary: fc.tuple(path, fc.boolean()).map(([value, ignoreCase]) => exact(value, ignoreCase)) },
  {
    weight: 5,
    arbitrary: fc
      .tuple(path, fc.nat(6), fc.boolean())
      .map(([value, length, ignoreCase]) => prefix(value.slice(0, length), ignoreCase)),
  },
  {
    weight: 3,
    arbitrary: fc
      .tuple(path, fc.constantFrom("", ".*", "[^/]+", "/.*", "(/.*)?", "(a|b)*", ".", "\\d"), fc.boolean())
      .map(([start, end, folds]) => pathRegex(`${folds ? "(?i)" : ""}${start.replaceAll(".", "\\.")}${end}`)),
  },
)
const value = fc.constantFrom("", "a", "b", "ab", "a,b")
const matcher: fc.Arbitrary<StringMatcher> = fc.oneof(
  fc.constant<StringMatcher>({ kind: "present" }),
  value.map((text): StringMatcher => ({ kind: "exact", value: text })),
  value.map((text): StringMatcher => ({ kind: "prefix", value: text })),
  fc.constantFrom("a*", "[ab]", ".*", "a|b").map((source): StringMatcher => {
    const regex = compileRegex(source)
    return "error" in regex ? { kind: "present" } : { kind: "regex", regex }
  }),
)
const name = fc.constantFrom("x", "y")
const predicate: fc.Arbitrary<Predicate> = fc.oneof(
  fc.constantFrom(isGet, isPost),
  fc.record({ kind: fc.constant("header" as const), name, matcher, invert: fc.boolean() }),
  fc.record({ kind: fc.constant("query" as const), name, matcher }),
)
const table = fc
  .array(fc.tuple(pathMatch, fc.oneof(fc.constant([]), fc.array(predicate, { maxLength: 2 }))), { maxLength: 12 })
  .map((list) => exampleRoutes(list.map(([match, predicates]) => [match, ...predicates] as const)))
const request = fc
  .tuple(
    path,
    fc.constantFrom("", "", "?", "?x=a", "?x", "?y=b&x=ab", "?x=b&x=a"),
    fc.constantFrom("GET", "POST"),
    fc.dictionary(name, value),
  )
  .map(([start, query, method, headers]) => exampleRequest(start + query, { method, headers }))

describe("trie", () => {
  test("finds what a scan of the routes in order finds, with and without an observer", () => {
    let matches = 0
    let tries = 0
    const observer = { passedOver: () => {}, matched: () => {} }
    fc.assert(
      fc.property(table, fc.array(request, { minLength: 1, maxLength: 6 }), (routes: readonly Route[], requests) => {
        const paths = buildPathTable(routes)
        for (const input of requests) {
          const expected = scanRoutes(routes, input)?.index ?? null
          tries++
          if (expected !== null && expected > 0) matches++
          expect(paths.find(input, null)?.index ?? null).toBe(expected)
          expect(paths.find(input, observer)?.index ?? null).toBe(expected)
        }
      }),
      { numRuns: 10_000 },
    )
    // Worth something only if later routes win often.
    expect(matches / tries).toBeGreaterThan(0.2)
  })

  test("ten thousand different prefixes are all found", () => {
    const routes = exampleRoutes(Array.from({ length: 10_000 }, (_, i) => [prefix(`/svc-${i}/`)] as const))
    const paths = buildPathTable(routes)
    for (let i = 0; i < routes.length; i += 7) expect(paths.find(exampleRequest(`/svc-${i}/x`), null)?.index).toBe(i)
    expect(paths.find(exampleRequest("/svc-10000/x"), null)).toBeNull()
  })

  test("one node may have hundreds of children", () => {
    const routes = exampleRoutes(
      Array.from({ length: 500 }, (_, i) => [exact(`/${String.fromCharCode(33 + i)}`)] as const),
    )
    const paths = buildPathTable(routes)
    for (let i = 0; i < routes.length; i++) {
      const only = `/${String.fromCharCode(33 + i)}`
      if (only.includes("?")) continue
      expect(paths.find(exampleRequest(only), null)?.index).toBe(i)
    }
  })
})
