/**
 * What the gateway itself does with gRPC calls: deadlines, answers of its own, retries, and how it logs and counts them
 * (Istio semantics sheet 3.5 to 3.7, 5.3, 9.1).
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { status } from "@grpc/grpc-js"
import { istioMetricFamilies } from "../../src/telemetry/istio-metrics.ts"
import { refusingPort } from "../conformance/fixture-services.ts"
import { FrameClient } from "../h2/frame-client.ts"
import { FrameUpstream } from "../h2/frame-upstream.ts"
import { END_STREAM } from "../h2/frames.ts"
import { type GatewayUnderTest, startGateway } from "../harness/gateway-under-test.ts"
import { SERVICE_HOST } from "../harness/routes-to.ts"
import { grpcRoutesTo } from "./grpc-routes.ts"
import { InteropClient, type Outcome, toBytes } from "./interop-client.ts"
import { InteropService, METHODS } from "./interop-service.ts"

let service: InteropService
beforeAll(async () => {
  service = await InteropService.start()
})
afterAll(async () => await service[Symbol.asyncDispose]())

async function unary(gateway: GatewayUnderTest, path: string, request: Buffer = Buffer.alloc(0)): Promise<Outcome> {
  using client = new InteropClient(gateway.port(80))
  return await client.unary(path, request)
}

/** The head of a gRPC request, for clients that keep no deadline of their own. */
function grpcHead(path: string, more: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
  return { ":method": "POST", ":path": path, "content-type": "application/grpc", te: "trailers", ...more }
}

/** One message of no bytes. */
const EMPTY_MESSAGE = Buffer.alloc(5)

/** RFC 9113 section 7. */
const INTERNAL_ERROR = 2
const CANCEL = 8

/** The code and message of what the gateway answers itself. */
function statusOf(response: { readonly fields: readonly string[] }): readonly string[] {
  return response.fields.filter((line) => line.startsWith("grpc-"))
}

describe("deadlines (Istio semantics sheet 3.5)", () => {
  test("grpc-timeout is honoured without a route timeout: 14, and the service hears of it", async () => {
    await using silent = FrameUpstream.start()
    await using gateway = await startGateway(grpcRoutesTo([silent.port]))
    using client = await FrameClient.open(gateway.port(80))
    client.request(1, grpcHead(METHODS.hangingCall, { "grpc-timeout": "250m" }), 0)
    client.data(1, EMPTY_MESSAGE, END_STREAM)
    const response = await client.response(1)
    expect([response.status, response.trailers]).toEqual([200, null])
    expect(statusOf(response)).toEqual(["grpc-status: 14", "grpc-message: upstream request timeout"])
    const request = await silent.request(0)
    expect(request.lines).toContain("grpc-timeout: 250m")
    expect(request.lines).toContain("x-envoy-expected-rq-timeout-ms: 250")
    expect(await (await silent.connection(0)).resetOf(request.streamId)).toBe(CANCEL)
    const { responseFlags, responseCode, grpcStatusInHead } = await gateway.record(0)
    expect([responseFlags, responseCode, grpcStatusInHead]).toEqual(["UT", 200, "14"])
  })

  test("a route timeout caps it, and the service is told so", async () => {
    await using silent = FrameUpstream.start()
    await using gateway = await startGateway(grpcRoutesTo([silent.port], "timeout: 250ms"))
    using client = new InteropClient(gateway.port(80))
    const { code, message } = await client.unary(METHODS.hangingCall, Buffer.alloc(0), { timeoutMs: 60_000 })
    expect([code, message]).toEqual([status.UNAVAILABLE, "upstream request timeout"])
    expect((await silent.request(0)).lines).toContain("grpc-timeout: 250m")
  })

  test("a deadline that passes after the first response resets the stream, and the client is not told of success", async () => {
    await using silent = FrameUpstream.start(({ connection, streamId }) => {
      connection.headers(
        streamId,
        [
          [":status", "200"],
          ["content-type", "application/grpc"],
        ],
        0,
      )
      connection.data(streamId, EMPTY_MESSAGE)
    })
    await using gateway = await startGateway(grpcRoutesTo([silent.port]))
    using client = await FrameClient.open(gateway.port(80))
    client.request(1, grpcHead(METHODS.streamingOutputCall, { "grpc-timeout": "250m" }), 0)
    client.data(1, EMPTY_MESSAGE, END_STREAM)
    const { isComplete, resetCode, body } = await client.response(1)
    expect([isComplete, resetCode, body.length]).toEqual([false, INTERNAL_ERROR, EMPTY_MESSAGE.length])
    expect((await gateway.record(0)).responseFlags).toBe("UT")
  })
})

