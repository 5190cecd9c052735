/**
 * gRPC's own interoperability cases (grpc/grpc `doc/interop-test-descriptions.md`) with a foreign client and a foreign
 * service, and the gateway between them: cleartext HTTP/2, and TLS with ALPN.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { Metadata, status } from "@grpc/grpc-js"
import { DevelopmentPki } from "../../src/security/development-pki.ts"
import { type GatewayUnderTest, startGateway } from "../harness/gateway-under-test.ts"
import { waitUntil } from "../harness/wait-until.ts"
import { grpcRoutesWithTls, SERVER_NAME } from "./grpc-routes.ts"
import { InteropClient, toBytes } from "./interop-client.ts"
import { ECHO_INITIAL, ECHO_TRAILING, InteropService, METHODS } from "./interop-service.ts"

let service: InteropService
let gateway: GatewayUnderTest
let authorityPem = ""

beforeAll(async () => {
  const pki = await DevelopmentPki.create(Date.now())
  const request = { commonName: SERVER_NAME, subjectAltNames: [SERVER_NAME], purpose: "server" } as const
  const certificate = await pki.issue(request)
  authorityPem = pki.rootPem
  service = await InteropService.start()
  gateway = await startGateway(grpcRoutesWithTls(service.port, certificate))
})

afterAll(async () => {
  await gateway.stop()
  await service[Symbol.asyncDispose]()
})

const transports = [
  { transport: "cleartext HTTP/2", open: () => new InteropClient(gateway.port(80)) },
  { transport: "TLS", open: () => new InteropClient(gateway.port(443), SERVER_NAME, authorityPem) },
]

describe.each(transports)("$transport", ({ open }) => {
  test("empty_unary", async () => {
    using client = open()
    const { code, sizes } = await client.unary(METHODS.emptyCall, Buffer.alloc(0))
    expect([code, sizes]).toEqual([status.OK, [0]])
  })

  test("large_unary: 271828 bytes out, 314159 bytes back", async () => {
    using client = open()
    const request = toBytes({ payload: "0".repeat(271_828), sizes: [314_159] })
    const { code, sizes } = await client.unary(METHODS.unaryCall, request)
    expect([code, sizes]).toEqual([status.OK, [314_159]])
  })

  test("client_streaming: four requests, one sum", async () => {
    using client = open()
    const requests = [27_182, 8, 1_828, 45_904].map((size) => toBytes({ payload: "0".repeat(size) }))
    const { code, lastResponse } = await client.clientStreaming(METHODS.streamingInputCall, requests)
    expect([code, lastResponse.toString()]).toEqual([status.OK, "74922"])
  })

  test("server_streaming: one request, four responses in order", async () => {
    using client = open()
    const sizes = [31_415, 9, 2_653, 58_979]
    const outcome = await client.serverStreaming(METHODS.streamingOutputCall, toBytes({ sizes }))
    expect([outcome.code, outcome.sizes]).toEqual([status.OK, sizes])
  })

  test("ping_pong: each request is answered before the next one is sent", async () => {
    using client = open()
    const call = client.bidirectional(METHODS.fullDuplexCall)
    const sizes = [31_415, 9, 2_653, 58_979]
    for (const [index, size] of sizes.entries()) {
      call.send({ payload: "0".repeat(27_182), sizes: [size] })
      await call.responses(index + 1)
    }
    call.end()
    const outcome = await call.outcome
    expect([outcome.code, outcome.sizes]).toEqual([status.OK, sizes])
  })

  test("empty_stream: neither requests nor responses", async () => {
    using client = open()
    const call = client.bidirectional(METHODS.fullDuplexCall)
    call.end()
    const { code, sizes } = await call.outcome
    expect([code, sizes]).toEqual([status.OK, []])
  })

  test("cancel_after_begin: the service hears of it", async () => {
    using client = open()
    const [calls, cancelled] = [service.calls.length, service.cancelledCount]
    const call = client.bidirectional(METHODS.fullDuplexCall)
    await waitUntil(() => service.calls.length > calls, "the call at the service")
    call.cancel()
    expect((await call.outcome).code).toBe(status.CANCELLED)
    await waitUntil(() => service.cancelledCount === cancelled + 1, "the cancelled call at the service")
  })

  test("cancel_after_first_response: the service hears of it", async () => {
    using client = open()
    const cancelled = service.cancelledCount
    const call = client.bidirectional(METHODS.fullDuplexCall)
    call.send({ payload: "0".repeat(27_182), sizes: [31_415] })
    await call.responses(1)
    call.cancel()
    expect((await call.outcome).code).toBe(status.CANCELLED)
    await waitUntil(() => service.cancelledCount === cancelled + 1, "the cancelled call at the service")
  })

  test("status_code_and_message: of a unary call and of a stream", async () => {
    using client = open()
    const asked = { code: status.UNKNOWN, message: "test status message" }
    const unary = await client.unary(METHODS.unaryCall, toBytes({ status: asked }))
    expect([unary.code, unary.message]).toEqual([asked.code, asked.message])
    const call = client.bidirectional(METHODS.fullDuplexCall)
    call.send({ status: asked })
    const stream = await call.outcome
    expect([stream.code, stream.message]).toEqual([asked.code, asked.message])
  })

  test("special_status_message: whitespace and characters of every plane", async () => {
    using client = open()
    const message = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n"
    const outcome = await client.unary(METHODS.unaryCall, toBytes({ status: { code: status.UNKNOWN, message } }))
    expect([outcome.code, outcome.message]).toEqual([status.UNKNOWN, message])
  })

  test("custom_metadata: initial as text, trailing as bytes, of a unary call and of a stream", async () => {
    using client = open()
    const metadata = new Metadata()
    metadata.set(ECHO_INITIAL, "test_initial_metadata_value")
    metadata.set(ECHO_TRAILING, Buffer.from([0xab, 0xab, 0xab]))
    const call = client.bidirectional(METHODS.fullDuplexCall, { metadata })
    call.send({ sizes: [9] })
    call.end()
    for (const outcome of [await client.unary(METHODS.unaryCall, toBytes({}), { metadata }), await call.outcome]) {
      expect(outcome.code).toBe(status.OK)
      expect(outcome.initial?.get(ECHO_INITIAL)).toEqual(["test_initial_metadata_value"])
      expect(outcome.trailing.get(ECHO_TRAILING)).toEqual([Buffer.from([0xab, 0xab, 0xab])])
    }
  })

  test("unimplemented_method: the service's own answer", async () => {
    using client = open()
    const { code } = await client.unary("/grpc.testing.TestService/UnimplementedCall", Buffer.alloc(0))
    expect(code).toBe(status.UNIMPLEMENTED)
  })

  test("unimplemented_service: no rule matches, and the gateway's 404 is UNIMPLEMENTED (Istio semantics sheet 5.3)", async () => {
    using client = open()
    const { code, message, initial } = await client.unary(METHODS.unimplementedCall, Buffer.alloc(0))
    expect([code, message, initial]).toEqual([status.UNIMPLEMENTED, "", null])
  })

  test("timeout_on_sleeping_server: the client's deadline passes, and the service hears of it", async () => {
    using client = open()
    // The connections are there when the time begins to run.
    await client.unary(METHODS.emptyCall, Buffer.alloc(0))
    const cancelled = service.cancelledCount
    const { code } = await client.unary(METHODS.hangingCall, Buffer.alloc(0), { timeoutMs: 250 })
    // Whose timer is first, the client's own or the gateway's, is open.
    expect([status.DEADLINE_EXCEEDED, status.UNAVAILABLE]).toContain(code)
    await waitUntil(() => service.cancelledCount === cancelled + 1, "the cancelled call at the service")
  })

  test("many calls of one connection at once keep their answers apart", async () => {
    using client = open()
    const sizes = Array.from({ length: 50 }, (_, index) => index * 1_000)
    const outcomes = await Promise.all(
      sizes.map((size) => client.unary(METHODS.unaryCall, toBytes({ payload: "0".repeat(size), sizes: [size] }))),
    )
    expect(outcomes.map((outcome) => outcome.sizes[0])).toEqual(sizes)
  })
})
