/** Who is let in on MUTUAL and OPTIONAL_MUTUAL servers, and what those hear who are not (Istio semantics sheet 1.1, 1.8). */
import { beforeAll, describe, expect, test } from "bun:test"
import { X509Certificate } from "node:crypto"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { certificateHash, publicKeyHash } from "../../src/security/client-certificate.ts"
import { DevelopmentPki, type IssuedCertificate } from "../../src/security/development-pki.ts"
import { type GatewayUnderTest, startGateway } from "../harness/gateway-under-test.ts"
import { SERVICE_HOST, serviceYaml, virtualServiceYaml, yamlOf } from "../harness/routes-to.ts"
import { ScriptedUpstream } from "../harness/scripted-upstream.ts"
import { connectTls } from "../harness/tls-client.ts"
import { secretYaml, tlsGatewayYaml, tlsSecretYaml } from "../harness/tls-routes.ts"
import { waitUntil } from "../harness/wait-until.ts"
import { requireTool } from "../peer-tools.ts"

const curl = requireTool("curl")
const openssl = requireTool("openssl")

const HOST = "partners.example"
const REQUEST = `GET / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`
const DAY_MS = 86_400_000

let pki: DevelopmentPki
let foreignPki: DevelopmentPki
let server: IssuedCertificate
let client: IssuedCertificate
beforeAll(async () => {
  const nowUnixMs = Date.now()
  pki = await DevelopmentPki.create(nowUnixMs)
  foreignPki = await DevelopmentPki.create(nowUnixMs)
  server = await pki.issue({ commonName: HOST, subjectAltNames: [HOST, "spiffe://mesh/gateway"], purpose: "server" })
  client = await issueClient({ subjectAltNames: ["app.partner.example", "spiffe://mesh/ns/partner/sa/app"] })
})

function issueClient(options: Partial<Parameters<DevelopmentPki["issue"]>[0]> = {}): Promise<IssuedCertificate> {
  return pki.issue({ commonName: "app", subjectAltNames: [], purpose: "client", ...options })
}

interface MutualOptions {
  readonly mode?: string
  /** Further `tls` settings, YAML flow. */
  readonly tls?: string
  readonly annotations?: string
  readonly listsPem?: string
}

async function startMutual(upstream: ScriptedUpstream, options: MutualOptions = {}): Promise<GatewayUnderTest> {
  const { mode = "MUTUAL", tls = "", annotations = "{}", listsPem = "" } = options
  return startGateway(
    yamlOf(
      tlsGatewayYaml([{ hosts: [HOST], tls: `{ mode: ${mode}, credentialName: partners${tls} }` }], annotations),
      tlsSecretYaml("partners", server, pki.rootPem, listsPem),
      serviceYaml(SERVICE_HOST, [upstream.port]),
      virtualServiceYaml("all", ["*"], `- route: [{ destination: { host: ${SERVICE_HOST} } }]`),
    ),
  )
}

/** `STATUS BODY` of one request with this certificate. */
async function answerTo(gateway: GatewayUnderTest, identity: IssuedCertificate | null): Promise<string> {
  using connection = await connectTls(gateway.port(443), {
    serverName: HOST,
    ...(identity === null ? {} : { identity }),
  })
  const response = await connection.exchange(REQUEST)
  return `${response.status} ${response.text}`
}

/** Only the leaf, without the intermediate that issued it. */
function withoutChain({ certificatePem, ...rest }: IssuedCertificate): IssuedCertificate {
  return { ...rest, certificatePem: certificatePem.slice(0, certificatePem.indexOf("-----BEGIN", 1)) }
}

