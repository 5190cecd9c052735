import { describe, expect, test } from "bun:test"
import { parseResources } from "./parse-resources.ts"

/** `CODE path` of everything found in a resource of this spec, without the warnings of not-honoured.ts. */
function found(kind: string, spec: object, name = "a"): readonly string[] {
  const object = { apiVersion: "networking.istio.io/v1", kind, metadata: { name }, spec }
  const { diagnostics } = parseResources([{ path: "a.json", text: JSON.stringify(object) }])
  return diagnostics.filter(({ code }) => code !== "P2901").map(({ code, path }) => `${code} ${path}`)
}

describe("a Gateway (sheet 1.1, 1.4, 13)", () => {
  const port = { number: 80, name: "http", protocol: "HTTP" }
  const server = (fields: object) => found("Gateway", { servers: [{ port, hosts: ["a.com"], ...fields }] })
  const https = (tls: object) => server({ port: { number: 443, name: "https", protocol: "HTTPS" }, tls })
  const at = "spec.servers[0]"

  test("a plain one and a TLS one are well", () => {
    expect(server({})).toEqual([])
    expect(https({ mode: "SIMPLE", credentialName: "a" })).toEqual([])
    expect(https({ mode: "MUTUAL", credentialNames: ["a", "b"] })).toEqual([])
  })
  test("name, servers, hosts", () => {
    expect(found("Gateway", { servers: [{ port, hosts: ["*"] }] }, "a.b")).toEqual(["P2101 metadata.name"])
    expect(found("Gateway", {})).toEqual(["P2102 spec.servers"])
    expect(server({ hosts: [] })).toEqual([`P2103 ${at}.hosts`])
  })
  test("hosts: fully qualified, wildcards whole, namespaces before a slash (sheet 1.4)", () => {
    for (const host of ["a.com", "*/a.com", "ns/a.com", "./a.com", "*", "*/*", "ns/*", "*.a.com", "10.0.0.1"]) {
      expect([host, server({ hosts: [host] })]).toEqual([host, []])
    }
    for (const host of ["short", "*foo.com", "a.*.com", "", "ns/", "a_b/a.com", "a/b/c.com", "a.com:80"]) {
      expect([host, server({ hosts: [host] })]).toEqual([host, [`P2008 ${at}.hosts[0]`]])
    }
  })
  test("ports", () => {
    const withPort = (fields: object) => server({ port: { ...port, ...fields } })
    expect(withPort({ protocol: "grpc-web" })).toEqual([])
    expect(withPort({ protocol: "HTTP3" })).toEqual([`P2004 ${at}.port.protocol`])
    expect(withPort({ number: 65_536 })).toEqual([`P2005 ${at}.port.number`])
    expect(withPort({ number: 0 })).toEqual([`P2108 ${at}.port.number`])
    expect(withPort({ name: "" })).toEqual([`P2011 ${at}.port.name`])
    expect(withPort({ targetPort: 8080 })).toEqual([`P2109 ${at}.port.targetPort`])
    const servers = [80, 81].map((number) => ({ port: { ...port, number }, hosts: ["*"], name: "same" }))
    expect(found("Gateway", { servers })).toEqual(["P2104 spec.servers[1].port.name", "P2153 spec.servers[1].name"])
  })
  test("bind is an IP address or a unix socket", () => {
    for (const bind of ["10.0.0.1", "::1", "unix:///run/a.sock", "unix://@abstract", ""]) {
      expect([bind, server({ bind })]).toEqual([bind, []])
    }
    for (const bind of ["localhost", "unix://a", "10.0.0.1:80", "1.2.3.4.5"]) {
      expect([bind, server({ bind })]).toEqual([bind, [`P2008 ${at}.bind`]])
    }
    expect(server({ bind: "unix:///run/a.sock", port: { ...port, number: 0 } })).toEqual([])
  })
  test("tls is required on HTTPS and TLS, limited on HTTP, and wrong on TCP", () => {
    expect(server({ port: { ...port, protocol: "HTTPS" } })).toEqual([`P2105 ${at}.port.protocol`])
    expect(server({ tls: { httpsRedirect: true } })).toEqual([])
    expect(server({ tls: { mode: "SIMPLE", credentialName: "a" } })).toEqual([
      `P2107 ${at}.tls.mode`,
      `P2107 ${at}.tls.credentialName`,
    ])
    expect(server({ port: { ...port, protocol: "TCP" }, tls: {} })).toEqual([`P2106 ${at}.tls`])
    expect(https({ mode: "SIMPLE", credentialName: "a", httpsRedirect: true })).toEqual([
      `P2151 ${at}.tls.httpsRedirect`,
    ])
  })
  test("one source of the certificate, complete", () => {
    expect(https({ mode: "SIMPLE" })).toEqual([`P2111 ${at}.tls`])
    expect(https({ mode: "SIMPLE", serverCertificate: "a" })).toEqual([`P2111 ${at}.tls`])
    expect(https({ mode: "SIMPLE", serverCertificate: "a", privateKey: "b" })).toEqual([])
    expect(https({ mode: "MUTUAL", serverCertificate: "a", privateKey: "b" })).toEqual([`P2112 ${at}.tls`])
    expect(https({ mode: "SIMPLE", credentialName: "a", credentialNames: ["b"] })).toEqual([
      `P2110 ${at}.tls.credentialNames`,
    ])
    expect(https({ mode: "SIMPLE", credentialNames: ["a", "b", "c"] })).toEqual([`P2115 ${at}.tls.credentialNames`])
    expect(https({ mode: "MUTUAL", credentialName: "a", caCrl: "b" })).toEqual([`P2113 ${at}.tls.caCrl`])
    expect(https({ mode: "ISTIO_MUTUAL", credentialName: "a" })).toEqual([`P2114 ${at}.tls.credentialName`])
    expect(https({ mode: "PASSTHROUGH", credentialName: "a" })).toEqual([`P2150 ${at}.tls.credentialName`])
  })
  test("TLS versions, cipher suites, certificate hashes", () => {
    const simple = (fields: object) => https({ mode: "SIMPLE", credentialName: "a", ...fields })
    expect(simple({ minProtocolVersion: "TLSV1_3", maxProtocolVersion: "TLSV1_2" })).toEqual([
      `P2116 ${at}.tls.minProtocolVersion`,
    ])
    expect(simple({ minProtocolVersion: "TLSV1_1" })).toEqual([`P2154 ${at}.tls.minProtocolVersion`])
    expect(simple({ cipherSuites: ["AES128-SHA", "RC4", "AES128-SHA"] })).toEqual([
      `P2152 ${at}.tls.cipherSuites[1]`,
      `P2152 ${at}.tls.cipherSuites[2]`,
    ])
    const digest = "AB".repeat(32)
    const colons = Array.from({ length: 32 }, () => "ab").join(":")
    expect(simple({ verifyCertificateHash: [digest, colons] })).toEqual([])
    expect(simple({ verifyCertificateHash: [digest.slice(1)] })).toEqual([`P2014 ${at}.tls.verifyCertificateHash[0]`])
    expect(simple({ verifyCertificateSpki: [digest] })).toEqual([`P2014 ${at}.tls.verifyCertificateSpki[0]`])
  })
})

