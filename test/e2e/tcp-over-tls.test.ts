/** Forwarded TCP whose TLS ends at the gateway (Istio semantics sheet 8.1): the ends of a TLS connection are not those of TCP. */
import { beforeAll, describe, expect, test } from "bun:test"
import { connect as connectNodeTls } from "node:tls"
import { DevelopmentPki } from "../../src/security/development-pki.ts"
import { type GatewayUnderTest, startGateway } from "../harness/gateway-under-test.ts"
import { yamlOf } from "../harness/routes-to.ts"
import { TCP_SERVICE_HOST, TcpService, tcpServiceYaml, tcpVirtualServiceYaml } from "../harness/tcp-service.ts"
import { connectTls } from "../harness/tls-client.ts"
import { tlsGatewayYaml, tlsSecretYaml } from "../harness/tls-routes.ts"
import { waitUntil, waitUntilStill } from "../harness/wait-until.ts"

const HOST = "db.example"

let secret = ""
beforeAll(async () => {
  const pki = await DevelopmentPki.create(Date.now())
  secret = tlsSecretYaml("db", await pki.issue({ commonName: HOST, subjectAltNames: [HOST], purpose: "server" }))
})

function start(service: TcpService): Promise<GatewayUnderTest> {
  const server = { hosts: [HOST], tls: "{ mode: SIMPLE, credentialName: db }", protocol: "TLS" }
  return startGateway(
    yamlOf(
      tlsGatewayYaml([server]),
      secret,
      tcpServiceYaml(TCP_SERVICE_HOST, [service.port]),
      tcpVirtualServiceYaml().replace('hosts: ["*"]', `hosts: [${HOST}]`),
    ),
  )
}

describe("the end of a service's answer", () => {
  test("comes behind all of it, and says that nothing was cut", async () => {
    const answer = Buffer.alloc(5_000_000, "row ")
    await using service = TcpService.start((connection) => {
      connection.send(answer)
      connection.halfClose()
    })
    await using gateway = await start(service)
    const chunks: Buffer[] = []
    const ended = Promise.withResolvers<string>()
    // node:tls tells a close_notify (`end`) from a cut connection (`error`, or `close` alone).
    const client = connectNodeTls({
      host: "127.0.0.1",
      port: gateway.port(443),
      servername: HOST,
      rejectUnauthorized: false,
    })
    client.on("data", (chunk: Buffer) => chunks.push(chunk))
    client.on("end", () => ended.resolve("end"))
    client.on("error", () => ended.resolve("error"))
    client.on("close", () => ended.resolve("close"))
    expect(await ended.promise).toBe("end")
    expect(Buffer.concat(chunks).equals(answer)).toBe(true)
    client.destroy()
  })
})

describe("the end of a client's request", () => {
  test("reaches the service behind all of it", async () => {
    await using service = TcpService.start()
    await using gateway = await start(service)
    const client = connectNodeTls({
      host: "127.0.0.1",
      port: gateway.port(443),
      servername: HOST,
      rejectUnauthorized: false,
    })
    client.on("error", () => {})
    const request = Buffer.alloc(2_000_000, "put ")
    client.end(request)
    const atService = await service.connection()
    expect((await atService.untilClosed()).equals(request)).toBe(true)
    atService.halfClose()
    await waitUntil(() => gateway.counters.downstreamConnectionsActive === 0, "the connection is over")
    client.destroy()
  })
})

test.each([
  ["client", "service"],
  ["service", "client"],
])("a %s that sends without end is held back while the %s does not read", async (writer) => {
  await using service = TcpService.start((connection) => connection.pause())
  await using gateway = await start(service)
  using client = await connectTls(gateway.port(443), { serverName: HOST })
  client.pause()
  const atService = await service.connection()
  const [from, to] = writer === "client" ? [client, atService] : [atService, client]
  const total = 64 * 1024 * 1024
  from.send(Buffer.alloc(total, "x"))
  to.keepsBytes = false
  const passed = () => total - from.bytesUnsent
  await waitUntilStill(passed)
  expect(passed()).toBeLessThan(total / 2)
  to.resume()
  await to.until(() => to.bytesReceived === total, "all of it")
})
