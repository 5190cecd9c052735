/** Clusters as istioctl prints them with `-o json` (Istio semantics sheet 6, 10). */
import { describe, expect, test } from "bun:test"
import { cluster, compileExample, gateway } from "../compile/example-configuration.ts"
import { clusterJson } from "./cluster-json.ts"
import type { JsonObject } from "./json-value.ts"

const host = "api.example"
const unlimited = 4_294_967_295

function shown(trafficPolicy: object | null, protocol = "HTTP", annotations: Record<string, string> = {}): JsonObject {
  const entry = {
    apiVersion: "networking.istio.io/v1",
    kind: "ServiceEntry",
    metadata: { name: "api", annotations },
    spec: {
      hosts: [host],
      resolution: "STATIC",
      ports: [{ number: 80, name: "web", protocol }],
      endpoints: [{ address: "10.0.0.1" }],
    },
  }
  const rule = {
    apiVersion: "networking.istio.io/v1",
    kind: "DestinationRule",
    metadata: { name: "api" },
    spec: { host, trafficPolicy },
  }
  const documents = trafficPolicy === null ? [entry] : [entry, rule]
  const text = documents.map((document) => `---\n${JSON.stringify(document)}\n`).join("")
  return clusterJson(cluster(compileExample(gateway() + text), `outbound|80||${host}`))
}

const httpOptions = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"

test("a cluster without a rule says what is in force, and nothing that is not", () => {
  const json = shown(null)
  expect(Object.keys(json)).toEqual(["name", "type", "connectTimeout", "lbPolicy", "loadAssignment", "circuitBreakers"])
  expect(json["circuitBreakers"]).toEqual({
    thresholds: [
      { maxConnections: unlimited, maxPendingRequests: unlimited, maxRequests: unlimited, maxRetries: unlimited },
    ],
  })
})

describe("connectionPool (sheet 6.5)", () => {
  test("limits are circuit breakers; a retry budget stands in place of maxRetries", () => {
    const tcp = { maxConnections: 1, tcpKeepalive: { time: "300s" } }
    const http = { http1MaxPendingRequests: 2, http2MaxRequests: 3, maxRetries: 4 }
    const json = shown({ connectionPool: { tcp, http } })
    expect(json["circuitBreakers"]).toEqual({
      thresholds: [{ maxConnections: 1, maxPendingRequests: 2, maxRequests: 3, maxRetries: 4 }],
    })
    expect(json["upstreamConnectionOptions"]).toEqual({ tcpKeepalive: { keepaliveTime: 300 } })
    expect(shown({ retryBudget: { percent: 10 } })["circuitBreakers"]).toMatchObject({
      thresholds: [{ retryBudget: { budgetPercent: { value: 10 }, minRetryConcurrency: 3 } }],
    })
  })

  test("what holds for a connection is among the HTTP options", () => {
    const http = { idleTimeout: "90s", maxRequestsPerConnection: 7 }
    const tcp = { maxConnectionDuration: "2.5s" }
    expect(shown({ connectionPool: { tcp, http } })["typedExtensionProtocolOptions"]).toEqual({
      [httpOptions]: {
        "@type": `type.googleapis.com/${httpOptions}`,
        commonHttpProtocolOptions: {
          idleTimeout: "90s",
          maxConnectionDuration: "2.500s",
          maxRequestsPerConnection: 7,
        },
        explicitHttpConfig: { httpProtocolOptions: {} },
      },
    })
  })

  test("HTTP/2 with its streams and its keepalive, and the client's version", () => {
    const http2KeepAlive = { interval: "30s", timeout: "5s" }
    const http2ProtocolOptions = {
      maxConcurrentStreams: 8,
      connectionKeepalive: { interval: "30s", timeout: "5s" },
    }
    const policy = { connectionPool: { http: { maxConcurrentStreams: 8, http2KeepAlive } } }
    expect(shown(policy, "HTTP2")["typedExtensionProtocolOptions"]).toMatchObject({
      [httpOptions]: { explicitHttpConfig: { http2ProtocolOptions } },
    })
    const either = { connectionPool: { http: { ...policy.connectionPool.http, useClientProtocol: true } } }
    expect(shown(either)["typedExtensionProtocolOptions"]).toMatchObject({
      [httpOptions]: { useDownstreamProtocolConfig: { httpProtocolOptions: {}, http2ProtocolOptions } },
    })
  })
})

