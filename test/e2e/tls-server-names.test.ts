/** Many servers on one port: which of them takes a connection, and that nothing else does (Istio semantics sheet 1.10). */
import { beforeAll, describe, expect, test } from "bun:test"
import { X509Certificate } from "node:crypto"
import { connect as connectNodeTls } from "node:tls"
import { extension, helloMessage, inRecords } from "../../src/net/client-hello.fixture.ts"
import { DevelopmentPki } from "../../src/security/development-pki.ts"
import { type GatewayUnderTest, startGateway } from "../harness/gateway-under-test.ts"
import { RawClient } from "../harness/raw-client.ts"
import { SERVICE_HOST, serviceYaml, virtualServiceYaml, yamlOf } from "../harness/routes-to.ts"
import { ScriptedUpstream } from "../harness/scripted-upstream.ts"
import { connectTls } from "../harness/tls-client.ts"
import { answeringYaml, secretYaml, tlsGatewayYaml, tlsSecretYaml } from "../harness/tls-routes.ts"
import { waitUntil } from "../harness/wait-until.ts"
import { requireTool } from "../peer-tools.ts"

const curl = requireTool("curl")
const openssl = requireTool("openssl")

let pki: DevelopmentPki
beforeAll(async () => {
  pki = await DevelopmentPki.create(Date.now())
})

/** A Secret of this name whose certificate is for these hosts. */
async function serverSecret(name: string, hosts: readonly string[]): Promise<string> {
  return tlsSecretYaml(name, await pki.issue({ commonName: name, subjectAltNames: hosts, purpose: "server" }))
}