describe("a client that is accepted", () => {
  test("by a certificate through the intermediate", async () => {
    await using upstream = ScriptedUpstream.start()
    await using gateway = await startMutual(upstream)
    expect(await answerTo(gateway, client)).toBe("200 ok")
  })

  test("without a certificate where it is optional, and the service hears of none", async () => {
    await using upstream = ScriptedUpstream.start()
    await using gateway = await startMutual(upstream, { mode: "OPTIONAL_MUTUAL" })
    expect(await answerTo(gateway, null)).toBe("200 ok")
    expect((await upstream.request(0)).field("x-forwarded-client-cert")).toBeNull()
    expect(await answerTo(gateway, client)).toBe("200 ok")
    expect((await upstream.request(1)).field("x-forwarded-client-cert")).toStartWith("By=spiffe://mesh/gateway;Hash=")
  })

  test("with insecureSkipVerify, whoever issued its certificate, but not without one (Istio semantics sheet 1.1)", async () => {
    await using upstream = ScriptedUpstream.start()
    await using gateway = await startMutual(upstream, { tls: ", insecureSkipVerify: true" })
    const foreign = await foreignPki.issue({ commonName: "x", subjectAltNames: [], purpose: "client" })
    expect(await answerTo(gateway, foreign)).toBe("200 ok")
    expect(await answerTo(gateway, null)).toStartWith("403 ")
  })

  test("with ISTIO_MUTUAL, by the Secret istio-mutual", async () => {
    await using upstream = ScriptedUpstream.start()
    const yaml = yamlOf(
      tlsGatewayYaml([{ hosts: [HOST], tls: "{ mode: ISTIO_MUTUAL }" }]),
      tlsSecretYaml("istio-mutual", server, pki.rootPem),
      serviceYaml(SERVICE_HOST, [upstream.port]),
      virtualServiceYaml("all", ["*"], `- route: [{ destination: { host: ${SERVICE_HOST} } }]`),
    )
    await using gateway = await startGateway(yaml)
    expect(await answerTo(gateway, client)).toBe("200 ok")
    expect(await answerTo(gateway, null)).toStartWith("403 ")
  })
})

describe("a client that is refused hears why, in a 403, and nothing is routed", () => {
  const cases: readonly (readonly [string, string, () => Promise<IssuedCertificate | null>, MutualOptions?])[] = [
    ["none-presented", "no client certificate was presented", async () => null],
    [
      "unknown-issuer",
      "the client certificate was not issued by an authority that is trusted here",
      () => foreignPki.issue({ commonName: "x", subjectAltNames: [], purpose: "client" }),
    ],
    [
      "unknown-issuer",
      "the client certificate was not issued by an authority that is trusted here",
      async () => withoutChain(client),
    ],
    [
      "expired",
      "the client certificate has expired",
      () => issueClient({ validFromUnixMs: Date.now() - 2 * DAY_MS, validToUnixMs: Date.now() - DAY_MS }),
    ],
    [
      "not-yet-valid",
      "the client certificate is not valid yet",
      () => issueClient({ validFromUnixMs: Date.now() + DAY_MS, validToUnixMs: Date.now() + 2 * DAY_MS }),
    ],
    [
      "wrong-purpose",
      "the client certificate was not issued for client authentication",
      () => issueClient({ purpose: "server" }),
    ],
    [
      "name-not-allowed",
      "no name in the client certificate is allowed here",
      async () => client,
      { tls: ", subjectAltNames: [other.partner.example, spiffe://mesh/ns/partner/sa/ap]" },
    ],
    [
      "certificate-not-listed",
      "neither the client certificate nor its key is one of those listed here",
      async () => client,
      { tls: `, verifyCertificateHash: ["${"00".repeat(32)}"]` },
    ],
  ]

  test.each(cases)("%s: %s", async (reason, text, issue, options = {}) => {
    await using upstream = ScriptedUpstream.start()
    await using gateway = await startMutual(upstream, options)
    const identity = await issue()
    for (const version of ["TLS 1.3"]) {
      expect([version, await answerTo(gateway, identity)]).toEqual([
        version,
        `403 client certificate required: ${text}`,
      ])
    }
    expect(upstream.connections.length).toBe(0)
    const record = await gateway.record(0)
    expect([record.responseCode, record.responseCodeDetails]).toEqual([403, `client_certificate_refused{${reason}}`])
    expect(gateway.counters.clientCertificateRefusals.get(reason)).toBe(1)
    expect(gateway.counters.responses4xx).toBe(1)
    await waitUntil(() => gateway.counters.downstreamConnectionsActive === 0, "the connection is closed")
  })

  test("an optional certificate that is wrong is refused too (Istio semantics sheet 14.14)", async () => {
    await using upstream = ScriptedUpstream.start()
    await using gateway = await startMutual(upstream, { mode: "OPTIONAL_MUTUAL" })
    const foreign = await foreignPki.issue({ commonName: "x", subjectAltNames: [], purpose: "client" })
    expect(await answerTo(gateway, foreign)).toStartWith("403 ")
    expect(upstream.connections.length).toBe(0)
  })

  test("revoked by the list in the Secret, and revocation unknown without the list of an issuer", async () => {
    await using upstream = ScriptedUpstream.start()
    const revoked = await issueClient()
    const listsPem = await pki.revocationListsPem([revoked.serialNumber])
    await using gateway = await startMutual(upstream, { listsPem })
    expect(await answerTo(gateway, client)).toBe("200 ok")
    expect(await answerTo(gateway, revoked)).toBe(
      "403 client certificate required: the client certificate has been revoked",
    )
    await using incomplete = await startMutual(upstream, {
      listsPem: listsPem.slice(0, listsPem.indexOf("-----BEGIN", 1)),
    })
    expect(await answerTo(incomplete, client)).toBe(
      "403 client certificate required: no revocation list covers the issuer of the client certificate",
    )
  })

  test("a gRPC client hears it as PERMISSION_DENIED", async () => {
    await using upstream = ScriptedUpstream.start()
    await using gateway = await startMutual(upstream)
    using connection = await connectTls(gateway.port(443), { serverName: HOST })
    connection.send(
      `POST /a/b HTTP/1.1\r\nHost: ${HOST}\r\ncontent-type: application/grpc\r\ncontent-length: 0\r\n\r\n`,
    )
    const response = await connection.readResponse()
    expect([response.status, response.field("grpc-status")]).toEqual([200, "7"])
    expect(response.field("grpc-message")).toBe("client certificate required: no client certificate was presented")
  })

  test("HEAD has no body, a body that is sent is not waited for, a broken request is what it is", async () => {
    await using upstream = ScriptedUpstream.start()
    await using gateway = await startMutual(upstream)
    {
      using connection = await connectTls(gateway.port(443), { serverName: HOST })
      const response = await connection.exchange(`HEAD / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`)
      expect([response.status, response.text]).toEqual([403, ""])
    }
    {
      using connection = await connectTls(gateway.port(443), { serverName: HOST })
      connection.send(`POST / HTTP/1.1\r\nHost: ${HOST}\r\ncontent-length: 1000000\r\n\r\nbegin`)
      expect((await connection.readResponse()).status).toBe(403)
    }
    {
      using connection = await connectTls(gateway.port(443), { serverName: HOST })
      expect((await connection.exchange("GET / HTTP/1.1\r\n\r\n")).status).toBe(400)
    }
  })
})

