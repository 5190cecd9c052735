/**
 * gRPC-Web through the gateway, as browsers send it: raw HTTP/1.1 and HTTP/2 clients, binary and text, to a gRPC service
 * (gRPC `doc/PROTOCOL-WEB.md`; Envoy's `grpc_web` filter; Istio semantics sheet 1.1).
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { status } from "@grpc/grpc-js"
import { DevelopmentPki } from "../../src/security/development-pki.ts"
import { FrameClient } from "../h2/frame-client.ts"
import { FrameUpstream } from "../h2/frame-upstream.ts"
import { END_STREAM } from "../h2/frames.ts"
import { type GatewayUnderTest, startGateway } from "../harness/gateway-under-test.ts"
import { exchangeOnce, RawClient, type RawResponse } from "../harness/raw-client.ts"
import { GATEWAY_YAML, routesTo, SERVICE_HOST, virtualServiceYaml, yamlOf } from "../harness/routes-to.ts"
import { ScriptedUpstream } from "../harness/scripted-upstream.ts"
import { connectTls } from "../harness/tls-client.ts"
import { grpcRoutesTo, grpcRoutesWithTls, grpcServiceYaml, SERVER_NAME } from "./grpc-routes.ts"
import { InteropClient, toBytes } from "./interop-client.ts"
import { InteropService, METHODS } from "./interop-service.ts"

const BINARY = "application/grpc-web+proto"
const TEXT = "application/grpc-web-text+proto"

let service: InteropService
let gateway: GatewayUnderTest
beforeAll(async () => {
  service = await InteropService.start()
  gateway = await startGateway(onGrpcWebPort(grpcRoutesTo([service.port])))
})
afterAll(async () => {
  await gateway.stop()
  await service[Symbol.asyncDispose]()
})

function onGrpcWebPort(yaml: string): string {
  return yaml.replace("name: http, protocol: HTTP }", "name: grpc-web, protocol: GRPC-WEB }")
}

function frame(message: Buffer | string, flags = 0): Buffer {
  const bytes = Buffer.from(message)
  const head = Buffer.alloc(5)
  head.writeUInt8(flags, 0)
  head.writeUInt32BE(bytes.length, 1)
  return Buffer.concat([head, bytes])
}

const trailers = (lines: string) => frame(lines, 0x80)

/** An HTTP/1.1 request. @param accept where it is not the content-type */
function request(path: string, contentType: string, body: Buffer | string, accept = contentType, more = ""): Buffer {
  const bytes = Buffer.from(body)
  const lines = [`Content-Type: ${contentType}`, `Accept: ${accept}`, `Content-Length: ${bytes.length}`]
  return Buffer.concat([
    Buffer.from(`POST ${path} HTTP/1.1\r\nHost: a.example\r\n${lines.join("\r\n")}\r\n${more}\r\n`),
    bytes,
  ])
}

function call(under: GatewayUnderTest, ...parameters: Parameters<typeof request>): Promise<RawResponse> {
  return exchangeOnce(under.port(80), request(...parameters))
}

/** What a response says in its head. */
function headOf(response: RawResponse): readonly (string | number | null)[] {
  const { field } = response
  return [response.status, field("content-type"), field("grpc-status"), field("grpc-message")]
}

/** Base64 with padding anywhere, as the protocol allows it. */
function fromText(text: string): Buffer {
  const groups = text.match(/.{1,4}/gs) ?? []
  return Buffer.concat(groups.map((group) => Buffer.from(group, "base64")))
}

const UNARY = frame(toBytes({ sizes: [3] }))
const ANSWER = frame("\0\0\0")
const OK = trailers("grpc-status:0\r\ngrpc-message:OK\r\n")

