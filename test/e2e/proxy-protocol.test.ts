/**
 * PROXY headers from whoever stands in front of the gateway (Istio semantics sheet 8.2; proxy-protocol.txt): for every
 * kind of listener the announced client is the client, and nobody else may announce one.
 */

import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { mkdtemp, rm } from "node:fs/promises"
import { connect, createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DevelopmentPki } from "../../src/security/development-pki.ts"
import { proxyHeader } from "../../src/upstream/proxy-protocol.ts"
import { destinationRuleYaml } from "../harness/destination-rule.ts"
import { type GatewayUnderTest, startGateway } from "../harness/gateway-under-test.ts"
import { acceptsConnections, freePort } from "../harness/loopback-port.ts"
import { exchangeOnce, RawClient } from "../harness/raw-client.ts"
import { routesTo, SERVICE_HOST, serviceYaml, virtualServiceYaml, yamlOf } from "../harness/routes-to.ts"
import { ScriptedUpstream } from "../harness/scripted-upstream.ts"
import { TCP_PORT, TCP_SERVICE_HOST, TcpService, tcpRoutesTo } from "../harness/tcp-service.ts"
import { tlsGatewayYaml, tlsSecretYaml } from "../harness/tls-routes.ts"
import { waitUntil } from "../harness/wait-until.ts"
import { requireTool } from "../peer-tools.ts"

const curl = requireTool("curl")
const haproxy = requireTool("haproxy")

const fromLoopback = "{ portcullis.dev/proxy-protocol: from=127.0.0.0/8 }"
const fromElsewhere = "{ portcullis.dev/proxy-protocol: from=10.0.0.0/8 }"
const client = { ip: "203.0.113.9", port: 4711 }
const headerV1 = "PROXY TCP4 203.0.113.9 198.51.100.7 4711 443\r\n"
const headerV2 = Buffer.from("0d0a0d0a000d0a515549540a2111000ccb007109c6336407126701bb", "hex")
const GET = "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"

let folder = ""
let pki: DevelopmentPki
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "portcullis-proxy-protocol-"))
  pki = await DevelopmentPki.create(Date.now())
})
afterAll(() => rm(folder, { recursive: true, force: true }))

