/**
 * The Snapshot: what `compile/` makes and the data path reads; the only thing both sides share.
 *
 * Everything here is total, numeric and immutable: no YAML type, no duration text, no unresolved name. A snapshot is
 * compiled whole, swapped whole, and an exchange keeps the one it started with.
 * Names are Envoy's as istiod generates them (reference sheet section 1.6).
 */
import type { HostTable } from "../route/host-table.ts"
import type { PathTable } from "../route/path-table.ts"
import type { CompiledRegex } from "../route/regex.ts"
import type { ValueTemplate } from "../telemetry/value-template.ts"
import type { ClusterTrafficPolicy, HealthCheckPolicy } from "./cluster-policies.ts"

/** Where in the user's files a compiled thing comes from. Lines and columns count from 1. */
export interface SourceLocation {
  readonly file: string
  readonly line: number
  readonly column: number
}

/** A resource's name as istioctl prints it: `name.namespace`. */
export interface ResourceName {
  readonly namespace: string
  readonly name: string
}

export interface Snapshot {
  readonly listeners: readonly Listener[]
  /** Indexed by `ClusterSpec.index`. */
  readonly clusters: readonly ClusterSpec[]
  readonly virtualHostCount: number
  readonly routeCount: number
}

/** One bound (address, port). Envoy name `BIND_PORT`, for example `0.0.0.0_8080`. */
export interface Listener {
  readonly name: string
  /** An IP address, or `unix:PATH`; null where the Gateway's `bind` is silent (then `--bind` decides). */
  readonly bindAddress: string | null
  /** The Gateway's port number. */
  readonly declaredPort: number
  /** The port really bound, after `--port-map`; 0 asks the system for a free one. */
  readonly boundPort: number
  /**
   * Every connection begins with a PROXY header, and only these may make one; null = no header is looked for.
   * Annotation `portcullis.dev/proxy-protocol`.
   */
  readonly proxyProtocolFrom: readonly IpRange[] | null
  /** At least one. For plain HTTP exactly one, without server names. */
  readonly filterChains: readonly FilterChain[]
}

/** `10.0.0.0/8`; a single address has the full length, 32 or 128. */
export interface IpRange {
  readonly address: string
  readonly prefixLength: number
}

export type FilterChain = HttpFilterChain | TcpFilterChain

interface FilterChainBase {
  /** Lower-cased SNI names, `*.suffix` allowed; empty = the chain for every other connection. */
  readonly serverNames: readonly string[]
  /** Those whose servers it is made of: the servers of plain HTTP on one port share a chain, every other has its own. */
  readonly gateways: readonly [first: ResourceName, ...others: readonly ResourceName[]]
  /** Of the (first) server. */
  readonly location: SourceLocation
}

/** Terminates (TLS and) HTTP, then routes by its own route configuration: a connection reaches nothing else. */
export interface HttpFilterChain extends FilterChainBase {
  readonly kind: "http"
  readonly tls: DownstreamTls | null
  readonly routes: RouteConfiguration
  /** gRPC-Web is translated to gRPC. */
  readonly translatesGrpcWeb: boolean
}

/** Forwards bytes. `tls: null` = plain TCP or passthrough (the bytes may be TLS; we do not look inside). */
export interface TcpFilterChain extends FilterChainBase {
  readonly kind: "tcp"
  readonly tls: DownstreamTls | null
  readonly clusters: WeightedClusters
  /** Without a byte in either direction; 0 = none. */
  readonly idleTimeoutMs: number
  /** From the accept, however busy it is; 0 = none. */
  readonly maxConnectionDurationMs: number
  /** Only clients that offer one of these protocols (AUTO_PASSTHROUGH); empty = any client. */
  readonly requiredAlpnProtocols: readonly string[]
}

/** How a server terminates TLS. Certificates are named, not held: secrets rotate without a new snapshot. */
export interface DownstreamTls {
  readonly mode: "simple" | "mutual" | "optional-mutual"
  /** One or two (RSA and ECDSA). */
  readonly certificates: readonly CertificateReference[]
  readonly versionMin: TlsVersion
  readonly versionMax: TlsVersion
  /** Of TLS 1.2 and below, in BoringSSL's notation. */
  readonly cipherSuites: string
  /** Key exchange groups; "" = BoringSSL's choice. */
  readonly curves: string
  /** In order of preference. */
  readonly alpnProtocols: readonly string[]
  /** null with mode `simple`: no certificate is asked for. */
  readonly clientCertificates: ClientCertificatePolicy | null
}