describe("answers of the gateway's own (Istio semantics sheet 5.3)", () => {
  test("no endpoint: 14, no healthy upstream", async () => {
    await using gateway = await startGateway(grpcRoutesTo([]))
    const { code, message, initial } = await unary(gateway, METHODS.emptyCall)
    expect([code, message, initial]).toEqual([status.UNAVAILABLE, "no healthy upstream", null])
  })

  test("an endpoint that refuses: 14, with the transport's reason", async () => {
    await using gateway = await startGateway(grpcRoutesTo([refusingPort()]))
    const { code, message } = await unary(gateway, METHODS.emptyCall)
    expect([code, message]).toEqual([
      status.UNAVAILABLE,
      "upstream connect error or disconnect/reset before headers. reset reason: remote connection failure, transport failure reason: delayed connect error: Connection refused",
    ])
  })

  test("a fault names its status, for gRPC clients on HTTP 200 (3.7)", async () => {
    const fault = "fault: { abort: { grpcStatus: RESOURCE_EXHAUSTED, percentage: { value: 100 } } }"
    await using gateway = await startGateway(grpcRoutesTo([service.port], fault))
    const { code, message } = await unary(gateway, METHODS.emptyCall)
    expect([code, message]).toEqual([status.RESOURCE_EXHAUSTED, "fault filter abort"])
  })

  test("a service that goes away in the middle of a response: the call fails", async () => {
    await using upstream = FrameUpstream.start(({ connection, streamId }) => {
      connection.headers(
        streamId,
        [
          [":status", "200"],
          ["content-type", "application/grpc"],
        ],
        0,
      )
      connection.data(streamId, EMPTY_MESSAGE)
      connection.close()
    })
    await using gateway = await startGateway(grpcRoutesTo([upstream.port]))
    using client = new InteropClient(gateway.port(80))
    const outcome = await client.serverStreaming(METHODS.streamingOutputCall, Buffer.alloc(0))
    expect([outcome.code, outcome.sizes]).toEqual([status.INTERNAL, [0]])
  })
})