describe("outlierDetection (sheet 6.6)", () => {
  test("the defaults of an empty block; success rates never count", () => {
    const json = shown({ outlierDetection: {} })
    expect(json["outlierDetection"]).toEqual({
      consecutive5xx: 5,
      interval: "10s",
      baseEjectionTime: "30s",
      maxEjectionPercent: 10,
      enforcingConsecutive5xx: 100,
      enforcingSuccessRate: 0,
      consecutiveGatewayFailure: 0,
      enforcingConsecutiveGatewayFailure: 0,
    })
    expect(json["commonLbConfig"]).toEqual({ healthyPanicThreshold: { value: 0 } })
  })

  test("a detector of 0 errors is not enforced; local errors apart", () => {
    const outlierDetection = {
      consecutive5xxErrors: 0,
      consecutiveGatewayErrors: 3,
      splitExternalLocalOriginErrors: true,
      consecutiveLocalOriginFailures: 2,
      minHealthPercent: 50,
    }
    const json = shown({ outlierDetection })
    expect(json["outlierDetection"]).toMatchObject({
      enforcingConsecutive5xx: 0,
      consecutiveGatewayFailure: 3,
      enforcingConsecutiveGatewayFailure: 100,
      splitExternalLocalOriginErrors: true,
      consecutiveLocalOriginFailure: 2,
      enforcingConsecutiveLocalOriginFailure: 100,
    })
    expect(json).not.toHaveProperty("commonLbConfig")
  })
})

describe("tls (sheet 6.7)", () => {
  test("SIMPLE: the Host names the server, the system's roots vouch for it", () => {
    const json = shown({ tls: { mode: "SIMPLE" } })
    expect(json["transportSocket"]).toEqual({
      name: "envoy.transport_sockets.tls",
      typedConfig: {
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        commonTlsContext: {
          combinedValidationContext: {
            defaultValidationContext: {},
            validationContextSdsSecretConfig: { name: "file-root:system" },
          },
        },
      },
    })
    expect(json["typedExtensionProtocolOptions"]).toMatchObject({
      [httpOptions]: { upstreamHttpProtocolOptions: { autoSni: true, autoSanValidation: true } },
    })
  })

  test("MUTUAL with a credential, names and HTTP/2", () => {
    const tls = { mode: "MUTUAL", credentialName: "api", sni: "api.internal", subjectAltNames: ["api.internal"] }
    expect(shown({ tls }, "HTTP2")["transportSocket"]).toMatchObject({
      typedConfig: {
        commonTlsContext: {
          tlsCertificateSdsSecretConfigs: [{ name: "kubernetes://api" }],
          combinedValidationContext: {
            defaultValidationContext: { matchTypedSubjectAltNames: [{ matcher: { exact: "api.internal" } }] },
            validationContextSdsSecretConfig: { name: "kubernetes://api-cacert" },
          },
          alpnProtocols: ["h2"],
        },
        sni: "api.internal",
      },
    })
  })

  test("files are named by their paths; what is not verified has no context", () => {
    const files = { clientCertificate: "/c.pem", privateKey: "/k.pem", caCertificates: "/ca.pem" }
    expect(shown({ tls: { mode: "MUTUAL", ...files } })["transportSocket"]).toMatchObject({
      typedConfig: {
        commonTlsContext: {
          tlsCertificateSdsSecretConfigs: [{ name: "file-cert:/c.pem~/k.pem" }],
          combinedValidationContext: { validationContextSdsSecretConfig: { name: "file-root:/ca.pem" } },
        },
      },
    })
    const unverified = { mode: "SIMPLE", sni: "x", insecureSkipVerify: true }
    expect(shown({ tls: unverified })["transportSocket"]).toEqual({
      name: "envoy.transport_sockets.tls",
      typedConfig: {
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        sni: "x",
      },
    })
  })
})

test("hashing balancers and health checks", () => {
  const byHeader = { httpHeaderName: "x-user" }
  expect(shown({ loadBalancer: { consistentHash: byHeader } })).toMatchObject({
    lbPolicy: "RING_HASH",
    ringHashLbConfig: { minimumRingSize: "1024" },
  })
  expect(shown({ loadBalancer: { consistentHash: { ...byHeader, maglev: { tableSize: 1009 } } } })).toMatchObject({
    lbPolicy: "MAGLEV",
    maglevLbConfig: { tableSize: "1009" },
  })
  const annotations = { "portcullis.dev/health-check": "path=/healthz interval=5s timeout=1s healthy=2 unhealthy=3" }
  expect(shown(null, "HTTP", annotations)["healthChecks"]).toEqual([
    {
      timeout: "1s",
      interval: "5s",
      unhealthyThreshold: 3,
      healthyThreshold: 2,
      httpHealthCheck: { host, path: "/healthz" },
    },
  ])
})
