/** `http.delegate` (Istio semantics sheet 3.11). What does not exist is in `unknown-destinations`. */
import { type CaseGroup, goes, misses, TO_ONE, TO_THREE, TO_TWO } from "./conformance-case.ts"

/** A VirtualService without hosts. @param more of the metadata */
function delegate(name: string, rules: string, more = ""): string {
  return `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${name}${more} }
spec:
  http:
${rules.replace(/^(?=.)/gm, "    ")}
`
}

const root = (match: string, more = "") =>
  `- ${match === "" ? "" : `match: [${match}]\n  `}${more}delegate: { name: $name-leaf }\n- match: [{ uri: { prefix: /last } }]\n  ${TO_THREE}`

export const delegateCases: CaseGroup = {
  name: "delegate",
  cases: [
    {
      name: "http.delegate: the delegate's rules stand where the root's rule stood",
      source: "sheet 3.11",
      http: root("{ uri: { prefix: /a } }"),
      resources: delegate(
        "$name-leaf",
        `- match: [{ uri: { prefix: /a/x } }]\n  ${TO_ONE}\n- match: [{ uri: { prefix: /a } }]\n  ${TO_TWO}`,
      ),
      exchanges: [goes("GET /a/x", "one"), goes("GET /a/y", "two"), goes("GET /last", "three"), misses("GET /b")],
    },
    {
      name: "http.delegate: a leaf without match takes the root's",
      source: "sheet 3.11 (2)",
      http: root("{ uri: { prefix: /a }, headers: { x-r: {} } }"),
      resources: delegate("$name-leaf", `- ${TO_ONE}`),
      exchanges: [goes(["GET /a", "X-R: 1"], "one"), misses("GET /a"), misses(["GET /b", "X-R: 1"])],
    },
    {
      name: "http.delegate: a root without match takes the leaf's",
      source: "sheet 3.11 (2)",
      http: root(""),
      resources: delegate("$name-leaf", `- match: [{ uri: { exact: /x } }]\n  ${TO_ONE}`),
      exchanges: [goes("GET /x", "one"), misses("GET /y")],
    },
    {
      name: "http.delegate: conditions of both are ANDed, maps united",
      source: "sheet 3.11 (4)",
      http: root("{ uri: { prefix: /a }, headers: { x-r: { exact: r } } }"),
      resources: delegate(
        "$name-leaf",
        `- match: [{ headers: { x-l: { exact: l } }, method: { exact: GET } }]\n  ${TO_ONE}`,
      ),
      exchanges: [
        goes(["GET /a", "X-R: r", "X-L: l"], "one"),
        misses(["GET /a", "X-R: r"]),
        misses(["GET /a", "X-L: l"]),
        misses(["POST /a", "X-R: r", "X-L: l"]),
      ],
    },
    {
      name: "http.delegate: every root block with every leaf block",
      source: "sheet 3.11 (2)",
      http: root("{ uri: { prefix: /a } }, { uri: { prefix: /b } }"),
      resources: delegate("$name-leaf", `- match: [{ method: { exact: GET } }, { headers: { x-l: {} } }]\n  ${TO_ONE}`),
      exchanges: [goes("GET /a", "one"), goes("GET /b", "one"), goes(["POST /b", "X-L: 1"], "one"), misses("POST /a")],
    },
    {
      name: "http.delegate: the leaf's longer prefix or exact value below the root's prefix wins",
      source: "sheet 3.11 (3), (4)",
      http: root("{ uri: { prefix: /a/ } }"),
      resources: delegate(
        "$name-leaf",
        `- match: [{ uri: { exact: /a/e } }]\n  ${TO_ONE}\n- match: [{ uri: { prefix: /a/p } }]\n  ${TO_TWO}`,
      ),
      exchanges: [goes("GET /a/e", "one"), goes("GET /a/px", "two"), misses("GET /a/q"), misses("GET /a/ex")],
    },
    {
      name: "http.delegate: a leaf rule that contradicts every root block vanishes whole",
      source: "sheet 3.11 (2), (3)",
      http: root("{ uri: { prefix: /a } }"),
      resources: delegate(
        "$name-leaf",
        `- match: [{ uri: { prefix: /a/x } }, { uri: { prefix: /b } }]\n  ${TO_ONE}\n- match: [{ uri: { prefix: /a } }]\n  ${TO_TWO}`,
      ),
      exchanges: [goes("GET /a/x", "two"), misses("GET /b")],
    },
    {
      name: "http.delegate: a regex on both sides contradicts",
      source: "sheet 3.11 (3)",
      http: root("{ uri: { regex: '/a.*' } }"),
      resources: delegate(
        "$name-leaf",
        `- match: [{ uri: { exact: /ab } }]\n  ${TO_ONE}\n- match: [{ method: { exact: GET } }]\n  ${TO_TWO}`,
      ),
      exchanges: [goes("GET /ab", "two"), misses("POST /ab")],
    },
    {
      name: "http.delegate: the same exact value agrees, another contradicts",
      source: "sheet 3.11 (3)",
      http: root("{ method: { exact: GET } }"),
      resources: delegate(
        "$name-leaf",
        `- match: [{ method: { exact: POST } }]\n  ${TO_ONE}\n- match: [{ method: { exact: GET }, uri: { prefix: /x } }]\n  ${TO_TWO}`,
      ),
      exchanges: [goes("GET /x", "two"), misses("POST /x")],
    },
    {
      name: "http.delegate: fields that the leaf leaves unset come from the root, whole",
      source: "sheet 3.11 (5)",
      http: `- match: [{ uri: { prefix: /a } }]
  rewrite: { uri: /root }
  timeout: 7s
  headers: { request: { set: { x-a: root, x-b: root } } }
  delegate: { name: $name-leaf }`,
      resources: delegate(
        "$name-leaf",
        `- match: [{ uri: { prefix: /a/own } }]
  headers: { request: { set: { x-a: leaf } } }
  timeout: 3s
  ${TO_ONE}
- ${TO_TWO}`,
      ),
      exchanges: [
        goes("GET /a/own", "one", {
          upstream: {
            startLine: "GET /root HTTP/1.1",
            fields: { "x-a": "leaf", "x-b": null, "x-envoy-expected-rq-timeout-ms": "3000" },
          },
        }),
        goes("GET /a/x", "two", {
          upstream: {
            startLine: "GET /root/x HTTP/1.1",
            fields: { "x-a": "root", "x-b": "root", "x-envoy-expected-rq-timeout-ms": "7000" },
          },
        }),
      ],
    },
    {
      name: "http.delegate: faults, mirrors, retries and CORS are inherited too",
      source: "sheet 3.11 (5)",
      http: `- match: [{ uri: { prefix: /fault } }]
  fault: { abort: { httpStatus: 418, percentage: { value: 100 } } }
  delegate: { name: $name-leaf }
- mirror: { host: mirror.test }
  corsPolicy: { allowOrigins: [{ exact: "https://a.com" }] }
  delegate: { name: $name-leaf }`,
      resources: delegate("$name-leaf", `- ${TO_ONE}`),
      exchanges: [
        { send: "GET /fault", status: 418, reply: "fault filter abort" },
        goes(["GET /", "Origin: https://a.com"], "one", {
          mirrored: { count: 1 },
          fields: { "access-control-allow-origin": "https://a.com" },
        }),
      ],
    },
    {
      name: "http.delegate: names are joined with a hyphen",
      source: "sheet 3.11 (4), (5)",
      http: "- name: root\n  match: [{ name: rm, uri: { prefix: /a } }]\n  delegate: { name: $name-leaf }",
      resources: delegate("$name-leaf", `- name: leaf\n  match: [{ name: lm, uri: { prefix: /a/b } }]\n  ${TO_ONE}`),
      exchanges: [goes("GET /a/b", "one", { log: { route: "root-leaf.rm-lm" } })],
    },
    {
      name: "http.delegate.namespace: another namespace, whose short names are its own",
      source: "sheet 3.11 (1)",
      http: "- delegate: { name: $name-leaf, namespace: team }",
      resources: `${delegate("$name-leaf", "- route: [{ destination: { host: cart } }]", ", namespace: team")}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: $name-cart, namespace: team }
spec:
  hosts: [cart.team.svc.cluster.local]
  resolution: STATIC
  ports: [{ number: 80, name: http, protocol: HTTP }]
`,
      exchanges: [
        {
          send: "GET /",
          status: 503,
          reply: "no healthy upstream",
          log: { cluster: "outbound|80||cart.team.svc.cluster.local" },
        },
      ],
    },
    {
      name: "http.delegate: redirects and direct responses of a delegate",
      source: "sheet 3.11",
      http: root("{ uri: { prefix: /a } }"),
      resources: delegate(
        "$name-leaf",
        `- match: [{ uri: { prefix: /a/r } }]
  redirect: { prefixRewrite: /new }
- match: [{ uri: { prefix: /a/d } }]
  directResponse: { status: 418, body: { string: teapot } }`,
      ),
      exchanges: [
        { send: "GET /a/r/x", status: 301, fields: { location: "http://$host/new/x" } },
        { send: "GET /a/d", status: 418, reply: "teapot" },
      ],
    },
    {
      name: "http.delegate: a delegate that is itself named by no root serves nothing",
      source: "sheet 3.11 (1)",
      resources: delegate("$name-leaf", `- ${TO_ONE}`),
      exchanges: [misses("GET /")],
    },
  ],
}
