import { describe, expect, test } from "bun:test"
import fc from "fast-check"
import type { PathRewrite } from "../compile/snapshot.ts"
import { parseRequestHead } from "../http/h1/request-head.ts"
import { DEFAULT_HTTP_LIMITS } from "../http/limits.ts"
import { RequestHead } from "../http/message.ts"
import { compileRegex } from "../route/regex.ts"
import { rewritePath } from "./path-rewrite.ts"

function rewrite(target: string, action: PathRewrite): string | null {
  const question = target.indexOf("?")
  return rewritePath(target, question < 0 ? target.length : question, action)
}

function prefix(matched: string, replacement: string): PathRewrite {
  return { kind: "prefix", prefixLength: matched.length, replacement }
}

function regex(source: string, substitution: string): PathRewrite {
  const compiled = compileRegex(source)
  if ("error" in compiled) throw new Error(compiled.error)
  return { kind: "regex", regex: compiled, substitution }
}

describe("rewrite (Istio semantics sheet 3.2)", () => {
  test("a prefix is replaced as text: slashes are not repaired", () => {
    expect(rewrite("/api/x", prefix("/api", "/"))).toBe("//x")
    expect(rewrite("/apix", prefix("/api", "/"))).toBe("/x")
    expect(rewrite("/api/x", prefix("/api/", "/"))).toBe("/x")
    expect(rewrite("/api", prefix("/api", "/v2"))).toBe("/v2")
    expect(rewrite("/apix", prefix("/api", "/v2"))).toBe("/v2x")
    expect(rewrite("/x", prefix("/", "/v2"))).toBe("/v2x")
  })

  test("with ignoreUriCase as many characters are replaced", () => {
    expect(rewrite("/API/x", prefix("/api", "/v2"))).toBe("/v2/x")
  })

  test("exact and regex matches replace the whole path", () => {
    expect(rewrite("/a/b", { kind: "full", replacement: "/c" })).toBe("/c")
  })

  test("the query is kept and never rewritten", () => {
    expect(rewrite("/a?x=/a", prefix("/a", "/b"))).toBe("/b?x=/a")
    expect(rewrite("/a?a=a", { kind: "full", replacement: "/c" })).toBe("/c?a=a")
    expect(rewrite("/a/a?a=a", regex("a", "b"))).toBe("/b/b?a=a")
  })

  test("uriRegexRewrite replaces every occurrence, with groups", () => {
    expect(rewrite("/service/foo/v1/api", regex("^/service/([^/]+)(/.*)$", "\\2/instance/\\1"))).toBe(
      "/v1/api/instance/foo",
    )
    expect(rewrite("/xxx/one/yyy/one/zzz", regex("one", "two"))).toBe("/xxx/two/yyy/two/zzz")
    expect(rewrite("/a", regex("b", "c"))).toBe("/a")
  })
})

test("9112 section 3.2.1: a result that is no origin-form target is refused", () => {
  for (const replacement of ["", "x", "?q", "/a b", "/a\r\nHost: b", "/a\0", "/a#b", "/\x7f", "/\u0141", "http://b"]) {
    expect([replacement, rewrite("/a?q", { kind: "full", replacement })]).toEqual([replacement, null])
  }
  expect(rewrite("/a", prefix("/a", ""))).toBeNull()
})

test("what is not refused is read by our own parser as one request, with the same query", () => {
  const piece = fc.constantFrom("a", "/", "\r\n", " ", "#", "?", "%", "%2", "\\", "\0", "\xe9", "..", " HTTP/1.1")
  const text = fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join(""))
  fc.assert(
    fc.property(text, fc.nat(4), fc.constantFrom("", "?", "?a=b", "?a=%20/../"), (replacement, prefixLength, query) => {
      const result = rewrite(`/a/b/c${query}`, { kind: "prefix", prefixLength, replacement })
      if (result === null) return
      expect(result.endsWith(query)).toBe(true)
      const head = new RequestHead()
      const line = `GET ${result} HTTP/1.1\r\nHost: a\r\n\r\n`
      expect(parseRequestHead(line, head, "http", DEFAULT_HTTP_LIMITS)).toBe(0)
      expect(head.fields.count).toBe(1)
    }),
    { numRuns: 3000 },
  )
})
