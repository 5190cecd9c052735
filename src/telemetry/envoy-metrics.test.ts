import { expect, test } from "bun:test"
import {
  envoyClusterFamilies,
  envoyListenerFamilies,
  envoyListenerStats,
  envoyServerFamilies,
} from "./envoy-metrics.ts"
import { ListenerStats } from "./listener-stats.ts"
import { renderMetrics } from "./prometheus-text.ts"

function listener(): ListenerStats {
  const stats = new ListenerStats()
  stats.connectionsTotal = 5
  stats.connectionsActive = 2
  for (const status of [200, 204, 503, 0]) {
    stats.startRequest()
    stats.finishRequest(status)
  }
  stats.startRequest()
  return stats
}

test("clusters: Envoy's names, the cluster as a label, the class of a status beside `_rq_xx`", () => {
  const families = envoyClusterFamilies([
    {
      name: "outbound|80||shop.example",
      stats: [
        { name: "upstream_rq_total", kind: "counter", value: 9 },
        { name: "upstream_rq_5xx", kind: "counter", value: 1 },
        { name: "upstream_rq_timeout", kind: "counter", value: 2 },
        { name: "membership_total", kind: "gauge", value: 3 },
        { name: "outlier_detection.ejections_active", kind: "gauge", value: 1 },
      ],
    },
  ])
  expect(
    renderMetrics(families, "prometheus"),
  ).toBe(`# HELP envoy_cluster_upstream_rq_total Envoy's cluster statistic upstream_rq_total.
# TYPE envoy_cluster_upstream_rq_total counter
envoy_cluster_upstream_rq_total{envoy_cluster_name="outbound|80||shop.example"} 9
# HELP envoy_cluster_upstream_rq_xx Envoy's cluster statistic upstream_rq_xx.
# TYPE envoy_cluster_upstream_rq_xx untyped
envoy_cluster_upstream_rq_xx{envoy_response_code_class="5",envoy_cluster_name="outbound|80||shop.example"} 1
# HELP envoy_cluster_upstream_rq_timeout Envoy's cluster statistic upstream_rq_timeout.
# TYPE envoy_cluster_upstream_rq_timeout untyped
envoy_cluster_upstream_rq_timeout{envoy_cluster_name="outbound|80||shop.example"} 2
# HELP envoy_cluster_membership_total Envoy's cluster statistic membership_total.
# TYPE envoy_cluster_membership_total untyped
envoy_cluster_membership_total{envoy_cluster_name="outbound|80||shop.example"} 3
# HELP envoy_cluster_outlier_detection_ejections_active Envoy's cluster statistic outlier_detection_ejections_active.
# TYPE envoy_cluster_outlier_detection_ejections_active gauge
envoy_cluster_outlier_detection_ejections_active{envoy_cluster_name="outbound|80||shop.example"} 1
`)
})

test("OpenMetrics calls what has no type unknown", () => {
  const stats = [{ name: "upstream_rq_timeout", kind: "counter", value: 2 } as const]
  expect(renderMetrics(envoyClusterFamilies([{ name: "a", stats }]), "openmetrics")).toContain(
    "# TYPE envoy_cluster_upstream_rq_timeout unknown\n",
  )
})

test("listeners, and HTTP under the prefix that Istio gives a gateway's", () => {
  const text = renderMetrics(envoyListenerFamilies([{ name: "0.0.0.0_8080", stats: listener() }]), "prometheus")
  const values = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"))
  const address = '{envoy_listener_address="0.0.0.0_8080"}'
  const prefix = 'envoy_http_conn_manager_prefix="outbound_0.0.0.0_8080"'
  expect(values).toEqual([
    `envoy_listener_downstream_cx_total${address} 5`,
    `envoy_listener_downstream_cx_active${address} 2`,
    `envoy_listener_downstream_cx_destroy${address} 3`,
    `envoy_listener_downstream_cx_overflow${address} 0`,
    `envoy_listener_no_filter_chain_match${address} 0`,
    `envoy_listener_ssl_connection_error${address} 0`,
    `envoy_http_downstream_rq_total{${prefix}} 5`,
    `envoy_http_downstream_rq_active{${prefix}} 1`,
    `envoy_http_downstream_rq_completed{${prefix}} 4`,
    ...[0, 2, 0, 0, 1].map(
      (count, index) => `envoy_http_downstream_rq_xx{${prefix},envoy_response_code_class="${index + 1}"} ${count}`,
    ),
  ])
})

test("/stats has the same under Envoy's dotted names", () => {
  const stats = new Map(envoyListenerStats([{ name: "0.0.0.0_8080", stats: listener() }]))
  expect(stats.get("listener.0.0.0.0_8080.downstream_cx_active")).toBe(2)
  expect(stats.get("listener.0.0.0.0_8080.ssl.connection_error")).toBe(0)
  expect(stats.get("http.outbound_0.0.0.0_8080.downstream_rq_total")).toBe(5)
  expect(stats.get("http.outbound_0.0.0.0_8080.downstream_rq_5xx")).toBe(1)
})

test("the server", () => {
  const families = envoyServerFamilies({ isLive: true, uptimeSeconds: 7, residentBytes: 1000 })
  expect(families.map(({ name, samples }) => [name, samples[0]?.value])).toEqual([
    ["envoy_server_live", 1],
    ["envoy_server_uptime", 7],
    ["envoy_server_memory_physical_size", 1000],
  ])
})
