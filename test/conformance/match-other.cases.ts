/**
 * The other conditions of `http.match` (Istio semantics sheet 2.3, 2.4): method, authority, scheme, query parameters, and
 * those that are decided when the configuration is compiled.
 */
import { type CaseGroup, goes, misses, TO_ONE, TO_TWO } from "./conformance-case.ts"

const match = (block: string) => `- match: [{ ${block} }]\n  ${TO_ONE}`
const query = (params: string) => match(`queryParams: { ${params} }`)

export const matchOther: CaseGroup = {
  name: "match-other",
  cases: [
    {
      name: "http.match.method.exact",
      source: "sheet 2.4",
      http: match("method: { exact: GET }"),
      exchanges: [goes("GET /", "one"), misses("POST /"), misses("HEAD /")],
    },
    {
      name: "http.match.method.exact: get never matches",
      source: "sheet 2.4",
      http: match("method: { exact: get }"),
      exchanges: [misses("GET /")],
    },
    {
      name: "http.match.method.prefix",
      source: "sheet 2.4",
      http: match("method: { prefix: P }"),
      exchanges: [goes("POST /", "one"), goes("PUT /", "one"), goes("PATCH /", "one"), misses("GET /")],
    },
    {
      name: "http.match.method.regex: the whole method",
      source: "sheet 2.4",
      http: match("method: { regex: 'GET|HEAD' }"),
      exchanges: [goes("GET /", "one"), goes("HEAD /", "one"), misses("GETX /")],
    },
    {
      name: "http.match.authority.exact: the Host as sent, port included (fact 6)",
      source: "sheet 2.4, 14.6",
      http: match('authority: { exact: "$host:8000" }'),
      exchanges: [goes(["GET /", "Host: $host:8000"], "one"), misses(["GET /", "Host: $host"])],
    },
    {
      name: "http.match.authority.exact: case-sensitive, though the virtual host is found in any case (fact 6)",
      source: "sheet 2.4, 14.6",
      http: match('authority: { exact: "$host" }'),
      exchanges: [goes(["GET /", "Host: $host"], "one"), misses(["GET /", "Host: C5.match-other.test"])],
    },
    {
      name: "http.match.authority.prefix",
      source: "sheet 2.4",
      http: match('authority: { prefix: "$host:" }'),
      exchanges: [goes(["GET /", "Host: $host:1"], "one"), misses(["GET /", "Host: $host"])],
    },
    {
      name: "http.match.authority.regex: with a part for any port",
      source: "sheet 2.4",
      http: match(`authority: { regex: 'c[0-9]+\\.match-other\\.test(:[0-9]+)?' }`),
      exchanges: [goes(["GET /", "Host: $host:1"], "one"), goes(["GET /", "Host: $host"], "one")],
    },
    {
      name: "http.match.scheme: http on a plaintext port, whatever x-forwarded-proto says",
      source: "sheet 2.4, 4.1: no proxy is trusted",
      http: `- match: [{ scheme: { exact: https } }]
  ${TO_TWO}
- match: [{ scheme: { exact: http } }]
  ${TO_ONE}`,
      exchanges: [goes("GET /", "one"), goes(["GET /", "X-Forwarded-Proto: https"], "one")],
    },
    {
      name: "http.match.queryParams.exact: the whole value",
      source: "sheet 2.4",
      http: query("v: { exact: a }"),
      exchanges: [
        goes("GET /?v=a", "one"),
        goes("GET /?x=1&v=a&y=2", "one"),
        misses("GET /?v=ab"),
        misses("GET /?v=A"),
        misses("GET /"),
      ],
    },
    {
      name: "http.match.queryParams: the first occurrence counts (fact 48)",
      source: "sheet 2.4, 14.48",
      http: query("v: { exact: a }"),
      exchanges: [goes("GET /?v=a&v=b", "one"), misses("GET /?v=b&v=a")],
    },
    {
      name: "http.match.queryParams: compared raw, not decoded (fact 48)",
      source: "sheet 2.4, 14.48",
      http: query('v: { exact: "a%20b" }'),
      exchanges: [goes("GET /?v=a%20b", "one"), misses("GET /?v=a+b")],
    },
    {
      name: "http.match.queryParams: an escaped letter is another value (fact 48)",
      source: "sheet 2.4, 14.48",
      http: query("v: { exact: a }"),
      exchanges: [misses("GET /?v=%61"), misses("GET /?%76=a")],
    },
    {
      name: "http.match.queryParams.prefix",
      source: "sheet 2.4",
      http: query("v: { prefix: ab }"),
      exchanges: [goes("GET /?v=abc", "one"), misses("GET /?v=a")],
    },
    {
      name: "http.match.queryParams.regex: the whole value",
      source: "sheet 2.4",
      http: query("v: { regex: '[0-9]+' }"),
      exchanges: [goes("GET /?v=12", "one"), misses("GET /?v=12a"), misses("GET /?v=")],
    },
    {
      name: "http.match.queryParams: {} and regex * mean present, an empty value and none too",
      source: "sheet 2.4 header details 1",
      http: `- match: [{ queryParams: { a: {} } }]
  ${TO_ONE}
- match: [{ queryParams: { b: { regex: "*" } } }]
  ${TO_TWO}`,
      exchanges: [
        goes("GET /?a=1", "one"),
        goes("GET /?a", "one"),
        goes("GET /?a=", "one"),
        goes("GET /?b=x", "two"),
        misses("GET /?c"),
      ],
    },
    {
      name: "http.match.queryParams: all of a block must hold",
      source: "sheet 2.3",
      http: query("a: { exact: '1' }, b: { exact: '2' }"),
      exchanges: [goes("GET /?b=2&a=1", "one"), misses("GET /?a=1")],
    },
    {
      name: "http.match.queryParams: names are case-sensitive and whole",
      source: "sheet 2.4",
      http: query("va: { exact: a }"),
      exchanges: [misses("GET /?VA=a"), misses("GET /?xva=a"), misses("GET /?vaa=a")],
    },
    {
      name: "http.match: the blocks of one rule are ORed",
      source: "sheet 2.3",
      http: `- match: [{ uri: { exact: /a } }, { headers: { x-v: {} } }, { queryParams: { q: {} } }]
  ${TO_ONE}`,
      exchanges: [goes("GET /a", "one"), goes(["GET /", "X-V: 1"], "one"), goes("GET /?q", "one"), misses("GET /")],
    },
    {
      name: "http.match: the conditions of one block are ANDed",
      source: "sheet 2.3",
      http: match(
        "uri: { prefix: /a }, method: { exact: GET }, headers: { x-v: { exact: b } }, queryParams: { q: {} }",
      ),
      exchanges: [
        goes(["GET /a?q", "X-V: b"], "one"),
        misses(["POST /a?q", "X-V: b"]),
        misses(["GET /?q", "X-V: b"]),
        misses(["GET /a?q", "X-V: c"]),
        misses(["GET /a", "X-V: b"]),
      ],
    },
    {
      name: "http.match: a rule without match takes everything",
      source: "sheet 2.3",
      http: `- ${TO_ONE}`,
      exchanges: [goes("GET /", "one"), goes("DELETE /x?y", "one")],
    },
    {
      name: "http.match.port: the Gateway's port number, decided before any request",
      source: "sheet 2.3",
      http: `- match: [{ port: 8080 }]
  ${TO_TWO}
- match: [{ port: 80 }]
  ${TO_ONE}`,
      exchanges: [goes("GET /", "one"), goes("GET /", "two", { port: 8080 })],
    },
    {
      name: "http.match.port: where no block holds for a port there is no virtual host: 404",
      source: "sheet 2.1 (7), 2.3",
      http: match("port: 8080"),
      exchanges: [misses("GET /"), goes("GET /", "one", { port: 8080 })],
    },
    {
      name: "http.match.gateways: a block for another gateway does not exist here",
      source: "sheet 2.3",
      http: `- match: [{ gateways: [mesh] }]
  ${TO_TWO}
- match: [{ gateways: [edge] }]
  ${TO_ONE}`,
      exchanges: [goes("GET /", "one")],
    },
    {
      name: "http.match.gateways: the whole name NAMESPACE/NAME",
      source: "sheet 1.5, 2.3",
      http: match("gateways: [default/edge]"),
      exchanges: [goes("GET /", "one")],
    },
    {
      name: "http.match.sourceNamespace: the gateway's own",
      source: "sheet 2.3",
      http: `- match: [{ sourceNamespace: other }]
  ${TO_TWO}
- match: [{ sourceNamespace: default }]
  ${TO_ONE}`,
      exchanges: [goes("GET /", "one")],
    },
    {
      name: "http.match.sourceLabels: not those of the gateway: the block does not exist",
      source: "sheet 2.3",
      http: `- match: [{ sourceLabels: { app: other } }]
  ${TO_TWO}
- ${TO_ONE}`,
      exchanges: [goes("GET /", "one")],
    },
    {
      name: "http.match.sourceNamespace: is not looked at where gateways are given",
      source: "sheet 2.3",
      http: match("gateways: [edge], sourceNamespace: other, sourceLabels: { app: other }"),
      exchanges: [goes("GET /", "one")],
    },
    {
      name: "http.match.name: joined to the rule's name in the access log",
      source: "sheet 2.3",
      http: `- name: rule
  match: [{ name: exact, uri: { exact: /a } }, { uri: { exact: /b } }]
  ${TO_ONE}
- match: [{ name: lone, uri: { exact: /c } }]
  ${TO_ONE}`,
      exchanges: [
        goes("GET /a", "one", { log: { route: "rule.exact" } }),
        goes("GET /b", "one", { log: { route: "rule" } }),
        goes("GET /c", "one", { log: { route: ".lone" } }),
      ],
    },
    {
      name: "http.match.statPrefix: names statistics and matches nothing",
      source: "sheet 2.4",
      http: match("statPrefix: shop, uri: { prefix: /a }"),
      exchanges: [goes("GET /a", "one"), misses("GET /b")],
    },
  ],
}
