/** `h2UpgradePolicy: UPGRADE` and TLS: HTTP/2 to a service of somebody else's code (Istio semantics sheet 6.5, 6.7). */
import { describe, expect, test } from "bun:test"
import { createSecureServer, createServer, type Http2Server } from "node:http2"
import { CertificateAuthority, openssl } from "../harness/certificate-authority.ts"
import { withPolicy } from "../harness/destination-rule.ts"
import { startGateway } from "../harness/gateway-under-test.ts"
import { exchangeOnce } from "../harness/raw-client.ts"
import { routesTo } from "../harness/routes-to.ts"

const connectionPool = { http: { h2UpgradePolicy: "UPGRADE" } }
const GET = "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"

async function listen(server: Http2Server): Promise<number> {
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
})