describe("a DestinationRule (sheet 6, 13)", () => {
  const policy = (trafficPolicy: object) => found("DestinationRule", { host: "web", trafficPolicy })
  const at = "spec.trafficPolicy"

  test("host and subsets", () => {
    expect(found("DestinationRule", { host: "web", subsets: [{ name: "v1" }] })).toEqual([])
    expect(found("DestinationRule", {})).toEqual(["P2003 spec.host"])
    expect(found("DestinationRule", { host: "a", subsets: [{ name: "v_1" }] })).toEqual(["P2010 spec.subsets[0].name"])
    expect(found("DestinationRule", { host: "a", subsets: [{ name: "b" }, { name: "b" }] })).toEqual([
      "P2301 spec.subsets[1].name",
    ])
  })
  test("load balancers", () => {
    expect(policy({ loadBalancer: { simple: "ROUND_ROBIN", consistentHash: { useSourceIp: true } } })).toEqual([
      `P2006 ${at}.loadBalancer.consistentHash`,
    ])
    expect(policy({ loadBalancer: { simple: "PASSTHROUGH" } })).toEqual([`P2351 ${at}.loadBalancer.simple`])
    expect(policy({ loadBalancer: { consistentHash: {} } })).toEqual([`P2006 ${at}.loadBalancer.consistentHash`])
    const maglev = (fields: object) =>
      policy({ loadBalancer: { consistentHash: { useSourceIp: true, maglev: fields } } })
    expect(maglev({ tableSize: 65_537 })).toEqual([])
    for (const fields of [{}, { tableSize: 65_536 }, { tableSize: 5_000_011 }]) {
      expect(maglev(fields)).toHaveLength(1)
      expect(maglev(fields)[0]).toStartWith("P2302 ")
    }
    expect(
      policy({ loadBalancer: { localityLbSetting: { distribute: [{ from: "a", to: { b: 60, c: 30 } }] } } }),
    ).toEqual([`P2306 ${at}.loadBalancer.localityLbSetting.distribute[0].to`])
  })
  test("connection pools", () => {
    expect(policy({ connectionPool: {} })).toEqual([`P2303 ${at}.connectionPool`])
    expect(policy({ connectionPool: { http: { useClientProtocol: true, h2UpgradePolicy: "UPGRADE" } } })).toEqual([
      `P2307 ${at}.connectionPool.http.useClientProtocol`,
    ])
    expect(policy({ connectionPool: { http: { http2KeepAlive: { interval: "1s" } } } })).toEqual([
      `P2304 ${at}.connectionPool.http.http2KeepAlive`,
    ])
    expect(policy({ connectionPool: { tcp: { connectTimeout: "0s" } } })).toEqual([
      `P2007 ${at}.connectionPool.tcp.connectTimeout`,
    ])
  })
  test("outlier detection, port settings, tls", () => {
    expect(policy({ outlierDetection: { consecutiveLocalOriginFailures: 3 } })).toEqual([
      `P2305 ${at}.outlierDetection.consecutiveLocalOriginFailures`,
    ])
    expect(policy({ outlierDetection: { maxEjectionPercent: 101 } })).toEqual([
      `P2005 ${at}.outlierDetection.maxEjectionPercent`,
    ])
    expect(policy({ outlierDetection: { consecutiveErrors: 1 } })).toEqual([
      `P2350 ${at}.outlierDetection.consecutiveErrors`,
    ])
    expect(policy({ portLevelSettings: [{ connectionPool: {} }] })).toEqual([
      `P2308 ${at}.portLevelSettings[0]`,
      `P2303 ${at}.portLevelSettings[0].connectionPool`,
    ])
    expect(policy({ tls: { mode: "MUTUAL" } })).toEqual([`P2309 ${at}.tls`, `P2309 ${at}.tls`])
    expect(policy({ tls: { mode: "MUTUAL", credentialName: "a" } })).toEqual([])
    expect(policy({ tls: { mode: "MUTUAL", credentialName: "a", privateKey: "b" } })).toEqual([
      `P2309 ${at}.tls.privateKey`,
    ])
  })
})