export type TlsVersion = "TLSv1" | "TLSv1.1" | "TLSv1.2" | "TLSv1.3"

/** A Secret by name. */
export interface SecretReference {
  readonly kind: "secret"
  readonly name: string
  /** Where it is looked for first. */
  readonly namespace: string
  /** The namespace was written: no other one will do. */
  readonly isQualified: boolean
}

export type CertificateReference =
  | SecretReference
  | { readonly kind: "files"; readonly certificatePath: string; readonly privateKeyPath: string }

export type AuthorityReference =
  | SecretReference
  /** `NAME-cacert`, or where there is none the Secret `NAME` itself. */
  | { readonly kind: "beside-certificate"; readonly certificate: SecretReference }
  | { readonly kind: "files"; readonly authoritiesPath: string; readonly revocationListsPath: string }

/** Which client certificates a server accepts (semantics sheet 1.1, 1.8). */
export interface ClientCertificatePolicy {
  readonly authorities: AuthorityReference
  /** A certificate must have one of these names; empty = any name. */
  readonly subjectAltNames: readonly NamePattern[]
  /** Base64 SHA-256 of the public key. With both lists a match in either suffices. */
  readonly publicKeyHashes: readonly string[]
  /** Lower-case hex SHA-256 of the certificate, without colons. */
  readonly certificateHashes: readonly string[]
  /** A certificate that does not verify is accepted all the same. */
  readonly insecureSkipVerify: boolean
  /** What a client gets that is not accepted; always `handshake` where the server does not speak HTTP. */
  readonly rejection: "http-403" | "handshake"
}

export type NamePattern =
  | { readonly kind: "exact"; readonly value: string }
  | { readonly kind: "prefix"; readonly value: string }
  | { readonly kind: "suffix"; readonly value: string }

/** Envoy's route configuration: `http.8080`, or `https.443.PORTNAME.GATEWAY.NAMESPACE`. */
export interface RouteConfiguration {
  readonly name: string
  /** Sorted by name. */
  readonly virtualHosts: readonly VirtualHost[]
  readonly hosts: HostTable<VirtualHost>
}

export interface VirtualHost {
  /** `HOST:PORT` with the declared port. */
  readonly name: string
  /** Lower-cased: exact names, `*.suffix`, or `*`. */
  readonly domains: readonly string[]
  /** Gateway `tls.httpsRedirect`: every request not on https is answered 301 before any route. */
  readonly requireTls: boolean
  /** In matching order: the first whose match holds wins. */
  readonly routes: readonly Route[]
  /** `routes`, indexed for lookup. */
  readonly paths: PathTable
}

/** One match block of one rule. `index` is its place in `VirtualHost.routes`; the lowest that holds wins. */
export interface Route {
  readonly index: number
  /** Rule name, plus `.` + match name (access log `%ROUTE_NAME%`); "" when the rule has none. */
  readonly name: string
  readonly virtualService: ResourceName
  readonly location: SourceLocation
  readonly match: RouteMatch
  readonly action: RouteAction
  /** Rule-level header operations, for one destination already joined with the destination's (sheet 3.10 (3)). */
  readonly requestEdits: HeaderEdits | null
  readonly responseEdits: HeaderEdits | null
}

export interface RouteMatch {
  readonly path: PathMatch
  /** All must hold. Static conditions (port, gateways) are already decided at compile time. */
  readonly predicates: readonly Predicate[]
}

export type PathMatch =
  /** No condition: every path that starts with `/`, as Istio's match-all prefix. */
  | { readonly kind: "any" }
  | { readonly kind: "exact"; readonly value: string; readonly ignoreCase: boolean }
  | { readonly kind: "prefix"; readonly value: string; readonly ignoreCase: boolean }
  | { readonly kind: "regex"; readonly regex: CompiledRegex }

