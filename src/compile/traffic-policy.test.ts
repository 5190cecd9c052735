/** DestinationRule to numbers (Istio semantics sheet 6.2-6.7). */
import { describe, expect, test } from "bun:test"
import { unlimited } from "./cluster-policies.ts"
import { cluster, compileExample, type Example, gateway } from "./example-configuration.ts"
import type { ClusterSpec } from "./snapshot.ts"

const host = "api.example"
const wholeName = `outbound|80||${host}`

function configuration(spec: object, entry: object = {}, annotations: Record<string, string> = {}): string {
  const serviceEntry = {
    apiVersion: "networking.istio.io/v1",
    kind: "ServiceEntry",
    metadata: { name: "api", annotations },
    spec: {
      hosts: [host],
      resolution: "STATIC",
      ports: [
        { number: 80, name: "http", protocol: "HTTP" },
        { number: 81, name: "more", protocol: "HTTP" },
      ],
      endpoints: [{ address: "10.0.0.1", labels: { version: "v1" } }],
      ...entry,
    },
  }
  const rule = {
    apiVersion: "networking.istio.io/v1",
    kind: "DestinationRule",
    metadata: { name: "api" },
    spec: { host, ...spec },
  }
  return `${gateway()}---\n${JSON.stringify(serviceEntry)}\n---\n${JSON.stringify(rule)}\n`
}

function policyOf(trafficPolicy: object, name = wholeName, entry: object = {}): ClusterSpec {
  return cluster(compileExample(configuration({ trafficPolicy }, entry)), name)
}

describe("levels (sheet 6.2)", () => {
  test("a port's entry replaces all four: what it does not name is the default again (sheet 14.35)", () => {
    const trafficPolicy = {
      loadBalancer: { simple: "RANDOM" },
      outlierDetection: {},
      tls: { mode: "SIMPLE" },
      portLevelSettings: [{ port: { number: 81 }, connectionPool: { tcp: { maxConnections: 3 } } }],
    }
    const whole = policyOf(trafficPolicy)
    expect([whole.loadBalancer, whole.outlierDetection === null, whole.tls === null]).toEqual(["random", false, false])
    const port = policyOf(trafficPolicy, `outbound|81||${host}`)
    expect([port.loadBalancer, port.outlierDetection, port.tls]).toEqual(["least-request", null, null])
    expect(port.limits.maxConnections).toBe(3)
  })

  test("a subset overrides what it names, PROXY protocol included", () => {
    const spec = {
      trafficPolicy: { proxyProtocol: { version: "V1" }, loadBalancer: { simple: "RANDOM" }, tls: { mode: "SIMPLE" } },
      subsets: [
        { name: "v1", labels: { version: "v1" }, trafficPolicy: { tls: { mode: "DISABLE" } } },
        { name: "v2", trafficPolicy: { proxyProtocol: { version: "V2" } } },
      ],
    }
    const example = compileExample(configuration(spec))
    const [v1, v2] = [cluster(example, `outbound|80|v1|${host}`), cluster(example, `outbound|80|v2|${host}`)]
    expect([v1.tls, v1.loadBalancer, v1.proxyProtocol]).toEqual([null, "random", 1])
    expect([v2.tls === null, v2.proxyProtocol]).toEqual([false, 2])
  })
})