describe("a ServiceEntry (sheet 7.1, 13)", () => {
  const ports = [{ number: 80, name: "http", protocol: "HTTP" }]
  const entry = (fields: object) => found("ServiceEntry", { hosts: ["a.com"], ports, resolution: "DNS", ...fields })

  test("hosts", () => {
    expect(entry({})).toEqual([])
    expect(entry({ hosts: [] })).toEqual(["P2401 spec.hosts"])
    expect(entry({ hosts: ["*"] })).toEqual(["P2008 spec.hosts[0]"])
    expect(entry({ hosts: ["*-eu.a.com"], endpoints: [{ address: "b.com" }] })).toEqual(["P2451 spec.hosts[0]"])
  })
  test("resolution and endpoints belong together", () => {
    expect(entry({ resolution: "NONE" })).toEqual(["P2450 spec.resolution"])
    expect(entry({ resolution: "NONE", endpoints: [{ address: "10.0.0.1" }] })).toEqual([
      "P2450 spec.resolution",
      "P2402 spec.endpoints",
    ])
    expect(entry({ endpoints: [{ address: "10.0.0.1" }], workloadSelector: { labels: {} } })).toEqual([
      "P2403 spec.endpoints",
    ])
    expect(entry({ resolution: "STATIC", endpoints: [{ address: "b.com" }, { address: "unix:///a" }] })).toEqual([
      "P2404 spec.endpoints[0].address",
    ])
    expect(entry({ endpoints: [{ address: "unix:///a" }, { address: "10.0.0.1" }, { address: "b.com" }] })).toEqual([
      "P2404 spec.endpoints[0].address",
    ])
    expect(entry({ endpoints: [{}] })).toEqual(["P2404 spec.endpoints[0]"])
    expect(entry({ hosts: ["*.a.com"] })).toEqual(["P2405 spec.hosts[0]"])
    const two = [{ address: "b.com" }, { address: "c.com" }]
    expect(entry({ resolution: "DNS_ROUND_ROBIN", endpoints: two })).toEqual(["P2410 spec.endpoints"])
  })
  test("ports", () => {
    expect(entry({ ports: [...ports, { number: 80, name: "http" }] })).toEqual([
      "P2406 spec.ports[1].number",
      "P2406 spec.ports[1].name",
    ])
    expect(entry({ hosts: ["a.com", "b.com"], ports: [{ number: 1, name: "tcp", protocol: "TCP" }] })).toEqual([
      "P2407 spec.ports[0]",
    ])
    expect(entry({ endpoints: [{ address: "b.com", ports: { other: 1 } }] })).toEqual([
      "P2409 spec.endpoints[0].ports.other",
    ])
    expect(entry({ addresses: ["10.0.0.0/8"] })).toEqual(["P2408 spec.addresses[0]"])
    expect(entry({ addresses: ["10.0.0.0/33"] })).toEqual(["P2008 spec.addresses[0]"])
  })
})