function startAnswering(): ScriptedUpstream {
  return ScriptedUpstream.start(({ connection }) => connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
}

function httpRoutes(port: number, annotations: string): string {
  return routesTo(port).replace("metadata: { name: edge }", `metadata: { name: edge, annotations: ${annotations} }`)
}

async function httpsRoutes(port: number): Promise<string> {
  const issued = await pki.issue({ commonName: "a", subjectAltNames: ["a.example"], purpose: "server" })
  return yamlOf(
    tlsGatewayYaml([{ hosts: ["a.example"], tls: "{ mode: SIMPLE, credentialName: a }" }], fromLoopback),
    tlsSecretYaml("a", issued),
    serviceYaml(SERVICE_HOST, [port]),
    virtualServiceYaml("routes", ["a.example"], `- route: [{ destination: { host: ${SERVICE_HOST} } }]`),
  )
}

async function expectAnnounced(gateway: GatewayUnderTest): Promise<void> {
  const record = await gateway.record(0)
  expect(record.downstreamRemoteAddress).toBe(`${client.ip}:${client.port}`)
  expect(record.downstreamLocalAddress).toBe("198.51.100.7:443")
  expect(record.downstreamDirectRemoteAddress).toMatch(/^127\.0\.0\.1:\d+$/)
}

describe("an HTTP listener", () => {
  test.each([
    ["1", Buffer.from(headerV1)],
    ["2", headerV2],
  ])(
    "version %s: the announced client is in x-forwarded-for and in the log, in one read or byte by byte",
    async (_version, header) => {
      await using upstream = startAnswering()
      await using gateway = await startGateway(httpRoutes(upstream.port, fromLoopback))
      const whole = await exchangeOnce(gateway.port(80), Buffer.concat([header, Buffer.from(GET)]))
      expect(whole.text).toBe("ok")
      using pieces = await RawClient.connect(gateway.port(80))
      await pieces.sendSplit(
        header,
        Array.from({ length: header.length - 1 }, (_, index) => index + 1),
      )
      expect((await pieces.exchange(GET)).text).toBe("ok")
      // The header belongs to the connection, not to its first request.
      expect((await pieces.exchange(GET)).text).toBe("ok")
      expect(upstream.requests.map((request) => request.field("x-forwarded-for"))).toEqual([
        client.ip,
        client.ip,
        client.ip,
      ])
      await expectAnnounced(gateway)
    },
  )

  test.each([
    ["LOCAL, version 2", Buffer.from("0d0a0d0a000d0a515549540a20000000", "hex")],
    ["UNKNOWN, version 1", Buffer.from("PROXY UNKNOWN\r\n")],
  ])("%s: the proxy itself is the client", async (_name, header) => {
    await using upstream = startAnswering()
    await using gateway = await startGateway(httpRoutes(upstream.port, fromLoopback))
    await exchangeOnce(gateway.port(80), Buffer.concat([header, Buffer.from(GET)]))
    expect(upstream.requests[0]?.field("x-forwarded-for")).toBe("127.0.0.1")
  })

  test.each([
    ["no header", GET],
    ["half a signature, then something else", "PROXGET / HTTP/1.1\r\n\r\n"],
    ["a header that is wrong", "PROXY TCP4 1.2.3.4 5.6.7.8 1 99999\r\n"],
  ])("%s: closed without a word, and counted", async (_name, bytes) => {
    await using gateway = await startGateway(httpRoutes(1, fromLoopback))
    using raw = await RawClient.connect(gateway.port(80))
    raw.send(bytes)
    expect((await raw.untilClosed()).length).toBe(0)
    await waitUntil(() => gateway.counters.downstreamConnectionsActive === 0, "no connection is left")
    expect(gateway.counters.proxyHeaderErrors).toBe(1)
    expect(gateway.counters.requestsTotal).toBe(0)
  })

  test("a peer that is none of the proxies is closed, whatever it sends", async () => {
    await using gateway = await startGateway(httpRoutes(1, fromElsewhere))
    using raw = await RawClient.connect(gateway.port(80))
    await raw.untilClosed()
    expect(gateway.counters.proxyHeaderSourcesRefused).toBe(1)
    expect(gateway.counters.downstreamConnectionsActive).toBe(0)
  })

  test("without the annotation a header is not looked for: it is a malformed request", async () => {
    await using gateway = await startGateway(httpRoutes(1, "{}"))
    const response = await exchangeOnce(gateway.port(80), headerV1 + GET)
    expect(response.status).toBe(400)
  })

  test("a reload takes the annotation to new connections, open ones keep what they began with", async () => {
    await using upstream = startAnswering()
    await using gateway = await startGateway(httpRoutes(upstream.port, "{}"))
    using open = await RawClient.connect(gateway.port(80))
    expect((await open.exchange(GET)).text).toBe("ok")
    await gateway.apply(httpRoutes(upstream.port, fromLoopback))
    expect((await open.exchange(GET)).text).toBe("ok")
    const announced = await exchangeOnce(gateway.port(80), headerV1 + GET)
    expect(announced.text).toBe("ok")
    expect(upstream.requests.map((request) => request.field("x-forwarded-for"))).toEqual([
      "127.0.0.1",
      "127.0.0.1",
      client.ip,
    ])
  })

  test.skipIf(curl.path === null)(curl.named("curl --haproxy-protocol is understood"), async () => {
    await using upstream = startAnswering()
    await using gateway = await startGateway(httpRoutes(upstream.port, fromLoopback))
    const run = Bun.spawn([curl.path ?? "", "-sS", "--haproxy-protocol", `http://127.0.0.1:${gateway.port(80)}/`])
    expect(await new Response(run.stdout).text()).toBe("ok")
  })
})

test("an HTTPS listener: the header comes before the ClientHello", async () => {
  await using upstream = startAnswering()
  await using gateway = await startGateway(await httpsRoutes(upstream.port))
  // The header, and then TLS on the same connection: what a load balancer does, done by hand.
  await using proxy = await startPrefixing(gateway.port(443), headerV2)
  const response = await fetch(`https://127.0.0.1:${proxy.port}/`, {
    headers: { host: "a.example" },
    tls: { rejectUnauthorized: false, serverName: "a.example" },
  })
  expect(await response.text()).toBe("ok")
  expect(upstream.requests[0]?.field("x-forwarded-for")).toBe(client.ip)
  await expectAnnounced(gateway)
})

describe("a TCP listener", () => {
  test("the announced client is logged; the service sees what comes behind the header", async () => {
    await using service = TcpService.start()
    await using gateway = await startGateway(tcpRoutesTo(service.port, fromLoopback))
    using raw = await RawClient.connect(gateway.port(TCP_PORT))
    raw.send(`${headerV1}payload`)
    const atService = await service.connection()
    expect((await atService.takeExactly(7)).toString()).toBe("payload")
    raw.close()
    await expectAnnounced(gateway)
    expect((await gateway.record(0)).bytesReceived).toBe(7)
  })

  test("a service that wants a header itself is told of the announced client", async () => {
    await using service = TcpService.start()
    const rule = destinationRuleYaml({ proxyProtocol: { version: "V2" } }, TCP_SERVICE_HOST)
    await using gateway = await startGateway(yamlOf(tcpRoutesTo(service.port, fromLoopback), rule))
    using raw = await RawClient.connect(gateway.port(TCP_PORT))
    raw.send(`${headerV1}payload`)
    const atService = await service.connection()
    const expected = proxyHeader(2, {
      remoteIp: client.ip,
      localIp: "198.51.100.7",
      remoteAddress: `${client.ip}:${client.port}`,
      localAddress: "198.51.100.7:443",
      directRemoteAddress: "127.0.0.1:1",
      serverName: "",
      handshake: null,
    })
    expect(await atService.takeExactly(expected.length + 7)).toEqual(Buffer.concat([expected, Buffer.from("payload")]))
  })

  test.skipIf(haproxy.path === null).each(["send-proxy", "send-proxy-v2"])(
    haproxy.named("HAProxy with %s in front: its client is ours"),
    async (option) => {
      await using service = TcpService.start((connection) => connection.send("welcome"))
      await using gateway = await startGateway(tcpRoutesTo(service.port, fromLoopback))
      const port = freePort()
      const file = join(folder, `${option}.cfg`)
      await Bun.write(
        file,
        `defaults
  mode tcp
  timeout connect 5s
  timeout client 5s
  timeout server 5s
listen edge
  bind 127.0.0.1:${port}
  server gateway 127.0.0.1:${gateway.port(TCP_PORT)} ${option}
`,
      )
      const child = Bun.spawn([haproxy.path ?? "", "-db", "-f", file], { stderr: "ignore", stdout: "ignore" })
      try {
        await waitUntil(() => acceptsConnections(port), "HAProxy listens")
        const before = service.connections.length
        using raw = await RawClient.connect(port)
        expect((await raw.takeExactly(7)).toString()).toBe("welcome")
        raw.close()
        await waitUntil(() => gateway.records.length > before, "the record")
        const record = gateway.records.at(-1)
        // HAProxy's own ends: where its client arrived, and where that client, not HAProxy, came from.
        expect(record?.downstreamLocalAddress).toBe(`127.0.0.1:${port}`)
        expect(record?.downstreamRemoteAddress).not.toBe(record?.downstreamDirectRemoteAddress)
      } finally {
        child.kill("SIGKILL")
        await child.exited
      }
    },
  )
})

/** Forwards connections behind these bytes. */
async function startPrefixing(port: number, prefix: Uint8Array) {
  const server = createServer((incoming) => {
    const outgoing = connect(port, "127.0.0.1")
    outgoing.write(prefix)
    incoming.pipe(outgoing).pipe(incoming)
    incoming.on("error", () => outgoing.destroy())
    outgoing.on("error", () => incoming.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const address = server.address()
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    [Symbol.asyncDispose]: async () => {
      server.close()
    },
  }
}