describe("lists on the server (Istio semantics sheet 1.1)", () => {
  test.each([
    ["an exact DNS name, whatever its case", "[App.Partner.example]"],
    ["an exact URI", "[spiffe://mesh/ns/partner/sa/app]"],
    ["the beginning of a URI", "['spiffe://mesh/ns/partner/*']"],
    ["the end of a DNS name", "['*.partner.example']"],
    ["one of several", "[nobody.example, app.partner.example]"],
  ])("subjectAltNames: %s", async (_, list) => {
    await using upstream = ScriptedUpstream.start()
    await using gateway = await startMutual(upstream, { tls: `, subjectAltNames: ${list}` })
    expect(await answerTo(gateway, client)).toBe("200 ok")
    expect(await answerTo(gateway, await issueClient())).toStartWith("403 ")
  })

  test("verifyCertificateHash and verifyCertificateSpki: either suffices, colons and case are nothing", async () => {
    await using upstream = ScriptedUpstream.start()
    const certificate = new X509Certificate(client.certificatePem)
    const hash = certificateHash(certificate)
    const colons = certificate.fingerprint256
    const key = publicKeyHash(certificate)
    const zeros = "00".repeat(32)
    const otherKey = Buffer.alloc(32).toString("base64")
    const lists: readonly (readonly [string, boolean])[] = [
      [`, verifyCertificateHash: ["${hash}"]`, true],
      [`, verifyCertificateHash: ["${colons}"]`, true],
      [`, verifyCertificateSpki: [${key}]`, true],
      [`, verifyCertificateHash: ["${zeros}"], verifyCertificateSpki: [${key}]`, true],
      [`, verifyCertificateHash: ["${hash}"], verifyCertificateSpki: [${otherKey}]`, true],
      [`, verifyCertificateHash: ["${zeros}"], verifyCertificateSpki: [${otherKey}]`, false],
    ]
    for (const [tls, isAccepted] of lists) {
      await using gateway = await startMutual(upstream, { tls })
      expect([tls, (await answerTo(gateway, client)).slice(0, 3)]).toEqual([tls, isAccepted ? "200" : "403"])
    }
  })

  test("certificate, CA and revocation list by file paths (Istio semantics sheet 1.1)", async () => {
    await using upstream = ScriptedUpstream.start()
    const folder = await mkdtemp(join(tmpdir(), "portcullis-files-"))
    const revoked = await issueClient()
    const files = {
      serverCertificate: server.certificatePem,
      privateKey: server.privateKeyPem,
      caCertificates: pki.rootPem,
      caCrl: await pki.revocationListsPem([revoked.serialNumber]),
    }
    for (const [field, text] of Object.entries(files)) await writeFile(join(folder, field), text)
    const paths = Object.keys(files).map((field) => `${field}: ${join(folder, field)}`)
    const yaml = yamlOf(
      tlsGatewayYaml([{ hosts: [HOST], tls: `{ mode: MUTUAL, ${paths.join(", ")} }` }]),
      serviceYaml(SERVICE_HOST, [upstream.port]),
      virtualServiceYaml("all", ["*"], `- route: [{ destination: { host: ${SERVICE_HOST} } }]`),
    )
    await using gateway = await startGateway(yaml)
    expect(await answerTo(gateway, client)).toBe("200 ok")
    expect(await answerTo(gateway, revoked)).toContain("has been revoked")
    await rm(folder, { recursive: true })
  })

  test("the CA from a Secret of its own: NAME-cacert, or caCertCredentialName (Istio semantics sheet 1.11)", async () => {
    await using upstream = ScriptedUpstream.start()
    const foreign = await foreignPki.issue({ commonName: "x", subjectAltNames: [], purpose: "client" })
    const forms = [
      { tls: "{ mode: MUTUAL, credentialName: split }", authority: "split-cacert" },
      { tls: "{ mode: MUTUAL, credentialName: split, caCertCredentialName: trusted }", authority: "trusted" },
    ]
    for (const { tls, authority } of forms) {
      const yaml = yamlOf(
        tlsGatewayYaml([{ hosts: [HOST], tls }]),
        // Its own ca.crt does not count then.
        tlsSecretYaml("split", server, foreignPki.rootPem),
        secretYaml(authority, { cacert: pki.rootPem }),
        serviceYaml(SERVICE_HOST, [upstream.port]),
        virtualServiceYaml("all", ["*"], `- route: [{ destination: { host: ${SERVICE_HOST} } }]`),
      )
      await using gateway = await startGateway(yaml)
      expect([authority, await answerTo(gateway, client)]).toEqual([authority, "200 ok"])
      expect(await answerTo(gateway, foreign)).toStartWith("403 ")
    }
  })
})

