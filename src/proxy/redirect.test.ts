import { describe, expect, test } from "bun:test"
import fc from "fast-check"
import type { PathMatch, RedirectAction } from "../compile/snapshot.ts"
import { RequestHead } from "../http/message.ts"
import { httpsRedirectLocation, redirectLocation } from "./redirect.ts"

function createRequest(authority: string, target: string, scheme = "http"): RequestHead {
  const question = target.indexOf("?")
  const pathLength = question < 0 ? target.length : question
  return Object.assign(new RequestHead(), { authority, path: target, pathLength, scheme })
}

const unchanged: RedirectAction = {
  kind: "redirect",
  status: 301,
  scheme: null,
  authority: null,
  port: null,
  path: null,
  prefixRewrite: null,
}

function location(request: RequestHead, changes: Partial<RedirectAction>, path: PathMatch = { kind: "any" }): string {
  return redirectLocation(request, { ...unchanged, ...changes }, { path, predicates: [] })
}

describe("redirect (Istio semantics sheet 3.3)", () => {
  const request = createRequest("a.com:8080", "/x/y?q=1")

  test("scheme, host, path and query are the request's where the rule says nothing", () => {
    expect(location(request, {})).toBe("http://a.com:8080/x/y?q=1")
    expect(location(createRequest("a.com", "/", "https"), {})).toBe("https://a.com/")
  })

  test("the rule's scheme and authority replace the request's", () => {
    expect(location(request, { scheme: "https" })).toBe("https://a.com:8080/x/y?q=1")
    expect(location(request, { authority: "b.com" })).toBe("http://b.com/x/y?q=1")
    expect(location(request, { authority: "b.com:99" })).toBe("http://b.com:99/x/y?q=1")
  })

  test("a new port replaces the one of Host", () => {
    expect(location(request, { port: 8443, scheme: "https" })).toBe("https://a.com:8443/x/y?q=1")
    expect(location(createRequest("a.com", "/"), { port: 8443 })).toBe("http://a.com:8443/")
    expect(location(createRequest("a.com:", "/"), { port: 8443 })).toBe("http://a.com:8443/")
    expect(location(createRequest("[::1]", "/"), { port: 81 })).toBe("http://[::1]:81/")
    expect(location(createRequest("[::1]:80", "/"), { port: 81 })).toBe("http://[::1]:81/")
    expect(location(request, { port: 81, authority: "b.com:99" })).toBe("http://b.com:81/x/y?q=1")
  })

  test("a new port that is the scheme's default is left out", () => {
    expect(location(request, { port: 443, scheme: "https" })).toBe("https://a.com/x/y?q=1")
    expect(location(request, { port: 80 })).toBe("http://a.com/x/y?q=1")
    expect(location(request, { port: 443 })).toBe("http://a.com:443/x/y?q=1")
  })

  test("the old scheme's default port goes when the scheme changes, and only then", () => {
    expect(location(createRequest("a.com:80", "/"), { scheme: "https" })).toBe("https://a.com/")
    expect(location(createRequest("a.com:443", "/", "https"), { scheme: "http" })).toBe("http://a.com/")
    expect(location(createRequest("a.com:80", "/"), { scheme: "http" })).toBe("http://a.com:80/")
    expect(location(createRequest("a.com:443", "/"), { scheme: "https" })).toBe("https://a.com:443/")
    expect(location(createRequest("a.com:80", "/"), { scheme: "https", authority: "b.com:80" })).toBe(
      "https://b.com:80/",
    )
  })

  test("uri replaces the whole path; the query stays unless the uri has one", () => {
    expect(location(request, { path: "/new" })).toBe("http://a.com:8080/new?q=1")
    expect(location(request, { path: "/new?own" })).toBe("http://a.com:8080/new?own")
    expect(location(request, { path: "/new?" })).toBe("http://a.com:8080/new?")
  })

  test("prefixRewrite replaces the matched prefix as text, without a match the leading slash", () => {
    const prefix: PathMatch = { kind: "prefix", value: "/x", ignoreCase: false }
    expect(location(request, { prefixRewrite: "/new" }, prefix)).toBe("http://a.com:8080/new/y?q=1")
    expect(location(request, { prefixRewrite: "/" }, prefix)).toBe("http://a.com:8080//y?q=1")
    expect(location(createRequest("a", "/xy"), { prefixRewrite: "/n" }, prefix)).toBe("http://a/ny")
    expect(location(request, { prefixRewrite: "/new/" })).toBe("http://a.com:8080/new/x/y?q=1")
  })

  test("a missing leading slash is added", () => {
    expect(location(request, { path: "new" })).toBe("http://a.com:8080/new?q=1")
    expect(location(request, { prefixRewrite: "new/" })).toBe("http://a.com:8080/new/x/y?q=1")
    expect(location(createRequest("a", "*"), {})).toBe("http://a/*")
  })
})

test("httpsRedirect keeps Host with its port, path and query (Istio semantics sheet 1.7)", () => {
  expect(httpsRedirectLocation(createRequest("a.com:8080", "/x?y=//z"))).toBe("https://a.com:8080/x?y=//z")
  expect(httpsRedirectLocation(createRequest("a.com", "*"))).toBe("https://a.com/*")
})

test("a location is one line without white space, whatever the rule holds", () => {
  const text = fc.string({ unit: fc.constantFrom("a", "/", "\r", "\n", " ", "\0", "\t", "?", "%", "\x7f", "\xe9") })
  const optional = fc.option(text)
  fc.assert(
    fc.property(
      optional,
      optional,
      optional,
      fc.option(fc.integer({ min: 1, max: 65_535 })),
      (authority, path, prefixRewrite, port) => {
        const result = location(createRequest("a", "/x?y"), { authority, path, prefixRewrite, port })
        expect(result).toMatch(/^http:\/\/[\x21-\x7e\x80-\xff]*$/)
      },
    ),
    { numRuns: 2000 },
  )
})
