/** `/stats/prometheus`: every counter there is, in Prometheus' text form, or in OpenMetrics for those who prefer it. */
import type { Context } from "hono"
import { accepts } from "hono/accepts"
import type { Snapshot } from "../compile/snapshot.ts"
import { envoyClusterFamilies, envoyListenerFamilies, envoyServerFamilies } from "../telemetry/envoy-metrics.ts"
import { istioMetricFamilies } from "../telemetry/istio-metrics.ts"
import { istioTcpMetricFamilies } from "../telemetry/istio-tcp-metrics.ts"
import { processMetricFamilies } from "../telemetry/process-metrics.ts"
import {
  type ExpositionFormat,
  expositionContentTypes,
  type MetricFamily,
  renderMetrics,
} from "../telemetry/prometheus-text.ts"
import type { RouteCounts } from "../telemetry/route-counts.ts"
import { certificateMetricFamilies } from "./certs-page.ts"
import type { RunningGateway } from "./running-gateway.ts"

const openMetricsType = "application/openmetrics-text"

export function answerPrometheus(context: Context, gateway: RunningGateway): Response {
  const format = wantedFormat(context)
  const text = renderMetrics(metricFamilies(gateway), format)
  return context.body(text, 200, { "content-type": expositionContentTypes[format] })
}

function wantedFormat(context: Context): ExpositionFormat {
  const supports = [openMetricsType, "text/plain"]
  const type = accepts(context, { header: "Accept", supports, default: "text/plain" })
  return type === openMetricsType ? "openmetrics" : "prometheus"
}

function metricFamilies(gateway: RunningGateway): readonly MetricFamily[] {
  const { clusters, counters, snapshot, version } = gateway
  const destinations = clusters.map(({ spec, requests }) => ({ host: spec.host, requests }))
  return [
    ...istioMetricFamilies([...destinations, { host: null, requests: counters.unroutedRequests }], version),
    ...istioTcpMetricFamilies(
      clusters.map(({ spec, connections }) => ({ host: spec.host, connections })),
      version,
    ),
    ...processMetricFamilies(counters),
    routeMetricFamily(snapshot, counters.routes),
    ...envoyClusterFamilies(clusters.map(({ spec, stats }) => ({ name: spec.name, stats: stats.snapshotStats() }))),
    ...envoyListenerFamilies(gateway.listenerStats),
    ...envoyServerFamilies({
      isLive: gateway.isReady,
      uptimeSeconds: Math.trunc((Date.now() - gateway.startedAtUnixMs) / 1000),
      residentBytes: process.memoryUsage.rss(),
    }),
    ...certificateMetricFamilies(gateway.tlsServers),
  ]
}

/** As many series as there are rules that were ever taken. */
function routeMetricFamily(snapshot: Snapshot, counts: RouteCounts): MetricFamily {
  const samples = snapshot.listeners
    .flatMap(({ filterChains }) => filterChains)
    .flatMap((chain) => (chain.kind === "http" ? chain.routes.virtualHosts.map((host) => ({ chain, host })) : []))
    .flatMap(({ chain, host }) =>
      host.routes.flatMap((route) => {
        const counted = counts.of(route)
        if (counted === null) return []
        const labels = {
          route_configuration: chain.routes.name,
          virtual_host: host.name,
          rule: String(route.index),
          rule_name: route.name,
          virtual_service: `${route.virtualService.namespace}/${route.virtualService.name}`,
        }
        const { total, clientErrors, serverErrors } = counted
        return [
          { labels: { ...labels, result: "ok" }, value: total - clientErrors - serverErrors },
          { labels: { ...labels, result: "client_error" }, value: clientErrors },
          { labels: { ...labels, result: "server_error" }, value: serverErrors },
        ]
      }),
    )
  const help = "Requests that a rule took, by what became of them (4xx, 5xx, anything else)."
  return { name: "portcullis_route_requests_total", help, type: "counter", samples }
}