describe("portcullis.dev/client-cert-rejection: handshake", () => {
  const annotations = "{ portcullis.dev/client-cert-rejection: handshake }"

  test("no certificate is a failed handshake, a wrong one a closed connection; neither hears HTTP", async () => {
    await using upstream = ScriptedUpstream.start()
    await using gateway = await startMutual(upstream, { annotations })
    expect(await answerTo(gateway, client)).toBe("200 ok")
    const foreign = await foreignPki.issue({ commonName: "x", subjectAltNames: [], purpose: "client" })
    for (const identity of [null, foreign]) {
      // With TLS 1.3 the client's own part of the handshake may succeed before it hears of it.
      const outcome = await answerTo(gateway, identity).catch(() => "closed")
      expect(outcome).toBe("closed")
    }
    expect(upstream.requests.length).toBe(1)
    await waitUntil(() => gateway.counters.downstreamTlsHandshakeErrors === 2, "both are counted")
    expect(gateway.counters.requestsTotal).toBe(1)
  })

  test.skipIf(openssl.path === null)(openssl.named("openssl sees the alert, with TLS 1.2 and 1.3"), async () => {
    await using upstream = ScriptedUpstream.start()
    await using gateway = await startMutual(upstream, { annotations })
    for (const [version, alert] of [
      ["-tls1_2", "alert handshake failure"],
      ["-tls1_3", "alert certificate required"],
    ] as const) {
      const address = `127.0.0.1:${gateway.port(443)}`
      const run = Bun.spawn(
        [openssl.path ?? "", "s_client", "-connect", address, "-servername", HOST, version, "-ign_eof"],
        { stdin: Buffer.from(REQUEST), stdout: "pipe", stderr: "pipe" },
      )
      expect((await run.stdout.text()) + (await run.stderr.text())).toContain(alert)
    }
    expect(upstream.requests.length).toBe(0)
  })
})

