/** `http.match.headers` and `withoutHeaders` (Istio semantics sheet 2.4, header details). */
import { type CaseGroup, goes, misses, TO_ONE, TO_TWO } from "./conformance-case.ts"

const headers = (match: string) => `- match: [{ headers: { ${match} } }]\n  ${TO_ONE}`
const without = (match: string) => `- match: [{ withoutHeaders: { ${match} } }]\n  ${TO_ONE}`

export const matchHeaders: CaseGroup = {
  name: "match-headers",
  cases: [
    {
      name: "http.match.headers.exact: the whole value",
      source: "sheet 2.4",
      http: headers("x-v: { exact: a }"),
      exchanges: [
        goes(["GET /", "X-V: a"], "one"),
        misses(["GET /", "X-V: ab"]),
        misses(["GET /", "X-V: A"]),
        misses("GET /"),
      ],
    },
    {
      name: "http.match.headers.exact: names are case-insensitive on both sides",
      source: "sheet 2.4 header details 5",
      http: headers("X-Version: { exact: a }"),
      exchanges: [goes(["GET /", "x-version: a"], "one"), goes(["GET /", "X-VERSION: a"], "one")],
    },
    {
      name: "http.match.headers.exact: white space around the value is not part of it",
      source: "RFC 9110 section 5.5",
      http: headers("x-v: { exact: a }"),
      exchanges: [goes(["GET /", "X-V: \t a \t"], "one")],
    },
    {
      name: "http.match.headers.prefix",
      source: "sheet 2.4",
      http: headers("x-v: { prefix: ab }"),
      exchanges: [goes(["GET /", "X-V: abc"], "one"), misses(["GET /", "X-V: a"]), misses("GET /")],
    },
    {
      name: "http.match.headers.regex: the whole value",
      source: "sheet 2.4",
      http: headers("x-v: { regex: 'v[0-9]' }"),
      exchanges: [goes(["GET /", "X-V: v1"], "one"), misses(["GET /", "X-V: v12"]), misses(["GET /", "X-V: xv1"])],
    },
    {
      name: "http.match.headers.regex: .* needs the header to be there",
      source: "sheet 2.4",
      http: headers("x-v: { regex: '.*' }"),
      exchanges: [goes(["GET /", "X-V: a"], "one"), goes(["GET /", "X-V:"], "one"), misses("GET /")],
    },
    {
      name: "http.match.headers: {} means present",
      source: "sheet 2.4 header details 1",
      http: headers("x-v: {}"),
      exchanges: [goes(["GET /", "X-V: anything"], "one"), goes(["GET /", "X-V:"], "one"), misses("GET /")],
    },
    {
      name: 'http.match.headers.regex: "*" means present',
      source: "sheet 2.4 header details 1",
      http: headers('x-v: { regex: "*" }'),
      exchanges: [goes(["GET /", "X-V: anything"], "one"), misses("GET /")],
    },
    {
      name: 'http.match.headers.exact: "" needs the header, with an empty value (fact 47)',
      source: "sheet 2.4 header details 2, 14.47",
      http: headers('x-v: { exact: "" }'),
      exchanges: [goes(["GET /", "X-V:"], "one"), misses("GET /"), misses(["GET /", "X-V: a"])],
    },
    {
      name: "http.match.headers: several values are joined with a comma and no space",
      source: "sheet 2.4",
      http: headers('x-v: { exact: "a,b" }'),
      exchanges: [
        goes(["GET /", "X-V: a", "X-V: b"], "one"),
        goes(["GET /", "X-V: a,b"], "one"),
        misses(["GET /", "X-V: a, b"]),
        misses(["GET /", "X-V: a"]),
      ],
    },
    {
      name: "http.match.headers: all of a block must hold",
      source: "sheet 2.4 header details 4",
      http: headers("x-a: { exact: a }, x-b: { prefix: b }"),
      exchanges: [
        goes(["GET /", "X-B: bb", "X-A: a"], "one"),
        misses(["GET /", "X-A: a"]),
        misses(["GET /", "X-B: b"]),
      ],
    },
    {
      name: "http.match.headers: :path is the path with its query",
      source: "sheet 2.4 header details 4",
      http: headers('":path": { exact: "/a?b=c" }'),
      exchanges: [goes("GET /a?b=c", "one"), misses("GET /a"), misses("GET /a?b=d")],
    },
    {
      name: "http.match.headers: :method",
      source: "sheet 2.4 header details 4",
      http: headers('":method": { exact: POST }'),
      exchanges: [goes("POST /", "one"), misses("GET /")],
    },
    {
      name: "http.match.headers: :scheme",
      source: "sheet 2.4 header details 4",
      http: headers('":scheme": { exact: http }'),
      exchanges: [goes("GET /", "one")],
    },
    {
      name: "http.match.headers: :authority and host are the Host as sent, with its port",
      source: "sheet 2.4 header details 4",
      http: `- match: [{ headers: { ":authority": { exact: "$host:81" } } }]
  ${TO_ONE}
- match: [{ headers: { host: { exact: "$host:82" } } }]
  ${TO_TWO}`,
      exchanges: [
        goes(["GET /", "Host: $host:81"], "one"),
        goes(["GET /", "Host: $host:82"], "two"),
        misses(["GET /", "Host: $host"]),
      ],
    },
    {
      name: "http.match.headers: what the gateway adds is seen, what it removes is not",
      source: "sheet 4.1: sanitising comes before routing",
      http: `- match: [{ headers: { x-envoy-retry-on: {} } }]
  ${TO_TWO}
- match: [{ headers: { x-forwarded-proto: { exact: http }, x-request-id: {} } }]
  ${TO_ONE}`,
      exchanges: [goes(["GET /", "X-Envoy-Retry-On: 5xx", "X-Forwarded-Proto: https"], "one")],
    },
    {
      name: "http.match.headers: a cookie is one text",
      source: "sheet 2.4",
      http: headers("cookie: { regex: '^(.*; )?user=jason(;.*)?$' }"),
      exchanges: [
        goes(["GET /", "Cookie: a=b; user=jason; c=d"], "one"),
        goes(["GET /", "Cookie: user=jason"], "one"),
        misses(["GET /", "Cookie: user=jasonx"]),
      ],
    },
    {
      name: "http.match.headers: a value above 0x7f is compared as UTF-8 bytes",
      source: "sheet 2.4",
      http: headers("x-v: { exact: é }"),
      exchanges: [goes(["GET /", "X-V: \xc3\xa9"], "one"), misses(["GET /", "X-V: \xe9"])],
    },
    {
      name: "http.match.withoutHeaders: {} matches only where the header is absent",
      source: "sheet 2.4 header details 3",
      http: without("x-v: {}"),
      exchanges: [goes("GET /", "one"), misses(["GET /", "X-V: a"]), misses(["GET /", "X-V:"])],
    },
    {
      name: 'http.match.withoutHeaders.regex: "*" matches only where the header is absent',
      source: "sheet 2.4 header details 3",
      http: without('x-v: { regex: "*" }'),
      exchanges: [goes("GET /", "one"), misses(["GET /", "X-V: a"])],
    },
    {
      name: "http.match.withoutHeaders.exact: another value matches, and none",
      source: "sheet 2.4 header details 3",
      http: without("x-v: { exact: x }"),
      exchanges: [goes("GET /", "one"), goes(["GET /", "X-V: y"], "one"), misses(["GET /", "X-V: x"])],
    },
    {
      name: "http.match.withoutHeaders.prefix",
      source: "sheet 2.4 header details 3",
      http: without("x-v: { prefix: x }"),
      exchanges: [goes("GET /", "one"), goes(["GET /", "X-V: yx"], "one"), misses(["GET /", "X-V: xy"])],
    },
    {
      name: "http.match.withoutHeaders.regex: .* never matches, not even without the header (fact 47)",
      source: "sheet 2.4 header details 3, 14.47",
      http: without("x-v: { regex: '.*' }"),
      exchanges: [misses("GET /"), misses(["GET /", "X-V: a"])],
    },
    {
      name: 'http.match.withoutHeaders.exact: "" does not match where the header is missing',
      source: "sheet 2.4 header details 3: missing counts as empty",
      http: without('x-v: { exact: "" }'),
      exchanges: [misses("GET /"), goes(["GET /", "X-V: a"], "one")],
    },
    {
      name: "http.match.withoutHeaders: joins with headers in one block",
      source: "sheet 2.4 header details 4",
      http: `- match: [{ headers: { x-a: {} }, withoutHeaders: { x-b: {} } }]\n  ${TO_ONE}`,
      exchanges: [goes(["GET /", "X-A: 1"], "one"), misses(["GET /", "X-A: 1", "X-B: 1"]), misses("GET /")],
    },
    {
      name: "http.match.headers: @request.auth.claims never match without a validated token",
      source: "sheet 2.4 header details 6",
      http: `- match: [{ headers: { "@request.auth.claims.group": { exact: admin } } }]
  ${TO_TWO}
- match: [{ withoutHeaders: { "@request.auth.claims.group": { exact: admin } } }]
  ${TO_ONE}`,
      exchanges: [goes(["GET /", "Authorization: Bearer a.b.c"], "one")],
    },
  ],
}
