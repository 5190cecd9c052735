/** Connections that are forwarded by the name they ask for, without a look inside (Istio semantics sheet 8.2). */
import { beforeAll, expect, test } from "bun:test"
import { helloMessage, inRecords } from "../../src/net/client-hello.fixture.ts"
import { DevelopmentPki, type IssuedCertificate } from "../../src/security/development-pki.ts"
import { type GatewayUnderTest, startGateway } from "../harness/gateway-under-test.ts"
import { RawClient } from "../harness/raw-client.ts"
import { serviceYaml, yamlOf } from "../harness/routes-to.ts"
import { ScriptedUpstream } from "../harness/scripted-upstream.ts"
import { connectTls } from "../harness/tls-client.ts"
import { answeringYaml, tlsGatewayYaml, tlsSecretYaml } from "../harness/tls-routes.ts"
import { waitUntil } from "../harness/wait-until.ts"

let pki: DevelopmentPki
let server: IssuedCertificate
beforeAll(async () => {
  pki = await DevelopmentPki.create(Date.now())
  server = await pki.issue({ commonName: "a.example", subjectAltNames: ["a.example"], purpose: "server" })
})

interface TlsRuleExample {
  readonly sniHosts: readonly string[]
  /** YAML of `route`, flow style. */
  readonly route: string
}

function passthroughYaml(name: string, hosts: readonly string[], rules: readonly TlsRuleExample[]): string {
  const lines = rules.map(
    ({ sniHosts, route }) => `
    - match: [{ sniHosts: ${JSON.stringify(sniHosts)} }]
      route: ${route}`,
  )
  return `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${name} }
spec:
  hosts: ${JSON.stringify(hosts)}
  gateways: [edge]
  tls:${lines.join("")}
`
}

const to = (host: string) => `[{ destination: { host: ${host}, port: { number: 80 } } }]`
const helloOf = (serverName: string, alpnProtocols: readonly string[] = ["h2"]) =>
  inRecords(helloMessage({ serverNames: [serverName], alpnProtocols }))

/** An upstream that sends nothing and reads nothing by itself. */
function rawUpstream(): ScriptedUpstream {
  return ScriptedUpstream.start({
    onConnection: (connection) => {
      connection.readsRequests = false
    },
  })
}

function startPassthrough(port: number): Promise<GatewayUnderTest> {
  const yaml = yamlOf(
    tlsGatewayYaml([{ hosts: ["*"], tls: "{ mode: PASSTHROUGH }", protocol: "TLS" }]),
    serviceYaml("one.service", [port]),
    passthroughYaml("forward", ["*"], [{ sniHosts: ["a.example"], route: to("one.service") }]),
  )
  return startGateway(yaml)
}

test("the ClientHello arrives untouched, whatever pieces it came in, and bytes go both ways", async () => {
  await using upstream = rawUpstream()
  await using gateway = await startPassthrough(upstream.port)
  const hello = helloOf("a.example")
  {
    using client = await RawClient.connect(gateway.port(443))
    await client.sendSplit(hello, [1, 5, 9, 40])
    const connection = await upstream.connection(0)
    expect(Buffer.compare(await connection.takeExactly(hello.length), hello)).toBe(0)
    connection.send("service speaks")
    expect((await client.takeExactly(14)).toString()).toBe("service speaks")
    client.send("client speaks")
    expect((await connection.takeExactly(13)).toString()).toBe("client speaks")
  }
  const record = await gateway.record(0)
  expect([record.requestedServerName, record.bytesReceived, record.bytesSent, record.responseCode]).toEqual([
    "a.example",
    hello.length + 13,
    14,
    0,
  ])
  expect([record.upstreamCluster, record.upstreamHost, record.protocol, record.responseFlags]).toEqual([
    "outbound|80||one.service",
    `127.0.0.1:${upstream.port}`,
    "",
    "",
  ])
})

