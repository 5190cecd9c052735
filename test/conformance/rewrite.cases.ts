/** `http.rewrite` (Istio semantics sheet 3.2): text substitution; what results is what the service gets. */
import { type CaseGroup, type Exchange, goes, misses, TO_ONE } from "./conformance-case.ts"

const rewrite = (match: string, how: string) => `- match: [{ uri: ${match} }]\n  rewrite: { ${how} }\n  ${TO_ONE}`
const becomes = (send: string, target: string): Exchange =>
  goes(`GET ${send}`, "one", { upstream: { startLine: `GET ${target} HTTP/1.1` } })

export const rewriteCases: CaseGroup = {
  name: "rewrite",
  cases: [
    {
      name: "http.rewrite.uri: the matched prefix is replaced as text",
      source: "sheet 3.2",
      http: rewrite("{ prefix: /api }", "uri: /v2"),
      exchanges: [becomes("/api", "/v2"), becomes("/api/x", "/v2/x"), becomes("/apix", "/v2x")],
    },
    {
      name: "http.rewrite.uri: / for /api gives //x (fact 4)",
      source: "sheet 3.2, 14.4",
      http: rewrite("{ prefix: /api }", "uri: /"),
      exchanges: [becomes("/api/x", "//x"), becomes("/apix", "/x"), becomes("/api", "/")],
    },
    {
      name: "http.rewrite.uri: / for /api/ gives /x",
      source: "sheet 3.2",
      http: rewrite("{ prefix: /api/ }", "uri: /"),
      exchanges: [becomes("/api/x", "/x"), becomes("/api/", "/"), misses("GET /api")],
    },
    {
      name: "http.rewrite.uri: with an exact match the whole path is replaced (fact 4)",
      source: "sheet 3.2, 14.4",
      http: rewrite("{ exact: /a/b }", "uri: /new"),
      exchanges: [becomes("/a/b", "/new"), becomes("/a/b?q=1", "/new?q=1")],
    },
    {
      name: "http.rewrite.uri: with a regex match the whole path is replaced (fact 4)",
      source: "sheet 3.2, 14.4",
      http: rewrite("{ regex: '/a/.*' }", "uri: /new"),
      exchanges: [becomes("/a/b/c", "/new"), becomes("/a/b?q", "/new?q")],
    },
    {
      name: "http.rewrite.uri: without a uri match the leading slash is replaced (fact 4)",
      source: "sheet 3.2, 14.4",
      http: `- rewrite: { uri: /v2 }\n  ${TO_ONE}`,
      exchanges: [becomes("/x", "/v2x"), becomes("/", "/v2")],
    },
    {
      name: "http.rewrite.uri: /v2/ without a uri match is the way to put a folder in front",
      source: "sheet 3.2",
      http: `- rewrite: { uri: /v2/ }\n  ${TO_ONE}`,
      exchanges: [becomes("/x/y", "/v2/x/y")],
    },
    {
      name: "http.rewrite.uri: each match block has a rewrite of its own kind",
      source: "sheet 3.2, 2.3",
      http: `- match: [{ uri: { prefix: /p/ } }, { uri: { exact: /e } }, { headers: { x-v: {} } }]
  rewrite: { uri: /new/ }
  ${TO_ONE}`,
      exchanges: [
        becomes("/p/x", "/new/x"),
        becomes("/e", "/new/"),
        goes(["GET /h", "X-V: 1"], "one", { upstream: { startLine: "GET /new/h HTTP/1.1" } }),
      ],
    },
    {
      name: "http.rewrite.uri: the query is kept, an empty one too",
      source: "sheet 3.2",
      http: rewrite("{ prefix: /a }", "uri: /b"),
      exchanges: [becomes("/a?x=1&y=/a", "/b?x=1&y=/a"), becomes("/a?", "/b?")],
    },
    {
      name: "http.rewrite.uri: with ignoreUriCase as many characters are replaced",
      source: "sheet 3.2",
      http: `- match: [{ uri: { prefix: /API }, ignoreUriCase: true }]\n  rewrite: { uri: /v2 }\n  ${TO_ONE}`,
      exchanges: [becomes("/aPi/x", "/v2/x")],
    },
    {
      name: "http.rewrite.uri: what is matched and replaced is the normalised path",
      source: "sheet 2.5, 3.2",
      http: rewrite("{ prefix: /api/ }", "uri: /v2/"),
      exchanges: [becomes("/x/../%61pi/y", "/v2/y")],
    },
    {
      name: "http.rewrite.uri: slashes and escapes of the rest stay",
      source: "sheet 3.2",
      http: rewrite("{ prefix: /api }", "uri: /v2"),
      exchanges: [becomes("/api//a%2Fb", "/v2//a%2Fb")],
    },
    {
      name: "http.rewrite.uri: of its own query comes before the request's",
      source: "sheet 3.2: pure text substitution",
      http: rewrite("{ exact: /a }", 'uri: "/b?x=1"'),
      exchanges: [becomes("/a", "/b?x=1")],
    },
    {
      name: "http.rewrite.uri: x-envoy-original-path has the old path with its query (fact 5)",
      source: "sheet 3.2, 14.5",
      http: rewrite("{ prefix: /api }", "uri: /v2"),
      exchanges: [
        goes(["GET /api/x?q=1", "X-Envoy-Original-Path: /forged"], "one", {
          upstream: { fields: { "x-envoy-original-path": "/api/x?q=1" } },
          log: { path: "/api/x?q=1" },
        }),
      ],
    },
    {
      name: "http.rewrite: without one there is no x-envoy-original-path, a client's neither",
      source: "sheet 3.2, 4.1",
      http: `- ${TO_ONE}`,
      exchanges: [
        goes(["GET /x", "X-Envoy-Original-Path: /forged"], "one", {
          upstream: { fields: { "x-envoy-original-path": null } },
        }),
      ],
    },
    {
      name: "http.rewrite.uri: a rewrite to the same path still says so",
      source: "sheet 3.2: whenever a path rewrite applies",
      http: rewrite("{ prefix: /a }", "uri: /a"),
      exchanges: [goes("GET /a/b", "one", { upstream: { fields: { "x-envoy-original-path": "/a/b" } } })],
    },
    {
      name: "http.rewrite.uriRegexRewrite: every occurrence, unanchored (fact 3)",
      source: "sheet 3.2, 14.3",
      http: `- rewrite: { uriRegexRewrite: { match: "o", rewrite: "0" } }\n  ${TO_ONE}`,
      exchanges: [becomes("/foo/oo", "/f00/00"), becomes("/bar", "/bar")],
    },
    {
      name: "http.rewrite.uriRegexRewrite: groups (fact 3)",
      source: "sheet 3.2, 14.3",
      http: `- rewrite: { uriRegexRewrite: { match: "^/service/([^/]+)(/.*)$", rewrite: '\\2/instance/\\1' } }\n  ${TO_ONE}`,
      exchanges: [becomes("/service/foo/v1/api", "/v1/api/instance/foo"), becomes("/other", "/other")],
    },
    {
      name: "http.rewrite.uriRegexRewrite: \\0 is the whole match",
      source: "sheet 3.2",
      http: `- rewrite: { uriRegexRewrite: { match: "[0-9]+", rewrite: 'n\\0' } }\n  ${TO_ONE}`,
      exchanges: [becomes("/1/a2", "/n1/an2")],
    },
    {
      name: "http.rewrite.uriRegexRewrite: a group that took no part is empty",
      source: "sheet 3.2; RE2 Rewrite",
      http: `- rewrite: { uriRegexRewrite: { match: "/(a)?(b)?", rewrite: '/x\\1y\\2' } }\n  ${TO_ONE}`,
      exchanges: [becomes("/b", "/xyb")],
    },
    {
      name: "http.rewrite.uriRegexRewrite: (?i) for any case",
      source: "sheet 3.2",
      http: `- rewrite: { uriRegexRewrite: { match: "(?i)/aaa/", rewrite: "/bbb/" } }\n  ${TO_ONE}`,
      exchanges: [becomes("/AAA/x/aaa/y", "/bbb/x/bbb/y")],
    },
    {
      name: "http.rewrite.uriRegexRewrite: the query is not looked at, and kept",
      source: "sheet 3.2",
      http: `- rewrite: { uriRegexRewrite: { match: "a", rewrite: "b" } }\n  ${TO_ONE}`,
      exchanges: [becomes("/a?a=a", "/b?a=a")],
    },
    {
      name: "http.rewrite.uriRegexRewrite: also below a prefix match",
      source: "sheet 3.2",
      http: rewrite("{ prefix: /api }", 'uriRegexRewrite: { match: "^/api", rewrite: "" }').replace(
        'rewrite: ""',
        "rewrite: '/'",
      ),
      exchanges: [becomes("/api/x", "//x")],
    },
    {
      name: "http.rewrite.uriRegexRewrite: applies without a match too, so the original path is named",
      source: "Envoy config_impl.cc finalizePathHeader",
      http: `- rewrite: { uriRegexRewrite: { match: "zzz", rewrite: "y" } }\n  ${TO_ONE}`,
      exchanges: [goes("GET /a", "one", { upstream: { startLine: "GET /a HTTP/1.1" } })],
    },
    {
      name: "http.rewrite.authority: the new Host",
      source: "sheet 3.2",
      http: `- rewrite: { authority: new.example:81 }\n  ${TO_ONE}`,
      exchanges: [
        goes("GET /", "one", { upstream: { startLine: "GET / HTTP/1.1", fields: { host: "new.example:81" } } }),
      ],
    },
    {
      name: "http.rewrite.authority: with a uri",
      source: "sheet 3.2",
      http: rewrite("{ prefix: /a }", "uri: /b, authority: new.example"),
      exchanges: [
        goes("GET /a/x", "one", { upstream: { startLine: "GET /b/x HTTP/1.1", fields: { host: "new.example" } } }),
      ],
    },
    {
      name: "http.rewrite.authority: replaces the Host of an absolute target",
      source: "sheet 3.2, 4.4",
      http: `- rewrite: { authority: new.example }\n  ${TO_ONE}`,
      exchanges: [goes("GET http://$host/x", "one", { upstream: { fields: { host: "new.example" } } })],
    },
    {
      name: "http.rewrite: no Host is written for the destination by itself",
      source: "sheet 3.1 (7)",
      http: `- ${TO_ONE}`,
      exchanges: [goes("GET /", "one", { upstream: { fields: { host: "$host", "x-forwarded-host": null } } })],
    },
    {
      name: "http.rewrite: header values name the path of before",
      source: "sheet 3.2: header operations first, 3.10 (7)",
      http: `- match: [{ uri: { prefix: /a } }]
  rewrite: { uri: /b, authority: new.example }
  headers: { request: { set: { x-path: "%REQ(:PATH)%", x-host: "%REQ(:AUTHORITY)%" } } }
  ${TO_ONE}`,
      exchanges: [goes("GET /a?q", "one", { upstream: { fields: { "x-path": "/a?q", "x-host": "$host" } } })],
    },
    {
      name: "http.rewrite: the access log shows the original path (fact 5)",
      source: "sheet 14.5, 9.2",
      http: rewrite("{ regex: '.*' }", "uri: /b"),
      exchanges: [goes("GET /a?q", "one", { log: { path: "/a?q" }, upstream: { startLine: "GET /b?q HTTP/1.1" } })],
    },
    {
      name: "http.rewrite.uri: a path that cannot be sent is 500, and nothing goes upstream",
      source: "RFC 9112 section 3.2.1; a difference on purpose, see docs/virtual-service.md",
      http: `${rewrite("{ prefix: /a }", "uri: b")}\n${rewrite("{ prefix: /c }", 'uri: "/x#y"')}`,
      exchanges: [
        {
          send: "GET /a/x",
          status: 500,
          reply: "invalid path after rewrite",
          log: { details: "invalid_path_after_rewrite" },
        },
        {
          send: "GET /c",
          status: 500,
          reply: "invalid path after rewrite",
          log: { details: "invalid_path_after_rewrite" },
        },
      ],
    },
    {
      name: "http.rewrite.uriRegexRewrite: an empty result is 500",
      source: "RFC 9112 section 3.2.1; a difference on purpose, see docs/virtual-service.md",
      http: `- rewrite: { uriRegexRewrite: { match: "^/(x?).*", rewrite: '\\1' } }\n  ${TO_ONE}`,
      exchanges: [
        {
          send: "GET /a",
          status: 500,
          reply: "invalid path after rewrite",
          log: { details: "invalid_path_after_rewrite" },
        },
      ],
    },
  ],
}
