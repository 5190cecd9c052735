/** `istio_request_messages_total` and `istio_response_messages_total` of real calls (Istio semantics sheet 9.1). */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { status } from "@grpc/grpc-js"
import { grpcRoutesTo } from "../grpc/grpc-routes.ts"
import { InteropClient, toBytes } from "../grpc/interop-client.ts"
import { InteropService, METHODS } from "../grpc/interop-service.ts"
import { type GatewayUnderTest, startGateway } from "../harness/gateway-under-test.ts"
import { exchangeOnce } from "../harness/raw-client.ts"
import { routesTo, SERVICE_HOST } from "../harness/routes-to.ts"
import { type ScrapedMetrics, scrape } from "../harness/scraped-metrics.ts"
import { ScriptedUpstream } from "../harness/scripted-upstream.ts"

let service: InteropService
beforeAll(async () => {
  service = await InteropService.start()
})
afterAll(async () => await service[Symbol.asyncDispose]())

async function counted(gateway: GatewayUnderTest, calls: (client: InteropClient) => Promise<unknown>, count: number) {
  using client = new InteropClient(gateway.port(80))
  await calls(client)
  await gateway.record(count - 1)
  return await scrape(gateway)
}

function messages(metrics: ScrapedMetrics, labels: Readonly<Record<string, string>>): readonly (readonly number[])[] {
  const directions = ["istio_request_messages_total", "istio_response_messages_total"]
  return directions.map((name) => metrics.values(name, labels))
}

const toService = { destination_service: SERVICE_HOST, request_protocol: "grpc", response_code: "200" }

test("every kind of call is counted, message by message in both directions", async () => {
  await using gateway = await startGateway(grpcRoutesTo([service.port]))
  const request = toBytes({ sizes: [0, 70_000, 3] })
  const metrics = await counted(
    gateway,
    async (client) => {
      await client.unary(METHODS.emptyCall, Buffer.alloc(0))
      await client.clientStreaming(METHODS.streamingInputCall, [
        request,
        request,
        toBytes({ payload: "0".repeat(9e4) }),
      ])
      await client.serverStreaming(METHODS.streamingOutputCall, request)
      const both = client.bidirectional(METHODS.fullDuplexCall)
      both.send({ sizes: [1, 1] })
      both.send({ sizes: [20_000] })
      await both.responses(3)
      both.end()
      await both.outcome
    },
    4,
  )
  expect(messages(metrics, { ...toService, grpc_response_status: "0" })).toEqual([[1 + 3 + 1 + 2], [1 + 1 + 3 + 3]])
  expect(metrics.values("istio_requests_total", toService)).toEqual([4])
})

test("a call that fails has the messages it had, under its own status", async () => {
  await using gateway = await startGateway(grpcRoutesTo([service.port]))
  const failing = toBytes({ sizes: [1, 1], status: { code: status.DATA_LOSS, message: "as asked" } })
  const metrics = await counted(gateway, (client) => client.serverStreaming(METHODS.streamingOutputCall, failing), 1)
  expect(messages(metrics, { ...toService, grpc_response_status: "15" })).toEqual([[1], [2]])
})

test("a call that no rule takes is over before its message is read: it has none", async () => {
  await using gateway = await startGateway(grpcRoutesTo([service.port]))
  const metrics = await counted(gateway, (client) => client.unary(METHODS.unimplementedCall, Buffer.from("hello")), 1)
  expect(messages(metrics, { destination_service: "unknown" })).toEqual([[0], [0]])
})

test("gRPC-Web is counted as the gRPC that it becomes: no message for the trailers in its body", async () => {
  const yaml = grpcRoutesTo([service.port]).replace("name: http, protocol: HTTP }", "name: web, protocol: GRPC-WEB }")
  await using gateway = await startGateway(yaml)
  const lines = "Content-Type: application/grpc-web-text\r\nAccept: application/grpc-web-text\r\nContent-Length: 8\r\n"
  const body = Buffer.alloc(5).toString("base64")
  await exchangeOnce(gateway.port(80), `POST ${METHODS.emptyCall} HTTP/1.1\r\nHost: a\r\n${lines}\r\n${body}`)
  await gateway.record(0)
  expect(messages(await scrape(gateway), toService)).toEqual([[1], [1]])
})

test("plain requests, and plain answers to calls, have no messages", async () => {
  await using upstream = ScriptedUpstream.start()
  await using gateway = await startGateway(routesTo(upstream.port))
  const post = (type: string) =>
    exchangeOnce(
      gateway.port(80),
      `POST / HTTP/1.1\r\nHost: a\r\nContent-Type: ${type}\r\nContent-Length: 5\r\n\r\n\0\0\0\0\0`,
    )
  await post("application/json")
  await post("application/grpc")
  await gateway.record(1)
  expect(messages(await scrape(gateway), {})).toEqual([[1], [0]])
})