describe("loadBalancer (sheet 6.3)", () => {
  test("consistentHash is ring hash of 1024 points unless it says otherwise", () => {
    const key = { httpHeaderName: "X-User" }
    expect(policyOf({ loadBalancer: { consistentHash: key } })).toMatchObject({
      loadBalancer: "ring-hash",
      hash: { key: { kind: "header", nameLower: "x-user" }, ringSizeMin: 1024 },
    })
    const larger = policyOf({ loadBalancer: { consistentHash: { ...key, ringHash: { minimumRingSize: 4096 } } } })
    expect(larger.hash?.ringSizeMin).toBe(4096)
    const older = policyOf({ loadBalancer: { consistentHash: { ...key, minimumRingSize: 2048 } } })
    expect(older.hash?.ringSizeMin).toBe(2048)
    expect(policyOf({ loadBalancer: { consistentHash: { ...key, maglev: { tableSize: 101 } } } })).toMatchObject({
      loadBalancer: "maglev",
      hash: { tableSize: 101 },
    })
  })

  test.each([
    [{ useSourceIp: true }, { kind: "source-ip" }],
    [{ httpQueryParameterName: "user" }, { kind: "query", name: "user" }],
    [{ httpCookie: { name: "s" } }, { kind: "cookie", name: "s", path: "", ttlSeconds: -1, attributes: "" }],
    [
      { httpCookie: { name: "s", path: "/app", ttl: "0s" } },
      { kind: "cookie", name: "s", path: "/app", ttlSeconds: 0, attributes: "" },
    ],
    [
      { httpCookie: { name: "s", ttl: "90s", attributes: [{ name: "SameSite", value: "Lax" }, { name: "Secure" }] } },
      { kind: "cookie", name: "s", path: "", ttlSeconds: 90, attributes: "; SameSite=Lax; Secure" },
    ],
  ])("the key %j", (consistentHash, key) => {
    expect(policyOf({ loadBalancer: { consistentHash } }).hash?.key).toMatchObject(key)
  })

  test("warmup, in both spellings, for the balancers that have turns", () => {
    const warmup = { duration: "60s" }
    expect(policyOf({ loadBalancer: { warmup } }).warmup).toEqual({
      durationMs: 60_000,
      minimumPercent: 10,
      aggression: 1,
    })
    expect(policyOf({ loadBalancer: { simple: "ROUND_ROBIN", warmupDurationSecs: "5s" } }).warmup?.durationMs).toBe(
      5000,
    )
    expect(policyOf({ loadBalancer: { simple: "RANDOM", warmup } }).warmup).toBeNull()
  })

  test("PASSTHROUGH has no endpoint at a gateway", () => {
    expect(policyOf({ loadBalancer: { simple: "PASSTHROUGH" } }).discovery).toEqual({ kind: "static", endpoints: [] })
  })
})

