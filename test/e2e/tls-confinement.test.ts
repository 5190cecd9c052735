/**
 * No way around mutual TLS: the server that the SNI chose bounds what a connection may reach, whatever its requests say
 * (Istio semantics sheet 1.10, 14.12). What Bun.serve would have let through is tried here in every form.
 */
import { beforeAll, describe, expect, test } from "bun:test"
import { DevelopmentPki, type IssuedCertificate } from "../../src/security/development-pki.ts"
import { type GatewayUnderTest, startGateway } from "../harness/gateway-under-test.ts"
import { SERVICE_HOST, serviceYaml, virtualServiceYaml, yamlOf } from "../harness/routes-to.ts"
import { ScriptedUpstream } from "../harness/scripted-upstream.ts"
import { connectTls } from "../harness/tls-client.ts"
import { answeringYaml, tlsGatewayYaml, tlsSecretYaml } from "../harness/tls-routes.ts"
import { requireTool } from "../peer-tools.ts"

const openssl = requireTool("openssl")

const OPEN_HOST = "open.example"
const CLOSED_HOST = "closed.example"

let secrets: string
let client: IssuedCertificate
beforeAll(async () => {
  const pki = await DevelopmentPki.create(Date.now())
  const issue = (host: string) => pki.issue({ commonName: host, subjectAltNames: [host], purpose: "server" })
  client = await pki.issue({ commonName: "client", subjectAltNames: [], purpose: "client" })
  secrets = yamlOf(
    tlsSecretYaml("open", await issue(OPEN_HOST)),
    tlsSecretYaml("closed", await issue(CLOSED_HOST), pki.rootPem),
  )
})

/** A SIMPLE and a MUTUAL host on one port; the MUTUAL one leads to a service that must not be reached. */
function startConfined(upstream: ScriptedUpstream): Promise<GatewayUnderTest> {
  return startGateway(
    yamlOf(
      tlsGatewayYaml([
        { hosts: [OPEN_HOST], tls: "{ mode: SIMPLE, credentialName: open }" },
        { hosts: [CLOSED_HOST], tls: "{ mode: MUTUAL, credentialName: closed }" },
      ]),
      secrets,
      serviceYaml(SERVICE_HOST, [upstream.port]),
      answeringYaml("open", [OPEN_HOST]),
      virtualServiceYaml("closed", [CLOSED_HOST], `- route: [{ destination: { host: ${SERVICE_HOST} } }]`),
    ),
  )
}

const get = (host: string, target = "/") => `GET ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`

describe("with the SIMPLE host's SNI the MUTUAL host is not there", () => {
  test.each([
    ["its name", get(CLOSED_HOST)],
    ["its name with the port", get(`${CLOSED_HOST}:443`)],
    ["its name in capitals", get(CLOSED_HOST.toUpperCase())],
    ["its name in the request target", `GET https://${CLOSED_HOST}/ HTTP/1.1\r\nHost: ${CLOSED_HOST}\r\n\r\n`],
    ["its name in the target alone", `GET https://${CLOSED_HOST}/ HTTP/1.1\r\nHost: ${OPEN_HOST}\r\n\r\n`],
  ])("%s: 404, with and without a certificate", async (_, request) => {
    await using upstream = ScriptedUpstream.start()
    await using gateway = await startConfined(upstream)
    for (const identity of [undefined, client]) {
      using connection = await connectTls(gateway.port(443), {
        serverName: OPEN_HOST,
        ...(identity === undefined ? {} : { identity }),
      })
      const response = await connection.exchange(request)
      expect([response.status, response.text]).toEqual([404, ""])
    }
    const record = await gateway.record(0)
    expect([record.responseFlags, record.responseCodeDetails]).toEqual(["NR", "route_not_found"])
    expect(upstream.requests.length).toBe(0)
  })

  test("not on a connection that served the SIMPLE host before, and the connection goes on", async () => {
    await using upstream = ScriptedUpstream.start()
    await using gateway = await startConfined(upstream)
    using connection = await connectTls(gateway.port(443), { serverName: OPEN_HOST })
    expect((await connection.exchange(get(OPEN_HOST))).text).toBe("open")
    expect((await connection.exchange(get(CLOSED_HOST))).status).toBe(404)
    expect((await connection.exchange(get(OPEN_HOST))).text).toBe("open")
    expect(upstream.requests.length).toBe(0)
  })

  test("not in a pipeline", async () => {
    await using upstream = ScriptedUpstream.start()
    await using gateway = await startConfined(upstream)
    using connection = await connectTls(gateway.port(443), { serverName: OPEN_HOST })
    connection.send(get(OPEN_HOST) + get(CLOSED_HOST) + get(OPEN_HOST))
    const statuses: number[] = []
    for (let count = 0; count < 3; count++) statuses.push((await connection.readResponse()).status)
    expect(statuses).toEqual([200, 404, 200])
    expect(upstream.requests.length).toBe(0)
  })

  test("not after a reload either: open connections keep what their handshake was granted", async () => {
    await using upstream = ScriptedUpstream.start()
    await using gateway = await startConfined(upstream)
    using connection = await connectTls(gateway.port(443), { serverName: OPEN_HOST })
    expect((await connection.exchange(get(OPEN_HOST))).text).toBe("open")
    // The SIMPLE server becomes MUTUAL: who came in without a certificate does not see its new routes.
    await gateway.apply(
      yamlOf(
        tlsGatewayYaml([{ hosts: [OPEN_HOST], tls: "{ mode: MUTUAL, credentialName: closed }" }]),
        secrets,
        serviceYaml(SERVICE_HOST, [upstream.port]),
        virtualServiceYaml("closed", [OPEN_HOST], `- route: [{ destination: { host: ${SERVICE_HOST} } }]`),
      ),
    )
    connection.send(get(OPEN_HOST))
    await connection.untilClosed()
    expect(upstream.requests.length).toBe(0)
    using fresh = await connectTls(gateway.port(443), { serverName: OPEN_HOST, identity: client })
    expect((await fresh.exchange(get(OPEN_HOST))).text).toBe("ok")
  })
})