describe("retries (Istio semantics sheet 3.6)", () => {
  async function callAfter(failures: readonly number[], retries: string, request: Buffer = toBytes({ sizes: [7] })) {
    await using gateway = await startGateway(grpcRoutesTo([service.port], retries))
    service.nextFailures = [...failures]
    const calls = service.calls.length
    const outcome = await unary(gateway, METHODS.unaryCall, request)
    const { responseFlags } = await gateway.record(0)
    const attempts = service.calls.slice(calls).map((call) => call.metadata.get("x-envoy-attempt-count")[0])
    return { ...outcome, responseFlags, attempts }
  }

  test("the default policy tries `unavailable` and `cancelled` again, and not `resource-exhausted`", async () => {
    const retried = await callAfter([status.UNAVAILABLE, status.CANCELLED], "timeout: 60s")
    expect([retried.code, retried.sizes, retried.attempts]).toEqual([status.OK, [7], ["1", "2", "3"]])
    const final = await callAfter([status.RESOURCE_EXHAUSTED], "timeout: 60s")
    expect([final.code, final.message, final.attempts]).toEqual([status.RESOURCE_EXHAUSTED, "as asked", ["1"]])
  })

  const words = [
    { word: "cancelled", code: status.CANCELLED },
    { word: "deadline-exceeded", code: status.DEADLINE_EXCEEDED },
    { word: "internal", code: status.INTERNAL },
    { word: "resource-exhausted", code: status.RESOURCE_EXHAUSTED },
    { word: "unavailable", code: status.UNAVAILABLE },
  ]

  test.each(words)("retryOn: $word retries its status and no other", async ({ word, code }) => {
    const retries = `retries: { attempts: 1, retryOn: ${word}, backoff: 1ms }`
    expect((await callAfter([code], retries)).attempts).toEqual(["1", "2"])
    const other = code === status.INTERNAL ? status.UNAVAILABLE : status.INTERNAL
    expect((await callAfter([other], retries)).attempts).toEqual(["1"])
  })

  test("when no attempt is left the service's last answer is the client's, and the log says URX", async () => {
    const retries = "retries: { attempts: 1, retryOn: unavailable, backoff: 1ms }"
    const { code, message, attempts, responseFlags } = await callAfter([14, 14, 14], retries)
    expect([code, message, attempts, responseFlags]).toEqual([14, "as asked", ["1", "2"], "URX"])
  })

  test("a request of 200 kB is sent again whole", async () => {
    const request = toBytes({ payload: "0".repeat(200_000), sizes: [5] })
    const { code, sizes, attempts } = await callAfter([14], "retries: { attempts: 1, retryOn: unavailable }", request)
    expect([code, sizes, attempts]).toEqual([status.OK, [5], ["1", "2"]])
  })

  test("a status in trailers comes too late to be retried", async () => {
    const request = toBytes({ status: { code: status.UNAVAILABLE, message: "late" } })
    const { code, message, attempts } = await callAfter([], "retries: { attempts: 1, retryOn: unavailable }", request)
    expect([code, message, attempts]).toEqual([status.UNAVAILABLE, "late", ["1"]])
  })
})

describe("log and metrics", () => {
  test("%RESP(grpc-status)% has the status of trailers-only responses, %TRAILER(grpc-status)% of others", async () => {
    await using gateway = await startGateway(grpcRoutesTo([service.port]))
    await unary(gateway, METHODS.emptyCall)
    service.nextFailures = [status.NOT_FOUND]
    await unary(gateway, METHODS.unaryCall)
    await unary(gateway, METHODS.unimplementedCall)
    await gateway.record(2)
    const logged = gateway.records.map((record) => [
      record.protocol,
      record.responseCode,
      record.grpcStatusInHead,
      record.grpcStatusInTrailers,
    ])
    expect(logged).toEqual([
      ["HTTP/2", 200, null, "0"],
      ["HTTP/2", 200, "5", null],
      ["HTTP/2", 200, "12", null],
    ])
  })

  test("istio_requests_total has request_protocol grpc and grpc_response_status (9.1)", async () => {
    await using gateway = await startGateway(grpcRoutesTo([service.port]))
    await unary(gateway, METHODS.emptyCall)
    service.nextFailures = [status.NOT_FOUND]
    await unary(gateway, METHODS.unaryCall)
    await unary(gateway, METHODS.unimplementedCall)
    await gateway.record(2)
    const [cluster] = gateway.gateway.clusters
    if (cluster === undefined) throw new Error("no cluster")
    const destinations = [
      { host: SERVICE_HOST, requests: cluster.requests },
      { host: null, requests: gateway.counters.unroutedRequests },
    ]
    const total = istioMetricFamilies(destinations, "1").find(({ name }) => name === "istio_requests_total")
    const labels = (total?.samples ?? []).map((sample) => [
      sample.labels["destination_service"],
      sample.labels["request_protocol"],
      sample.labels["response_code"],
      sample.labels["grpc_response_status"],
    ])
    expect(labels).toEqual([
      [SERVICE_HOST, "grpc", "200", "0"],
      [SERVICE_HOST, "grpc", "200", "5"],
      ["unknown", "grpc", "200", "12"],
    ])
  })
})
