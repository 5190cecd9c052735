/** Each listener counts its own connections, requests and failed handshakes (Envoy listener and HTTP statistics). */
import { expect, test } from "bun:test"
import { DevelopmentPki } from "../../src/security/development-pki.ts"
import { type GatewayUnderTest, startGateway } from "../harness/gateway-under-test.ts"
import { exchangeOnce, RawClient } from "../harness/raw-client.ts"
import { GATEWAY_YAML, SERVICE_HOST, serviceYaml, virtualServiceYaml, yamlOf } from "../harness/routes-to.ts"
import { ScriptedUpstream } from "../harness/scripted-upstream.ts"
import { connectTls } from "../harness/tls-client.ts"
import { tlsSecretYaml } from "../harness/tls-routes.ts"
import { waitUntil } from "../harness/wait-until.ts"

const HOST = "a.example"
const GET = `GET / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`

function statsOf({ gateway }: GatewayUnderTest, port: number) {
  const found = gateway.listenerStats.find(({ name }) => name === `0.0.0.0_${port}`)
  if (found === undefined) throw new Error(`no listener for port ${port}`)
  return found.stats
}

async function start(upstream: ScriptedUpstream): Promise<GatewayUnderTest> {
  const pki = await DevelopmentPki.create(Date.now())
  const server = await pki.issue({ commonName: HOST, subjectAltNames: [HOST], purpose: "server" })
  const secure = `
    - port: { number: 443, name: https, protocol: HTTPS }
      hosts: [${HOST}]
      tls: { mode: SIMPLE, credentialName: a }
`
  return startGateway(
    yamlOf(
      GATEWAY_YAML.trimEnd() + secure,
      tlsSecretYaml("a", server),
      serviceYaml(SERVICE_HOST, [upstream.port]),
      virtualServiceYaml("routes", ["*"], `- route: [{ destination: { host: ${SERVICE_HOST} } }]`),
    ),
  )
}

test("what comes to one port is not counted at the other, and a closed connection is not open", async () => {
  await using upstream = ScriptedUpstream.start()
  await using gateway = await start(upstream)
  expect((await exchangeOnce(gateway.port(80), GET)).status).toBe(200)
  expect((await exchangeOnce(gateway.port(80), "GET / HTTP/1.1\r\nHost : x\r\n\r\n")).status).toBe(400)
  {
    using client = await connectTls(gateway.port(443), { serverName: HOST })
    expect((await client.exchange(GET)).status).toBe(200)
    expect(statsOf(gateway, 443)).toMatchObject({ connectionsTotal: 1, connectionsActive: 1, requestsTotal: 1 })
  }
  const [plain, secure] = [statsOf(gateway, 80), statsOf(gateway, 443)]
  await waitUntil(() => plain.connectionsActive === 0 && secure.connectionsActive === 0, "all connections are closed")
  expect(plain).toMatchObject({ connectionsTotal: 2, requestsTotal: 2, requestsActive: 0 })
  expect([...plain.responses]).toEqual([0, 0, 1, 0, 1, 0])
  expect([...secure.responses]).toEqual([0, 0, 1, 0, 0, 0])
})

test("handshakes that fail, and names that nobody serves, count where they came to", async () => {
  await using upstream = ScriptedUpstream.start()
  await using gateway = await start(upstream)
  using plainText = await RawClient.connect(gateway.port(443))
  plainText.send(GET)
  await plainText.untilClosed()
  expect(connectTls(gateway.port(443), { serverName: "other.example" })).rejects.toThrow()
  const secure = statsOf(gateway, 443)
  await waitUntil(() => secure.noFilterChainMatch === 2 && secure.connectionsActive === 0, "both are closed")
  expect(secure).toMatchObject({ connectionsTotal: 2, requestsTotal: 0 })
  expect(statsOf(gateway, 80)).toMatchObject({ connectionsTotal: 0, noFilterChainMatch: 0 })
})

test("a reload that keeps the listener keeps its counts", async () => {
  await using upstream = ScriptedUpstream.start()
  await using gateway = await start(upstream)
  expect((await exchangeOnce(gateway.port(80), GET)).status).toBe(200)
  await gateway.apply(yamlOf(GATEWAY_YAML, virtualServiceYaml("routes", ["*"], "- directResponse: { status: 204 }")))
  expect((await exchangeOnce(gateway.port(80), GET)).status).toBe(204)
  expect(statsOf(gateway, 80)).toMatchObject({ requestsTotal: 2 })
  expect(gateway.gateway.listenerStats.map(({ name }) => name)).toEqual(["0.0.0.0_80"])
})
