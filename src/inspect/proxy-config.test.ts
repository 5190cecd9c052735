import { describe, expect, test } from "bun:test"
import { snapshotOf } from "../explain/explain.fixture.ts"
import { withSnakeCaseKeys } from "./json-value.ts"
import type { ListedCertificate } from "./listed-certificate.ts"
import { configuredEndpoints } from "./listed-endpoint.ts"
import { type ProxyConfigSource, renderProxyConfig } from "./proxy-config.ts"
import {
  type ProxyConfigFilter,
  type ProxyConfigKind,
  parseProxyConfigKind,
  proxyConfigKinds,
  proxyConfigPath,
  readProxyConfigQuery,
} from "./proxy-config-request.ts"

const snapshot = snapshotOf(
  `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: edge }
spec:
  servers:
    - { port: { number: 80, name: http, protocol: HTTP }, hosts: ["*"] }
    - { port: { number: 81, name: empty, protocol: HTTP }, hosts: [nobody.example] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: shop }
spec:
  hosts: [shop.example]
  gateways: [edge]
  http:
    - name: api
      match:
        - uri: { prefix: /api }
          headers: { x-user: { exact: jason } }
          withoutHeaders: { x-bot: {}, x-kind: { exact: robot } }
          queryParams: { debug: { regex: "[01]" } }
          method: { exact: GET }
      rewrite: { uri: /v2 }
      timeout: 2.5s
      retries: { attempts: 3, perTryTimeout: 1s, retryOn: "5xx,503" }
      headers: { request: { set: { x-a: "1" }, remove: [x-b] }, response: { add: { x-c: "50%%" } } }
      fault: { delay: { fixedDelay: 1s, percentage: { value: 0.5 } } }
      mirror: { host: catalog }
      route: [{ destination: { host: catalog, subset: v2 } }]
    - match: [{ uri: { exact: /old } }]
      redirect: { uri: /new, redirectCode: 302 }
    - match: [{ uri: { regex: "/r.*" } }]
      directResponse: { status: 418, body: { string: teapot } }
    - route:
        - { destination: { host: catalog, subset: v2 }, weight: 75 }
        - { destination: { host: dns.example }, weight: 25 }
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: catalog }
spec: { host: catalog, subsets: [{ name: v2 }] }
---
apiVersion: v1
kind: Service
metadata: { name: catalog }
spec: { ports: [{ name: http, port: 80 }] }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: catalog-1, labels: { kubernetes.io/service-name: catalog } }
addressType: IPv4
ports: [{ name: http, port: 8080 }]
endpoints: [{ addresses: [10.0.0.2] }, { addresses: [10.0.0.1] }]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: dns }
spec: { hosts: [dns.example], resolution: DNS, ports: [{ number: 80, name: http, protocol: HTTP }] }
`,
  new Map([[80, 8080]]),
)

const all: ProxyConfigFilter = { name: null, port: null, fqdn: null }
const certificate = {
  use: "server",
  serialNumber: "0a1b",
  validFromUnixMs: Date.UTC(2026, 0, 1),
  validToUnixMs: Date.UTC(2026, 11, 31, 23, 59, 59),
} as const
const shopChain: readonly ListedCertificate[] = [
  { ...certificate, origin: "certs/shop", certificatePem: "leaf\n" },
  { ...certificate, origin: "certs/shop", certificatePem: "intermediate\n", serialNumber: "ee" },
  { ...certificate, origin: "certs/shop", certificatePem: "root\n", use: "authority", serialNumber: "ff" },
  { ...certificate, origin: "certs/shop", certificatePem: "old root\n", use: "authority", serialNumber: "00fe" },
]
const certificates: readonly ListedCertificate[] = [
  ...shopChain,
  {
    ...certificate,
    origin: "Secret prod/api",
    certificatePem: "expired\n",
    validToUnixMs: Date.UTC(2026, 0, 2),
  },
  // Another server with the same one.
  ...shopChain,
]
const source: ProxyConfigSource = {
  snapshot,
  endpoints: configuredEndpoints(snapshot.clusters),
  certificates,
  nowUnixMs: Date.UTC(2026, 5, 1),
}

function table(kind: ProxyConfigKind, filter: Partial<ProxyConfigFilter> = {}): Promise<string> {
  return renderProxyConfig(kind, source, { ...all, ...filter }, "table")
}

async function json(kind: ProxyConfigKind, filter: Partial<ProxyConfigFilter> = {}): Promise<unknown> {
  return JSON.parse(await renderProxyConfig(kind, source, { ...all, ...filter }, "json"))
}

