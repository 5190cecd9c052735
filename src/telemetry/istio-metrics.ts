/**
 * Istio's standard metrics as a gateway reports them (Istio semantics sheet 9.1): names, labels and their values, so that
 * dashboards made for Istio show this gateway too. What a gateway without a mesh cannot know is `unknown`, as in Istio.
 */
import { type DestinationRequests, noGrpcStatus, notGrpc, type RequestSeries } from "./destination-requests.ts"
import { Histogram } from "./histogram.ts"
import type { Labels, MetricFamily } from "./prometheus-text.ts"

export interface Destination {
  /** Host of the cluster; null = none was chosen. */
  readonly host: string | null
  readonly requests: DestinationRequests
}

const unknown = "unknown"
const kubernetesService = /^([^.]+)\.([^.]+)\.svc\./

export function istioMetricFamilies(
  destinations: readonly Destination[],
  gatewayVersion: string,
): readonly MetricFamily[] {
  const totals = addUp(destinations, gatewayVersion)
  const histogram = (
    name: string,
    help: string,
    part: "durationMs" | "requestBytes" | "responseBytes",
  ): MetricFamily => {
    const samples = totals.map((total) => ({ labels: total.labels, histogram: total[part] }))
    return { name, help, type: "histogram", samples }
  }
  // Only where there are calls: a series of zeros would say that plain HTTP might have messages.
  const ofCalls = totals.filter(({ isGrpc }) => isGrpc)
  const messages = (name: string, help: string, part: "requestMessages" | "responseMessages"): MetricFamily => {
    const samples = ofCalls.map((total) => ({ labels: total.labels, value: total[part] }))
    return { name, help, type: "counter", samples }
  }
  return [
    {
      name: "istio_requests_total",
      help: "Finished HTTP and gRPC requests.",
      type: "counter",
      samples: totals.map(({ labels, durationMs }) => ({ labels, value: durationMs.count })),
    },
    histogram(
      "istio_request_duration_milliseconds",
      "Milliseconds from the head of a request to the end of its response.",
      "durationMs",
    ),
    histogram("istio_request_bytes", "Body bytes of requests.", "requestBytes"),
    histogram("istio_response_bytes", "Body bytes of responses.", "responseBytes"),
    messages("istio_request_messages_total", "Messages that gRPC clients sent.", "requestMessages"),
    messages("istio_response_messages_total", "Messages that gRPC services sent.", "responseMessages"),
  ]
}

interface Total {
  readonly labels: Labels
  readonly durationMs: Histogram
  readonly requestBytes: Histogram
  readonly responseBytes: Histogram
  readonly isGrpc: boolean
  requestMessages: number
  responseMessages: number
}

/** Istio's labels do not tell ports and subsets of one host apart: what they have in common is one series. */
function addUp(destinations: readonly Destination[], gatewayVersion: string): readonly Total[] {
  const totals = new Map<string, Total>()
  for (const { host, requests } of destinations) {
    for (const series of requests.series) addSeries(totals, host, series, String(series.status), gatewayVersion)
    for (const series of requests.overflowSeries) addSeries(totals, host, series, "other", gatewayVersion)
  }
  return [...totals.values()]
}

function addSeries(
  totals: Map<string, Total>,
  host: string | null,
  series: RequestSeries,
  responseCode: string,
  gatewayVersion: string,
): void {
  const key = `${host ?? ""} ${responseCode} ${series.flags} ${series.grpcStatus}`
  let total = totals.get(key)
  if (total === undefined) {
    const isGrpc = series.grpcStatus !== notGrpc
    const labels = {
      reporter: "source",
      ...gatewayLabels(gatewayVersion),
      ...destinationLabels(host),
      request_protocol: isGrpc ? "grpc" : "http",
      response_code: responseCode,
      grpc_response_status: !isGrpc || series.grpcStatus === noGrpcStatus ? "" : String(series.grpcStatus),
      response_flags: series.flags === "" ? "-" : series.flags,
      connection_security_policy: unknown,
    }
    total = {
      labels,
      durationMs: new Histogram(),
      requestBytes: new Histogram(),
      responseBytes: new Histogram(),
      isGrpc,
      requestMessages: 0,
      responseMessages: 0,
    }
    totals.set(key, total)
  }
  total.durationMs.add(series.durationMs)
  total.requestBytes.add(series.requestBytes)
  total.responseBytes.add(series.responseBytes)
  total.requestMessages += series.requestMessages
  total.responseMessages += series.responseMessages
}

/** The reporting workload is the gateway itself. */
export function gatewayLabels(version: string): Labels {
  return {
    source_workload: "portcullis",
    source_workload_namespace: unknown,
    source_principal: unknown,
    source_app: "portcullis",
    source_version: version,
    source_cluster: unknown,
    source_canonical_service: "portcullis",
    source_canonical_revision: version,
  }
}

/** @param host of the cluster; null = none was chosen */
export function destinationLabels(host: string | null): Labels {
  const [, name, namespace] = kubernetesService.exec(host ?? "") ?? []
  return {
    destination_workload: unknown,
    destination_workload_namespace: unknown,
    destination_principal: unknown,
    destination_app: unknown,
    destination_version: unknown,
    destination_service: host ?? unknown,
    destination_service_name: name ?? host ?? unknown,
    destination_service_namespace: namespace ?? unknown,
    destination_cluster: unknown,
    destination_canonical_service: unknown,
    destination_canonical_revision: "latest",
  }
}
