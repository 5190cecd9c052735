/**
 * Who a client is by its certificate, as operators tell it: in access log lines, and in values of header operations
 * (Envoy access_log/usage.rst, `%DOWNSTREAM_TLS_…%` and `%DOWNSTREAM_PEER_…%`). Serial number and fingerprint are openssl's.
 */
import { beforeAll, describe, expect, test } from "bun:test"
import { DevelopmentPki, type IssuedCertificate } from "../../src/security/development-pki.ts"
import { compileAccessLogFormat } from "../../src/telemetry/access-log-format.ts"
import { createRecord } from "../../src/telemetry/access-log-record.fixture.ts"
import { type GatewayUnderTest, startGateway } from "../harness/gateway-under-test.ts"
import type { RecordedExchange } from "../harness/recorded-exchange.ts"
import { SERVICE_HOST, serviceYaml, virtualServiceYaml, yamlOf } from "../harness/routes-to.ts"
import { ScriptedUpstream } from "../harness/scripted-upstream.ts"
import { TcpService } from "../harness/tcp-service.ts"
import { connectTls } from "../harness/tls-client.ts"
import { tlsGatewayYaml, tlsSecretYaml } from "../harness/tls-routes.ts"
import { requireTool } from "../peer-tools.ts"

const openssl = requireTool("openssl")

const HOST = "partners.example"
const REQUEST = `GET /x HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`
const PEER_FORMAT =
  "%DOWNSTREAM_PEER_SUBJECT%|%DOWNSTREAM_PEER_ISSUER%|%DOWNSTREAM_PEER_URI_SAN%|%DOWNSTREAM_PEER_DNS_SAN%"

let pki: DevelopmentPki
let foreignPki: DevelopmentPki
let server: IssuedCertificate
let client: IssuedCertificate
beforeAll(async () => {
  pki = await DevelopmentPki.create(Date.now())
  foreignPki = await DevelopmentPki.create(Date.now())
  server = await pki.issue({ commonName: HOST, subjectAltNames: [HOST], purpose: "server" })
  const subjectAltNames = ["app.partner.example", "spiffe://mesh/ns/partner/sa/app"]
  client = await pki.issue({ commonName: "app", subjectAltNames, purpose: "client" })
})

function startHttp(upstream: ScriptedUpstream, tls: string): Promise<GatewayUnderTest> {
  const headers =
    "headers: { request: { set: { x-client: '%DOWNSTREAM_PEER_SUBJECT% over %DOWNSTREAM_TLS_VERSION%' } } }"
  return startGateway(
    yamlOf(
      tlsGatewayYaml([{ hosts: [HOST], tls }]),
      tlsSecretYaml("partners", server, pki.rootPem),
      serviceYaml(SERVICE_HOST, [upstream.port]),
      virtualServiceYaml("all", ["*"], `- route: [{ destination: { host: ${SERVICE_HOST} } }]\n  ${headers}`),
    ),
  )
}

async function send(gateway: GatewayUnderTest, identity: IssuedCertificate | null): Promise<number> {
  using connection = await connectTls(gateway.port(443), {
    serverName: HOST,
    ...(identity === null ? {} : { identity }),
  })
  return (await connection.exchange(REQUEST)).status
}

function format(operators: string, { downstreamTls }: RecordedExchange): string {
  const compiled = compileAccessLogFormat(operators)
  return "error" in compiled ? compiled.error : compiled.format(createRecord({ downstreamTls })).trimEnd()
}

async function byOpenssl(option: string, { certificatePem }: IssuedCertificate): Promise<string> {
  const run = Bun.spawn(["openssl", "x509", "-noout", "-sha256", option], { stdin: Buffer.from(certificatePem) })
  return (await run.stdout.text()).trim().replace(/^.*=/, "").replaceAll(":", "").toLowerCase()
}

describe("a client with a certificate", () => {
  test.skipIf(openssl.path === null)(
    openssl.named("accepted: each of its names, for the log and for the service"),
    async () => {
      await using upstream = ScriptedUpstream.start()
      await using gateway = await startHttp(upstream, "{ mode: MUTUAL, credentialName: partners }")
      expect(await send(gateway, client)).toBe(200)
      const record = await gateway.record(0)
      const subject = "O=Portcullis development,CN=app"
      expect(format(PEER_FORMAT, record)).toBe(
        `${subject}|O=Portcullis development,CN=Portcullis development intermediate|spiffe://mesh/ns/partner/sa/app|app.partner.example`,
      )
      expect(format("%DOWNSTREAM_PEER_SERIAL%", record)).toBe(await byOpenssl("-serial", client))
      expect(format("%DOWNSTREAM_PEER_FINGERPRINT_256%", record)).toBe(await byOpenssl("-fingerprint", client))
      expect(format("%DOWNSTREAM_TLS_VERSION% %DOWNSTREAM_TLS_CIPHER%", record)).toMatch(/^TLSv1\.3 TLS_[A-Z0-9_]+$/)
      const [from, to] = format("%DOWNSTREAM_PEER_CERT_V_START% %DOWNSTREAM_PEER_CERT_V_END%", record).split(" ")
      expect(Date.parse(from ?? "")).toBeLessThan(Date.now())
      expect(Date.parse(to ?? "")).toBeGreaterThan(Date.now())
      expect((await upstream.request(0)).field("x-client")).toBe(`${subject} over TLSv1.3`)
    },
  )

  test("refused: the log tells who it was", async () => {
    await using upstream = ScriptedUpstream.start()
    await using gateway = await startHttp(upstream, "{ mode: MUTUAL, credentialName: partners }")
    const foreign = await foreignPki.issue({ commonName: "stranger", subjectAltNames: [], purpose: "client" })
    expect(await send(gateway, foreign)).toBe(403)
    expect(format("%DOWNSTREAM_PEER_SUBJECT%", await gateway.record(0))).toBe("O=Portcullis development,CN=stranger")
    expect(upstream.requests).toHaveLength(0)
  })

  test("over forwarded TCP", async () => {
    await using service = TcpService.start((connection) => connection.send("hello"))
    await using gateway = await startGateway(
      yamlOf(
        tlsGatewayYaml([{ hosts: [HOST], tls: "{ mode: MUTUAL, credentialName: partners }", protocol: "TLS" }]),
        tlsSecretYaml("partners", server, pki.rootPem),
        serviceYaml(SERVICE_HOST, [service.port]),
        `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: routes }
spec:
  hosts: ["${HOST}"]
  gateways: [edge]
  tcp: [{ route: [{ destination: { host: ${SERVICE_HOST} } }] }]
`,
      ),
    )
    using connection = await connectTls(gateway.port(443), { serverName: HOST, identity: client })
    expect((await connection.takeExactly(5)).toString()).toBe("hello")
    connection.close()
    expect(format("%DOWNSTREAM_PEER_SUBJECT%", await gateway.record(0))).toBe("O=Portcullis development,CN=app")
  })
})

test("a client without a certificate has TLS, and no name", async () => {
  await using upstream = ScriptedUpstream.start()
  await using gateway = await startHttp(upstream, "{ mode: SIMPLE, credentialName: partners }")
  expect(await send(gateway, null)).toBe(200)
  const record = await gateway.record(0)
  expect(format("%DOWNSTREAM_TLS_VERSION% %DOWNSTREAM_PEER_SUBJECT%", record)).toBe("TLSv1.3 -")
  expect((await upstream.request(0)).field("x-client")).toBe(" over TLSv1.3".trim())
})