describe("with the MUTUAL host's SNI", () => {
  test("and no certificate, every request of the connection is refused, the SIMPLE host's too", async () => {
    await using upstream = ScriptedUpstream.start()
    await using gateway = await startConfined(upstream)
    for (const host of [CLOSED_HOST, OPEN_HOST, "unknown.example"]) {
      using connection = await connectTls(gateway.port(443), { serverName: CLOSED_HOST })
      connection.send(get(host) + get(host))
      const response = await connection.readResponse()
      expect([response.status, response.field("connection")]).toEqual([403, "close"])
      expect((await connection.untilClosed()).length).toBe(0)
    }
    expect(upstream.requests.length).toBe(0)
  })

  test("and a certificate, its own host is served and the SIMPLE host is not there", async () => {
    await using upstream = ScriptedUpstream.start()
    await using gateway = await startConfined(upstream)
    using connection = await connectTls(gateway.port(443), { serverName: CLOSED_HOST, identity: client })
    expect((await connection.exchange(get(CLOSED_HOST))).text).toBe("ok")
    expect((await connection.exchange(get(OPEN_HOST))).status).toBe(404)
    expect((await connection.exchange(get(CLOSED_HOST, "/again"))).text).toBe("ok")
  })
})

test.skipIf(openssl.path === null)(
  openssl.named("a session of the SIMPLE host cannot be resumed with the MUTUAL host"),
  async () => {
    await using upstream = ScriptedUpstream.start()
    await using gateway = await startConfined(upstream)
    const session = `${process.env["TMPDIR"] ?? "/tmp"}/portcullis-session-${process.pid}.pem`
    const address = `127.0.0.1:${gateway.port(443)}`
    for (const version of ["-tls1_2", "-tls1_3"]) {
      const connect = async (serverName: string, ...options: readonly string[]) => {
        const run = Bun.spawn(
          [
            openssl.path ?? "",
            "s_client",
            "-connect",
            address,
            "-servername",
            serverName,
            version,
            "-ign_eof",
            ...options,
          ],
          {
            stdin: Buffer.from(`GET / HTTP/1.1\r\nHost: ${serverName}\r\nConnection: close\r\n\r\n`),
            stdout: "pipe",
            stderr: "pipe",
          },
        )
        return await run.stdout.text()
      }
      expect(await connect(OPEN_HOST, "-sess_out", session)).toContain("200 OK")
      expect(await connect(OPEN_HOST, "-sess_in", session)).toContain("Reused, ")
      const crossed = await connect(CLOSED_HOST, "-sess_in", session)
      expect(crossed).not.toContain("Reused, ")
      expect(crossed).not.toContain("200 OK")
    }
    await Bun.file(session).delete()
    expect(upstream.requests.length).toBe(0)
  },
)
