/**
 * What the admin interface sees of the running process, and the few things it may do to it. The door between the
 * admin's pages and the process that runs them: pages know nothing of files, signals or sockets.
 */
import type { ClusterSpec, Snapshot } from "../compile/snapshot.ts"
import type { Counters } from "../telemetry/counters.ts"
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
  readonly clusters: readonly ClusterView[]
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

export interface ReloadOutcome {
  readonly atUnixMs: number
  readonly ok: boolean
  /** Rendered diagnostics and bind failures; "" when there are none. */
  readonly problems: string
}

/** The part of a live cluster that is shown. */
export interface ClusterView {
  readonly spec: ClusterSpec
  readonly endpoints: readonly EndpointView[]
  readonly stats: { snapshotStats(): readonly StatView[] }
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
  readonly pool: { readonly connectionCount: number }
}

export interface StatView {
  /** Without the `cluster.NAME.` prefix. */
  readonly name: string
  readonly kind: "counter" | "gauge"
  readonly value: number
}