describe("connectionPool (sheet 6.5)", () => {
  test("0 is unset", () => {
    const http = { http1MaxPendingRequests: 0, http2MaxRequests: 0, maxRequestsPerConnection: 0, maxRetries: 0 }
    const ofHttp2 = { maxConcurrentStreams: 0 }
    expect(policyOf({ connectionPool: { tcp: { maxConnections: 0 }, http: { ...http, ...ofHttp2 } } }).limits).toEqual({
      maxConnections: unlimited,
      maxPendingRequests: unlimited,
      maxRequests: unlimited,
      maxRetries: unlimited,
      retryBudget: null,
      maxRequestsPerConnection: 0,
      maxConnectionDurationMs: 0,
      keepAliveAfterMs: 0,
      maxConcurrentStreams: unlimited,
      http2KeepAlive: null,
    })
  })

  test("what is written is kept", () => {
    const tcp = { maxConnections: 1, maxConnectionDuration: "2s", tcpKeepalive: { time: "3s" } }
    const http = { http1MaxPendingRequests: 4, http2MaxRequests: 5, maxRequestsPerConnection: 6, maxRetries: 7 }
    const ofHttp2 = { maxConcurrentStreams: 8, http2KeepAlive: { interval: "30s", timeout: "5s" } }
    expect(policyOf({ connectionPool: { tcp, http: { ...http, ...ofHttp2 } } }).limits).toEqual({
      maxConnections: 1,
      maxConnectionDurationMs: 2000,
      keepAliveAfterMs: 3000,
      maxConcurrentStreams: 8,
      http2KeepAlive: { intervalMs: 30_000, timeoutMs: 5000 },
      maxPendingRequests: 4,
      maxRequests: 5,
      maxRetries: 7,
      retryBudget: null,
      maxRequestsPerConnection: 6,
    })
  })

  test("retryBudget: 20 percent and 3 where it does not say, a subset's before the rule's (sheet 3.6)", () => {
    expect(policyOf({ retryBudget: {} }).limits.retryBudget).toEqual({ percent: 20, minRetryConcurrency: 3 })
    expect(policyOf({ retryBudget: { percent: 0, minRetryConcurrency: 0 } }).limits.retryBudget).toEqual({
      percent: 0,
      minRetryConcurrency: 3,
    })
    const spec = {
      trafficPolicy: {
        retryBudget: { percent: 12.5, minRetryConcurrency: 1 },
        portLevelSettings: [{ port: { number: 80 }, connectionPool: {} }],
      },
      subsets: [
        { name: "v1", labels: { version: "v1" }, trafficPolicy: { retryBudget: { percent: 50 } } },
        { name: "v2", trafficPolicy: { tls: { mode: "DISABLE" } } },
      ],
    }
    const example = compileExample(configuration(spec))
    const budget = (subset: string) => cluster(example, `outbound|80|${subset}|${host}`).limits.retryBudget
    expect(budget("")).toEqual({ percent: 12.5, minRetryConcurrency: 1 })
    expect(budget("v1")).toEqual({ percent: 50, minRetryConcurrency: 3 })
    expect(budget("v2")).toEqual({ percent: 12.5, minRetryConcurrency: 1 })
  })

  test("useClientProtocol", () => {
    expect(policyOf({ connectionPool: { http: { useClientProtocol: true } } }).usesClientProtocol).toBe(true)
    expect(policyOf({ connectionPool: { http: {} } }).usesClientProtocol).toBe(false)
  })

  test("tcpKeepalive without a time is the system's two hours", () => {
    expect(policyOf({ connectionPool: { tcp: { tcpKeepalive: {} } } }).limits.keepAliveAfterMs).toBe(7_200_000)
  })

  test("idleTimeout: http's before tcp's, an hour without, 0s is never", () => {
    const idle = (pool: object) => policyOf({ connectionPool: pool }).idleTimeoutMs
    expect(idle({ tcp: { idleTimeout: "3s" }, http: { idleTimeout: "2s" } })).toBe(2000)
    expect(idle({ tcp: { idleTimeout: "3s" } })).toBe(3000)
    expect(idle({ tcp: { maxConnections: 1 } })).toBe(3_600_000)
    expect(idle({ http: { idleTimeout: "0s" } })).toBe(0)
  })
})

describe("outlierDetection (sheet 6.6)", () => {
  test("its defaults, where the block is there", () => {
    const { outlierDetection, panicThresholdPercent } = policyOf({ outlierDetection: {} })
    expect(outlierDetection).toEqual({
      consecutive5xxErrors: 5,
      consecutiveGatewayErrors: 0,
      consecutiveLocalOriginFailures: 0,
      splitsLocalOrigin: false,
      intervalMs: 10_000,
      baseEjectionTimeMs: 30_000,
      maxEjectionPercent: 10,
      errorStatuses: null,
    })
    expect(panicThresholdPercent).toBe(0)
  })

  test("no block: nothing is ejected, and Envoy's own panic threshold holds", () => {
    const { outlierDetection, panicThresholdPercent } = policyOf({ loadBalancer: { simple: "RANDOM" } })
    expect([outlierDetection, panicThresholdPercent]).toEqual([null, 50])
  })

  test("splitExternalLocalOriginErrors turns on its own detector, with 5", () => {
    const { outlierDetection } = policyOf({ outlierDetection: { splitExternalLocalOriginErrors: true } })
    expect(outlierDetection).toMatchObject({ splitsLocalOrigin: true, consecutiveLocalOriginFailures: 5 })
  })

  test("error codes: single ones and classes", () => {
    const outlierDetectionHttpErrorCodes = ["429", "5xx", "nonsense"]
    expect(policyOf({ outlierDetection: { outlierDetectionHttpErrorCodes } }).outlierDetection?.errorStatuses).toEqual([
      { first: 429, last: 429 },
      { first: 500, last: 599 },
    ])
  })
})

