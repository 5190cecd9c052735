/**
 * Gives the process's counters their names: Prometheus families (`portcullis_*`) for `/stats/prometheus`, and Envoy's
 * own stat names for `/stats`, where people look for them. One table, so that a counter cannot appear in one only.
 */
import type { Counters } from "./counters.ts"
import type { MetricSample, NumberFamily } from "./prometheus-text.ts"

interface CounterRow {
  readonly prometheusName: string
  readonly envoyName: string
  readonly type: "counter" | "gauge"
  readonly help: string
  readonly labels: Readonly<Record<string, string>>
  readonly read: (counters: Counters) => number
}

const noLabels = Object.freeze({})

const rows: readonly CounterRow[] = [
  counter(
    "downstream_connections_total",
    "http.downstream_cx_total",
    "TCP connections accepted.",
    (c) => c.downstreamConnectionsTotal,
  ),
  gauge(
    "downstream_connections_active",
    "http.downstream_cx_active",
    "Open TCP connections from clients.",
    (c) => c.downstreamConnectionsActive,
  ),
  counter(
    "downstream_connections_overflow_total",
    "http.downstream_cx_overflow",
    "Connections refused at the connection limit.",
    (c) => c.downstreamConnectionsOverflow,
  ),
  counter(
    "downstream_tcp_connections_total",
    "tcp.downstream_cx_total",
    "Connections to a TCP filter chain.",
    (c) => c.downstreamTcpConnectionsTotal,
  ),
  gauge(
    "downstream_tcp_connections_active",
    "tcp.downstream_cx_active",
    "Open connections on TCP filter chains.",
    (c) => c.downstreamTcpConnectionsActive,
  ),
  counter(
    "downstream_tcp_received_bytes_total",
    "tcp.downstream_cx_rx_bytes_total",
    "Bytes read from the clients of TCP filter chains.",
    (c) => c.downstreamTcpBytesReceived,
  ),
  counter(
    "downstream_tcp_sent_bytes_total",
    "tcp.downstream_cx_tx_bytes_total",
    "Bytes written to the clients of TCP filter chains.",
    (c) => c.downstreamTcpBytesSent,
  ),
  counter(
    "tcp_idle_timeouts_total",
    "tcp.idle_timeout",
    "TCP connections closed because nothing moved on them.",
    (c) => c.tcpIdleTimeouts,
  ),
  counter(
    "tcp_max_connection_duration_total",
    "tcp.max_downstream_connection_duration",
    "TCP connections closed because they lasted too long.",
    (c) => c.tcpMaxConnectionDurationReached,
  ),
  counter(
    "proxy_header_errors_total",
    "proxy_proto.errors",
    "Connections closed because their PROXY header was malformed, too large or too slow.",
    (c) => c.proxyHeaderErrors,
  ),
  counter(
    "proxy_header_sources_refused_total",
    "proxy_proto.sources_refused",
    "Connections closed because their peer is not one of the proxies that may connect.",
    (c) => c.proxyHeaderSourcesRefused,
  ),
  counter(
    "downstream_tls_handshake_errors_total",
    "listener.ssl.connection_error",
    "TLS handshakes that failed.",
    (c) => c.downstreamTlsHandshakeErrors,
  ),
  counter(
    "downstream_tls_broken_total",
    "listener.ssl.broken",
    "TLS connections cut after their handshake because the client broke the protocol (renegotiation, a record that does not decrypt).",
    (c) => c.downstreamTlsBroken,
  ),
  counter(
    "downstream_no_filter_chain_total",
    "listener.no_filter_chain_match",
    "Connections closed because no server on the port has their server name.",
    (c) => c.downstreamNoFilterChain,
  ),
  counter(
    "downstream_client_hello_errors_total",
    "tls_inspector.client_hello_errors",
    "Connections closed because their ClientHello was malformed, too large or too slow.",
    (c) => c.downstreamClientHelloErrors,
  ),
  counter(
    "downstream_without_certificate_total",
    "listener.server_ssl_socket_factory.downstream_context_secrets_not_ready",
    "Connections closed because their server's certificate is missing or broken.",
    (c) => c.downstreamWithoutCertificate,
  ),
  gauge(
    "tls_servers_without_certificate",
    "listener.ssl.servers_without_certificate",
    "TLS servers that cannot be served: their certificate is missing or broken.",
    (c) => c.tlsServersWithoutCertificateActive,
  ),
  counter(
    "downstream_received_bytes_total",
    "http.downstream_cx_rx_bytes_total",
    "Bytes read from the clients of HTTP filter chains, without TLS.",
    (c) => c.downstreamTraffic.bytesReceived,
  ),
  counter(
    "downstream_sent_bytes_total",
    "http.downstream_cx_tx_bytes_total",
    "Bytes written to the clients of HTTP filter chains, without TLS.",
    (c) => c.downstreamTraffic.bytesSent,
  ),
  counter(
    "requests_total",
    "http.downstream_rq_total",
    "HTTP requests whose head was understood.",
    (c) => c.requestsTotal,
  ),
  gauge("requests_active", "http.downstream_rq_active", "HTTP requests being served.", (c) => c.requestsActive),
  ...responseRows(),
  counter(
    "upgrades_total",
    "http.downstream_cx_upgrades_total",
    "Upgraded connections and CONNECT tunnels.",
    (c) => c.upgradesTotal,
  ),
  gauge(
    "upgrades_active",
    "http.downstream_cx_upgrades_active",
    "Open upgraded connections and tunnels.",
    (c) => c.upgradesActive,
  ),
  counter(
    "access_log_lines_total",
    "access_logs.lines_written",
    "Access log lines written.",
    (c) => c.accessLogLinesTotal,
  ),
  counter(
    "access_log_dropped_total",
    "access_logs.lines_dropped",
    "Access log lines lost because the log was too slow or failed.",
    (c) => c.accessLogDropped,
  ),
  counter(
    "tracing_spans_total",
    "tracing.opentelemetry.spans_sent",
    "Spans that the collector took.",
    (c) => c.tracingSpansTotal,
  ),
  counter(
    "tracing_spans_dropped_total",
    "tracing.opentelemetry.spans_dropped",
    "Spans lost because the collector was too slow, unreachable, or refused them.",
    (c) => c.tracingSpansDropped,
  ),
  counter(
    "config_reloads_total",
    "config.update_success",
    "Configurations loaded while running.",
    (c) => c.configReloads,
  ),
  counter(
    "config_reload_failures_total",
    "config.update_rejected",
    "Configurations refused while running; the old one kept serving.",
    (c) => c.configReloadFailures,
  ),
  gauge(
    "config_loaded_timestamp_seconds",
    "config.update_time",
    "When the running configuration was loaded.",
    (c) => c.configLoadedUnixMs / 1000,
  ),
  counter(
    "invariant_errors_total",
    "server.envoy_bug_failures",
    "Bugs of the gateway caught while running.",
    (c) => c.invariantErrors,
  ),
]