describe("HTTP/1.1", () => {
  test("binary: messages as they are, trailers as the last frame", async () => {
    const response = await call(gateway, METHODS.unaryCall, BINARY, UNARY)
    expect(headOf(response)).toEqual([200, BINARY, null, null])
    expect(response.body).toEqual(Buffer.concat([ANSWER, OK]))
    expect([response.field("transfer-encoding"), response.trailers]).toEqual(["chunked", []])
  })

  test("text: each frame in base64 by itself", async () => {
    const response = await call(gateway, METHODS.unaryCall, TEXT, UNARY.toString("base64"))
    expect(headOf(response)).toEqual([200, TEXT, null, null])
    expect(response.text).toBe(ANSWER.toString("base64") + OK.toString("base64"))
  })

  test("Accept decides about the response, content-type about the request, as in Envoy", async () => {
    const mixed = await call(gateway, METHODS.unaryCall, BINARY, UNARY, TEXT)
    expect([headOf(mixed)[1], fromText(mixed.text)]).toEqual([TEXT, Buffer.concat([ANSWER, OK])])
    const opposite = await call(gateway, METHODS.unaryCall, TEXT, UNARY.toString("base64"), "*/*")
    expect([headOf(opposite)[1], opposite.body]).toEqual([BINARY, Buffer.concat([ANSWER, OK])])
  })

  test("a text request may be split anywhere, and its frames padded one by one", async () => {
    const half = frame(toBytes({ payload: "0".repeat(10) }))
    const text = half.toString("base64") + half.toString("base64")
    const bytes = request(METHODS.streamingInputCall, TEXT, text)
    const bodyStart = bytes.length - text.length
    for (let offset = bodyStart; offset < bytes.length; offset++) {
      using client = await RawClient.connect(gateway.port(80))
      await client.sendSplit(bytes, [offset])
      expect(fromText((await client.readResponse()).text)).toEqual(Buffer.concat([frame("20"), OK]))
    }
  })

  test("271828 bytes out, 314159 bytes back, as text", async () => {
    const large = frame(toBytes({ payload: "0".repeat(271_828), sizes: [314_159] }))
    const response = await call(gateway, METHODS.unaryCall, TEXT, large.toString("base64"))
    expect(fromText(response.text)).toEqual(Buffer.concat([frame(Buffer.alloc(314_159)), OK]))
  })

  test("server streaming: a response arrives before the next one is made", async () => {
    await using upstream = FrameUpstream.start()
    await using under = await startGateway(onGrpcWebPort(grpcRoutesTo([upstream.port])))
    using client = await RawClient.connect(under.port(80))
    client.send(request(METHODS.streamingOutputCall, TEXT, UNARY.toString("base64")))
    const { streamId } = await upstream.request(0)
    const connection = await upstream.connection(0)
    connection.headers(
      streamId,
      [
        [":status", "200"],
        ["content-type", "application/grpc"],
      ],
      0,
    )
    for (const message of ["first", "second"]) {
      connection.data(streamId, frame(message))
      const text = frame(message).toString("base64")
      await client.until(() => client.peek().includes(text), `${message} message`)
    }
    connection.headers(streamId, [["grpc-status", "5"]])
    const { body } = await client.readResponse()
    const expected = [frame("first"), frame("second"), trailers("grpc-status:5\r\n")]
    expect(fromText(body.toString("latin1"))).toEqual(Buffer.concat(expected))
  })

  test("a client that goes away in the middle of its request or of its response cancels the service's call", async () => {
    for (const isComplete of [false, true]) {
      await using upstream = FrameUpstream.start()
      await using under = await startGateway(onGrpcWebPort(grpcRoutesTo([upstream.port])))
      using client = await RawClient.connect(under.port(80))
      const bytes = request(METHODS.fullDuplexCall, TEXT, UNARY.toString("base64"))
      client.send(bytes.subarray(0, isComplete ? bytes.length : -2))
      const { streamId } = await upstream.request(0)
      client.close()
      await (await upstream.connection(0)).resetOf(streamId)
      expect((await under.record(0)).responseFlags).toBe("DC")
    }
  })

  test("a connection serves calls and other requests one after the other", async () => {
    using client = await RawClient.connect(gateway.port(80))
    for (const type of [BINARY, TEXT, BINARY]) {
      const body = type === TEXT ? UNARY.toString("base64") : UNARY
      expect((await client.exchange(request(METHODS.unaryCall, type, body))).status).toBe(200)
    }
    const { status: plain, field } = await client.exchange("GET /elsewhere HTTP/1.1\r\nHost: a.example\r\n\r\n")
    expect([plain, field("grpc-status")]).toEqual([404, null])
  })
})