test.skipIf(openssl.path === null)(
  openssl.named("a TLS 1.2 client whose certificate does not verify is refused, on resumed sessions too"),
  async () => {
    await using upstream = ScriptedUpstream.start()
    await using gateway = await startMutual(upstream)
    const foreign = await foreignPki.issue({ commonName: "x", subjectAltNames: [], purpose: "client" })
    const base = `${process.env["TMPDIR"] ?? "/tmp"}/portcullis-client-${process.pid}`
    await Bun.write(`${base}.pem`, foreign.certificatePem + foreign.privateKeyPem)
    const address = `127.0.0.1:${gateway.port(443)}`
    for (const version of ["-tls1_2", "-tls1_3"]) {
      for (const session of ["-sess_out", "-sess_in"]) {
        const options = ["-servername", HOST, version, "-cert", `${base}.pem`, "-ign_eof", session, `${base}.session`]
        const run = Bun.spawn([openssl.path ?? "", "s_client", "-connect", address, ...options], {
          stdin: Buffer.from(REQUEST),
          stdout: "pipe",
          stderr: "pipe",
        })
        const output = await run.stdout.text()
        expect(output).toContain("403 Forbidden")
        expect(output).toContain("not issued by an authority that is trusted here")
        if (session === "-sess_in") expect(output).toContain("Reused, ")
      }
    }
    expect(upstream.requests.length).toBe(0)
    await Promise.all([Bun.file(`${base}.pem`).delete(), Bun.file(`${base}.session`).delete()])
  },
)

describe("x-forwarded-client-cert (Istio semantics sheet 4.2)", () => {
  test("is the one element SANITIZE_SET makes, and the client's own is gone", async () => {
    await using upstream = ScriptedUpstream.start()
    await using gateway = await startMutual(upstream)
    using connection = await connectTls(gateway.port(443), { serverName: HOST, identity: client })
    connection.send(
      `GET / HTTP/1.1\r\nHost: ${HOST}\r\nx-forwarded-client-cert: Hash=forged\r\nX-Forwarded-Client-Cert: By=me\r\n\r\n`,
    )
    await connection.readResponse()
    const value = (await upstream.request(0)).field("x-forwarded-client-cert") ?? ""
    const certificate = new X509Certificate(client.certificatePem)
    const [pem = ""] = /Cert="([^"]*)"/.exec(value)?.slice(1) ?? []
    expect(decodeURIComponent(pem)).toBe(client.certificatePem.slice(0, client.certificatePem.indexOf("-----BEGIN", 1)))
    expect(pem).not.toMatch(/[\n +/=]/)
    expect(value.replace(pem, "PEM")).toBe(
      [
        "By=spiffe://mesh/gateway",
        `Hash=${certificateHash(certificate)}`,
        'Cert="PEM"',
        'Subject="O=Portcullis development,CN=app"',
        "URI=spiffe://mesh/ns/partner/sa/app",
        "DNS=app.partner.example",
      ].join(";"),
    )
  })

  test("has an empty URI where the certificate has none", async () => {
    await using upstream = ScriptedUpstream.start()
    await using gateway = await startMutual(upstream)
    expect(await answerTo(gateway, await issueClient())).toBe("200 ok")
    expect((await upstream.request(0)).field("x-forwarded-client-cert")).toEndWith(
      'Subject="O=Portcullis development,CN=app";URI=',
    )
  })

  test.each(["SIMPLE", "OPTIONAL_MUTUAL"])("is removed where no certificate came: %s", async (mode) => {
    await using upstream = ScriptedUpstream.start()
    await using gateway = await startMutual(upstream, { mode })
    using connection = await connectTls(gateway.port(443), { serverName: HOST })
    connection.send(`GET / HTTP/1.1\r\nHost: ${HOST}\r\nx-forwarded-client-cert: Hash=forged\r\n\r\n`)
    await connection.readResponse()
    expect((await upstream.request(0)).field("x-forwarded-client-cert")).toBeNull()
  })
})

test.skipIf(curl.path === null)(curl.named("curl with and without its certificate"), async () => {
  await using upstream = ScriptedUpstream.start()
  await using gateway = await startMutual(upstream)
  const base = `${process.env["TMPDIR"] ?? "/tmp"}/portcullis-curl-${process.pid}`
  await Bun.write(`${base}.ca`, pki.rootPem)
  await Bun.write(`${base}.crt`, client.certificatePem)
  await Bun.write(`${base}.key`, client.privateKeyPem)
  const port = gateway.port(443)
  const plain = ["-sS", "--cacert", `${base}.ca`, "--resolve", `${HOST}:${port}:127.0.0.1`, `https://${HOST}:${port}/`]
  for (const version of ["1.2", "1.3"]) {
    const run = async (...options: readonly string[]) => {
      const command = [curl.path ?? "", "--tls-max", version, ...options, ...plain]
      return await Bun.spawn(command, { stdout: "pipe", stderr: "pipe" }).stdout.text()
    }
    expect(await run()).toBe("client certificate required: no client certificate was presented")
    expect(await run("--cert", `${base}.crt`, "--key", `${base}.key`)).toBe("ok")
  }
  await Promise.all(["ca", "crt", "key"].map((end) => Bun.file(`${base}.${end}`).delete()))
})