/** Every counter of the process; those per flag and per fault only where they are not 0. */
export function processMetricFamilies(counters: Counters): readonly NumberFamily[] {
  const families: NumberFamily[] = rows.map((row) => ({
    name: row.prometheusName,
    help: row.help,
    type: row.type,
    samples: [{ labels: row.labels, value: row.read(counters) }],
  }))
  families.push({
    name: "portcullis_local_replies_total",
    help: "Answers the gateway made itself, by response flag.",
    type: "counter",
    samples: labelled("response_flag", Object.entries(counters.localReplies)),
  })
  families.push({
    name: "portcullis_client_certificate_refusals_total",
    help: "Clients not let in, by what was wrong with their certificate.",
    type: "counter",
    samples: labelled("reason", counters.clientCertificateRefusals),
  })
  families.push({
    name: "portcullis_protocol_errors_total",
    help: "Requests refused because they broke the protocol, by rule.",
    type: "counter",
    samples: labelled("fault", counters.protocolErrors),
  })
  return families
}

/** `[name, value]` with Envoy's names, sorted by name. */
export function processStats(counters: Counters): readonly (readonly [string, number])[] {
  const stats: (readonly [string, number])[] = rows.map((row) => [row.envoyName, row.read(counters)])
  for (const [flag, count] of Object.entries(counters.localReplies)) {
    if (count > 0) stats.push([`http.local_reply.${flag}`, count])
  }
  for (const [reason, count] of counters.clientCertificateRefusals) {
    stats.push([`listener.ssl.client_certificate_refused.${reason}`, count])
  }
  for (const [fault, count] of counters.protocolErrors) stats.push([`http.protocol_error.${fault}`, count])
  return stats.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
}

function counter(name: string, envoyName: string, help: string, read: (counters: Counters) => number): CounterRow {
  return { prometheusName: `portcullis_${name}`, envoyName, type: "counter", help, labels: noLabels, read }
}

function gauge(name: string, envoyName: string, help: string, read: (counters: Counters) => number): CounterRow {
  return { ...counter(name, envoyName, help, read), type: "gauge" }
}

function responseRows(): readonly CounterRow[] {
  const reads: readonly (readonly [string, (counters: Counters) => number])[] = [
    ["1xx", (c) => c.responses1xx],
    ["2xx", (c) => c.responses2xx],
    ["3xx", (c) => c.responses3xx],
    ["4xx", (c) => c.responses4xx],
    ["5xx", (c) => c.responses5xx],
    ["none", (c) => c.responsesNone],
  ]
  return reads.map(([responseClass, read]) => ({
    ...counter("responses_total", `http.downstream_rq_${responseClass}`, "Responses by class of status.", read),
    labels: { class: responseClass },
  }))
}

function labelled(label: string, counts: Iterable<readonly [string, number]>): readonly MetricSample[] {
  return [...counts].filter(([, value]) => value > 0).map(([name, value]) => ({ labels: { [label]: name }, value }))
}