describe("tables, as istioctl prints them (Istio semantics sheet 10)", () => {
  test("listeners: one line per filter chain, cells padded by one space", async () => {
    expect(await table("listeners")).toBe(`ADDRESSES PORT MATCH DESTINATION
0.0.0.0   81   ALL   Route: http.81
0.0.0.0   8080 ALL   Route: http.8080
`)
  })

  test("routes: one line per route, the placeholder of a port with nothing bound included", async () => {
    expect(await table("routes")).toBe(
      `NAME          VHOST NAME          DOMAINS          MATCH          VIRTUAL SERVICE
http.8080     shop.example:80     shop.example     /api*          shop.default
http.8080     shop.example:80     shop.example     /old           shop.default
http.8080     shop.example:80     shop.example     regex /r.*     shop.default
http.8080     shop.example:80     shop.example     /*             shop.default
http.81       blackhole:81        *                /*             404
`,
    )
  })

  test("clusters: by host, subset and port", async () => {
    expect(await table("clusters")).toBe(
      `SERVICE FQDN                          PORT     SUBSET     DIRECTION     TYPE           DESTINATION RULE
catalog.default.svc.cluster.local     80       -          outbound      STATIC         catalog.default
catalog.default.svc.cluster.local     80       v2         outbound      STATIC         catalog.default
dns.example                           80       -          outbound      STRICT_DNS
`,
    )
  })

  test("endpoints: by address", async () => {
    expect(await table("endpoints", { fqdn: "catalog.default.svc.cluster.local" })).toBe(
      `ENDPOINT          STATUS      OUTLIER CHECK     CLUSTER
10.0.0.1:8080     HEALTHY     OK                outbound|80|v2|catalog.default.svc.cluster.local
10.0.0.1:8080     HEALTHY     OK                outbound|80||catalog.default.svc.cluster.local
10.0.0.2:8080     HEALTHY     OK                outbound|80|v2|catalog.default.svc.cluster.local
10.0.0.2:8080     HEALTHY     OK                outbound|80||catalog.default.svc.cluster.local
`,
    )
  })

  test("secrets: each once, of a chain the server's own certificate", async () => {
    expect(await table("secrets")).toBe(
      `RESOURCE NAME                TYPE           STATUS     VALID CERT     SERIAL NUMBER     NOT AFTER                NOT BEFORE
kubernetes://api             Cert Chain     ACTIVE     false          a1b               2026-01-02T00:00:00Z     2026-01-01T00:00:00Z
kubernetes://shop            Cert Chain     ACTIVE     true           a1b               2026-12-31T23:59:59Z     2026-01-01T00:00:00Z
kubernetes://shop-cacert     CA             ACTIVE     true           ff                2026-12-31T23:59:59Z     2026-01-01T00:00:00Z
kubernetes://shop-cacert     CA             ACTIVE     true           fe                2026-12-31T23:59:59Z     2026-01-01T00:00:00Z
`,
    )
  })

  test("the header comes even where nothing follows", async () => {
    expect(await table("routes", { name: "http.9" })).toBe(
      "NAME     VHOST NAME     DOMAINS     MATCH     VIRTUAL SERVICE\n",
    )
    expect(await table("listeners", { port: 9 })).toBe("ADDRESSES PORT MATCH DESTINATION\n")
  })
})

