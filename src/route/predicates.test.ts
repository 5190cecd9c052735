import { describe, expect, test } from "bun:test"
import type { Predicate, StringMatcher } from "../compile/snapshot.ts"
import { exampleRegex, exampleRequest } from "./example-routes.ts"
import { predicateHolds } from "./predicates.ts"

const present: StringMatcher = { kind: "present" }
const exactly = (value: string): StringMatcher => ({ kind: "exact", value })
const startsWith = (value: string): StringMatcher => ({ kind: "prefix", value })
const regex = (source: string): StringMatcher => ({ kind: "regex", regex: exampleRegex(source) })

const header = (name: string, matcher: StringMatcher): Predicate => ({ kind: "header", name, matcher, invert: false })
const without = (name: string, matcher: StringMatcher): Predicate => ({ kind: "header", name, matcher, invert: true })
const query = (name: string, matcher: StringMatcher): Predicate => ({ kind: "query", name, matcher })

function withHeader(value: string | null) {
  return exampleRequest("/", { headers: value === null ? {} : { "x-a": value } })
}

describe("header conditions (Istio semantics sheet 2.4)", () => {
  test("present needs the header, with any value", () => {
    expect(predicateHolds(header("x-a", present), withHeader(""))).toBe(true)
    expect(predicateHolds(header("x-a", present), withHeader(null))).toBe(false)
  })

  test('exact "" needs the header to be there and empty', () => {
    expect(predicateHolds(header("x-a", exactly("")), withHeader(""))).toBe(true)
    expect(predicateHolds(header("x-a", exactly("")), withHeader("v"))).toBe(false)
    expect(predicateHolds(header("x-a", exactly("")), withHeader(null))).toBe(false)
  })

  test("a missing header does not match a regex that takes the empty text", () => {
    expect(predicateHolds(header("x-a", regex(".*")), withHeader(null))).toBe(false)
  })

  test("several values are held against the matcher joined with a comma", () => {
    expect(predicateHolds(header("x-a", exactly("a,b")), withHeader("a,b"))).toBe(true)
    expect(predicateHolds(header("x-a", exactly("a")), withHeader("a,b"))).toBe(false)
    expect(predicateHolds(header("x-a", startsWith("a,")), withHeader("a,b"))).toBe(true)
  })

  test("values are case-sensitive", () => {
    expect(predicateHolds(header("x-a", exactly("Dev")), withHeader("dev"))).toBe(false)
  })

  test("withoutHeaders with {} matches only when the header is absent", () => {
    expect(predicateHolds(without("x-a", present), withHeader(null))).toBe(true)
    expect(predicateHolds(without("x-a", present), withHeader(""))).toBe(false)
  })

  test("withoutHeaders with a value takes a missing header as empty", () => {
    expect(predicateHolds(without("x-a", exactly("x")), withHeader(null))).toBe(true)
    expect(predicateHolds(without("x-a", exactly("x")), withHeader("y"))).toBe(true)
    expect(predicateHolds(without("x-a", exactly("x")), withHeader("x"))).toBe(false)
    expect(predicateHolds(without("x-a", regex(".*")), withHeader(null))).toBe(false)
    expect(predicateHolds(without("x-a", regex(".+")), withHeader(null))).toBe(true)
    expect(predicateHolds(without("x-a", exactly("")), withHeader(null))).toBe(false)
  })

  test("pseudo-headers are accepted as names; :path includes the query", () => {
    const request = exampleRequest("/a?b=c", { method: "PUT", authority: "h:1", scheme: "https" })
    expect(predicateHolds(header(":method", exactly("PUT")), request)).toBe(true)
    expect(predicateHolds(header(":authority", exactly("h:1")), request)).toBe(true)
    expect(predicateHolds(header(":scheme", exactly("https")), request)).toBe(true)
    expect(predicateHolds(header(":path", exactly("/a?b=c")), request)).toBe(true)
    expect(predicateHolds(header(":status", present), request)).toBe(false)
  })

  test("host is the authority, as in Envoy", () => {
    expect(predicateHolds(header("host", exactly("h:1")), exampleRequest("/", { authority: "h:1" }))).toBe(true)
  })
})

describe("method, authority, scheme (Istio semantics sheet 2.4)", () => {
  test("exact: get never matches GET", () => {
    expect(predicateHolds({ kind: "method", matcher: exactly("get") }, exampleRequest("/"))).toBe(false)
    expect(predicateHolds({ kind: "method", matcher: exactly("GET") }, exampleRequest("/"))).toBe(true)
  })

  test("the authority is matched as sent: with its port, case-sensitive", () => {
    const request = exampleRequest("/", { authority: "Foo.com:8080" })
    expect(predicateHolds({ kind: "authority", matcher: exactly("Foo.com") }, request)).toBe(false)
    expect(predicateHolds({ kind: "authority", matcher: exactly("foo.com:8080") }, request)).toBe(false)
    expect(predicateHolds({ kind: "authority", matcher: exactly("Foo.com:8080") }, request)).toBe(true)
    expect(predicateHolds({ kind: "authority", matcher: regex("Foo\\.com(:.*)?") }, request)).toBe(true)
  })

  test("the scheme is an ordinary text", () => {
    expect(predicateHolds({ kind: "scheme", matcher: exactly("https") }, exampleRequest("/"))).toBe(false)
  })
})

describe("query parameters (Istio semantics sheet 2.4)", () => {
  const holds = (path: string, name: string, matcher: StringMatcher) =>
    predicateHolds(query(name, matcher), exampleRequest(path))

  test("an absent parameter never matches", () => {
    expect(holds("/", "a", regex(".*"))).toBe(false)
    expect(holds("/a=1", "a", present)).toBe(false)
    expect(holds("/?b=1", "a", present)).toBe(false)
    expect(holds("/?ba=1&ab=1", "a", present)).toBe(false)
  })

  test("the first value counts", () => {
    expect(holds("/?a=1&a=2", "a", exactly("1"))).toBe(true)
    expect(holds("/?a=1&a=2", "a", exactly("2"))).toBe(false)
  })

  test("neither name nor value is percent-decoded", () => {
    expect(holds("/?a=%41", "a", exactly("A"))).toBe(false)
    expect(holds("/?a=%41", "a", exactly("%41"))).toBe(true)
    expect(holds("/?%61=1", "a", present)).toBe(false)
  })

  test("a parameter without = is empty", () => {
    expect(holds("/?a", "a", exactly(""))).toBe(true)
    expect(holds("/?a&b=1", "a", exactly(""))).toBe(true)
    expect(holds("/?b=1&a", "a", present)).toBe(true)
    expect(holds("/?a=", "a", exactly(""))).toBe(true)
  })

  test("a value ends at & and may hold = and ?", () => {
    expect(holds("/?a=b=c?d&e=f", "a", exactly("b=c?d"))).toBe(true)
    expect(holds("/?a=bc", "a", startsWith("b"))).toBe(true)
    expect(holds("/?a=b&c", "a", startsWith("b&"))).toBe(false)
    expect(holds("/?a=12&b=x", "a", regex("[0-9]+"))).toBe(true)
    expect(holds("/?a=1x&b=2", "a", regex("[0-9]+"))).toBe(false)
  })
})
