/**
 * Istio's standard metrics of TCP connections (Istio semantics sheet 9.1), with the labels of those of requests, as far
 * as a connection has them. A destination that never had one is not listed.
 */
import type { DestinationConnections } from "./destination-connections.ts"
import { destinationLabels, gatewayLabels } from "./istio-metrics.ts"
import type { MetricFamily } from "./prometheus-text.ts"

export interface TcpDestination {
  /** Host of the cluster. */
  readonly host: string
  readonly connections: DestinationConnections
}

const parts: readonly {
  readonly name: string
  readonly help: string
  readonly part: keyof DestinationConnections
}[] = [
  { name: "istio_tcp_connections_opened_total", help: "TCP connections forwarded.", part: "opened" },
  { name: "istio_tcp_connections_closed_total", help: "Forwarded TCP connections that ended.", part: "closed" },
  { name: "istio_tcp_sent_bytes_total", help: "Bytes sent to clients of TCP connections.", part: "sentBytes" },
  {
    name: "istio_tcp_received_bytes_total",
    help: "Bytes received from clients of TCP connections.",
    part: "receivedBytes",
  },
]

export function istioTcpMetricFamilies(
  destinations: readonly TcpDestination[],
  gatewayVersion: string,
): readonly MetricFamily[] {
  // Ports and subsets of one host are one series, as with requests.
  const byHost = Map.groupBy(
    destinations.filter(({ connections }) => connections.opened > 0),
    ({ host }) => host,
  )
  return parts.map(({ name, help, part }) => ({
    name,
    help,
    type: "counter",
    samples: [...byHost].map(([host, ofHost]) => ({
      labels: {
        reporter: "source",
        ...gatewayLabels(gatewayVersion),
        ...destinationLabels(host),
        request_protocol: "tcp",
        connection_security_policy: "unknown",
      },
      value: ofHost.reduce((sum, { connections }) => sum + connections[part], 0),
    })),
  }))
}