describe("JSON, in istioctl's camelCase", () => {
  test("a route configuration has every field of the rule, in the order of Envoy's messages", async () => {
    const config = "/apis/networking.istio.io/v1/namespaces/default/virtual-service/shop"
    const metadata = { filterMetadata: { istio: { config } } }
    const v2 = "outbound|80|v2|catalog.default.svc.cluster.local"
    const previousHosts = {
      name: "envoy.retry_host_predicates.previous_hosts",
      typedConfig: {
        "@type": "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate",
      },
    }
    const retryPolicy = {
      retryOn: "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes",
      numRetries: 2,
      retryHostPredicate: [previousHosts],
      hostSelectionRetryMaxAttempts: "5",
    }
    expect(await json("routes", { name: "http.8080" })).toEqual([
      {
        name: "http.8080",
        virtualHosts: [
          {
            name: "shop.example:80",
            domains: ["shop.example"],
            routes: [
              {
                name: "api",
                match: {
                  prefix: "/api",
                  caseSensitive: true,
                  headers: [
                    { name: "x-user", stringMatch: { exact: "jason" } },
                    { name: "x-bot", presentMatch: true, invertMatch: true },
                    {
                      name: "x-kind",
                      stringMatch: { exact: "robot" },
                      invertMatch: true,
                      treatMissingHeaderAsEmpty: true,
                    },
                    { name: ":method", stringMatch: { exact: "GET" } },
                  ],
                  queryParameters: [{ name: "debug", stringMatch: { safeRegex: { regex: "[01]" } } }],
                },
                route: {
                  cluster: v2,
                  prefixRewrite: "/v2",
                  timeout: "2.500s",
                  retryPolicy: {
                    ...retryPolicy,
                    retryOn: "5xx,retriable-status-codes",
                    numRetries: 3,
                    perTryTimeout: "1s",
                    retriableStatusCodes: [503],
                  },
                  requestMirrorPolicies: [
                    {
                      cluster: "outbound|80||catalog.default.svc.cluster.local",
                      runtimeFraction: { defaultValue: { numerator: 1_000_000, denominator: "MILLION" } },
                    },
                  ],
                  maxGrpcTimeout: "2.500s",
                },
                metadata,
                decorator: { operation: "catalog.default.svc.cluster.local:80/api*" },
                typedPerFilterConfig: {
                  "envoy.filters.http.fault": {
                    "@type": "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault",
                    delay: { fixedDelay: "1s", percentage: { numerator: 5_000, denominator: "MILLION" } },
                  },
                },
                requestHeadersToAdd: [
                  { header: { key: "x-a", value: "1" }, appendAction: "OVERWRITE_IF_EXISTS_OR_ADD" },
                ],
                requestHeadersToRemove: ["x-b"],
                responseHeadersToAdd: [{ header: { key: "x-c", value: "50%%" } }],
              },
              {
                match: { path: "/old", caseSensitive: true },
                redirect: { pathRedirect: "/new", responseCode: "FOUND" },
                metadata,
                decorator: { operation: "shop/old" },
              },
              {
                match: { safeRegex: { regex: "/r.*" } },
                directResponse: { status: 418, body: { inlineString: "teapot" } },
                metadata,
                decorator: { operation: "shop/r.*" },
              },
              {
                match: { prefix: "/" },
                route: {
                  weightedClusters: {
                    clusters: [
                      { name: v2, weight: 75 },
                      { name: "outbound|80||dns.example", weight: 25 },
                    ],
                  },
                  timeout: "0s",
                  retryPolicy,
                  maxGrpcTimeout: "0s",
                },
                metadata,
                decorator: { operation: "shop:80/*" },
              },
            ],
            includeRequestAttemptCount: true,
          },
        ],
        validateClusters: false,
        maxDirectResponseBodySizeBytes: 1_048_576,
        ignorePortInHostMatching: true,
      },
    ])
  })

  test("the placeholder of a port with nothing bound (Istio semantics sheet 1.6)", async () => {
    expect(await json("routes", { name: "http.81" })).toMatchObject([
      { name: "http.81", virtualHosts: [{ name: "blackhole:81", domains: ["*"] }] },
    ])
  })

  test("listeners, clusters and endpoints name what they refer to", async () => {
    expect(await json("listeners", { port: 8080 })).toMatchObject([
      {
        name: "0.0.0.0_8080",
        address: { socketAddress: { address: "0.0.0.0", portValue: 8080 } },
        filterChains: [{ filters: [{ typedConfig: { rds: { routeConfigName: "http.8080" } } }] }],
        trafficDirection: "OUTBOUND",
      },
    ])
    expect(await json("clusters", { fqdn: "dns.example" })).toMatchObject([
      { name: "outbound|80||dns.example", type: "STRICT_DNS", connectTimeout: "10s", lbPolicy: "LEAST_REQUEST" },
    ])
    expect(await json("endpoints", { fqdn: "dns.example" })).toEqual([
      {
        name: "outbound|80||dns.example",
        hostStatuses: [
          {
            address: { socketAddress: { address: "dns.example", portValue: 80 } },
            weight: 1,
            healthStatus: { edsHealthStatus: "HEALTHY" },
          },
        ],
      },
    ])
  })

  test("a TLS server: who may connect, and with what", async () => {
    const tls = snapshotOf(`
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: edge }
spec:
  servers:
    - port: { number: 443, name: https, protocol: HTTPS }
      hosts: [shop.example]
      tls: { mode: MUTUAL, credentialName: shop, minProtocolVersion: TLSV1_3 }
`)
    const shown: ProxyConfigSource = { snapshot: tls, endpoints: [], certificates: [], nowUnixMs: 0 }
    expect(await renderProxyConfig("listeners", shown, all, "table")).toBe(
      "ADDRESSES PORT MATCH             DESTINATION\n0.0.0.0   443  SNI: shop.example Route: https.443.https.edge.default\n",
    )
    expect(JSON.parse(await renderProxyConfig("listeners", shown, all, "json"))).toMatchObject([
      {
        filterChains: [
          {
            filterChainMatch: { serverNames: ["shop.example"] },
            transportSocket: {
              typedConfig: {
                commonTlsContext: {
                  tlsParams: { tlsMinimumProtocolVersion: "TLSv1_3", tlsMaximumProtocolVersion: "TLSv1_3" },
                  tlsCertificateSdsSecretConfigs: [{ name: "kubernetes://shop" }],
                  combinedValidationContext: { validationContextSdsSecretConfig: { name: "kubernetes://shop-cacert" } },
                },
                requireClientCertificate: true,
              },
            },
          },
        ],
        listenerFilters: [{ name: "envoy.filters.listener.tls_inspector" }],
      },
    ])
  })

  test("secrets have their chains, and their keys redacted", async () => {
    const type = { "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret" }
    const inline = (text: string) => ({ inlineBytes: Buffer.from(text).toString("base64") })
    const secret = (name: string, content: object) => ({ name, secret: { ...type, name, ...content } })
    const privateKey = { inlineBytes: "W3JlZGFjdGVkXQ==" }
    expect(await json("secrets")).toEqual({
      dynamicActiveSecrets: [
        secret("kubernetes://api", { tlsCertificate: { certificateChain: inline("expired\n"), privateKey } }),
        secret("kubernetes://shop", {
          tlsCertificate: { certificateChain: inline("leaf\nintermediate\n"), privateKey },
        }),
        secret("kubernetes://shop-cacert", { validationContext: { trustedCa: inline("root\nold root\n") } }),
      ],
    })
  })

  test("gRPC-Web is among the HTTP filters of a listener where it is on, and only there (Istio semantics sheet 1.1, 4)", async () => {
    const filtersOf = async (protocol: string): Promise<unknown> => {
      const shown: ProxyConfigSource = {
        snapshot: snapshotOf(`
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: edge }
spec: { servers: [{ port: { number: 80, name: web, protocol: ${protocol} }, hosts: ["*"] }] }
`),
        endpoints: [],
        certificates: [],
        nowUnixMs: 0,
      }
      const text = await renderProxyConfig("listeners", shown, all, "json")
      return [...text.matchAll(/"name": "envoy\.filters\.http\.([a-z_]+)"/g)].map(([, name]) => name)
    }
    expect(await filtersOf("HTTP")).toEqual(["fault", "cors", "router"])
    expect(await filtersOf("GRPC-WEB")).toEqual(["grpc_web", "fault", "cors", "router"])
  })

  test("YAML says the same", async () => {
    for (const kind of proxyConfigKinds) {
      const yaml = await renderProxyConfig(kind, source, all, "yaml")
      expect(Bun.YAML.parse(yaml)).toEqual(await json(kind))
    }
  })
})

