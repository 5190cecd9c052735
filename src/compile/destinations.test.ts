import { describe, expect, test } from "bun:test"
import type { CompileOptions } from "./compile.ts"
import {
  cluster,
  compileExample,
  forwardOf,
  gateway,
  onlyRoute,
  routesOf,
  virtualService,
} from "./example-configuration.ts"

const destinationOf = (destination: string, further = "", options: Partial<CompileOptions> = {}) => {
  const rules = [`{route: [{destination: {${destination}}}]}`]
  const example = compileExample(gateway() + virtualService({ rules }) + further, options)
  const [entry] = forwardOf(onlyRoute(routesOf(example))).destinations.entries
  return { example, name: entry?.clusterName, index: entry?.clusterIndex }
}

const service = (name: string, ports: string, namespace = "default"): string => `
---
apiVersion: v1
kind: Service
metadata: {name: ${name}, namespace: ${namespace}}
spec: {ports: [${ports}]}
`

const slice = (name: string, service: string, address: string, further = ""): string => `
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: ${name}, labels: {kubernetes.io/service-name: ${service}${further}}}
addressType: IPv4
endpoints: [{addresses: [${address}]}, {addresses: [10.9.9.9], conditions: {ready: false}}]
ports: [{name: http, port: 8080}]
`

const serviceEntry = (fields: string, host = "api.com"): string => `
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: entry}
spec: {hosts: [${host}], ${fields}}
`

const subsets = (host: string, fields = "", namespace = "default"): string => `
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: rule, namespace: ${namespace}}
spec: {host: ${host}, ${fields}subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]}
`

describe("where a destination goes", () => {
  test("a Service is found by its whole name and reached at its ready endpoints (Istio semantics sheet 7.2)", () => {
    const further = service("shop", "{name: http, port: 80}") + slice("s1", "shop", "10.0.0.1")
    const { example, name, index } = destinationOf("host: shop", further)
    expect(name).toBe("outbound|80||shop.default.svc.cluster.local")
    expect(example.snapshot.clusters[index ?? -1]).toMatchObject({
      protocol: "http1",
      discovery: { kind: "static", endpoints: [{ address: "10.0.0.1", port: 8080 }] },
    })
    expect(example.findings).toEqual([])
  })

  test("the demo services are found by the name as written", () => {
    const { example, name, index } = destinationOf("host: webapp")
    expect(name).toBe("outbound|80||webapp")
    expect(example.snapshot.clusters[index ?? -1]?.discovery).toMatchObject({
      kind: "static",
      endpoints: [{ address: "127.0.0.1", port: 3000 }],
    })
  })

  test("a Service of the files comes before a demo service of the same short name", () => {
    const further = service("webapp", "{name: http, port: 80}") + slice("s1", "webapp", "10.0.0.1")
    expect(destinationOf("host: webapp", further).name).toBe("outbound|80||webapp.default.svc.cluster.local")
  })

  test("what nobody defines is looked up in DNS as written, with a warning", () => {
    const { example, name, index } = destinationOf("host: backend, port: {number: 3000}")
    expect(name).toBe("outbound|3000||backend")
    expect(example.snapshot.clusters[index ?? -1]).toMatchObject({
      host: "backend",
      protocol: "http1",
      location: null,
      discovery: { kind: "strict-dns", endpoints: [{ address: "backend", port: 3000 }] },
    })
    expect(example.findings).toEqual([
      "P3006 warning VirtualService default/site spec.http[0].route[0].destination.host",
    ])
  })

  test("without the fallback it stays unknown, which is an error", () => {
    const { example, name, index } = destinationOf("host: wepapp", "", { dnsFallback: false })
    expect(name).toBe("outbound|80||wepapp.default.svc.cluster.local")
    expect(index).toBe(-1)
    expect(example.findings).toEqual(["P3005 error VirtualService default/site spec.http[0].route[0].destination.host"])
    expect(example.diagnostics[0]?.hint).toBe('did you mean "webapp"?')
  })

  test("a service that is not exported to the Gateway's namespace is not there", () => {
    const further = serviceEntry(
      "exportTo: [other], resolution: DNS, ports: [{number: 80, name: http, protocol: HTTP}]",
    )
    expect(destinationOf("host: api.com", further, { dnsFallback: false }).index).toBe(-1)
  })
})