describe("HTTP/2", () => {
  test.each([
    { type: BINARY, encode: (bytes: Buffer) => bytes.toString("latin1") },
    { type: TEXT, encode: (bytes: Buffer) => bytes.toString("base64") },
  ])("$type", async ({ type, encode }) => {
    using client = await FrameClient.open(gateway.port(80))
    client.request(1, { ":method": "POST", ":path": METHODS.unaryCall, "content-type": type, accept: type }, 0)
    client.data(1, Buffer.from(encode(UNARY), "latin1"), END_STREAM)
    const response = await client.response(1)
    expect([response.status, response.isComplete, response.trailers]).toEqual([200, true, null])
    expect(response.fields).toContain(`content-type: ${type}`)
    expect(response.body).toBe(encode(ANSWER) + encode(OK))
  })

  test("plain gRPC on the same port stays what it is", async () => {
    using client = new InteropClient(gateway.port(80))
    const outcome = await client.unary(METHODS.unaryCall, toBytes({ sizes: [9] }))
    expect([outcome.code, outcome.sizes]).toEqual([status.OK, [9]])
  })
})

test("the service sees gRPC: content-type, te, no length, and no compression that nobody asked for", async () => {
  await using upstream = FrameUpstream.start(({ connection, streamId }) => connection.respond(streamId, ""))
  await using under = await startGateway(onGrpcWebPort(grpcRoutesTo([upstream.port])))
  await call(under, METHODS.unaryCall, TEXT, UNARY.toString("base64"), TEXT, "X-Grpc-Web: 1\r\n")
  const { lines } = await upstream.request(0)
  const names = ["content-type", "te", "content-length", "grpc-accept-encoding", "x-grpc-web", "accept"]
  expect(names.map((name) => lines.filter((line) => line.startsWith(`${name}: `)))).toEqual([
    ["content-type: application/grpc"],
    ["te: trailers"],
    [],
    ["grpc-accept-encoding: identity"],
    ["x-grpc-web: 1"],
    [`accept: ${TEXT}`],
  ])
  const connection = await upstream.connection(0)
  expect(connection.bodyOf(1)).toBe(UNARY.toString("latin1"))
})

test("routing comes first: a rule sees the client's content-type (Istio semantics sheet 4)", async () => {
  const rules = `
- match: [{ headers: { content-type: { exact: ${BINARY} } } }]
  route: [{ destination: { host: ${SERVICE_HOST} } }]
- directResponse: { status: 200, body: { string: not matched } }
`
  const routes = yamlOf(GATEWAY_YAML, grpcServiceYaml([service.port]), virtualServiceYaml("routes", ["*"], rules))
  await using under = await startGateway(onGrpcWebPort(routes))
  const { body } = await call(under, METHODS.unaryCall, BINARY, UNARY)
  expect(body).toEqual(Buffer.concat([ANSWER, OK]))
})