/** Istio's StringMatch. `present` = `{}` or `regex: "*"` where the API says "present". */
export type StringMatcher =
  | { readonly kind: "present" }
  | { readonly kind: "exact"; readonly value: string }
  | { readonly kind: "prefix"; readonly value: string }
  | { readonly kind: "regex"; readonly regex: CompiledRegex }

export type Predicate =
  | { readonly kind: "method"; readonly matcher: StringMatcher }
  | { readonly kind: "authority"; readonly matcher: StringMatcher }
  | { readonly kind: "scheme"; readonly matcher: StringMatcher }
  /** `name` lower-cased; the pseudo-headers `:method :scheme :authority :path` are allowed (sheet 2.4). */
  | { readonly kind: "header"; readonly name: string; readonly matcher: StringMatcher; readonly invert: boolean }
  | { readonly kind: "query"; readonly name: string; readonly matcher: StringMatcher }

export type RouteAction = ForwardAction | RedirectAction | DirectResponseAction

export interface ForwardAction {
  readonly kind: "forward"
  readonly destinations: WeightedClusters
  readonly pathRewrite: PathRewrite | null
  /** Replaces the authority (`rewrite.authority`, or a Host set by header operations); null = as sent. */
  readonly hostRewrite: string | null
  /** From the complete request received to the complete response; 0 = none. */
  readonly timeoutMs: number
  /** null = never retried (`attempts: 0`). */
  readonly retry: RetryPolicy | null
  readonly fault: FaultPolicy | null
  readonly mirrors: readonly Mirror[]
  readonly cors: CorsPolicy | null
}

export interface RedirectAction {
  readonly kind: "redirect"
  readonly status: 301 | 302 | 303 | 307 | 308
  readonly scheme: "http" | "https" | null
  readonly authority: string | null
  /** null = see sheet 3.3; 0 never occurs. `derivePort: FROM_REQUEST_PORT` is already the server's port here. */
  readonly port: number | null
  /** Replaces the whole path (its own query included). */
  readonly path: string | null
  /** Replaces the matched prefix. */
  readonly prefixRewrite: string | null
}

export interface DirectResponseAction {
  readonly kind: "direct-response"
  readonly status: number
  readonly body: Uint8Array
}

/** Text substitution, never slash repair (sheet 3.2). */
export type PathRewrite =
  /** Replace the first `prefixLength` characters. */
  | { readonly kind: "prefix"; readonly prefixLength: number; readonly replacement: string }
  /** Replace the path, keep the query. */
  | { readonly kind: "full"; readonly replacement: string }
  /** RE2 search and replace of every occurrence; `\1` groups. */
  | { readonly kind: "regex"; readonly regex: CompiledRegex; readonly substitution: string }

export interface WeightedClusters {
  /** At least one; members of weight 0 are already dropped. */
  readonly entries: readonly WeightedCluster[]
  readonly totalWeight: number
}

export interface WeightedCluster {
  readonly clusterName: string
  /** Into `Snapshot.clusters`; -1 = no such host, port or subset: 503 NC (sheet 14.19). */
  readonly clusterIndex: number
  readonly weight: number
  /** Destination-level operations, only where there are several destinations (they run before the rule's). */
  readonly requestEdits: HeaderEdits | null
  readonly responseEdits: HeaderEdits | null
  /** Destination-level Host, already resolved against rule level (sheet 3.10 (5)); null = none. */
  readonly hostRewrite: string | null
}

/** Applied in this order: remove, set, add (sheet 3.10). */
export interface HeaderEdits {
  /** Lower-cased names. */
  readonly remove: readonly string[]
  readonly set: readonly HeaderOperation[]
  readonly add: readonly HeaderOperation[]
}

export interface HeaderOperation {
  readonly name: string
  readonly nameLower: string
  readonly value: ValueTemplate
}

/** Bit set of `RetryOn`. */
export interface RetryPolicy {
  /** Retries after the first try. */
  readonly attempts: number
  readonly retryOn: number
  /** Upstream response codes, where `RetryOn.statusCodes` is set. */
  readonly statusCodes: readonly number[]
  /** From the complete request, sent on a connection, to the response head of one try; 0 = none. */
  readonly perTryTimeoutMs: number
  readonly backoffBaseMs: number
  readonly backoffMaxMs: number
  readonly avoidPreviousHosts: boolean
  /** After every second failed try the priorities tried so far are left out (Envoy `previous_priorities`). */
  readonly triesOtherPriorities: boolean
  /**
   * Whether a request whose method is not idempotent may be sent again after it may have been delivered: as Istio does,
   * unless the VirtualService says otherwise.
   */
  readonly repeatsNonIdempotent: boolean
}