describe("fields that are not honoured", () => {
  test("warn with their name and place, and are never silent", () => {
    const object = {
      apiVersion: "networking.istio.io/v1",
      kind: "DestinationRule",
      metadata: { name: "a" },
      spec: { host: "web", trafficPolicy: { tunnel: { targetHost: "a.com", targetPort: 443 } } },
    }
    const { diagnostics } = parseResources([{ path: "a.json", text: JSON.stringify(object, null, 2) }])
    expect(diagnostics).toMatchObject([
      {
        severity: "warning",
        code: "P2901",
        message: "`tunnel` is not honoured yet: it has no effect here",
        line: 10,
        path: "spec.trafficPolicy.tunnel",
      },
    ])
  })
  test("a policy is looked through wherever it stands", () => {
    const connectionPool = { tcp: { connectTimeout: "1s", tcpKeepalive: { probes: 3, time: "1s" } } }
    const portLevelSettings = [{ port: { number: 80 }, connectionPool }]
    const spec = {
      host: "web",
      trafficPolicy: { portLevelSettings },
      subsets: [{ name: "v1", trafficPolicy: { connectionPool, portLevelSettings } }],
    }
    const object = { apiVersion: "networking.istio.io/v1", kind: "DestinationRule", metadata: { name: "a" }, spec }
    const { diagnostics } = parseResources([{ path: "a.json", text: JSON.stringify(object) }])
    expect(diagnostics.map(({ code, path }) => `${code} ${path}`)).toEqual([
      "P2901 spec.trafficPolicy.portLevelSettings[0].connectionPool.tcp.tcpKeepalive.probes",
      "P2901 spec.subsets[0].trafficPolicy.connectionPool.tcp.tcpKeepalive.probes",
      "P2901 spec.subsets[0].trafficPolicy.portLevelSettings[0].connectionPool.tcp.tcpKeepalive.probes",
    ])
  })
  test("only naming is not warned of", () => {
    const spec = {
      hosts: ["a.com"],
      gateways: ["g"],
      http: [
        {
          name: "r",
          match: [{ name: "m", statPrefix: "s", uri: { prefix: "/a" } }],
          route: [{ destination: { host: "a" } }],
        },
      ],
    }
    const object = { apiVersion: "networking.istio.io/v1", kind: "VirtualService", metadata: { name: "a" }, spec }
    expect(parseResources([{ path: "a.json", text: JSON.stringify(object) }]).diagnostics).toEqual([])
  })
})

describe("Kubernetes kinds", () => {
  const kubernetes = (object: object) => parseResources([{ path: "a.json", text: JSON.stringify(object) }])
  const metadata = { name: "a" }

  test("Secret, Service, EndpointSlice and Endpoints as clusters write them", () => {
    const objects = [
      { apiVersion: "v1", kind: "Secret", metadata, type: "kubernetes.io/tls", data: { "tls.crt": "YQ==" } },
      {
        apiVersion: "v1",
        kind: "Service",
        metadata,
        spec: {
          clusterIP: "None",
          ipFamilies: ["IPv4"],
          ports: [{ name: "http", port: 80, targetPort: "web", appProtocol: "http" }],
        },
        status: { loadBalancer: {} },
      },
      {
        apiVersion: "discovery.k8s.io/v1",
        kind: "EndpointSlice",
        metadata,
        addressType: "IPv4",
        endpoints: [
          { addresses: ["10.0.0.1"], conditions: { ready: true }, nodeName: "n", targetRef: { kind: "Pod" } },
        ],
        ports: [{ name: "", port: 80, protocol: "TCP" }],
      },
      {
        apiVersion: "v1",
        kind: "Endpoints",
        metadata,
        subsets: [{ addresses: [{ ip: "10.0.0.1" }], ports: [{ port: 80 }] }],
      },
    ]
    const { value, diagnostics } = kubernetes({ apiVersion: "v1", kind: "List", items: objects })
    expect(diagnostics).toEqual([])
    expect(value.map((resource) => resource.kind)).toEqual(["Secret", "Service", "EndpointSlice", "Endpoints"])
    expect(value[0]).toMatchObject({ body: { data: { "tls.crt": "YQ==" } } })
  })
  test("unknown fields and wrong base64 are errors", () => {
    const secret = { apiVersion: "v1", kind: "Secret", metadata }
    expect(kubernetes({ ...secret, dat: {} }).diagnostics).toMatchObject([{ code: "P2001", path: "dat" }])
    expect(kubernetes({ ...secret, data: { "tls.crt": "-----BEGIN" } }).diagnostics).toMatchObject([
      { code: "P2014", path: 'data["tls.crt"]' },
    ])
  })
})