describe("the port of a destination (Istio semantics sheet 3.1)", () => {
  const twoPorts = service("shop", "{name: http, port: 8000}, {name: grpc-api, port: 9000}")

  test("is the service's only port when silent", () => {
    expect(destinationOf("host: shop", service("shop", "{name: http, port: 8000}")).name).toStartWith("outbound|8000||")
  })

  test("is the Gateway's port when the service has several, which it may not have", () => {
    const { example, name, index } = destinationOf("host: shop", twoPorts)
    expect(name).toStartWith("outbound|80||")
    expect(index).toBe(-1)
    expect(example.findings).toEqual(["P3007 error VirtualService default/site spec.http[0].route[0].destination"])
    expect(example.diagnostics[0]?.hint).toBe("it has 8000, 9000")
  })

  test("that the service does not have is unknown", () => {
    const { example, index } = destinationOf("host: shop, port: {number: 1}", twoPorts)
    expect(index).toBe(-1)
    expect(example.findings).toEqual([
      "P3007 error VirtualService default/site spec.http[0].route[0].destination.port.number",
    ])
  })

  test.each([
    { port: "{name: grpc-api, port: 80}", protocol: "http2" as const },
    { port: "{name: grpc-web, port: 80}", protocol: "http2" as const },
    { port: "{name: http2, port: 80}", protocol: "http2" as const },
    { port: "{name: x, port: 80, appProtocol: kubernetes.io/h2c}", protocol: "http2" as const },
    { port: "{name: http, port: 80}", protocol: "http1" as const },
    { port: "{port: 80}", protocol: "http1" as const },
    { port: "{name: https, port: 80}", protocol: "http1" as const },
    { port: "{name: tcp-echo, port: 80}", protocol: "tcp" as const },
  ])("$port is spoken to as $protocol (sheet 7.2)", ({ port, protocol }) => {
    const { example } = destinationOf("host: shop", service("shop", port))
    expect(cluster(example, "outbound|80||shop.default.svc.cluster.local").protocol).toBe(protocol)
  })
})

describe("ServiceEntry (Istio semantics sheet 7.1)", () => {
  const ports = "ports: [{number: 80, name: http, protocol: HTTP, targetPort: 8080}]"

  test.each([
    { resolution: "DNS", kind: "strict-dns" as const },
    { resolution: "DNS_ROUND_ROBIN", kind: "logical-dns" as const },
  ])("$resolution without endpoints resolves the host itself", ({ resolution, kind }) => {
    const { example } = destinationOf("host: api.com", serviceEntry(`resolution: ${resolution}, ${ports}`))
    expect(cluster(example, "outbound|80||api.com").discovery).toMatchObject({
      kind,
      endpoints: [{ address: "api.com", port: 8080 }],
    })
  })

  test("STATIC: an endpoint's own port beats targetPort, a unix socket has none", () => {
    const endpoints =
      "endpoints: [{address: 10.0.0.1, ports: {http: 81}, weight: 5}, {address: 10.0.0.2}, {address: 'unix:///run/x'}]"
    const { example } = destinationOf("host: api.com", serviceEntry(`resolution: STATIC, ${ports}, ${endpoints}`))
    const { discovery } = cluster(example, "outbound|80||api.com")
    expect(discovery.endpoints.map(({ address, port, weight }) => `${address} ${port} ${weight}`)).toEqual([
      "10.0.0.1 81 5",
      "10.0.0.2 8080 1",
      "unix:/run/x 0 1",
    ])
  })

  test("NONE has no endpoints at a gateway, which is a warning", () => {
    const { example } = destinationOf("host: api.com", serviceEntry(ports))
    expect(cluster(example, "outbound|80||api.com").discovery).toEqual({ kind: "static", endpoints: [] })
    expect(example.findings).toEqual(["P3011 warning VirtualService default/site spec.http[0].route[0].destination"])
  })

  test("workloadSelector takes WorkloadEntries of its namespace with all the labels", () => {
    const workload = (name: string, labels: string, namespace = "default"): string => `
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: ${name}, namespace: ${namespace}}
spec: {address: 10.0.0.${name.length}, labels: ${labels}}
`
    const { example } = destinationOf(
      "host: api.com",
      serviceEntry(`resolution: STATIC, ${ports}, workloadSelector: {labels: {app: api}}`) +
        workload("a", "{app: api, version: v1}") +
        workload("bb", "{app: other}") +
        workload("ccc", "{app: api}", "other"),
    )
    const { endpoints } = cluster(example, "outbound|80||api.com").discovery
    expect(endpoints.map(({ address }) => address)).toEqual(["10.0.0.1"])
  })
})