describe("answers without messages", () => {
  test("trailers-only of the service: the status is in the head, and there is no body", async () => {
    service.nextFailures = [status.NOT_FOUND]
    const response = await call(gateway, METHODS.unaryCall, BINARY, UNARY)
    expect([...headOf(response), response.text]).toEqual([200, BINARY, "5", "as%20asked", ""])
  })

  test("no healthy upstream: the HTTP status stays, the text is grpc-message, and the log has both", async () => {
    await using under = await startGateway(onGrpcWebPort(grpcRoutesTo([])))
    const response = await call(under, METHODS.unaryCall, TEXT, UNARY.toString("base64"))
    expect([...headOf(response), response.text]).toEqual([503, TEXT, "14", "no healthy upstream", ""])
    expect(response.field("content-length")).toBe("0")
    const { responseFlags, responseCode, grpcStatusInHead } = await under.record(0)
    expect([responseFlags, responseCode, grpcStatusInHead]).toEqual(["UH", 503, "14"])
  })

  test("no route: 404 and UNIMPLEMENTED", async () => {
    const response = await call(gateway, METHODS.unimplementedCall, BINARY, UNARY)
    expect([...headOf(response), response.text]).toEqual([404, BINARY, "12", null, ""])
  })

  test("an answer that is not gRPC: its body becomes grpc-message, up to 16 KiB", async () => {
    const answers = ["teapot 100%", "x".repeat(20_000)]
    await using upstream = ScriptedUpstream.start(({ connection }) => {
      const body = answers.shift() ?? ""
      connection.send(`HTTP/1.1 502 Bad Gateway\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
    })
    const routes = routesTo(upstream.port, "retries: { attempts: 0 }")
    await using under = await startGateway(onGrpcWebPort(routes))
    const first = await call(under, "/a.B/C", BINARY, UNARY)
    expect([...headOf(first), first.text]).toEqual([502, BINARY, "14", "teapot 100%25", ""])
    const second = await call(under, "/a.B/C", BINARY, UNARY)
    expect([headOf(second)[0], second.field("grpc-message")?.length]).toEqual([502, 16 * 1024])
  })

  test("what is not base64 is 400 and INTERNAL, and the service's call is cancelled", async () => {
    const text = UNARY.toString("base64")
    const cases = [
      { body: `${text.slice(0, 8)}!${text.slice(9)}`, details: "grpc_base_64_decode_failed" },
      { body: text.slice(0, -1), details: "grpc_base_64_decode_failed_bad_size" },
    ]
    for (const { body, details } of cases) {
      await using upstream = FrameUpstream.start()
      await using under = await startGateway(onGrpcWebPort(grpcRoutesTo([upstream.port])))
      const response = await call(under, METHODS.unaryCall, TEXT, body)
      expect(headOf(response)).toEqual([400, TEXT, "13", "Bad gRPC-web request, invalid base64 data."])
      expect((await under.record(0)).responseCodeDetails).toBe(details)
      await (await upstream.connection(0)).resetOf(1)
    }
  })

  test("a service that goes away in the middle: the client sees that the response is cut", async () => {
    await using upstream = FrameUpstream.start(({ connection, streamId }) => {
      connection.headers(
        streamId,
        [
          [":status", "200"],
          ["content-type", "application/grpc"],
        ],
        0,
      )
      connection.data(streamId, frame("first"))
      connection.close()
    })
    await using under = await startGateway(onGrpcWebPort(grpcRoutesTo([upstream.port])))
    using client = await RawClient.connect(under.port(80))
    client.send(request(METHODS.streamingOutputCall, BINARY, UNARY))
    await client.until(() => client.isClosed || client.hasEnded, "the end of the connection")
    expect(client.peek().toString("latin1")).not.toContain("\r\n0\r\n\r\n")
  })
})

describe("where it is on (Istio semantics sheet 1.1)", () => {
  test("not on other ports: the content-type goes on as it is, and so does the answer", async () => {
    await using upstream = ScriptedUpstream.start(({ connection }) => {
      connection.send(`HTTP/1.1 200 OK\r\nContent-Type: ${TEXT}\r\nContent-Length: 4\r\n\r\nAAAA`)
    })
    await using under = await startGateway(routesTo(upstream.port))
    const response = await call(under, "/a.B/C", TEXT, "AAAA")
    expect([headOf(response)[1], response.text]).toEqual([TEXT, "AAAA"])
    expect(upstream.requests.map((each) => [each.field("content-type"), each.body.toString()])).toEqual([
      [TEXT, "AAAA"],
    ])
  })

  test("on an HTTPS server by annotation, and a reload without it turns it off for open connections too", async () => {
    const pki = await DevelopmentPki.create(Date.now())
    const names = { commonName: SERVER_NAME, subjectAltNames: [SERVER_NAME], purpose: "server" } as const
    const routes = grpcRoutesWithTls(service.port, await pki.issue(names))
    const annotated = (value: string) =>
      routes.replace(
        "metadata: { name: edge }",
        `metadata: { name: edge, annotations: { portcullis.dev/grpc-web: "${value}" } }`,
      )
    await using under = await startGateway(annotated("true"))
    using client = await connectTls(under.port(443), { serverName: SERVER_NAME })
    const bytes = request(METHODS.unaryCall, BINARY, UNARY)
    const ask = () => client.exchange(Buffer.from(bytes.toString("latin1").replace("a.example", SERVER_NAME), "latin1"))
    expect((await ask()).body).toEqual(Buffer.concat([ANSWER, OK]))
    await under.apply(annotated("false"))
    expect((await ask()).field("content-type")).not.toBe(BINARY)
  })
})
