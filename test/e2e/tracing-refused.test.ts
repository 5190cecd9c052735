/** Spans of requests whose client was not let in (MUTUAL server, `403` with the reason), and of broken ones with a trace. */
import { expect, test } from "bun:test"
import { DevelopmentPki } from "../../src/security/development-pki.ts"
import { FrameClient } from "../h2/frame-client.ts"
import { GatewayProcessUnderTest } from "../harness/gateway-process.ts"
import { exchangeOnce } from "../harness/raw-client.ts"
import { routesTo, yamlOf } from "../harness/routes-to.ts"
import { attributesOf, SpanCollector } from "../harness/span-collector.ts"
import { connectTls } from "../harness/tls-client.ts"
import { answeringYaml, tlsGatewayYaml, tlsSecretYaml } from "../harness/tls-routes.ts"

const HOST = "partners.example"
const TRACE = "0af7651916cd43dd8448eb211c80319c"
const PARENT = "b7ad6b7169203331"
const TRACEPARENT = `00-${TRACE}-${PARENT}-01`

test("a client without a certificate has spans, in its own trace where it has one", async () => {
  const pki = await DevelopmentPki.create(Date.now())
  const server = await pki.issue({ commonName: HOST, subjectAltNames: [HOST], purpose: "server" })
  await using collector = new SpanCollector()
  await using gateway = await GatewayProcessUnderTest.start(
    yamlOf(
      tlsGatewayYaml([{ hosts: [HOST], tls: "{ mode: MUTUAL, credentialName: partners }" }]),
      tlsSecretYaml("partners", server, pki.rootPem),
      answeringYaml("all", ["*"]),
    ),
    ["--port-map", "443=0", "--tracing-otlp", collector.url, "--tracing-sampling", "100"],
  )
  const port = gateway.ports.http
  using first = await connectTls(port, { serverName: HOST })
  const lines = `Host: ${HOST}\r\ntraceparent: ${TRACEPARENT}\r\ntracestate: a=1\r\n`
  expect((await first.exchange(`GET /a HTTP/1.1\r\n${lines}\r\n`)).status).toBe(403)
  using second = await FrameClient.openTls(port, HOST, "\x02h2")
  second.request(1, { ":authority": HOST, ":path": "/b" })
  expect((await second.response(1)).status).toBe(403)
  using third = await connectTls(port, { serverName: HOST })
  expect((await third.exchange("GET /c HTTP/1.1\r\n\r\n")).status).toBe(400)
  await gateway.stop()

  const told = collector.spans.map((span) => {
    const attributes = attributesOf(span)
    return [span.name, attributes["http.response.status_code"], attributes["url.full"] ?? null]
  })
  expect(told).toEqual([
    ["ingress", 403, `https://${HOST}/a`],
    ["ingress", 403, `https://${HOST}/b`],
    ["ingress", 400, null],
  ])
  const [continued, begun] = collector.spans
  expect(continued).toMatchObject({ traceId: TRACE, parentSpanId: PARENT, traceState: "a=1" })
  expect(begun?.traceId).not.toBe(TRACE)
  expect(begun?.parentSpanId).toBeUndefined()
})

test("a broken request has its span in the trace that could be read of it", async () => {
  await using collector = new SpanCollector()
  await using gateway = await GatewayProcessUnderTest.start(routesTo(1), [
    "--tracing-otlp",
    collector.url,
    "--tracing-sampling",
    "0",
  ])
  const request = `GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\ntraceparent: ${TRACEPARENT}\r\n\r\n`
  expect((await exchangeOnce(gateway.ports.http, request)).status).toBe(400)
  await gateway.stop()
  expect(collector.spans).toMatchObject([{ name: "ingress", traceId: TRACE, parentSpanId: PARENT }])
})
