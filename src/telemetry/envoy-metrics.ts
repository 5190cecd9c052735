/**
 * Envoy's own metrics under the names that its Prometheus endpoint gives them, for dashboards and alerts that were made
 * for Envoy: clusters, listeners, HTTP, the server. What a name holds in its middle (cluster, listener, class of status)
 * is a label, as Envoy's default tags have it (Envoy `source/common/config/well_known_names.cc`).
 *
 * Envoy's counters mostly have no `_total`, which checkers of the format demand of whatever calls itself a counter: those
 * are exposed without a type. `rate()` does not mind.
 */
import type { ListenerStats } from "./listener-stats.ts"
import type { Labels, MetricSample, NumberFamily } from "./prometheus-text.ts"

export interface ClusterStat {
  /** Without the `cluster.NAME.` in front. */
  readonly name: string
  readonly kind: "counter" | "gauge"
  readonly value: number
}

export interface NamedClusterStats {
  readonly name: string
  readonly stats: readonly ClusterStat[]
}

export interface NamedListenerStats {
  readonly name: string
  readonly stats: ListenerStats
}

export interface ServerFacts {
  readonly isLive: boolean
  readonly uptimeSeconds: number
  readonly residentBytes: number
}

export function envoyClusterFamilies(clusters: readonly NamedClusterStats[]): readonly NumberFamily[] {
  return clusters.flatMap(({ name, stats }) =>
    stats.map((stat) => {
      const { family, labels } = splitResponseClass(`cluster_${prometheusName(stat.name)}`)
      const help = `Envoy's cluster statistic ${family.slice("cluster_".length)}.`
      return familyOf(family, stat.kind, help, [{ labels: { ...labels, envoy_cluster_name: name }, value: stat.value }])
    }),
  )
}

/** `…_rq_5xx` is `…_rq_xx` with the class beside it. */
function splitResponseClass(name: string): { readonly family: string; readonly labels: Labels } {
  const [, start, responseClass] = /^(.*_rq_)([1-5])xx$/.exec(name) ?? []
  if (start === undefined || responseClass === undefined) return { family: name, labels: {} }
  return { family: `${start}xx`, labels: { envoy_response_code_class: responseClass } }
}

function prometheusName(statName: string): string {
  return statName.replaceAll(".", "_")
}

interface ListenerRow {
  /** In `/stats`, without what is in front. */
  readonly name: string
  readonly kind: "counter" | "gauge"
  readonly help: string
  readonly read: (stats: ListenerStats) => number
}

const listenerRows: readonly ListenerRow[] = [
  { name: "downstream_cx_total", kind: "counter", help: "Connections.", read: (s) => s.connectionsTotal },
  { name: "downstream_cx_active", kind: "gauge", help: "Open connections.", read: (s) => s.connectionsActive },
  {
    name: "downstream_cx_destroy",
    kind: "counter",
    help: "Connections that have ended.",
    read: (s) => s.connectionsTotal - s.connectionsActive,
  },
  {
    name: "downstream_cx_overflow",
    kind: "counter",
    help: "Connections refused at the connection limit.",
    read: (s) => s.connectionsOverflow,
  },
  {
    name: "no_filter_chain_match",
    kind: "counter",
    help: "Connections that no server takes.",
    read: (s) => s.noFilterChainMatch,
  },
  {
    name: "ssl.connection_error",
    kind: "counter",
    help: "TLS handshakes that failed.",
    read: (s) => s.tlsConnectionErrors,
  },
]

const httpRows: readonly ListenerRow[] = [
  { name: "downstream_rq_total", kind: "counter", help: "Requests.", read: (s) => s.requestsTotal },
  { name: "downstream_rq_active", kind: "gauge", help: "Requests being served.", read: (s) => s.requestsActive },
  {
    name: "downstream_rq_completed",
    kind: "counter",
    help: "Requests that have ended.",
    read: (s) => s.requestsTotal - s.requestsActive,
  },
]

const responseClasses = [1, 2, 3, 4, 5] as const

export function envoyListenerFamilies(listeners: readonly NamedListenerStats[]): readonly NumberFamily[] {
  const familiesOf = (prefix: string, rows: readonly ListenerRow[], labelsOf: (name: string) => Labels) =>
    rows.map(({ name, kind, help, read }) => {
      const samples = listeners.map((listener) => ({ labels: labelsOf(listener.name), value: read(listener.stats) }))
      return familyOf(`${prefix}_${prometheusName(name)}`, kind, help, samples)
    })
  const responses = listeners.flatMap(({ name, stats }) =>
    responseClasses.map((responseClass) => ({
      labels: { ...httpLabels(name), envoy_response_code_class: String(responseClass) },
      value: stats.responses[responseClass] ?? 0,
    })),
  )
  return [
    ...familiesOf("listener", listenerRows, (name) => ({ envoy_listener_address: name })),
    ...familiesOf("http", httpRows, httpLabels),
    familyOf("http_downstream_rq_xx", "counter", "Responses by class of status.", responses),
  ]
}

/** Istio's prefix for the listeners of a gateway. */
function httpLabels(listenerName: string): Labels {
  return { envoy_http_conn_manager_prefix: `outbound_${listenerName}` }
}

export function envoyServerFamilies({ isLive, uptimeSeconds, residentBytes }: ServerFacts): readonly NumberFamily[] {
  const gauge = (name: string, help: string, value: number) =>
    familyOf(`server_${name}`, "gauge", help, [{ labels: {}, value }])
  return [
    gauge("live", "1 = serving, 0 = draining or not ready.", isLive ? 1 : 0),
    gauge("uptime", "Seconds since the start.", uptimeSeconds),
    gauge("memory_physical_size", "Resident memory in bytes.", residentBytes),
  ]
}

/** `[listener.NAME.STAT, value]` and `[http.PREFIX.STAT, value]`, as Envoy's `/stats` has them. */
export function envoyListenerStats(listeners: readonly NamedListenerStats[]): readonly (readonly [string, number])[] {
  return listeners.flatMap(({ name, stats }) => {
    const prefix = `http.outbound_${name}`
    return [
      ...listenerRows.map((row) => [`listener.${name}.${row.name}`, row.read(stats)] as const),
      ...httpRows.map((row) => [`${prefix}.${row.name}`, row.read(stats)] as const),
      ...responseClasses.map((each) => [`${prefix}.downstream_rq_${each}xx`, stats.responses[each] ?? 0] as const),
    ]
  })
}

function familyOf(
  name: string,
  kind: "counter" | "gauge",
  help: string,
  samples: readonly MetricSample[],
): NumberFamily {
  // A checker wants the suffix of counters, and of nothing else.
  const isPlain = (kind === "counter") === name.endsWith("_total")
  return { name: `envoy_${name}`, help, type: isPlain ? kind : "untyped", samples }
}