test("specificity of the server name decides, not the order of rules", async () => {
  await using exact = rawUpstream()
  await using wild = rawUpstream()
  await using rest = rawUpstream()
  const yaml = yamlOf(
    tlsGatewayYaml([{ hosts: ["*"], tls: "{ mode: PASSTHROUGH }" }]),
    serviceYaml("exact.service", [exact.port]),
    serviceYaml("wild.service", [wild.port]),
    serviceYaml("rest.service", [rest.port]),
    passthroughYaml(
      "forward",
      ["*"],
      [
        { sniHosts: ["*"], route: to("rest.service") },
        { sniHosts: ["*.a.example"], route: to("wild.service") },
        { sniHosts: ["x.a.example"], route: to("exact.service") },
      ],
    ),
  )
  await using gateway = await startGateway(yaml)
  for (const [name, upstream] of [
    ["x.a.example", exact],
    ["y.a.example", wild],
    ["a.example", rest],
  ] as const) {
    using client = await RawClient.connect(gateway.port(443))
    client.send(helloOf(name))
    await waitUntil(() => upstream.connections.length === 1, `a connection for ${name}`)
  }
})

test("stands beside servers that terminate, on one port", async () => {
  await using upstream = rawUpstream()
  const yaml = yamlOf(
    tlsGatewayYaml([
      { hosts: ["through.example"], tls: "{ mode: PASSTHROUGH }", protocol: "TLS" },
      { hosts: ["a.example"], tls: "{ mode: SIMPLE, credentialName: a }" },
    ]),
    tlsSecretYaml("a", server),
    serviceYaml("one.service", [upstream.port]),
    passthroughYaml("forward", ["through.example"], [{ sniHosts: ["through.example"], route: to("one.service") }]),
    answeringYaml("a", ["a.example"]),
  )
  await using gateway = await startGateway(yaml)
  using terminated = await connectTls(gateway.port(443), { serverName: "a.example" })
  expect((await terminated.exchange("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")).text).toBe("a")
  using through = await RawClient.connect(gateway.port(443))
  through.send(helloOf("through.example"))
  const connection = await upstream.connection(0)
  await connection.takeExactly(helloOf("through.example").length)
})

test("an unknown name is closed, NR (Istio semantics sheet 8.2 (4))", async () => {
  await using upstream = rawUpstream()
  await using gateway = await startPassthrough(upstream.port)
  using client = await RawClient.connect(gateway.port(443))
  client.send(helloOf("b.example"))
  expect((await client.untilClosed()).length).toBe(0)
  const record = await gateway.record(0)
  expect([record.responseFlags, record.responseCodeDetails]).toEqual(["NR", "filter_chain_not_found"])
  expect(upstream.connections.length).toBe(0)
})

test("AUTO_PASSTHROUGH: the name is that of a cluster, for mesh clients only (Istio semantics sheet 1.8)", async () => {
  await using upstream = rawUpstream()
  const internal = serviceYaml("inside.mesh", [upstream.port]).replace("spec:\n", "spec:\n  location: MESH_INTERNAL\n")
  const yaml = yamlOf(
    tlsGatewayYaml([{ hosts: ["*.mesh"], tls: "{ mode: AUTO_PASSTHROUGH }", protocol: "TLS" }]),
    internal,
    serviceYaml("outside.mesh", [upstream.port]),
  )
  await using gateway = await startGateway(yaml)
  const name = "outbound_.80_._.inside.mesh"
  {
    using client = await RawClient.connect(gateway.port(443))
    client.send(helloOf(name, ["istio"]))
    await upstream.connection(0)
  }
  for (const [serverName, alpn] of [
    [name, "http/1.1"],
    ["outbound_.80_._.outside.mesh", "istio"],
    ["outbound_.81_._.inside.mesh", "istio"],
  ] as const) {
    using client = await RawClient.connect(gateway.port(443))
    client.send(helloOf(serverName, [alpn]))
    expect((await client.untilClosed()).length).toBe(0)
  }
  expect(upstream.connections.length).toBe(1)
})
