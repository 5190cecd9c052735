import { describe, expect, test } from "bun:test"
import { DestinationRequests, noGrpcStatus, notGrpc, seriesCountMax } from "./destination-requests.ts"
import { istioMetricFamilies } from "./istio-metrics.ts"
import type { Labels, MetricFamily } from "./prometheus-text.ts"

function requestsTotal(
  families: readonly MetricFamily[],
): readonly { readonly labels: Labels; readonly value: number }[] {
  const family = families.find(({ name }) => name === "istio_requests_total")
  if (family?.type !== "counter") throw new Error("no such counter")
  return family.samples
}

describe("Istio's standard metrics at a gateway (Istio semantics sheet 9.1)", () => {
  test("every label, for a service of a cluster", () => {
    const requests = new DestinationRequests()
    requests.record(200, "", notGrpc, 3, 10, 20)
    const families = istioMetricFamilies([{ host: "shop.prod.svc.cluster.local", requests }], "1.2.3")
    expect(requestsTotal(families)).toEqual([
      {
        value: 1,
        labels: {
          reporter: "source",
          source_workload: "portcullis",
          source_workload_namespace: "unknown",
          source_principal: "unknown",
          source_app: "portcullis",
          source_version: "1.2.3",
          source_cluster: "unknown",
          source_canonical_service: "portcullis",
          source_canonical_revision: "1.2.3",
          destination_workload: "unknown",
          destination_workload_namespace: "unknown",
          destination_principal: "unknown",
          destination_app: "unknown",
          destination_version: "unknown",
          destination_service: "shop.prod.svc.cluster.local",
          destination_service_name: "shop",
          destination_service_namespace: "prod",
          destination_cluster: "unknown",
          destination_canonical_service: "unknown",
          destination_canonical_revision: "latest",
          request_protocol: "http",
          response_code: "200",
          grpc_response_status: "",
          response_flags: "-",
          connection_security_policy: "unknown",
        },
      },
    ])
    expect(families.map(({ name, type }) => [name, type])).toEqual([
      ["istio_requests_total", "counter"],
      ["istio_request_duration_milliseconds", "histogram"],
      ["istio_request_bytes", "histogram"],
      ["istio_response_bytes", "histogram"],
      ["istio_request_messages_total", "counter"],
      ["istio_response_messages_total", "counter"],
    ])
  })

  test("no cluster was chosen: the destination is unknown", () => {
    const requests = new DestinationRequests()
    requests.record(404, "NR", notGrpc, 1, 0, 0)
    const [sample] = requestsTotal(istioMetricFamilies([{ host: null, requests }], "1"))
    expect(sample?.labels).toMatchObject({
      destination_service: "unknown",
      destination_service_name: "unknown",
      destination_service_namespace: "unknown",
      response_code: "404",
      response_flags: "NR",
    })
  })

  test("gRPC has its protocol, and its status where there was one", () => {
    const requests = new DestinationRequests()
    requests.record(200, "", 14, 1, 0, 0)
    requests.record(200, "", noGrpcStatus, 1, 0, 0)
    const samples = requestsTotal(istioMetricFamilies([{ host: "a.example", requests }], "1"))
    expect(samples.map(({ labels }) => [labels["request_protocol"], labels["grpc_response_status"]])).toEqual([
      ["grpc", "14"],
      ["grpc", ""],
    ])
  })

  test("messages are added up by how the calls ended; plain requests have no series of them", () => {
    const [one, other] = [new DestinationRequests(), new DestinationRequests()]
    one.record(200, "", notGrpc, 1, 0, 0)
    for (const requests of [one, other]) {
      const series = requests.record(200, "", 0, 1, 0, 0)
      series.requestMessages += 2
      series.responseMessages += 5
    }
    const destinations = [one, other].map((requests) => ({ host: "a.example", requests }))
    const families = istioMetricFamilies(destinations, "1").filter(({ name }) => name.includes("_messages_"))
    const samples = families.flatMap((family) => (family.type === "histogram" ? [] : family.samples))
    expect(samples.map(({ labels, value }) => [labels["request_protocol"], labels["response_code"], value])).toEqual([
      ["grpc", "200", 4],
      ["grpc", "200", 10],
    ])
  })

  test("ports and subsets of one host are added up: labels are unique", () => {
    const [one, other] = [new DestinationRequests(), new DestinationRequests()]
    one.record(200, "", notGrpc, 3, 10, 20)
    other.record(200, "", notGrpc, 5, 10, 20)
    const destinations = [one, other].map((requests) => ({ host: "a.example", requests }))
    const families = istioMetricFamilies(destinations, "1")
    expect(requestsTotal(families).map(({ value }) => value)).toEqual([2])
    const durations = families[1]
    expect(durations?.type === "histogram" && durations.samples[0]?.histogram.sum).toBe(8)
  })

  test("endings beyond the limit have the response code other", () => {
    const requests = new DestinationRequests()
    for (let status = 200; status < 200 + seriesCountMax + 3; status++) requests.record(status, "", notGrpc, 1, 0, 0)
    const samples = requestsTotal(istioMetricFamilies([{ host: "a.example", requests }], "1"))
    expect(samples.at(-1)).toMatchObject({ value: 3, labels: { response_code: "other" } })
  })
})