describe("tls (sheet 6.7)", () => {
  test("DISABLE and no mode are plaintext", () => {
    expect([policyOf({ tls: { mode: "DISABLE" } }).tls, policyOf({}).tls]).toEqual([null, null])
  })

  test("SIMPLE without more: SNI and name from the Host, roots of the system", () => {
    expect(policyOf({ tls: { mode: "SIMPLE" } }).tls).toMatchObject({
      isMutual: false,
      sni: "",
      verifiesHost: true,
      subjectAltNames: [],
      caCertificatesFile: "",
      insecureSkipVerify: false,
    })
  })

  test("an sni alone: only the chain is verified", () => {
    expect(policyOf({ tls: { mode: "SIMPLE", sni: "a" } }).tls).toMatchObject({ sni: "a", verifiesHost: false })
  })

  test("the ServiceEntry's subjectAltNames stand in for the rule's", () => {
    const entry = { subjectAltNames: ["spiffe://td/a"] }
    const without = policyOf({ tls: { mode: "SIMPLE" } }, wholeName, entry).tls
    expect([without?.subjectAltNames, without?.verifiesHost]).toEqual([["spiffe://td/a"], false])
    const own = policyOf({ tls: { mode: "SIMPLE", subjectAltNames: ["b"] } }, wholeName, entry).tls
    expect(own?.subjectAltNames).toEqual(["b"])
  })

  test("credentialName stands in for every file", () => {
    const files = { caCertificates: "/ca.pem", clientCertificate: "/c.pem", privateKey: "/k.pem" }
    expect(policyOf({ tls: { mode: "MUTUAL", ...files } }).tls).toMatchObject({
      isMutual: true,
      caCertificatesFile: "/ca.pem",
      clientCertificateFile: "/c.pem",
      privateKeyFile: "/k.pem",
    })
    expect(policyOf({ tls: { mode: "MUTUAL", credentialName: "api" } }).tls).toMatchObject({
      credentialName: "api",
      namespace: "default",
      caCertificatesFile: "",
      privateKeyFile: "",
    })
  })

  test("ISTIO_MUTUAL: the SNI is Istio's form of the cluster name", () => {
    expect(policyOf({ tls: { mode: "ISTIO_MUTUAL" } }).tls).toMatchObject({
      isMutual: true,
      sni: `outbound_.80_._.${host}`,
      credentialName: "istio-mutual",
    })
  })
})

describe("portcullis.dev/health-check", () => {
  const annotated = (text: string): Example =>
    compileExample(configuration({}, {}, { "portcullis.dev/health-check": text }))

  test("what is not named has its default", () => {
    expect(cluster(annotated("path=/healthz interval=2s"), wholeName).healthCheck).toEqual({
      path: "/healthz",
      intervalMs: 2000,
      timeoutMs: 1000,
      healthyThreshold: 2,
      unhealthyThreshold: 3,
    })
    expect(cluster(annotated(""), wholeName).healthCheck?.path).toBe("/")
    expect(cluster(annotated("healthy=1, unhealthy=9,timeout=500ms"), wholeName).healthCheck).toMatchObject({
      timeoutMs: 500,
      healthyThreshold: 1,
      unhealthyThreshold: 9,
    })
  })

  test.each([
    "path=healthz",
    "path=/a\u007f",
    "interval=1ms",
    "interval=soon",
    "healthy=0",
    "unhealthy=9999",
    "color=red",
  ])("%s is an error, reported once", (text) => {
    const example = annotated(text)
    expect(example.findings).toEqual([
      'P3014 error ServiceEntry default/api metadata.annotations["portcullis.dev/health-check"]',
    ])
    expect(cluster(example, wholeName).healthCheck).toBeNull()
  })

  test("without the annotation there are no checks", () => {
    expect(policyOf({}).healthCheck).toBeNull()
  })
})
