/**
 * No traffic makes series without end (docs/metrics.md): clients and services that choose everything they may choose, and
 * something else each time, against a gateway in a process of its own.
 */
import { beforeAll, expect, test } from "bun:test"
import { DevelopmentPki, type IssuedCertificate } from "../../src/security/development-pki.ts"
import { seriesCountMax } from "../../src/telemetry/destination-requests.ts"
import { GatewayProcessUnderTest } from "../harness/gateway-process.ts"
import { RawClient } from "../harness/raw-client.ts"
import { GATEWAY_YAML, SERVICE_HOST, serviceYaml, virtualServiceYaml, yamlOf } from "../harness/routes-to.ts"
import { ScrapedMetrics } from "../harness/scraped-metrics.ts"
import { ScriptedUpstream } from "../harness/scripted-upstream.ts"
import { connectTls } from "../harness/tls-client.ts"
import { tlsSecretYaml } from "../harness/tls-routes.ts"

const REQUESTS = 1_500
const TLS_HOST = "partners.example"
/** In everything that a client makes up. */
const MARK = "zqx"

/** Of each metric of requests: the endings of the service and of requests without one, and what is beyond, by protocol. */
const endingsMax = 2 * (seriesCountMax + 2)

let pki: DevelopmentPki
let server: IssuedCertificate
beforeAll(async () => {
  pki = await DevelopmentPki.create(Date.now())
  server = await pki.issue({ commonName: TLS_HOST, subjectAltNames: [TLS_HOST], purpose: "server" })
})

function configuration(upstream: ScriptedUpstream): string {
  const tls = `
    - port: { number: 443, name: https, protocol: HTTPS }
      hosts: [${TLS_HOST}]
      tls: { mode: OPTIONAL_MUTUAL, credentialName: partners }
`
  const rule = `- match: [{ uri: { prefix: /known } }]\n  route: [{ destination: { host: ${SERVICE_HOST} } }]`
  return yamlOf(
    GATEWAY_YAML.trimEnd() + tls,
    tlsSecretYaml("partners", server, pki.rootPem),
    serviceYaml(SERVICE_HOST, [upstream.port]),
    virtualServiceYaml("routes", ["*"], rule),
  )
}

/** A service that ends each call as its path says: `/known/STATUS/GRPC-STATUS/…`. */
function startChoosyService(): ScriptedUpstream {
  return ScriptedUpstream.start(({ request, connection }) => {
    const [, , status = "200", grpcStatus = "0"] = request.target.split("/")
    const lines = `Content-Type: application/grpc\r\ngrpc-status: ${grpcStatus}\r\n${MARK}: ${grpcStatus}\r\nContent-Length: 0\r\n`
    connection.send(`HTTP/1.1 ${status} ${MARK}\r\n${lines}\r\n`)
  })
}

const kinds = ["taken", "call", "no rule", "broken name", "broken version", "broken length"] as const

/** Request number `index`: different from every other in all that it says. */
function requestOf(index: number): string {
  const made = `${MARK}${index}`
  const kind = kinds[index % kinds.length]
  const path =
    kind === "no rule" ? `/${made}` : `/known/${200 + (index % 400)}/${index % 1_000}/${made}?${made}=${made}`
  const lines = [
    `Host: ${made}.example:${1_000 + index}`,
    `X-${made}: ${made}`,
    `User-Agent: ${made}`,
    `X-Request-Id: ${made}`,
    `X-Forwarded-For: ${made}`,
    `X-Forwarded-Client-Cert: By=spiffe://${made};URI=spiffe://${made}`,
    `traceparent: ${made}`,
    ...(kind === "call" ? ["Content-Type: application/grpc"] : [`Content-Type: text/${made}`]),
    ...(kind === "broken name" ? [`${made} : a`] : []),
    ...(kind === "broken length" ? [`Content-Length: ${made}`] : []),
  ]
  const version = kind === "broken version" ? `HTTP/1.${made}` : "HTTP/1.1"
  return `${made.toUpperCase()} ${path} ${version}\r\n${lines.join("\r\n")}\r\n\r\n`
}

/** Sends these, on as few connections as the gateway's answers allow. */
async function flood(port: number, first: number, count: number): Promise<void> {
  let client = await RawClient.connect(port)
  for (let index = first; index < first + count; index++) {
    const { field } = await client.exchange(requestOf(index))
    if (field("connection") !== "close") continue
    client.close()
    client = await RawClient.connect(port)
  }
  client.close()
}

/** Clients with certificates of their own, and of an authority that is not trusted. */
async function floodTls(port: number, first: number, count: number): Promise<void> {
  const foreign = await DevelopmentPki.create(Date.now())
  for (let index = first; index < first + count; index++) {
    const made = `${MARK}${index}`
    const names = [`${made}.example`, `spiffe://${made}/ns/a/sa/b`]
    const issuer = index % 2 === 0 ? pki : foreign
    const identity = await issuer.issue({ commonName: made, subjectAltNames: names, purpose: "client" })
    using client = await connectTls(port, { serverName: TLS_HOST, identity })
    await client.exchange(`GET /known/200/0/${made} HTTP/1.1\r\nHost: ${TLS_HOST}\r\n\r\n`)
    await connectTls(port, { serverName: `${made}.example` }).catch(() => {})
  }
}

function seriesOf(metrics: ScrapedMetrics): readonly string[] {
  return metrics.samples.map(({ name, labels }) => `${name} ${JSON.stringify(labels)}`).sort()
}

test("the number of series has a bound, and no label is a client's", async () => {
  await using upstream = startChoosyService()
  await using gateway = await GatewayProcessUnderTest.start(configuration(upstream), [
    "--port-map",
    "443=0",
    "--access-log",
    "off",
  ])
  const line = /listening listener=0\.0\.0\.0_443 address=127\.0\.0\.1 port=(\d+)$/m
  const tlsPort = Number((await gateway.command.waitFor(line))[1])
  const scrapeText = () => gateway.admin("/stats/prometheus")

  await flood(gateway.ports.http, 0, REQUESTS)
  await floodTls(tlsPort, 0, 6)
  const first = new ScrapedMetrics(await scrapeText())
  expect(first.values("istio_requests_total").reduce((sum, value) => sum + value, 0)).toBeGreaterThanOrEqual(REQUESTS)
  // The limit was reached, or this test says nothing.
  expect(first.values("istio_requests_total", { response_code: "other" }).length).toBe(2)
  expect(first.values("istio_requests_total").length).toBeLessThanOrEqual(endingsMax)

  await flood(gateway.ports.http, REQUESTS, REQUESTS)
  await floodTls(tlsPort, 6, 6)
  const text = await scrapeText()
  expect(seriesOf(new ScrapedMetrics(text))).toEqual([...seriesOf(first)])
  const stats = await gateway.admin("/stats")
  expect([text, stats].filter((each) => each.toLowerCase().includes(MARK))).toEqual([])
}, 60_000)
