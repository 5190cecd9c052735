/**
 * What the admin interface sees of the running process, and the few things it may do to it. The door between the
 * admin's pages and the process that runs them: pages know nothing of files, signals or sockets.
 */
import type { ClusterSpec, Snapshot } from "../compile/snapshot.ts"
import type { Counters } from "../telemetry/counters.ts"
import type { DestinationConnections } from "../telemetry/destination-connections.ts"
import type { DestinationRequests } from "../telemetry/destination-requests.ts"
import type { NamedListenerStats } from "../telemetry/envoy-metrics.ts"
import type { Log } from "../telemetry/log.ts"

/** Envoy's `ServerInfo.State`. */
export type ServerState = "INITIALIZING" | "LIVE" | "DRAINING"

export interface RunningGateway {
  readonly version: string
  readonly startedAtUnixMs: number
  readonly state: ServerState
  /** Configuration compiled, every listener bound, not draining, not failed by hand. */
  readonly isReady: boolean
  /** As given, for `/server_info`. */
  readonly commandLineOptions: Readonly<Record<string, string>>
  readonly snapshot: Snapshot
  readonly boundListeners: readonly BoundListener[]
  readonly listenerStats: readonly NamedListenerStats[]
  readonly clusters: readonly ClusterView[]
  readonly tlsServers: readonly TlsServerView[]
  readonly counters: Counters
  readonly log: Log
  /** null = never tried. */
  readonly lastReload: ReloadOutcome | null
  reload(): Promise<ReloadOutcome>
  /** Makes the gateway look unready to whoever balances over it; it goes on serving. */
  failHealthcheck(): void
  passHealthcheck(): void
  /** Drains and ends the process, as SIGTERM does. */
  quit(): void
}

export interface BoundListener {
  readonly name: string
  readonly address: string
  readonly port: number
}

/** One server that terminates TLS. */
export interface TlsServerView {
  readonly listener: string
  /** `NAME.NAMESPACE` */
  readonly gateway: string
  /** Empty = every name that no other server has. */
  readonly serverNames: readonly string[]
  readonly mode: "simple" | "mutual" | "optional-mutual"
  /** Whether there is a certificate to serve with. */
  readonly isServing: boolean
  /** What is wrong with the newest credentials; "" = nothing. */
  readonly problem: string
  /** Those in service. */
  readonly certificates: readonly CertificateView[]
}

export interface CertificateView {
  /** `Secret default/shop-cert`, or a path. */
  readonly origin: string
  readonly use: "server" | "authority"
  readonly subject: string
  readonly subjectAltNames: readonly string[]
  readonly serialNumber: string
  readonly validFromUnixMs: number
  readonly validToUnixMs: number
  readonly certificatePem: string
}

export interface ReloadOutcome {
  readonly atUnixMs: number
  readonly ok: boolean
  /** What was loaded is in force; where that is not `ok`, without the listeners that could not be bound. */
  readonly isInForce: boolean
  /** Rendered diagnostics and bind failures; "" when there are none. */
  readonly problems: string
}

/** The part of a live cluster that is shown. */
export interface ClusterView {
  readonly spec: ClusterSpec
  readonly endpoints: readonly EndpointView[]
  readonly stats: { snapshotStats(): readonly StatView[] }
  readonly requests: DestinationRequests
  readonly connections: DestinationConnections
}

export interface EndpointView {
  readonly address: string
  readonly port: number
  /** `1.2.3.4:80` */
  readonly hostText: string
  readonly weight: number
  readonly activeRequests: number
  readonly requestsTotal: number
  readonly requestErrors: number
  readonly connectionsTotal: number
  readonly connectFailures: number
  readonly isDraining: boolean
  readonly health: {
    readonly isHealthy: boolean
    /** By outlier detection. */
    readonly isEjected: boolean
    /** Envoy's words: `healthy`, `/failed_outlier_check`. */
    readonly flags: string
  }
  readonly pool: { readonly connectionCount: number }
}

export interface StatView {
  /** Without the `cluster.NAME.` prefix. */
  readonly name: string
  readonly kind: "counter" | "gauge"
  readonly value: number
}