/** The name of the VirtualService that answers, over a connection with this SNI. */
async function answerOf(gateway: GatewayUnderTest, serverName: string, host = serverName): Promise<string> {
  using client = await connectTls(gateway.port(443), { serverName })
  const response = await client.exchange(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
  return response.status === 200 ? response.text : String(response.status)
}

/** The common name of the certificate that is shown for an SNI. */
function certificateNameOf(gateway: GatewayUnderTest, serverName: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const socket = connectNodeTls(
    { host: "127.0.0.1", port: gateway.port(443), servername: serverName, rejectUnauthorized: false },
    () => {
      resolve(new X509Certificate(socket.getPeerCertificate().raw).subject.split("\n")[0] ?? "")
      socket.destroy()
    },
  )
  socket.on("error", reject)
  return promise
}

async function threeServers(extra: readonly string[] = [], hasCatchAll = false): Promise<string> {
  const servers = [
    { hosts: ["shop.example"], tls: "{ mode: SIMPLE, credentialName: shop }" },
    { hosts: ["*.wild.example"], tls: "{ mode: SIMPLE, credentialName: wild }" },
    { hosts: ["*.deep.wild.example"], tls: "{ mode: SIMPLE, credentialName: deep }" },
    ...(hasCatchAll ? [{ hosts: ["*"], tls: "{ mode: SIMPLE, credentialName: rest }" }] : []),
  ]
  return yamlOf(
    tlsGatewayYaml(servers),
    await serverSecret("shop", ["shop.example"]),
    await serverSecret("wild", ["*.wild.example"]),
    await serverSecret("deep", ["*.deep.wild.example"]),
    await serverSecret("rest", ["rest.example"]),
    answeringYaml("shop", ["shop.example"]),
    answeringYaml("wild", ["*.wild.example"]),
    answeringYaml("deep", ["*.deep.wild.example"]),
    ...(hasCatchAll ? [answeringYaml("rest", ["unknown.example", "wild.example", "anything.example"])] : []),
    ...extra,
  )
}

describe("the server name chooses (Istio semantics sheet 1.10)", () => {
  test("exact first, then the longest wildcard, at any depth; each with its own certificate", async () => {
    await using gateway = await startGateway(await threeServers())
    expect(await answerOf(gateway, "shop.example")).toBe("shop")
    expect(await answerOf(gateway, "SHOP.Example")).toBe("shop")
    expect(await answerOf(gateway, "a.wild.example")).toBe("wild")
    expect(await answerOf(gateway, "a.b.wild.example")).toBe("wild")
    expect(await answerOf(gateway, "a.deep.wild.example")).toBe("deep")
    expect(await certificateNameOf(gateway, "shop.example")).toBe("CN=shop")
    expect(await certificateNameOf(gateway, "a.deep.wild.example")).toBe("CN=deep")
  })

  test.each(["wild.example", "unknown.example", "10.0.0.1", "xshop.example"])(
    "server name %j has no server: closed before any certificate, flag NR",
    async (serverName) => {
      await using gateway = await startGateway(await threeServers())
      expect(connectTls(gateway.port(443), { serverName })).rejects.toThrow()
      const record = await gateway.record(0)
      expect([
        record.responseFlags,
        record.responseCodeDetails,
        record.responseCode,
        record.requestedServerName,
      ]).toEqual(["NR", "filter_chain_not_found", 0, serverName])
      expect(gateway.counters.downstreamNoFilterChain).toBe(1)
      await waitUntil(() => gateway.counters.downstreamConnectionsActive === 0, "the connection is no longer counted")
    },
  )

  test("a server for * takes what no other one has: unknown names, none at all, and IP addresses", async () => {
    await using gateway = await startGateway(await threeServers([], true))
    expect(await answerOf(gateway, "unknown.example")).toBe("rest")
    expect(await answerOf(gateway, "wild.example")).toBe("rest")
    expect(await answerOf(gateway, "", "anything.example")).toBe("rest")
    expect(await answerOf(gateway, "shop.example")).toBe("shop")
  })

  test("the access log has the name, and the service sees https", async () => {
    await using upstream = ScriptedUpstream.start()
    const yaml = yamlOf(
      tlsGatewayYaml([{ hosts: ["*"], tls: "{ mode: SIMPLE, credentialName: a }" }]),
      await serverSecret("a", ["a.example"]),
      serviceYaml(SERVICE_HOST, [upstream.port]),
      virtualServiceYaml("routes", ["*"], `- route: [{ destination: { host: ${SERVICE_HOST} } }]`),
    )
    await using gateway = await startGateway(yaml)
    using client = await connectTls(gateway.port(443), { serverName: "a.example" })
    const response = await client.exchange("GET / HTTP/1.1\r\nHost: a.example\r\nx-forwarded-proto: http\r\n\r\n")
    expect(response.text).toBe("ok")
    expect((await upstream.request(0)).field("x-forwarded-proto")).toBe("https")
    const record = await gateway.record(0)
    expect([record.requestedServerName, record.scheme]).toEqual(["a.example", "https"])
  })
})

describe("what is no TLS", () => {
  test("a plain request to a TLS port is closed without a word (Istio semantics sheet 1.10 (4))", async () => {
    await using gateway = await startGateway(await threeServers([], true))
    using client = await RawClient.connect(gateway.port(443))
    client.send("GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n")
    expect((await client.untilClosed()).length).toBe(0)
    expect((await gateway.record(0)).responseFlags).toBe("NR")
  })

  test("a later plain HTTP server on the port takes plain requests (Istio semantics sheet 1.2)", async () => {
    const plain = `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: plain }
spec:
  servers:
    - port: { number: 443, name: http, protocol: HTTP }
      hosts: ["*"]
`
    const route = answeringYaml("plain", ["plain.example"]).replace("[edge]", "[plain]")
    await using gateway = await startGateway(await threeServers([plain, route]))
    using client = await RawClient.connect(gateway.port(443))
    const response = await client.exchange("GET / HTTP/1.1\r\nHost: plain.example\r\n\r\n")
    expect(response.text).toBe("plain")
    expect(await answerOf(gateway, "shop.example")).toBe("shop")
  })

  test("a client that says nothing, or not all of it, is closed in time", async () => {
    await using gateway = await startGateway(await threeServers(), { tlsLimits: { clientHelloTimeoutMs: 50 } })
    using silent = await RawClient.connect(gateway.port(443))
    using slow = await RawClient.connect(gateway.port(443))
    slow.send(Buffer.from([22, 3, 1]))
    expect((await silent.untilClosed()).length).toBe(0)
    expect((await slow.untilClosed()).length).toBe(0)
    expect(gateway.counters.downstreamClientHelloErrors).toBe(2)
  })

  test("a handshake that stalls after its ClientHello is closed in time", async () => {
    await using gateway = await startGateway(await threeServers(), { tlsLimits: { handshakeTimeoutMs: 50 } })
    using client = await RawClient.connect(gateway.port(443))
    const versions = extension(43, Buffer.from([2, 3, 3]))
    client.send(
      inRecords(
        helloMessage({
          serverNames: ["shop.example"],
          cipherSuites: Buffer.from([0xc0, 0x2b]),
          extensions: [
            versions,
            extension(10, Buffer.from([0, 2, 0, 23])),
            extension(13, Buffer.from([0, 2, 4, 3])),
            extension(11, Buffer.from([1, 0])),
          ],
        }),
      ),
    )
    await client.until(() => client.bytesReceived > 0, "the server's part of the handshake")
    await client.untilClosed()
    expect(gateway.counters.downstreamTlsHandshakeErrors).toBe(1)
    await waitUntil(() => gateway.counters.downstreamConnectionsActive === 0, "the connection is no longer counted")
  })

  test("an endless ClientHello is closed at its limit", async () => {
    await using gateway = await startGateway(await threeServers(), { tlsLimits: { clientHelloBytesMax: 1024 } })
    using client = await RawClient.connect(gateway.port(443))
    client.send(Buffer.concat([Buffer.from([22, 3, 1, 0x3f, 0xff, 1, 0, 3, 0]), Buffer.alloc(1024)]))
    expect((await client.untilClosed()).length).toBe(0)
    expect(gateway.counters.downstreamClientHelloErrors).toBe(1)
  })
})

describe("each server by its own settings", () => {
  test.skipIf(openssl.path === null)(
    openssl.named("versions, ciphers and ALPN are those of the server that the name chose"),
    async () => {
      const servers = [
        { hosts: ["modern.example"], tls: "{ mode: SIMPLE, credentialName: a, minProtocolVersion: TLSV1_3 }" },
        { hosts: ["old.example"], tls: "{ mode: SIMPLE, credentialName: a, maxProtocolVersion: TLSV1_2 }" },
        {
          hosts: ["picky.example"],
          tls: "{ mode: SIMPLE, credentialName: a, maxProtocolVersion: TLSV1_2, cipherSuites: [ECDHE-ECDSA-AES256-GCM-SHA384] }",
        },
        { hosts: ["curves.example"], tls: "{ mode: SIMPLE, credentialName: a, ecdhCurves: [P-384] }" },
      ]
      await using gateway = await startGateway(yamlOf(tlsGatewayYaml(servers), await serverSecret("a", ["a.example"])))
      const client = (name: string, ...options: string[]) => sClient(gateway, name, ...options)
      expect(await client("modern.example")).toContain("TLSv1.3, Cipher is TLS_")
      expect(await client("modern.example", "-tls1_2")).toContain("alert protocol version")
      expect(await client("old.example")).toContain("TLSv1.2")
      expect(await client("old.example", "-tls1_3")).toContain("alert protocol version")
      expect(await client("picky.example")).toContain("Cipher is ECDHE-ECDSA-AES256-GCM-SHA384")
      expect(await client("picky.example", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256")).toContain("handshake failure")
      expect(await client("curves.example")).toContain("secp384r1")
      expect(await client("curves.example", "-curves", "X25519")).toContain("handshake failure")
      // Istio semantics sheet 1.9: nothing below TLS 1.2, no CBC, no static RSA by default.
      expect(await client("old.example", "-tls1_1", "-cipher", "ALL:@SECLEVEL=0")).toContain("alert protocol version")
      expect(await client("old.example", "-cipher", "ECDHE-ECDSA-AES128-SHA")).toContain("handshake failure")
      expect(await client("modern.example", "-alpn", "http/1.1")).toContain("ALPN protocol: http/1.1")
    },
  )

  test.skipIf(openssl.path === null)(
    openssl.named(
      "with an RSA and an ECDSA certificate the client's abilities decide (Istio semantics sheet 1.10 (6))",
    ),
    async () => {
      const { certificatePem, privateKeyPem } = await rsaCertificate()
      const secret = secretYaml("rsa", { "tls.crt": certificatePem, "tls.key": privateKeyPem })
      const servers = [
        { hosts: ["*"], tls: "{ mode: SIMPLE, credentialNames: [rsa, ec], maxProtocolVersion: TLSV1_2 }" },
      ]
      await using gateway = await startGateway(
        yamlOf(tlsGatewayYaml(servers), secret, await serverSecret("ec", ["a.example"])),
      )
      const rsaOnly = await sClient(gateway, "a.example", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256")
      expect(rsaOnly).toContain("Cipher is ECDHE-RSA-AES128-GCM-SHA256")
      const ecOnly = await sClient(gateway, "a.example", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256")
      expect(ecOnly).toContain("Cipher is ECDHE-ECDSA-AES128-GCM-SHA256")
    },
  )

  test("a server whose Secret is missing is closed to its clients; its neighbours serve (Istio semantics sheet 1.11)", async () => {
    const servers = [
      { hosts: ["lost.example"], tls: "{ mode: SIMPLE, credentialName: lost }" },
      { hosts: ["broken.example"], tls: "{ mode: SIMPLE, credentialName: broken }" },
      { hosts: ["shop.example"], tls: "{ mode: SIMPLE, credentialName: shop }" },
    ]
    const [one, other] = await Promise.all(
      ["one", "other"].map((name) => pki.issue({ commonName: name, subjectAltNames: [], purpose: "server" })),
    )
    const broken = secretYaml("broken", { "tls.crt": one?.certificatePem ?? "", "tls.key": other?.privateKeyPem ?? "" })
    const rest = [await serverSecret("shop", ["shop.example"]), answeringYaml("shop", ["shop.example"])]
    await using gateway = await startGateway(yamlOf(tlsGatewayYaml(servers), broken, ...rest))
    expect(await answerOf(gateway, "shop.example")).toBe("shop")
    for (const serverName of ["lost.example", "broken.example"]) {
      expect(connectTls(gateway.port(443), { serverName })).rejects.toThrow()
    }
    const records = [await gateway.record(1), await gateway.record(2)]
    expect(records.map(({ responseCodeDetails }) => responseCodeDetails)).toEqual([
      "server_certificate_missing",
      "server_certificate_missing",
    ])
    expect(gateway.counters.downstreamWithoutCertificate).toBe(2)
    expect(gateway.counters.tlsServersWithoutCertificateActive).toBe(2)
    const problems = gateway.gateway.tlsServers.map(({ isServing, problem }) => [isServing, problem])
    expect(problems).toEqual([
      [false, 'there is no secret "lost": no such Secret, and no folder "/nonexistent/lost"'],
      [false, "Secret default/broken: the private key does not belong to the certificate"],
      [true, ""],
    ])
  })

  test.skipIf(curl.path === null)(curl.named("curl trusts the chain that is sent"), async () => {
    await using gateway = await startGateway(await threeServers())
    const caFile = `${process.env["TMPDIR"] ?? "/tmp"}/portcullis-root-${process.pid}.pem`
    await Bun.write(caFile, pki.rootPem)
    const port = gateway.port(443)
    const resolve = ["--resolve", `shop.example:${port}:127.0.0.1`]
    const command = [curl.path ?? "", "-sS", "--cacert", caFile, ...resolve, `https://shop.example:${port}/`]
    const run = Bun.spawn(command, { stdout: "pipe", stderr: "pipe" })
    expect([await run.stdout.text(), await run.stderr.text()]).toEqual(["shop", ""])
    await Bun.file(caFile).delete()
  })
})

test("TLS without HTTP is terminated and forwarded by tcp rules (Istio semantics sheet 1.8, 8.1)", async () => {
  await using upstream = ScriptedUpstream.start({
    onConnection: (connection) => connection.send("hello from the service\n"),
  })
  const yaml = yamlOf(
    tlsGatewayYaml([{ hosts: ["*"], tls: "{ mode: SIMPLE, credentialName: a }", protocol: "TLS" }]),
    await serverSecret("a", ["a.example"]),
    serviceYaml(SERVICE_HOST, [upstream.port]),
    `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: forward }
spec:
  hosts: ["*"]
  gateways: [edge]
  tcp:
    - route: [{ destination: { host: ${SERVICE_HOST} } }]
`,
  )
  await using gateway = await startGateway(yaml)
  {
    using client = await connectTls(gateway.port(443), { serverName: "a.example" })
    await client.until(() => client.peek().includes("\n"), "the service's greeting")
    expect(client.peek().toString()).toBe("hello from the service\n")
  }
  const record = await gateway.record(0)
  expect([record.requestedServerName, record.bytesSent, record.responseFlags]).toEqual(["a.example", 23, ""])
})

async function sClient(gateway: GatewayUnderTest, serverName: string, ...options: readonly string[]): Promise<string> {
  const address = `127.0.0.1:${gateway.port(443)}`
  const run = Bun.spawn([openssl.path ?? "", "s_client", "-connect", address, "-servername", serverName, ...options], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  })
  const [out, err] = await Promise.all([run.stdout.text(), run.stderr.text()])
  return out + err
}

async function rsaCertificate(): Promise<{ readonly certificatePem: string; readonly privateKeyPem: string }> {
  const run = Bun.spawn(
    [
      openssl.path ?? "",
      ...[
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        "-",
        "-out",
        "-",
        "-days",
        "2",
        "-subj",
        "/CN=rsa",
      ],
    ],
    { stdin: "ignore", stdout: "pipe", stderr: "ignore" },
  )
  const pem = await run.stdout.text()
  const split = pem.indexOf("-----BEGIN CERTIFICATE-----")
  return { certificatePem: pem.slice(split), privateKeyPem: pem.slice(0, split) }
}