test("Envoy's own spelling changes field names, never data", () => {
  const value = { virtualHosts: [{ typedConfig: { "@type": "a.B", "envoy.filters.http.fault": { httpStatus: 1 } } }] }
  expect(withSnakeCaseKeys(value)).toEqual({
    virtual_hosts: [{ typed_config: { "@type": "a.B", "envoy.filters.http.fault": { http_status: 1 } } }],
  })
})

test("a question travels to the admin interface and back", () => {
  const filter = { name: "http.80 &x=", port: 80, fqdn: null }
  const url = new URL(proxyConfigPath("routes", filter, "yaml"), "http://localhost")
  expect(url.pathname).toBe("/proxy-config/routes")
  expect(readProxyConfigQuery((name) => url.searchParams.get(name) ?? undefined)).toEqual({ filter, output: "yaml" })
  expect(readProxyConfigQuery(() => undefined)).toEqual({ filter: all, output: "table" })
  expect(readProxyConfigQuery((name) => (name === "format" ? "xml" : undefined))).toBeNull()
  expect(readProxyConfigQuery((name) => (name === "port" ? "http" : undefined))).toBeNull()
})

test("kinds have istioctl's other names", () => {
  expect(["route", "listeners", "ep", "secretz", "__proto__"].map(parseProxyConfigKind)).toEqual([
    "routes",
    "listeners",
    "endpoints",
    null,
    null,
  ])
})