describe("subsets (Istio semantics sheet 6.1, 6.2)", () => {
  const shop =
    service("shop", "{name: http, port: 80}") +
    slice("s1", "shop", "10.0.0.1", ", version: v1") +
    slice("s2", "shop", "10.0.0.2", ", version: v3")

  test("choose endpoints by labels", () => {
    const { example, name } = destinationOf("host: shop, subset: v1", shop + subsets("shop"))
    expect(name).toBe("outbound|80|v1|shop.default.svc.cluster.local")
    const { endpoints } = cluster(example, "outbound|80|v1|shop.default.svc.cluster.local").discovery
    expect(endpoints.map(({ address }) => address)).toEqual(["10.0.0.1"])
    expect(example.findings).toEqual([])
  })

  test("that no endpoint fits exist without endpoints", () => {
    const { example, index } = destinationOf("host: shop, subset: v2", shop + subsets("shop"))
    expect(example.snapshot.clusters[index ?? -1]?.discovery.endpoints).toEqual([])
    expect(example.findings).toEqual(["P3011 warning VirtualService default/site spec.http[0].route[0].destination"])
  })

  test("that nobody defines are unknown", () => {
    const { example, index } = destinationOf("host: shop, subset: vv1", shop + subsets("shop"))
    expect(index).toBe(-1)
    expect(example.findings).toEqual([
      "P3008 error VirtualService default/site spec.http[0].route[0].destination.subset",
    ])
    expect(example.diagnostics[0]?.hint).toBe('did you mean "v1"?')
  })

  test("of a name left to DNS are unknown: DNS knows no labels", () => {
    const { example, index } = destinationOf("host: backend, subset: v1", subsets("backend"))
    expect(index).toBe(-1)
    expect(example.findings).toEqual([
      "P3008 error VirtualService default/site spec.http[0].route[0].destination.subset",
    ])
  })

  test("a rule that is not exported from another namespace does not apply", () => {
    const api = serviceEntry("resolution: DNS, ports: [{number: 80, name: http, protocol: HTTP}]")
    expect(destinationOf("host: api.com, subset: v1", api + subsets("api.com", "", "istio-system")).index).not.toBe(-1)
    expect(destinationOf("host: api.com, subset: v1", api + subsets("api.com", "", "other")).index).toBe(-1)
    const hidden = subsets("api.com", "exportTo: [.], ", "istio-system")
    expect(destinationOf("host: api.com, subset: v1", api + hidden).index).toBe(-1)
  })
})

describe("policies (Istio semantics sheet 6.2, 6.3, 6.5)", () => {
  const api = serviceEntry("resolution: DNS, ports: [{number: 80, name: http, protocol: HTTP}]")
  const policyOf = (rule: string, name = "outbound|80||api.com") => {
    const further = `${api}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: rule}
spec: {host: "*.com", ${rule}}
`
    return cluster(destinationOf("host: api.com", further).example, name)
  }

  test("without a rule: least request, 10 s to connect, 1 h idle", () => {
    expect(cluster(destinationOf("host: api.com", api).example, "outbound|80||api.com")).toMatchObject({
      loadBalancer: "least-request",
      connectTimeoutMs: 10_000,
      idleTimeoutMs: 3_600_000,
    })
  })

  test("a wildcard rule applies", () => {
    expect(
      policyOf(
        "trafficPolicy: {loadBalancer: {simple: ROUND_ROBIN}, connectionPool: {tcp: {connectTimeout: 1s, idleTimeout: 5s}}}",
      ),
    ).toMatchObject({ loadBalancer: "round-robin", connectTimeoutMs: 1000, idleTimeoutMs: 5000 })
  })

  test("portLevelSettings replace, they do not merge", () => {
    expect(
      policyOf(
        "trafficPolicy: {loadBalancer: {simple: RANDOM}, portLevelSettings: [{port: {number: 80}, connectionPool: {tcp: {connectTimeout: 2s}}}]}",
      ),
    ).toMatchObject({ loadBalancer: "least-request", connectTimeoutMs: 2000 })
  })

  test("a subset overrides what it names and keeps the rest", () => {
    const rule =
      "trafficPolicy: {loadBalancer: {simple: RANDOM}, connectionPool: {tcp: {connectTimeout: 2s}}}, subsets: [{name: v1, trafficPolicy: {loadBalancer: {simple: ROUND_ROBIN}}}]"
    expect(policyOf(rule, "outbound|80|v1|api.com")).toMatchObject({
      loadBalancer: "round-robin",
      connectTimeoutMs: 2000,
    })
  })

  test("h2UpgradePolicy UPGRADE speaks HTTP/2", () => {
    expect(policyOf("trafficPolicy: {connectionPool: {http: {h2UpgradePolicy: UPGRADE}}}").protocol).toBe("http2")
  })
})

test("an ExternalName is a cluster of the name it stands for (Istio semantics sheet 3.1, 7.2)", () => {
  const further = `
---
apiVersion: v1
kind: Service
metadata: {name: shop}
spec: {type: ExternalName, externalName: shop.example.com, ports: [{name: http, port: 80}]}
`
  const { example, name } = destinationOf("host: shop", further)
  expect(name).toBe("outbound|80||shop.example.com")
  expect(cluster(example, "outbound|80||shop.example.com").discovery).toMatchObject({
    kind: "strict-dns",
    endpoints: [{ address: "shop.example.com", port: 80 }],
  })
})
