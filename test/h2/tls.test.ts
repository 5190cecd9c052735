/**
 * HTTP/2 over TLS: by ALPN, and bound by the server that the SNI chose, like every connection (RFC 9113 sections 3.2 and
 * 9.1.1; Istio semantics sheet 1.9, 1.10, 14.12).
 */
import { beforeAll, describe, expect, test } from "bun:test"
import { DevelopmentPki } from "../../src/security/development-pki.ts"
import { type GatewayUnderTest, startGateway } from "../harness/gateway-under-test.ts"
import { yamlOf } from "../harness/routes-to.ts"
import { answeringYaml, tlsGatewayYaml, tlsSecretYaml } from "../harness/tls-routes.ts"
import { requireTool } from "../peer-tools.ts"
import { FrameClient } from "./frame-client.ts"
import { END_STREAM } from "./frames.ts"

const H2 = "\x02h2"
const curl = requireTool("curl")

let configuration: string
beforeAll(async () => {
  const pki = await DevelopmentPki.create(Date.now())
  const issue = (host: string) => pki.issue({ commonName: host, subjectAltNames: [host], purpose: "server" })
  configuration = yamlOf(
    tlsGatewayYaml([
      { hosts: ["open.example"], tls: "{ mode: SIMPLE, credentialName: open }" },
      { hosts: ["closed.example"], tls: "{ mode: MUTUAL, credentialName: closed }" },
    ]),
    tlsSecretYaml("open", await issue("open.example")),
    tlsSecretYaml("closed", await issue("closed.example"), pki.rootPem),
    answeringYaml("open", ["open.example"]),
    answeringYaml("closed", ["closed.example"]),
  )
})

function start(): Promise<GatewayUnderTest> {
  return startGateway(configuration)
}

describe("which protocol", () => {
  test("h2 by ALPN", async () => {
    await using gateway = await start()
    using client = await FrameClient.openTls(gateway.port(443), "open.example", H2)
    client.request(1, { ":scheme": "https", ":authority": "open.example" })
    expect(await client.response(1)).toMatchObject({ status: 200, body: "open" })
    const { protocol, requestedServerName } = await gateway.record(0)
    expect([protocol, requestedServerName]).toEqual(["HTTP/2", "open.example"])
  })

  test("without ALPN the first bytes tell", async () => {
    await using gateway = await start()
    using client = await FrameClient.openTls(gateway.port(443), "open.example", "")
    client.request(1, { ":scheme": "https", ":authority": "open.example" })
    expect((await client.response(1)).body).toBe("open")
  })

  test.skipIf(curl.path === null)(
    curl.named("curl chooses HTTP/2 where it may, and HTTP/1.1 where it must"),
    async () => {
      await using gateway = await start()
      const port = gateway.port(443)
      for (const [flag, version] of [
        ["--http2", "2"],
        ["--http1.1", "1.1"],
      ] as const) {
        const host = `open.example:${port}:127.0.0.1`
        const url = `https://open.example:${port}/`
        const child = Bun.spawn([curl.path ?? "", "-sSk", flag, "-w", " %{http_version}", "--resolve", host, url])
        expect(await new Response(child.stdout).text()).toBe(`open ${version}`)
      }
    },
  )
})

describe("confinement", () => {
  test("a stream for the MUTUAL host on the SIMPLE host's connection is 404, whatever came before it", async () => {
    await using gateway = await start()
    using client = await FrameClient.openTls(gateway.port(443), "open.example", H2)
    client.request(1, { ":scheme": "https", ":authority": "open.example" })
    expect((await client.response(1)).body).toBe("open")
    for (const [index, authority] of ["closed.example", "CLOSED.example", "closed.example:443"].entries()) {
      client.request(3 + 2 * index, { ":scheme": "https", ":authority": authority })
      expect((await client.response(3 + 2 * index)).status).toBe(404)
    }
    client.headers(21, [
      [":method", "GET"],
      [":scheme", "https"],
      [":path", "/"],
      ["host", "closed.example"],
    ])
    expect((await client.response(21)).status).toBe(404)
  })

  test("a client without a certificate is told so with 403, and its connection ends with that answer", async () => {
    await using gateway = await start()
    using client = await FrameClient.openTls(gateway.port(443), "closed.example", H2)
    client.request(1, { ":scheme": "https", ":authority": "closed.example" }, END_STREAM)
    expect((await client.response(1)).status).toBe(403)
    expect(await client.goneAway()).toMatchObject({ code: 0, lastStreamId: 1 })
  })
})
