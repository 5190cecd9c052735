/** nginx as the service: HTTPS and mutual TLS spoken with somebody else's code (Istio semantics sheet 6.7). */

import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { CertificateAuthority, type IssuedCertificate, openssl } from "../harness/certificate-authority.ts"
import { withPolicy } from "../harness/destination-rule.ts"
import { type GatewayUnderTest, startGateway } from "../harness/gateway-under-test.ts"
import { freePort } from "../harness/loopback-port.ts"
import { RawClient } from "../harness/raw-client.ts"
import { routesTo } from "../harness/routes-to.ts"
import { waitUntil } from "../harness/wait-until.ts"
import { requireTool } from "../peer-tools.ts"

const nginx = requireTool("nginx")
const bodyBytes = 3 * 1024 * 1024

describe.skipIf(nginx.path === null || openssl.path === null)(nginx.named("nginx behind TLS"), () => {
  let authority: CertificateAuthority
  let client: IssuedCertificate
  let stop: () => Promise<void>
  let ports: { readonly simple: number; readonly mutual: number }

  beforeAll(async () => {
    authority = CertificateAuthority.create()
    const server = authority.issue({ subjectAltName: "DNS:shop.example" })
    client = authority.issue({ subjectAltName: "", commonName: "edge" })
    ports = { simple: freePort(), mutual: freePort() }
    stop = await startNginx(nginx.path ?? "", authority, server, ports)
  })
  afterAll(async () => {
    await stop()
    authority[Symbol.dispose]()
  })

  function startAt(port: number, tls: object): Promise<GatewayUnderTest> {
    const policy = { tls: { caCertificates: authority.certificateFile, ...tls } }
    return startGateway(withPolicy(routesTo(port, "retries: { attempts: 0 }"), policy))
  }

  test("SIMPLE: SNI from the Host, several requests on one connection", async () => {
    await using gateway = await startAt(ports.simple, { mode: "SIMPLE" })
    using connection = await RawClient.connect(gateway.port(80))
    for (const number of [1, 2, 3]) {
      const { status, text } = await connection.exchange("GET /who HTTP/1.1\r\nHost: shop.example\r\n\r\n")
      expect([status, text]).toEqual([200, `sni=shop.example request=${number} verify=NONE dn=\n`])
    }
  })

  test("MUTUAL: nginx verifies the certificate it is shown", async () => {
    const files = { clientCertificate: client.certificateFile, privateKey: client.privateKeyFile }
    await using gateway = await startAt(ports.mutual, { mode: "MUTUAL", ...files })
    using connection = await RawClient.connect(gateway.port(80))
    const { status, text } = await connection.exchange("GET /who HTTP/1.1\r\nHost: shop.example\r\n\r\n")
    expect([status, text]).toEqual([200, "sni=shop.example request=1 verify=SUCCESS dn=CN=edge\n"])
  })

  test("without a certificate nginx says so itself: its 400 comes through", async () => {
    await using gateway = await startAt(ports.mutual, { mode: "SIMPLE" })
    using connection = await RawClient.connect(gateway.port(80))
    const { status, text } = await connection.exchange("GET /who HTTP/1.1\r\nHost: shop.example\r\n\r\n")
    expect([status, text.includes("No required SSL certificate was sent")]).toEqual([400, true])
  })

  test("a large body arrives whole", async () => {
    await using gateway = await startAt(ports.simple, { mode: "SIMPLE" })
    using connection = await RawClient.connect(gateway.port(80))
    const { status, body } = await connection.exchange("GET /large HTTP/1.1\r\nHost: shop.example\r\n\r\n")
    expect([status, body.length]).toEqual([200, bodyBytes])
    expect(body.every((byte) => byte === 0x78)).toBe(true)
  })
})

async function startNginx(
  path: string,
  authority: CertificateAuthority,
  server: IssuedCertificate,
  ports: { readonly simple: number; readonly mutual: number },
): Promise<() => Promise<void>> {
  const folder = join(authority.folder, "nginx")
  mkdirSync(folder)
  writeFileSync(join(folder, "large"), Buffer.alloc(bodyBytes, "x"))
  const shared = `
    ssl_certificate ${server.certificateFile};
    ssl_certificate_key ${server.privateKeyFile};
    location = /who {
      return 200 "sni=$ssl_server_name request=$connection_requests verify=$ssl_client_verify dn=$ssl_client_s_dn\\n";
    }
    location = /large { root ${folder}; }`
  const mutual = `ssl_client_certificate ${authority.certificateFile}; ssl_verify_client on;`
  writeFileSync(
    join(folder, "nginx.conf"),
    `daemon off; master_process off; pid ${folder}/pid; error_log ${folder}/error.log;
events { worker_connections 64; }
http {
  access_log off; default_type text/plain;
  client_body_temp_path ${folder}/t1; proxy_temp_path ${folder}/t2; fastcgi_temp_path ${folder}/t3;
  uwsgi_temp_path ${folder}/t4; scgi_temp_path ${folder}/t5;
  server { listen 127.0.0.1:${ports.simple} ssl; ${shared} }
  server { listen 127.0.0.1:${ports.mutual} ssl; ${mutual} ${shared} }
}
`,
  )
  const child = Bun.spawn([path, "-e", join(folder, "error.log"), "-c", join(folder, "nginx.conf")], {
    stdout: "ignore",
    stderr: "ignore",
  })
  await waitUntil(async () => {
    try {
      const socket = await Bun.connect({ hostname: "127.0.0.1", port: ports.mutual, socket: { data() {} } })
      socket.terminate()
      return true
    } catch {
      // Not listening yet.
      return false
    }
  }, "nginx listens")
  return async () => {
    child.kill()
    await child.exited
  }
}
