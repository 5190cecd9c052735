/** `http.headers` and the destinations' `headers` (Istio semantics sheet 3.10). */
import { answerWith, type CaseGroup, goes, TO_EMPTY, TO_GONE, TO_ONE } from "./conformance-case.ts"

const request = (operations: string) => `- headers: { request: { ${operations} } }\n  ${TO_ONE}`
const response = (operations: string) => `- headers: { response: { ${operations} } }\n  ${TO_ONE}`

/** The upstream sees these fields. */
const sees = (fields: Record<string, string | null>, ...lines: string[]) =>
  goes(["GET /p?q", ...lines], "one", { upstream: { fields } })

export const headers: CaseGroup = {
  name: "headers",
  cases: [
    {
      name: "http.headers.request.set: replaces all values of a field",
      source: "sheet 3.10 (2)",
      http: request("set: { x-a: new }"),
      exchanges: [sees({ "x-a": "new" }), sees({ "x-a": "new" }, "X-A: 1", "x-a: 2")],
    },
    {
      name: "http.headers.request.add: appends a value",
      source: "sheet 3.10 (2)",
      http: request("add: { x-a: new }"),
      exchanges: [sees({ "x-a": "new" }), sees({ "x-a": "1, 2, new" }, "X-A: 1", "x-a: 2")],
    },
    {
      name: "http.headers.request.remove: every line of a name in any case",
      source: "sheet 3.10 (1)",
      http: request("remove: [X-A]"),
      exchanges: [sees({ "x-a": null, "x-b": "3" }, "x-a: 1", "X-B: 3", "X-A: 2")],
    },
    {
      name: "http.headers.request: remove, then set, then add (fact 24)",
      source: "sheet 3.10 (1), 14.24",
      http: request("add: { x-a: added }, remove: [x-a]"),
      exchanges: [sees({ "x-a": "added" }, "X-A: 1")],
    },
    {
      name: "http.headers.request: of set and add of one name both stay, the set first (fact 24)",
      source: "sheet 3.10 (1), 14.24",
      http: request("add: { x-a: added }, set: { x-a: set }"),
      exchanges: [sees({ "x-a": "set, added" }, "X-A: 1")],
    },
    {
      name: "http.headers.request.set: an empty value does nothing (fact 25)",
      source: "sheet 3.10 (6), 14.25",
      http: request('set: { x-a: "" }, add: { x-b: "" }'),
      exchanges: [sees({ "x-a": "1", "x-b": "2" }, "X-A: 1", "X-B: 2"), sees({ "x-a": null, "x-b": null })],
    },
    {
      name: "http.headers.request.set: %% is a percent sign (fact 25)",
      source: "sheet 3.10 (6), 14.25",
      http: request('set: { x-a: "100%% sure" }'),
      exchanges: [sees({ "x-a": "100% sure" })],
    },
    {
      name: "http.headers.request.set: operators",
      source: "sheet 3.10 (6)",
      http: request(
        'set: { x-path: "%REQ(:PATH)%", x-method: "%REQ(:METHOD)%", x-host: "%REQ(:AUTHORITY)%", x-peer: "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%", x-protocol: "%PROTOCOL%", x-scheme: "%REQ(:SCHEME)%" }',
      ),
      exchanges: [
        sees({
          "x-path": "/p?q",
          "x-method": "GET",
          "x-host": "$host",
          "x-peer": "127.0.0.1",
          "x-protocol": "HTTP/1.1",
          "x-scheme": "http",
        }),
      ],
    },
    {
      name: "http.headers.request.set: %REQ(X)% of another field, with a length and a second choice",
      source: "sheet 3.10 (6)",
      http: request('set: { x-a: "<%REQ(X-IN)%>", x-b: "%REQ(X-IN):3%", x-c: "%REQ(X-NONE?X-IN)%" }'),
      exchanges: [sees({ "x-a": "<abcdef>", "x-b": "abc", "x-c": "abcdef" }, "X-In: abcdef")],
    },
    {
      name: "http.headers.request.set: a value whose operators are all empty is skipped",
      source: "sheet 3.10 (6)",
      http: request('set: { x-a: "%REQ(X-NONE)%" }, add: { x-b: "%REQ(X-NONE)%" }'),
      exchanges: [sees({ "x-a": "1", "x-b": null }, "X-A: 1")],
    },
    {
      name: "http.headers.request.set: a value sees no other operation, but what remove left",
      source: "Envoy header_parser.cc evaluateHeaders",
      http: request('set: { x-a: new, x-b: "%REQ(X-A)%", x-c: "[%REQ(X-GONE)%]" }, remove: [x-gone]'),
      exchanges: [sees({ "x-a": "new", "x-b": "old", "x-c": "[]" }, "X-A: old", "X-Gone: 1")],
    },
    {
      name: "http.headers.request.set: fields that the gateway added are seen and may be set",
      source: "sheet 3.10 (7)",
      http: request('set: { x-copy: "%REQ(X-FORWARDED-PROTO)%", x-forwarded-proto: https, x-request-id: mine }'),
      exchanges: [sees({ "x-copy": "http", "x-forwarded-proto": "https", "x-request-id": "mine" })],
    },
    {
      name: "http.headers.request.remove: of a field that the gateway added",
      source: "sheet 3.10 (7)",
      http: request("remove: [x-forwarded-for, x-envoy-external-address]"),
      exchanges: [sees({ "x-forwarded-for": null, "x-envoy-external-address": null }, "X-Forwarded-For: 1.2.3.4")],
    },
    {
      name: "http.headers.request: what it does cannot influence the match",
      source: "sheet 3.10 (7)",
      http: `- match: [{ headers: { x-route: { exact: b } } }]
  route: [{ destination: { host: two.test } }]
- headers: { request: { set: { x-route: b } } }
  ${TO_ONE}`,
      exchanges: [sees({ "x-route": "b" })],
    },
    {
      name: "http.headers.request.set.host: rewrites the authority (fact 25)",
      source: "sheet 3.10 (5), 14.25",
      http: request("set: { Host: new.example }"),
      exchanges: [sees({ host: "new.example" }), sees({ host: "new.example" }, "Host: $host:81")],
    },
    {
      name: "http.headers.request.set.:authority: the same",
      source: "sheet 3.10 (5)",
      http: request('set: { ":authority": new.example:81 }'),
      exchanges: [sees({ host: "new.example:81", ":authority": null })],
    },
    {
      name: "http.headers.request.add.host: rewrites too, and set beats it",
      source: "sheet 3.10 (5)",
      http: `- match: [{ uri: { prefix: /p } }]
  headers: { request: { add: { host: added.example } } }
  ${TO_ONE}
- headers: { request: { add: { host: added.example }, set: { host: set.example } } }
  ${TO_ONE}`,
      exchanges: [
        sees({ host: "added.example" }),
        goes("GET /", "one", { upstream: { fields: { host: "set.example" } } }),
      ],
    },
    {
      name: "http.headers: with one destination the destination wins (fact 24)",
      source: "sheet 3.10 (3), 14.24",
      http: `- headers: { request: { set: { x-a: rule, x-b: rule } }, response: { set: { y-a: rule } } }
  route:
    - destination: { host: one.test }
      headers: { request: { set: { x-a: destination } }, response: { set: { y-a: destination } } }`,
      exchanges: [
        goes("GET /", "one", {
          upstream: { fields: { "x-a": "destination", "x-b": "rule" } },
          fields: { "y-a": "destination" },
        }),
      ],
    },
    {
      name: "http.headers: with one destination all removes come first",
      source: "sheet 3.10 (3)",
      http: `- headers: { request: { set: { x-a: rule } } }
  route: [{ destination: { host: one.test }, headers: { request: { remove: [x-a] } } }]`,
      exchanges: [sees({ "x-a": "rule" }, "X-A: 1")],
    },
    {
      name: "http.headers: with one destination what a rule adds stays beside what the destination sets",
      source: "sheet 3.10 (3); Envoy header_parser.cc: all overwrites before all additions",
      http: `- headers: { request: { add: { x-a: rule } } }
  route: [{ destination: { host: one.test }, headers: { request: { set: { x-a: destination } } } }]`,
      exchanges: [sees({ "x-a": "destination, rule" }, "X-A: 1")],
    },
    {
      name: "http.headers: with several destinations the rule wins (fact 24)",
      source: "sheet 3.10 (4), 14.24",
      http: `- headers: { request: { set: { x-a: rule }, remove: [x-b] }, response: { set: { y-a: rule }, remove: [y-b] } }
  route:
    - destination: { host: one.test }
      weight: 1
      headers:
        request: { set: { x-a: destination, x-b: destination, x-c: destination } }
        response: { set: { y-a: destination, y-b: destination, y-c: destination } }
    - { destination: { host: one.test }, weight: 0 }`,
      exchanges: [
        goes("GET /", "one", {
          upstream: { fields: { "x-a": "rule", "x-b": null, "x-c": "destination" } },
          fields: { "y-a": "rule", "y-b": null, "y-c": "destination" },
        }),
      ],
    },
    {
      name: "http.route.headers: a destination's Host counts where the rule has none",
      source: "sheet 3.10 (5)",
      http: `- route: [{ destination: { host: one.test }, headers: { request: { set: { host: d.example } } } }]`,
      exchanges: [sees({ host: "d.example" })],
    },
    {
      name: "http.route.headers: a rule's Host before a destination's, rewrite.authority before both",
      source: "sheet 3.10 (5)",
      http: `- match: [{ uri: { exact: /rule } }]
  headers: { request: { set: { host: rule.example } } }
  route: [{ destination: { host: one.test }, headers: { request: { set: { host: d.example } } } }]
- rewrite: { authority: rewritten.example }
  route: [{ destination: { host: one.test }, headers: { request: { set: { host: d.example } } } }]`,
      exchanges: [
        goes("GET /rule", "one", { upstream: { fields: { host: "rule.example" } } }),
        goes("GET /", "one", { upstream: { fields: { host: "rewritten.example" } } }),
      ],
    },
    {
      name: "http.route.headers: with several destinations a destination's Host too",
      source: "sheet 3.10 (5)",
      http: `- route:
    - { destination: { host: one.test }, weight: 1, headers: { request: { set: { host: d.example } } } }
    - { destination: { host: two.test }, weight: 0 }`,
      exchanges: [sees({ host: "d.example" })],
    },
    {
      name: "http.headers.response.set, add and remove on a service's answer",
      source: "sheet 3.10 (1), (2), (8)",
      http: response("set: { x-a: set }, add: { x-b: added }, remove: [x-c]"),
      exchanges: [
        goes("GET /", "one", {
          answers: { one: [answerWith(200, "one", "X-A: 1", "X-A: 2", "X-B: 1", "X-C: 1")] },
          fields: { "x-a": "set", "x-b": "1, added", "x-c": null },
        }),
      ],
    },
    {
      name: "http.headers.response.set: %RESP(X)%, %RESPONSE_CODE% and the request's fields",
      source: "sheet 3.10 (6)",
      http: response('set: { x-a: "%RESP(X-IN)%", x-b: "%RESPONSE_CODE%", x-c: "%REQ(X-ID)%" }'),
      exchanges: [
        goes(["GET /", "X-Id: 7"], "one", {
          answers: { one: [answerWith(201, "one", "X-In: v")] },
          status: 201,
          fields: { "x-a": "v", "x-b": "201", "x-c": "7" },
        }),
      ],
    },
    {
      name: "http.headers.response.remove: x-envoy-upstream-service-time",
      source: "Envoy router.cc onUpstreamHeaders: set before the route's operations",
      http: response("remove: [x-envoy-upstream-service-time]"),
      exchanges: [goes("GET /", "one", { fields: { "x-envoy-upstream-service-time": null } })],
    },
    {
      name: "http.headers.response: server cannot be changed",
      source: "sheet 3.10 (9)",
      http: response("set: { server: mine }, remove: [server]"),
      exchanges: [
        goes("GET /", "one", {
          answers: { one: [answerWith(200, "one", "Server: nginx")] },
          fields: { server: "portcullis" },
        }),
      ],
    },
    {
      name: "http.headers.response: on a service that refuses connections (fact 46)",
      source: "sheet 3.10 (8), 14.46",
      http: `- headers: { response: { set: { x-a: rule } } }\n  retries: { attempts: 0 }\n  ${TO_GONE}`,
      exchanges: [
        {
          send: "GET /",
          status: 503,
          reply:
            "upstream connect error or disconnect/reset before headers. reset reason: remote connection failure, transport failure reason: delayed connect error: Connection refused",
          fields: { "x-a": "rule", "content-type": "text/plain" },
        },
      ],
    },
    {
      name: "http.headers.response: on no healthy upstream (fact 46)",
      source: "sheet 3.10 (8), 14.46",
      http: `- headers: { response: { set: { x-a: rule, content-type: application/problem } } }\n  ${TO_EMPTY}`,
      exchanges: [
        {
          send: "GET /",
          status: 503,
          reply: "no healthy upstream",
          fields: { "x-a": "rule", "content-type": "application/problem" },
        },
      ],
    },
    {
      name: "http.headers.response: on a fault's abort (fact 46)",
      source: "sheet 3.10 (8), 14.46",
      http: `- headers: { response: { set: { x-a: rule } } }
  fault: { abort: { httpStatus: 418, percentage: { value: 100 } } }
  ${TO_ONE}`,
      exchanges: [{ send: "GET /", status: 418, reply: "fault filter abort", fields: { "x-a": "rule" } }],
    },
    {
      name: "http.headers.response: not where no route matches (fact 46)",
      source: "sheet 3.10 (8), 14.46",
      http: `- match: [{ uri: { exact: /a } }]\n  headers: { response: { set: { x-a: rule } } }\n  ${TO_ONE}`,
      exchanges: [{ send: "GET /b", status: 404, fields: { "x-a": null } }],
    },
    {
      name: "http.headers: framing and hop-by-hop fields are the codec's: operations on them do nothing",
      source: "RFC 9112 section 6; a difference on purpose, see docs/virtual-service.md",
      http: `- headers:
    request: { set: { content-length: "9", transfer-encoding: gzip, connection: close, te: gzip, upgrade: x }, remove: [content-length] }
    response: { set: { content-length: "9", transfer-encoding: gzip, connection: close }, remove: [content-length] }
  ${TO_ONE}`,
      exchanges: [
        goes("POST /", "one", {
          body: "abc",
          upstream: {
            body: "abc",
            fields: { "content-length": "3", "transfer-encoding": null, connection: null, te: null, upgrade: null },
          },
          fields: { "content-length": "3", "transfer-encoding": null, connection: null },
        }),
      ],
    },
    {
      name: "http.headers.request: x-envoy-original-path cannot be kept from a rewrite",
      source: "Envoy config_impl.cc finalizePathHeader: set after the operations",
      http: `- match: [{ uri: { prefix: /p } }]
  rewrite: { uri: /r }
  headers: { request: { set: { x-envoy-original-path: mine } } }
  ${TO_ONE}`,
      exchanges: [sees({ "x-envoy-original-path": "/p?q" })],
    },
    {
      name: "http.headers.request: x-envoy-attempt-count and the expected time may be changed for the first try",
      source: "Envoy router.cc decodeHeaders: set before the operations",
      http: `- timeout: 10s
  headers: { request: { remove: [x-envoy-attempt-count], set: { x-envoy-expected-rq-timeout-ms: "7" } } }
  ${TO_ONE}`,
      exchanges: [sees({ "x-envoy-attempt-count": null, "x-envoy-expected-rq-timeout-ms": "7" })],
    },
    {
      name: "http.headers: a value above 0x7f goes out as UTF-8",
      source: "sheet 3.10",
      http: `- headers: { request: { set: { x-a: é } }, response: { set: { x-b: é } } }\n  ${TO_ONE}`,
      exchanges: [goes("GET /", "one", { upstream: { fields: { "x-a": "\xc3\xa9" } }, fields: { "x-b": "\xc3\xa9" } })],
    },
    {
      name: "http.headers: an operator cannot bring in a line of its own",
      source: "RFC 9110 section 5.5: what a client sends cannot hold CR or LF, and is checked again",
      http: `- headers: { request: { set: { x-a: "%REQ(X-IN)%" } }, response: { set: { x-b: "%REQ(:PATH)%" } } }\n  ${TO_ONE}`,
      exchanges: [
        goes(["GET /%0d%0aX-Evil:%201", "X-In: a%0d%0aX-Evil: 1"], "one", {
          upstream: { fields: { "x-a": "a%0d%0aX-Evil: 1", "x-evil": null } },
          fields: { "x-b": "/%0d%0aX-Evil:%201", "x-evil": null },
        }),
      ],
    },
  ],
}
