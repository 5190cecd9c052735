/**
 * `tls` of a DestinationRule over real sockets (Istio semantics sheet 6.7, 5.2): whom the gateway trusts, what it shows, and
 * that nothing is sent to a server that is not who it should be.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { CertificateAuthority, type IssuedCertificate, openssl } from "../harness/certificate-authority.ts"
import { withPolicy } from "../harness/destination-rule.ts"
import { startGateway } from "../harness/gateway-under-test.ts"
import { exchangeOnce, RawClient } from "../harness/raw-client.ts"
import { routesTo } from "../harness/routes-to.ts"
import { answerOk, ScriptedUpstream } from "../harness/scripted-upstream.ts"
import { TlsUpstream } from "../harness/tls-upstream.ts"
import { waitUntil, waitUntilStill } from "../harness/wait-until.ts"

const prefix =
  "upstream connect error or disconnect/reset before headers. reset reason: remote connection failure, transport failure reason: TLS_error:|"
const verifyFailed = "268435581:SSL routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED:verify cert failed: "

describe.skipIf(openssl.path === null)(openssl.named("TLS to the upstream"), () => {
  let authority: CertificateAuthority
  let stranger: CertificateAuthority
  let server: IssuedCertificate
  let client: IssuedCertificate

  beforeAll(() => {
    authority = CertificateAuthority.create()
    stranger = CertificateAuthority.create()
    const subjectAltName = "DNS:shop.example,DNS:*.wild.example,IP:127.0.0.1,URI:spiffe://td/ns/a/sa/b"
    server = authority.issue({ subjectAltName, commonName: "cn.example" })
    client = authority.issue({ subjectAltName: "" })
  })
  afterAll(() => {
    authority[Symbol.dispose]()
    stranger[Symbol.dispose]()
  })

  /** One request through a gateway with this `tls`, to a server with this certificate. */
  async function ask(
    tls: object,
    { certificate = server, host = "shop.example", clientAuthority }: AskOptions = {},
  ): Promise<Asked> {
    using upstream = new TlsUpstream({ certificate, ...(clientAuthority === undefined ? {} : { clientAuthority }) })
    await using gateway = await startGateway(
      withPolicy(routesTo(upstream.port, "retries: { attempts: 0 }"), { tls: { mode: "SIMPLE", ...tls } }),
    )
    const response = await exchangeOnce(gateway.port(80), `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
    const { responseFlags, upstreamTransportFailureReason } = await gateway.record(0)
    return {
      status: response.status,
      text: response.text,
      flags: responseFlags,
      transportFailureReason: upstreamTransportFailureReason,
      serverName: upstream.connections[0]?.serverName ?? "",
      isClientAuthorized: upstream.connections[0]?.isClientAuthorized ?? false,
      sent: upstream.connections.map(({ received }) => received).join(""),
    }
  }

  interface AskOptions {
    readonly certificate?: IssuedCertificate
    readonly host?: string
    readonly clientAuthority?: CertificateAuthority
  }

  interface Asked {
    readonly status: number
    readonly text: string
    readonly flags: string
    readonly transportFailureReason: string
    readonly serverName: string
    readonly isClientAuthorized: boolean
    readonly sent: string
  }

  function expectRefused(asked: Asked, reason: string): void {
    expect([asked.status, asked.flags, asked.sent]).toEqual([503, "UF", ""])
    expect(asked.text.startsWith(`${prefix}${verifyFailed}${reason}`)).toBe(true)
    expect(asked.text).toEndWith(":TLS_error_end")
    expect(asked.transportFailureReason).toStartWith("TLS_error:|")
  }

  const ca = () => ({ caCertificates: authority.certificateFile })

  test("SIMPLE: the Host gives the SNI and the name to verify, without its port", async () => {
    const asked = await ask(ca(), { host: "SHOP.example:8080" })
    expect([asked.status, asked.text, asked.serverName]).toEqual([200, "ok", "shop.example"])
    expect(asked.sent).toContain("Host: SHOP.example:8080\r\n")
  })

  test("a Host that is an IP address is verified, but never an SNI", async () => {
    const asked = await ask(ca(), { host: "127.0.0.1" })
    expect([asked.status, asked.serverName]).toEqual([200, ""])
  })

  test("a certificate for another name is refused, and nothing is sent", async () => {
    expectRefused(await ask(ca(), { host: "other.example" }), "verify SAN list")
  })

  test("the common name is no name", async () => {
    expectRefused(await ask(ca(), { host: "cn.example" }), "verify SAN list")
  })

  test("a wildcard covers one label", async () => {
    expect((await ask(ca(), { host: "a.wild.example" })).status).toBe(200)
    expectRefused(await ask(ca(), { host: "a.b.wild.example" }), "verify SAN list")
  })

  test("a certificate of another authority is refused", async () => {
    expectRefused(await ask({ caCertificates: stranger.certificateFile }), "X509_verify_cert: ")
  })

  test("without caCertificates the roots of the system verify", async () => {
    expectRefused(await ask({}), "X509_verify_cert: ")
  })

  test("an expired certificate is refused", async () => {
    const certificate = authority.issue({ subjectAltName: "DNS:shop.example", days: -1 })
    expectRefused(await ask(ca(), { certificate }), "X509_verify_cert: certificate verification error: certificate has")
  })

  test("caCrl: a revoked certificate is refused, one that is not revoked is taken", async () => {
    const revoked = authority.issue({ subjectAltName: "DNS:shop.example" })
    const tls = { ...ca(), caCrl: authority.revoke(revoked) }
    expectRefused(
      await ask(tls, { certificate: revoked }),
      "X509_verify_cert: certificate verification error: certificate revoked",
    )
    expect((await ask(tls)).status).toBe(200)
  })

  test("insecureSkipVerify takes any certificate", async () => {
    const certificate = stranger.issue({ subjectAltName: "DNS:other.example", days: -1 })
    expect((await ask({ insecureSkipVerify: true }, { certificate })).status).toBe(200)
  })

  test("an sni of one's own is sent, and only the chain is verified", async () => {
    const asked = await ask({ ...ca(), sni: "inner.example" })
    expect([asked.status, asked.serverName]).toEqual([200, "inner.example"])
    expectRefused(await ask({ caCertificates: stranger.certificateFile, sni: "inner.example" }), "X509_verify_cert: ")
  })

  test.each([
    ["an exact DNS name", "shop.example", 200],
    ["a URI", "spiffe://td/ns/a/sa/b", 200],
    ["an IP address", "127.0.0.1", 200],
    ["another URI", "spiffe://td/ns/a/sa/c", 503],
    ["a name in front of a dot", ".wild.example", 503],
  ])("subjectAltNames, exact: %s", async (_name, wanted, status) => {
    const asked = await ask({ ...ca(), subjectAltNames: ["none.example", wanted] }, { host: "unrelated.example" })
    expect(asked.status).toBe(status)
    if (status === 503) expectRefused(asked, "verify SAN list")
  })

  test("MUTUAL shows the client certificate", async () => {
    const files = { clientCertificate: client.certificateFile, privateKey: client.privateKeyFile }
    const asked = await ask({ ...ca(), mode: "MUTUAL", ...files }, { clientAuthority: authority })
    expect([asked.status, asked.isClientAuthorized]).toEqual([200, true])
  })

  test("a server that wants a client certificate gets none from SIMPLE, and the client a 503", async () => {
    const asked = await ask(ca(), { clientAuthority: authority })
    expect([asked.status, asked.isClientAuthorized, asked.sent]).toEqual([503, false, ""])
  })

  test("a credentialName that names nothing is 503, never plaintext", async () => {
    await using upstream = ScriptedUpstream.start()
    await using gateway = await startGateway(
      withPolicy(routesTo(upstream.port), { tls: { mode: "MUTUAL", credentialName: "nothing" } }),
    )
    const { status, text } = await exchangeOnce(gateway.port(80), "GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n")
    expect([status, text]).toEqual([
      503,
      "upstream connect error or disconnect/reset before headers. retried and the latest reset reason: remote connection failure, transport failure reason: TLS error: Secret is not supplied by SDS",
    ])
    expect(upstream.requests).toHaveLength(0)
  })

  test("DISABLE is plaintext", async () => {
    await using upstream = ScriptedUpstream.start()
    await using gateway = await startGateway(withPolicy(routesTo(upstream.port), { tls: { mode: "DISABLE" } }))
    expect((await exchangeOnce(gateway.port(80), "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")).status).toBe(200)
  })

  test("TLS to a service that speaks plain HTTP is 503 with BoringSSL's words", async () => {
    await using upstream = ScriptedUpstream.start({
      onConnection: (connection) => {
        connection.readsRequests = false
        connection.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
      },
      onRequest: answerOk,
    })
    await using gateway = await startGateway(
      withPolicy(routesTo(upstream.port, "retries: { attempts: 0 }"), { tls: { mode: "SIMPLE" } }),
    )
    const { status, text } = await exchangeOnce(gateway.port(80), "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
    expect([status, text]).toEqual([
      503,
      `${prefix}268435703:SSL routines:OPENSSL_internal:WRONG_VERSION_NUMBER:TLS_error_end`,
    ])
  })

  test("connections for one Host are not used for another, and are reused for the same", async () => {
    const certificate = authority.issue({ subjectAltName: "DNS:a.example,DNS:b.example" })
    using upstream = new TlsUpstream({ certificate })
    await using gateway = await startGateway(withPolicy(routesTo(upstream.port), { tls: { mode: "SIMPLE", ...ca() } }))
    for (const host of ["a.example", "b.example", "a.example", "b.example"]) {
      const { status } = await exchangeOnce(gateway.port(80), `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
      expect(status).toBe(200)
    }
    await waitUntil(() => upstream.connections.length === 2, "two connections")
    expect(upstream.connections.map(({ serverName }) => serverName)).toEqual(["a.example", "b.example"])
  })

  test("a service that sends faster than the client reads is stopped, and its body arrives whole", async () => {
    const bodyBytes = 64 * 1024 * 1024
    using upstream = new TlsUpstream({ certificate: server, bodyBytes })
    await using gateway = await startGateway(withPolicy(routesTo(upstream.port), { tls: { mode: "SIMPLE", ...ca() } }))
    using reader = await RawClient.connect(gateway.port(80))
    reader.pause()
    reader.send("GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n")
    await waitUntil(() => upstream.connections.length === 1, "the connection")
    const taken = () => upstream.connections[0]?.bytesTaken ?? 0
    await waitUntilStill(taken)
    // What the kernel's buffers of two connections hold; without back pressure it would be all of it.
    expect(taken()).toBeLessThan(bodyBytes / 2)
    reader.resume()
    const { status, body } = await reader.readResponse()
    expect([status, body.length]).toEqual([200, bodyBytes])
  })
})
