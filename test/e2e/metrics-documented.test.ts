/** docs/metrics.md lists every metric that a gateway with traffic of all kinds exposes, and none that it does not. */
import { expect, test } from "bun:test"
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { DevelopmentPki } from "../../src/security/development-pki.ts"
import { GatewayProcessUnderTest } from "../harness/gateway-process.ts"
import { exchangeOnce, RawClient } from "../harness/raw-client.ts"
import { GATEWAY_YAML, SERVICE_HOST, serviceYaml, virtualServiceYaml, yamlOf } from "../harness/routes-to.ts"
import { ScrapedMetrics } from "../harness/scraped-metrics.ts"
import { ScriptedUpstream } from "../harness/scripted-upstream.ts"
import {
  TCP_PORT,
  TCP_SERVICE_HOST,
  TcpService,
  tcpServiceYaml,
  tcpVirtualServiceYaml,
} from "../harness/tcp-service.ts"
import { connectTls } from "../harness/tls-client.ts"
import { tlsSecretYaml } from "../harness/tls-routes.ts"

const TLS_HOST = "partners.example"

async function configuration(upstream: ScriptedUpstream, service: TcpService): Promise<string> {
  const pki = await DevelopmentPki.create(Date.now())
  const server = await pki.issue({ commonName: TLS_HOST, subjectAltNames: [TLS_HOST], purpose: "server" })
  const servers = `
    - port: { number: 443, name: https, protocol: HTTPS }
      hosts: [${TLS_HOST}]
      tls: { mode: MUTUAL, credentialName: partners }
    - port: { number: ${TCP_PORT}, name: database, protocol: TCP }
      hosts: ["*"]
`
  return yamlOf(
    GATEWAY_YAML.trimEnd() + servers,
    tlsSecretYaml("partners", server, pki.rootPem),
    serviceYaml(SERVICE_HOST, [upstream.port]),
    virtualServiceYaml("routes", ["a.example"], `- route: [{ destination: { host: ${SERVICE_HOST} } }]`),
    tcpServiceYaml(TCP_SERVICE_HOST, [service.port]),
    tcpVirtualServiceYaml(),
  )
}

/** A gateway that has seen plain requests, calls, tunnels of TCP, broken requests and clients that it did not let in. */
async function scrapeAfterEverything(): Promise<ScrapedMetrics> {
  await using upstream = ScriptedUpstream.start()
  await using service = TcpService.start((connection) => connection.send("220 hello\r\n"))
  const flags = ["--port-map", `443=0,${TCP_PORT}=0`]
  await using gateway = await GatewayProcessUnderTest.start(await configuration(upstream, service), flags)
  const portOf = async (declared: number) => {
    const line = new RegExp(`listening listener=0\\.0\\.0\\.0_${declared} address=127\\.0\\.0\\.1 port=(\\d+)$`, "m")
    return Number((await gateway.command.waitFor(line))[1])
  }
  const send = (lines: string) => exchangeOnce(gateway.ports.http, `GET / HTTP/1.1\r\n${lines}\r\n`)
  const statuses = [
    await send("Host: a.example\r\n"),
    await send("Host: a.example\r\nContent-Type: application/grpc\r\n"),
    await send("Host: unknown.example\r\n"),
    await send("Host : a.example\r\n"),
  ].map(({ status }) => status)
  expect(statuses).toEqual([200, 200, 404, 400])
  using refused = await connectTls(await portOf(443), { serverName: TLS_HOST })
  expect((await refused.exchange(`GET / HTTP/1.1\r\nHost: ${TLS_HOST}\r\n\r\n`)).status).toBe(403)
  using client = await RawClient.connect(await portOf(TCP_PORT))
  await client.takeExactly(11)
  return new ScrapedMetrics(await gateway.admin("/stats/prometheus"))
}

test("docs/metrics.md has every metric, and no other", async () => {
  const document = await readFile(join(import.meta.dir, "../../docs/metrics.md"), "utf8")
  const documented = new Set(
    [...document.matchAll(/`((?:istio|portcullis|envoy)_[a-z0-9_]+)`/g)].map(([, name = ""]) => name),
  )
  const exposed = new Set((await scrapeAfterEverything()).families)
  expect([...exposed].filter((name) => !documented.has(name))).toEqual([])
  const isLabel = (name: string) =>
    /^envoy_(?:\w+_name|listener_address|http_conn_manager_prefix|response_code_class)$/.test(name)
  expect([...documented].filter((name) => !exposed.has(name) && !isLabel(name))).toEqual([])
})
