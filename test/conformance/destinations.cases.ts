/** `http.route`: destinations, ports, subsets, weights (Istio semantics sheet 3.1, 7). Shares are `shares.test.ts`. */
import { type CaseGroup, type Exchange, goes, TO_EMPTY } from "./conformance-case.ts"

const route = (destinations: string) => `- route: [${destinations}]`
const unknown = (more: Partial<Exchange> = {}): Exchange => ({
  send: "GET /",
  status: 503,
  reply: "",
  fields: { "content-type": null, "content-length": "0" },
  log: { flags: "NC", details: "cluster_not_found" },
  ...more,
})

/** Two ports, one of which is a Gateway's; no endpoints. */
const gatewayPort = `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: $name }
spec:
  hosts: [$name.multi.test]
  resolution: STATIC
  ports: [{ number: 8080, name: http-a, protocol: HTTP }, { number: 9000, name: http-b, protocol: HTTP }]
  endpoints: []
`

export const destinations: CaseGroup = {
  name: "destinations",
  cases: [
    {
      name: "http.route.destination.port: the one that is named",
      source: "sheet 3.1 (3)",
      http: `- match: [{ uri: { prefix: /admin } }]
  route: [{ destination: { host: ports.test, port: { number: 8081 } } }]
- route: [{ destination: { host: ports.test, port: { number: 80 } } }]`,
      exchanges: [
        goes("GET /admin", "two", { log: { cluster: "outbound|8081||ports.test" } }),
        goes("GET /", "one", { log: { cluster: "outbound|80||ports.test" } }),
      ],
    },
    {
      name: "http.route.destination.port: a service's only port where none is named",
      source: "sheet 3.1 (3)",
      http: route("{ destination: { host: one.test } }"),
      exchanges: [goes("GET /", "one", { port: 8080, log: { cluster: "outbound|80||one.test" } })],
    },
    {
      name: "http.route.destination.port: of several the Gateway's own port number (fact 18)",
      source: "sheet 3.1 (3), 14.18",
      http: "- match: [{ port: 80 }]\n  route: [{ destination: { host: ports.test } }]",
      exchanges: [goes("GET /", "one", { log: { cluster: "outbound|80||ports.test" } })],
    },
    {
      name: "http.route.destination.port: of several the Gateway's, which is 8080 on port 8080 (fact 18)",
      source: "sheet 3.1 (3), 14.18",
      resources: gatewayPort,
      http: "- match: [{ port: 8080 }]\n  route: [{ destination: { host: $name.multi.test } }]",
      exchanges: [
        {
          send: "GET /",
          port: 8080,
          status: 503,
          reply: "no healthy upstream",
          log: { cluster: "outbound|8080||$name.multi.test", flags: "UH" },
        },
      ],
    },
    {
      name: "http.route.destination.subset: the endpoints that carry its labels",
      source: "sheet 6.2",
      http: `- match: [{ uri: { prefix: /v1 } }]
  route: [{ destination: { host: versions.test, subset: v1 } }]
- route: [{ destination: { host: versions.test, subset: v2 } }]`,
      exchanges: [
        goes("GET /v1", "one", { log: { cluster: "outbound|80|v1|versions.test" } }),
        goes("GET /v2", "two", { log: { cluster: "outbound|80|v2|versions.test" } }),
      ],
    },
    {
      name: "http.route.destination.subset: without a matching endpoint it is known and empty: 503 UH (fact 19)",
      source: "sheet 6.2, 14.19",
      http: route("{ destination: { host: versions.test, subset: v3 } }"),
      exchanges: [{ send: "GET /", status: 503, reply: "no healthy upstream", log: { flags: "UH" } }],
    },
    {
      name: "http.route.destination.host: known without endpoints: 503 with a text, UH (fact 19)",
      source: "sheet 5.2, 14.19",
      http: `- ${TO_EMPTY}`,
      exchanges: [
        {
          send: "GET /",
          status: 503,
          reply: "no healthy upstream",
          fields: { "content-type": "text/plain" },
          log: { flags: "UH", details: "no_healthy_upstream" },
        },
      ],
    },
    {
      name: "http.route.destination.host: a ServiceEntry with resolution NONE has no endpoint here: 503 UH (fact 37)",
      source: "sheet 7.1, 14.37",
      resources: `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: $name }
spec:
  hosts: [$name.none.test]
  ports: [{ number: 80, name: http, protocol: HTTP }]
`,
      http: route("{ destination: { host: $name.none.test } }"),
      exchanges: [{ send: "GET /", status: 503, reply: "no healthy upstream", log: { flags: "UH" } }],
    },
    {
      name: "http.route.weight: a lone destination ignores it, 0 included (fact 23)",
      source: "sheet 3.1 (5), 14.23",
      http: route("{ destination: { host: one.test }, weight: 0 }"),
      exchanges: [goes("GET /", "one"), goes("GET /", "one"), goes("GET /", "one")],
    },
    {
      name: "http.route.weight: destinations of weight 0 vanish (fact 23)",
      source: "sheet 3.1 (5), 14.23",
      http: route(
        "{ destination: { host: one.test }, weight: 0 }, { destination: { host: two.test }, weight: 1 }, { destination: { host: three.test } }",
      ),
      exchanges: Array.from({ length: 8 }, () => goes("GET /", "two")),
    },
    {
      name: "http.route.destination.host: a short name is in the VirtualService's namespace",
      source: "sheet 3.1 (1)",
      resources: `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: $name }
spec:
  hosts: [shop.default.svc.cluster.local]
  resolution: STATIC
  ports: [{ number: 80, name: http, protocol: HTTP }]
`,
      http: route("{ destination: { host: shop } }"),
      exchanges: [
        {
          send: "GET /",
          status: 503,
          reply: "no healthy upstream",
          log: { cluster: "outbound|80||shop.default.svc.cluster.local" },
        },
      ],
    },
    {
      name: "ports: an unnamed or unknown protocol is spoken to in HTTP/1.1, and https in plain HTTP (facts 33, 34)",
      source: "sheet 7.2, 6.7, 14.33, 14.34",
      http: `- match: [{ uri: { exact: /https } }]
  route: [{ destination: { host: plain.test, port: { number: 443 } } }]
- route: [{ destination: { host: plain.test, port: { number: 81 } } }]`,
      exchanges: [
        goes("GET /https", "one", { upstream: { startLine: "GET /https HTTP/1.1" } }),
        goes("GET /", "one", { upstream: { startLine: "GET / HTTP/1.1" } }),
      ],
    },
  ],
}

