/** `h2UpgradePolicy: UPGRADE` and TLS: HTTP/2 to a service of somebody else's code (Istio semantics sheet 6.5, 6.7). */
import { describe, expect, test } from "bun:test"
import { createSecureServer, createServer } from "node:http2"
import type { Server } from "node:net"
import { createServer as createTlsServer } from "node:tls"
import { FrameClient } from "../h2/frame-client.ts"
import { CertificateAuthority, openssl } from "../harness/certificate-authority.ts"
import { withPolicy } from "../harness/destination-rule.ts"
import { startGateway } from "../harness/gateway-under-test.ts"
import { exchangeOnce } from "../harness/raw-client.ts"
import { routesTo } from "../harness/routes-to.ts"

const connectionPool = { http: { h2UpgradePolicy: "UPGRADE" } }
const GET = "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"

async function listen(server: Pick<Server, "listen" | "address">): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const address = server.address()
  if (address === null || typeof address === "string") throw new Error("no port")
  return address.port
}

test("UPGRADE: HTTP/2 with prior knowledge", async () => {
  const server = createServer((request, response) => response.end(request.httpVersion))
  try {
    await using gateway = await startGateway(withPolicy(routesTo(await listen(server)), { connectionPool }))
    const { status, text } = await exchangeOnce(gateway.port(80), GET)
    expect([status, text]).toEqual([200, "2.0"])
  } finally {
    server.close()
  }
})

describe.skipIf(openssl.path === null)(openssl.named("with TLS"), () => {
  test("UPGRADE: HTTP/2 by ALPN", async () => {
    using authority = CertificateAuthority.create()
    const { privateKeyPem, certificatePem } = authority.issue({ subjectAltName: "DNS:a.example" })
    const server = createSecureServer({ key: privateKeyPem, cert: certificatePem }, (request, response) => {
      response.end(request.httpVersion)
    })
    try {
      const tls = { mode: "SIMPLE", caCertificates: authority.certificateFile }
      await using gateway = await startGateway(withPolicy(routesTo(await listen(server)), { connectionPool, tls }))
      const { status, text } = await exchangeOnce(gateway.port(80), GET)
      expect([status, text]).toEqual([200, "2.0"])
    } finally {
      server.close()
    }
  })

  test("useClientProtocol: ALPN offers what the client spoke", async () => {
    using authority = CertificateAuthority.create()
    const { privateKeyPem, certificatePem } = authority.issue({ subjectAltName: "DNS:a.example" })
    const server = createSecureServer(
      { key: privateKeyPem, cert: certificatePem, allowHTTP1: true },
      (request, response) => response.end(request.httpVersion),
    )
    try {
      const tls = { mode: "SIMPLE", caCertificates: authority.certificateFile }
      const policy = { connectionPool: { http: { useClientProtocol: true } }, tls }
      await using gateway = await startGateway(withPolicy(routesTo(await listen(server)), policy))
      expect((await exchangeOnce(gateway.port(80), GET)).text).toBe("1.1")
      using client = await FrameClient.open(gateway.port(80))
      client.request(1)
      expect((await client.response(1)).body).toBe("2.0")
    } finally {
      server.close()
    }
  })

  test("a service that speaks HTTP/1.1 only: 503 that says so, whether it refuses ALPN's h2 or ignores it", async () => {
    using authority = CertificateAuthority.create()
    const { privateKeyPem, certificatePem } = authority.issue({ subjectAltName: "DNS:a.example" })
    const options = { key: privateKeyPem, cert: certificatePem }
    const refusing = createTlsServer({ ...options, ALPNProtocols: ["http/1.1"] })
    const ignoring = createTlsServer(options, (socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"))
    const tls = { mode: "SIMPLE", caCertificates: authority.certificateFile }
    const reasons: string[] = []
    for (const server of [refusing, ignoring]) {
      try {
        await using gateway = await startGateway(withPolicy(routesTo(await listen(server)), { connectionPool, tls }))
        const { status, text } = await exchangeOnce(gateway.port(80), GET)
        expect(status).toBe(503)
        reasons.push(text.replace(/^.*transport failure reason: /, ""))
      } finally {
        server.close()
      }
    }
    expect(reasons).toEqual([
      "TLS_error:|268436576:SSL routines:OPENSSL_internal:TLSV1_ALERT_NO_APPLICATION_PROTOCOL:TLS_error_end",
      "the service closed the connection before its HTTP/2 SETTINGS",
    ])
  })
})
