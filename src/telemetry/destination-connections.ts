/**
 * TCP connections forwarded to one destination: Istio's standard TCP metrics at a gateway (Istio semantics sheet 9.1),
 * kept as numbers beside the cluster they belong to. HTTP requests are counted elsewhere, and not here.
 */
export class DestinationConnections {
  /** `istio_tcp_connections_opened_total`: accepted clients for whom this destination was drawn. */
  opened = 0
  /** `istio_tcp_connections_closed_total` */
  closed = 0
  /** `istio_tcp_received_bytes_total`: from clients. Moves while connections are open. */
  receivedBytes = 0
  /** `istio_tcp_sent_bytes_total`: to clients. */
  sentBytes = 0
}
