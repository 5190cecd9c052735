/**
 * What a DestinationRule settles for one cluster, compiled: total and numeric (Istio semantics sheet 6.3-6.7). Part of the
 * snapshot; kept in a file of its own because only `upstream/` looks inside.
 */

/** Envoy's "no limit": 2^32 - 1. */
export const unlimited = 4_294_967_295

export type LoadBalancerKind = "least-request" | "round-robin" | "random" | "ring-hash" | "maglev"

/** Which part of a request decides its endpoint. A request without that part is balanced at random. */
export type HashKey =
  /** `nameLower` lower-cased. */
  | { readonly kind: "header"; readonly nameLower: string }
  | CookieHashKey
  | { readonly kind: "source-ip" }
  /** Compared undecoded; the first occurrence counts. */
  | { readonly kind: "query"; readonly name: string }

export interface CookieHashKey {
  readonly kind: "cookie"
  readonly name: string
  /** "" = no Path attribute. */
  readonly path: string
  /** -1 = no cookie is made where the client sends none; 0 = one that ends with the browser's session. */
  readonly ttlSeconds: number
  /** As appended to `set-cookie`: "" or `; NAME=VALUE; NAME`. */
  readonly attributes: string
}

export interface HashPolicy {
  readonly key: HashKey
  /** Ring hash: points on the ring, at least. */
  readonly ringSizeMin: number
  /** Maglev: a prime. */
  readonly tableSize: number
}

/** A new endpoint's weight grows from `minimumPercent` to its own over `durationMs` (Envoy: slow start). */
export interface WarmupPolicy {
  /** > 0 */
  readonly durationMs: number
  /** 0-100 */
  readonly minimumPercent: number
  /** ≥ 1; 1 grows linearly. */
  readonly aggression: number
}

/** How many retries may be under way at once, in proportion to the load (Envoy: retry_budget). */
export interface RetryBudget {
  /** Of the active requests, 0-100. */
  readonly percent: number
  /** So many are always allowed. */
  readonly minRetryConcurrency: number
}

/** Envoy's circuit breakers and per-connection limits; for the whole cluster, not per endpoint. */
export interface ConnectionLimits {
  readonly maxConnections: number
  /** Requests that wait for a connection. Beyond: 503 UO. */
  readonly maxPendingRequests: number
  /** Requests on a connection. Beyond: 503 UO. */
  readonly maxRequests: number
  /** Retries that wait or are under way. Beyond: the answer there is, flag UO. */
  readonly maxRetries: number
  /** In place of `maxRetries`; null = none. */
  readonly retryBudget: RetryBudget | null
  /** 0 = unlimited. */
  readonly maxRequestsPerConnection: number
  /** 0 = none. */
  readonly maxConnectionDurationMs: number
  /** TCP keep-alive probes start after this long without data; 0 = off. */
  readonly keepAliveAfterMs: number
  /** Requests on one HTTP/2 connection at once, where the service allows as many. Beyond: another connection. */
  readonly maxConcurrentStreams: number
  /** null = HTTP/2 connections are not asked whether they live. */
  readonly http2KeepAlive: Http2KeepAlive | null
}

/** Asks an HTTP/2 connection by PING whether somebody is there (Envoy: `connection_keepalive`). */
export interface Http2KeepAlive {
  /** From one PING to the next, and up to 15 % more. */
  readonly intervalMs: number
  /** From a PING until something, whatever it is, has come from the service. Beyond: the connection is cut. */
  readonly timeoutMs: number
}

/** Envoy's outlier detection as Istio sets it up: consecutive errors only. 0 = that detector is off. */
export interface OutlierPolicy {
  readonly consecutive5xxErrors: number
  readonly consecutiveGatewayErrors: number
  readonly consecutiveLocalOriginFailures: number
  /** Failed connects, resets and timeouts count only for `consecutiveLocalOriginFailures`. */
  readonly splitsLocalOrigin: boolean
  /** Between sweeps, which end ejections. */
  readonly intervalMs: number
  readonly baseEjectionTimeMs: number
  readonly maxEjectionPercent: number
  /** Statuses that count as errors in place of 500-599; null = those. */
  readonly errorStatuses: readonly StatusRange[] | null
}

/** Both ends inclusive. */
export interface StatusRange {
  readonly first: number
  readonly last: number
}

/** How the gateway speaks TLS to the endpoints. Certificates are named, not held: they rotate without a new snapshot. */
export interface UpstreamTls {
  /** Whether a client certificate is shown. */
  readonly isMutual: boolean
  /** "" = the request's Host without its port; nothing where that is an IP address. */
  readonly sni: string
  /** The server certificate must carry one of them; empty = see `verifiesHost`. */
  readonly subjectAltNames: readonly string[]
  /** The server certificate must carry the request's Host. */
  readonly verifiesHost: boolean
  readonly insecureSkipVerify: boolean
  /** Names a secret with `ca.crt` and, when mutual, `tls.crt` and `tls.key`; "" = the files below. */
  readonly credentialName: string
  /** Where the rule lives: its secrets are looked up there first. */
  readonly namespace: string
  /** "" = the roots of the system. */
  readonly caCertificatesFile: string
  /** "" = no revocation list. */
  readonly caCrlFile: string
  readonly clientCertificateFile: string
  readonly privateKeyFile: string
}

/** Active health checks, asked for by annotation. */
export interface HealthCheckPolicy {
  readonly path: string
  readonly intervalMs: number
  readonly timeoutMs: number
  /** Checks in a row that bring an endpoint back. */
  readonly healthyThreshold: number
  /** Checks in a row that take an endpoint out. */
  readonly unhealthyThreshold: number
}

/** All of it, for one cluster. */
export interface ClusterTrafficPolicy {
  readonly loadBalancer: LoadBalancerKind
  /** Only with ring-hash and maglev. */
  readonly hash: HashPolicy | null
  readonly warmup: WarmupPolicy | null
  /** From the connect call to the connection (and its TLS handshake) complete. */
  readonly connectTimeoutMs: number
  /** An upstream connection without a request longer than this is closed; 0 = never. */
  readonly idleTimeoutMs: number
  /** The same of forwarded TCP, where a connection is all there is: without a byte in either direction. */
  readonly tcpIdleTimeoutMs: number
  readonly limits: ConnectionLimits
  /** null = endpoints are never ejected. */
  readonly outlierDetection: OutlierPolicy | null
  /** Below this share of usable endpoints (percent) all are used; 0 = never. */
  readonly panicThresholdPercent: number
  /** null = plaintext. */
  readonly tls: UpstreamTls | null
  /** Requests go on in the HTTP version they came in, whatever the port says. */
  readonly usesClientProtocol: boolean
  /** Version of the PROXY protocol header that opens each connection; 0 = none. */
  readonly proxyProtocol: 0 | 1 | 2
}

/** What a cluster without a DestinationRule gets. */
export const trafficPolicyDefault: ClusterTrafficPolicy = Object.freeze({
  loadBalancer: "least-request",
  hash: null,
  warmup: null,
  connectTimeoutMs: 10_000,
  idleTimeoutMs: 3_600_000,
  tcpIdleTimeoutMs: 3_600_000,
  limits: Object.freeze({
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
  }),
  outlierDetection: null,
  panicThresholdPercent: 50,
  tls: null,
  usesClientProtocol: false,
  proxyProtocol: 0,
})
