import { expect, test } from "bun:test"
import { DestinationConnections } from "./destination-connections.ts"
import { istioTcpMetricFamilies } from "./istio-tcp-metrics.ts"

function connections(opened: number, closed: number, receivedBytes: number, sentBytes: number): DestinationConnections {
  return Object.assign(new DestinationConnections(), { opened, closed, receivedBytes, sentBytes })
}

test("four counters per destination host, all ports and subsets together (Istio semantics sheet 9.1)", () => {
  const families = istioTcpMetricFamilies(
    [
      { host: "db.prod.svc.cluster.local", connections: connections(3, 2, 10, 100) },
      { host: "db.prod.svc.cluster.local", connections: connections(1, 1, 5, 50) },
      { host: "web.example", connections: connections(0, 0, 0, 0) },
    ],
    "1.2.3",
  )
  expect(
    families.map(({ name, samples }) => [name, samples.map((sample) => "value" in sample && sample.value)]),
  ).toEqual([
    ["istio_tcp_connections_opened_total", [4]],
    ["istio_tcp_connections_closed_total", [3]],
    ["istio_tcp_sent_bytes_total", [150]],
    ["istio_tcp_received_bytes_total", [15]],
  ])
  expect(families[0]?.samples[0]?.labels).toMatchObject({
    reporter: "source",
    source_version: "1.2.3",
    destination_service: "db.prod.svc.cluster.local",
    destination_service_name: "db",
    destination_service_namespace: "prod",
    request_protocol: "tcp",
  })
})