/** Envoy's retry conditions (router filter `x-envoy-retry-on`, `x-envoy-retry-grpc-on`), as bits. */
export const RetryOn = Object.freeze({
  serverError: 1 << 0, // 5xx
  gatewayError: 1 << 1,
  reset: 1 << 2,
  resetBeforeRequest: 1 << 3,
  connectFailure: 1 << 4,
  retriable4xx: 1 << 5,
  refusedStream: 1 << 6,
  statusCodes: 1 << 7, // retriable-status-codes
  retriableHeaders: 1 << 8,
  envoyRatelimited: 1 << 9,
  http3PostConnectFailure: 1 << 10,
  grpcCancelled: 1 << 11,
  grpcDeadlineExceeded: 1 << 12,
  grpcInternal: 1 << 13,
  grpcResourceExhausted: 1 << 14,
  grpcUnavailable: 1 << 15,
})

export interface FaultPolicy {
  /** Parts per million (0.0001 % granularity); 0 = never. */
  readonly delayPpm: number
  readonly delayMs: number
  readonly abortPpm: number
  readonly abortStatus: number
  /** -1 = an HTTP abort. */
  readonly abortGrpcStatus: number
}

export interface Mirror {
  readonly clusterName: string
  readonly clusterIndex: number
  /** Parts per million of the requests that are copied. */
  readonly ppm: number
}

export interface CorsPolicy {
  readonly allowOrigins: readonly StringMatcher[]
  /** Joined as they are sent; "" = no header; "*" = echo what was asked for. */
  readonly allowMethods: string
  readonly allowHeaders: string
  readonly exposeHeaders: string
  /** Seconds; -1 = no header. */
  readonly maxAgeSeconds: number
  readonly allowCredentials: boolean
  readonly answerUnmatchedPreflights: boolean
}

/** One upstream cluster: `outbound|PORT|SUBSET|HOST`. What the resources say; live state is in `upstream/`. */
export interface ClusterSpec extends ClusterTrafficPolicy {
  readonly index: number
  readonly name: string
  readonly host: string
  readonly port: number
  readonly subset: string
  readonly discovery: Discovery
  /**
   * From the port's protocol (sheet 7.1, 7.2): what is spoken to the endpoints. `tcp` is a port that says so itself; an
   * HTTP route to it speaks HTTP/1.1 all the same.
   */
  readonly protocol: "http1" | "http2" | "tcp"
  /** null = endpoints are taken to be healthy until outlier detection says otherwise. */
  readonly healthCheck: HealthCheckPolicy | null
  /** The DestinationRule whose policies these are; null = none applies. */
  readonly destinationRule: ResourceName | null
  /** Where the host is defined; null when it is left to DNS. */
  readonly location: SourceLocation | null
}

export type Discovery =
  /** Addresses are known: ServiceEntry STATIC, Service with EndpointSlice, the demo. May be empty: 503 UH. */
  | { readonly kind: "static"; readonly endpoints: readonly EndpointSpec[] }
  /** Every A/AAAA record of each name is an endpoint (STRICT_DNS), also the by-name fallback of CONTRACT. */
  | { readonly kind: "strict-dns"; readonly endpoints: readonly EndpointSpec[] }
  /** First address for each new connection (LOGICAL_DNS, DNS_ROUND_ROBIN). */
  | { readonly kind: "logical-dns"; readonly endpoints: readonly EndpointSpec[] }

export interface EndpointSpec {
  /** IP address, DNS name, or `unix:PATH`. */
  readonly address: string
  /** 0 with a unix socket. */
  readonly port: number
  /** ≥ 1. */
  readonly weight: number
  readonly labels: Readonly<Record<string, string>>
  readonly locality: string
  /** 0 is used first; a higher one takes over as the lower ones lose health (sheet 6.4). */
  readonly priority: number
  /** The share of its locality in the traffic (`localityLbSetting.distribute`); 0 = localities are not told apart. */
  readonly localityShare: number
}
