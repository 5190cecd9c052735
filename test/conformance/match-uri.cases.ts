/** `http.match.uri` and `ignoreUriCase` (Istio semantics sheet 2.4), and the normalisation before it (2.5). */
import { type CaseGroup, goes, misses, TO_ONE, TO_TWO } from "./conformance-case.ts"

const uri = (match: string, more = "") => `- match: [{ uri: ${match}${more} }]\n  ${TO_ONE}`

export const matchUri: CaseGroup = {
  name: "match-uri",
  cases: [
    {
      name: "http.match.uri.prefix: /foo also matches /foobar (fact 1)",
      source: "sheet 14.1, 2.4; Envoy config_impl.cc PrefixRouteEntryImpl",
      http: uri("{ prefix: /foo }"),
      exchanges: [goes("GET /foo", "one"), goes("GET /foobar", "one"), goes("GET /foo/bar", "one"), misses("GET /fo")],
    },
    {
      name: "http.match.uri.prefix: with a slash at its end does not match without it",
      source: "sheet 2.4",
      http: uri("{ prefix: /foo/ }"),
      exchanges: [goes("GET /foo/", "one"), goes("GET /foo/x", "one"), misses("GET /foo"), misses("GET /foobar")],
    },
    {
      name: "http.match.uri.prefix: is case-sensitive",
      source: "sheet 2.4",
      http: uri("{ prefix: /Foo }"),
      exchanges: [goes("GET /Foo", "one"), misses("GET /foo"), misses("GET /FOO")],
    },
    {
      name: "http.match.uri.prefix: an empty prefix matches everything",
      source: "sheet 2.4",
      http: uri('{ prefix: "" }'),
      exchanges: [goes("GET /", "one"), goes("GET /anything", "one")],
    },
    {
      name: "http.match.uri.prefix: / matches everything, an absent path too",
      source: "sheet 2.1 (4)",
      http: uri("{ prefix: / }"),
      exchanges: [goes("GET /", "one"), goes("GET http://$host", "one")],
    },
    {
      name: "http.match.uri.prefix: does not see the query",
      source: "sheet 2.4",
      http: uri('{ prefix: "/foo?" }'),
      exchanges: [misses("GET /foo?bar")],
    },
    {
      name: "http.match.uri.exact: the path as a whole, the query left out",
      source: "sheet 2.4",
      http: uri("{ exact: /foo }"),
      exchanges: [goes("GET /foo", "one"), goes("GET /foo?a=b", "one"), misses("GET /foo/"), misses("GET /foobar")],
    },
    {
      name: "http.match.uri.exact: is case-sensitive",
      source: "sheet 2.4",
      http: uri("{ exact: /foo }"),
      exchanges: [misses("GET /FOO")],
    },
    {
      name: "http.match.uri.exact: with a query in it never matches",
      source: "sheet 2.4",
      http: uri('{ exact: "/foo?a=b" }'),
      exchanges: [misses("GET /foo?a=b")],
    },
    {
      name: "http.match.uri.exact: * matches OPTIONS *",
      source: "sheet 4.4",
      http: uri('{ exact: "*" }'),
      exchanges: [goes("OPTIONS *", "one", { upstream: { startLine: "OPTIONS * HTTP/1.1" } }), misses("GET /*")],
    },
    {
      name: "http.match: a rule without a match does not take OPTIONS *",
      source: "sheet 4.4; Istio route.go translates no match to the prefix /",
      http: `- ${TO_ONE}`,
      exchanges: [misses("OPTIONS *"), goes("OPTIONS /", "one")],
    },
    {
      name: "http.match.uri.prefix: / does not match OPTIONS *",
      source: "sheet 4.4",
      http: uri("{ prefix: / }"),
      exchanges: [misses("OPTIONS *")],
    },
    {
      name: "http.match.uri.regex: matches the whole path (fact 2)",
      source: "sheet 14.2, 2.4",
      http: uri("{ regex: /api }"),
      exchanges: [goes("GET /api", "one"), misses("GET /api/x"), misses("GET /v1/api")],
    },
    {
      name: "http.match.uri.regex: never sees the query (fact 2)",
      source: "sheet 14.2, 2.4",
      http: uri("{ regex: '/api/[a-z]+' }"),
      exchanges: [goes("GET /api/x?n=1", "one"), misses("GET /api/1?x")],
    },
    {
      name: "http.match.uri.regex: anchors of its own change nothing",
      source: "sheet 2.4",
      http: uri("{ regex: '^/api$' }"),
      exchanges: [goes("GET /api", "one"), misses("GET /apis")],
    },
    {
      name: "http.match.uri.regex: an alternative counts only when it matches the whole path",
      source: "sheet 2.4",
      http: uri("{ regex: '/a|/ab' }"),
      exchanges: [goes("GET /a", "one"), goes("GET /ab", "one"), misses("GET /abc")],
    },
    {
      name: "http.match.uri.regex: is case-sensitive, (?i) is not",
      source: "sheet 2.4",
      http: `- match: [{ uri: { regex: '/a[0-9]' } }]
  ${TO_ONE}
- match: [{ uri: { regex: '(?i)/b[0-9]' } }]
  ${TO_TWO}`,
      exchanges: [goes("GET /a1", "one"), misses("GET /A1"), goes("GET /b1", "two"), goes("GET /B1", "two")],
    },
    {
      name: "http.match.uri.regex: .* matches every path",
      source: "sheet 2.1 (4)",
      http: uri("{ regex: '.*' }"),
      exchanges: [goes("GET /", "one"), goes("GET /x/y?z", "one")],
    },
    {
      name: "http.match.uri.regex: named classes and counted repeats of RE2",
      source: "sheet 2.4; RE2 syntax",
      http: uri("{ regex: '/items/[[:digit:]]{2,3}' }"),
      exchanges: [
        goes("GET /items/12", "one"),
        goes("GET /items/123", "one"),
        misses("GET /items/1"),
        misses("GET /items/1234"),
      ],
    },
    {
      name: "http.match.ignoreUriCase: prefix",
      source: "sheet 2.4",
      http: uri("{ prefix: /Foo }", ", ignoreUriCase: true"),
      exchanges: [goes("GET /foo", "one"), goes("GET /FOOBAR", "one"), misses("GET /fo")],
    },
    {
      name: "http.match.ignoreUriCase: exact",
      source: "sheet 2.4",
      http: uri("{ exact: /Foo }", ", ignoreUriCase: true"),
      exchanges: [goes("GET /fOO", "one"), misses("GET /foobar")],
    },
    {
      name: "http.match.ignoreUriCase: has no effect on a regex",
      source: "sheet 2.4",
      http: uri("{ regex: /foo }", ", ignoreUriCase: true"),
      exchanges: [goes("GET /foo", "one"), misses("GET /FOO")],
    },
    {
      name: "http.match.ignoreUriCase: the path goes upstream as it came",
      source: "sheet 2.4",
      http: uri("{ prefix: /foo }", ", ignoreUriCase: true"),
      exchanges: [goes("GET /FoO/Bar", "one", { upstream: { startLine: "GET /FoO/Bar HTTP/1.1" } })],
    },
    {
      name: "http.match.uri: the first rule wins, not the most specific (fact 10)",
      source: "sheet 2.3, 14.10",
      http: `- match: [{ uri: { prefix: /a } }]
  ${TO_ONE}
- match: [{ uri: { exact: /a/b } }]
  ${TO_TWO}`,
      exchanges: [goes("GET /a/b", "one")],
    },
    {
      name: "http.match.uri: a later rule is reached where the earlier does not match",
      source: "sheet 2.3",
      http: `- match: [{ uri: { exact: /a } }]
  ${TO_ONE}
- match: [{ uri: { prefix: /a } }]
  ${TO_TWO}`,
      exchanges: [goes("GET /a", "one"), goes("GET /ab", "two"), misses("GET /b")],
    },
    {
      name: "http.match.uri: a regex before a prefix wins over it, one behind it does not",
      source: "sheet 2.3",
      http: `- match: [{ uri: { regex: '/x/[0-9]+' } }]
  ${TO_ONE}
- match: [{ uri: { prefix: /x } }]
  ${TO_TWO}
- match: [{ uri: { regex: '/x/[a-z]+' } }]
  ${TO_ONE}`,
      exchanges: [goes("GET /x/1", "one"), goes("GET /x/a", "two")],
    },
    {
      name: "normalisation: dot segments are resolved before matching, and upstream (fact 40)",
      source: "sheet 2.5, 14.40",
      http: uri("{ prefix: /b }"),
      exchanges: [
        goes("GET /a/../b", "one", { upstream: { startLine: "GET /b HTTP/1.1" } }),
        goes("GET /./b/./c", "one", { upstream: { startLine: "GET /b/c HTTP/1.1" } }),
        goes("GET /%2e%2E/b", "one", { upstream: { startLine: "GET /b HTTP/1.1" } }),
        misses("GET /b/../a"),
      ],
    },
    {
      name: "normalisation: // and %2F survive (fact 40)",
      source: "sheet 2.5, 14.40",
      http: `- match: [{ uri: { prefix: /a/b } }]
  ${TO_ONE}
- ${TO_TWO}`,
      exchanges: [
        goes("GET /a//b", "two", { upstream: { startLine: "GET /a//b HTTP/1.1" } }),
        goes("GET /a%2Fb", "two", { upstream: { startLine: "GET /a%2Fb HTTP/1.1" } }),
        goes("GET /a%2fb", "two", { upstream: { startLine: "GET /a%2fb HTTP/1.1" } }),
      ],
    },
    {
      name: "normalisation: unreserved escapes are decoded before matching",
      source: "sheet 2.5",
      http: uri("{ exact: /admin }"),
      exchanges: [goes("GET /%61dmin", "one", { upstream: { startLine: "GET /admin HTTP/1.1" } })],
    },
    {
      name: "normalisation: a backslash is a slash",
      source: "sheet 2.5",
      http: uri("{ exact: /a/b }"),
      exchanges: [goes("GET /a\\b", "one", { upstream: { startLine: "GET /a/b HTTP/1.1" } })],
    },
    {
      name: "normalisation: bytes that may not stand in a path are escaped",
      source: "sheet 2.5",
      http: uri("{ prefix: / }"),
      exchanges: [goes('GET /a"<>', "one", { upstream: { startLine: "GET /a%22%3C%3E HTTP/1.1" } })],
    },
    {
      name: "normalisation: the query is never touched",
      source: "sheet 2.5",
      http: uri("{ exact: /x }"),
      exchanges: [goes("GET /a/../x?y=/../%61//", "one", { upstream: { startLine: "GET /x?y=/../%61// HTTP/1.1" } })],
    },
    {
      name: "normalisation: a fragment is cut off (fact 40)",
      source: "sheet 2.5, 14.40",
      http: uri("{ exact: /x }"),
      exchanges: [
        goes("GET /x#frag", "one", { upstream: { startLine: "GET /x HTTP/1.1" } }),
        goes("GET /x?q=1#frag", "one", { upstream: { startLine: "GET /x?q=1 HTTP/1.1" } }),
      ],
    },
    {
      name: "normalisation: an escaped NUL is 400 without a body",
      source: "sheet 2.5",
      http: uri("{ prefix: / }"),
      exchanges: [{ send: "GET /a%00b", status: 400, log: { flags: "DPE", details: "path_normalization_failed" } }],
    },
  ],
}