export const unknownDestinations: CaseGroup = {
  name: "unknown-destinations",
  isInvalid: true,
  cases: [
    {
      name: "http.route.destination.host: that nothing defines: 503 without a body, NC (fact 19)",
      source: "sheet 5.2, 14.19",
      http: route("{ destination: { host: nowhere.test } }"),
      exchanges: [
        unknown({ log: { flags: "NC", details: "cluster_not_found", cluster: "outbound|80||nowhere.test" } }),
      ],
    },
    {
      name: "http.route.destination.subset: that nothing defines: 503 without a body, NC (fact 19)",
      source: "sheet 5.2, 14.19",
      http: route("{ destination: { host: versions.test, subset: v9 } }"),
      exchanges: [unknown()],
    },
    {
      name: "http.route.destination.port: that the service does not have: 503 without a body, NC (fact 19)",
      source: "sheet 5.2, 14.19",
      http: route("{ destination: { host: one.test, port: { number: 81 } } }"),
      exchanges: [unknown()],
    },
    {
      name: "http.route.destination.host: name.namespace is not expanded, so it does not exist",
      source: "sheet 3.1 (1)",
      http: route("{ destination: { host: one.default } }"),
      exchanges: [unknown()],
    },
    {
      name: "http.route: the rule's response operations apply to 503 NC too (fact 46)",
      source: "sheet 3.10 (8), 14.46",
      http: `- headers: { response: { set: { x-a: rule } } }\n  route: [{ destination: { host: nowhere.test } }]`,
      exchanges: [unknown({ fields: { "x-a": "rule" } })],
    },
    {
      name: "http.route: a gRPC request to an unknown cluster is UNAVAILABLE (fact 32)",
      source: "sheet 5.3, 14.32",
      http: route("{ destination: { host: nowhere.test } }"),
      exchanges: [
        {
          send: ["POST /", "Content-Type: application/grpc"],
          body: "",
          fields: { "grpc-status": "14", "grpc-message": null },
          log: { flags: "NC" },
        },
      ],
    },
    {
      name: "http.mirror: to an unknown cluster copies nothing and harms nothing",
      source: "sheet 3.8: failures invisible",
      http: `- mirror: { host: nowhere.test }\n  route: [{ destination: { host: one.test } }]`,
      exchanges: [goes("GET /", "one")],
    },
    {
      name: "http.delegate: that does not exist: the root's rule alone disappears",
      source: "sheet 3.11 (1)",
      http: `- match: [{ uri: { prefix: /a } }]
  delegate: { name: nobody }
- route: [{ destination: { host: one.test } }]`,
      exchanges: [goes("GET /a", "one")],
    },
    {
      name: "http.delegate: one that delegates again: its rule disappears, whatever the loop",
      source: "sheet 3.11 (1)",
      resources: `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: $name-loop }
spec:
  http:
    - match: [{ uri: { prefix: /a/loop } }]
      delegate: { name: $name-loop }
    - match: [{ uri: { prefix: /a/fine } }]
      route: [{ destination: { host: two.test } }]
`,
      http: `- match: [{ uri: { prefix: /a } }]
  delegate: { name: $name-loop }
- route: [{ destination: { host: one.test } }]`,
      exchanges: [goes("GET /a/loop", "one"), goes("GET /a/fine", "two")],
    },
  ],
}
