/**
 * What testssl.sh, which many run against whatever faces the internet, finds in a server with nothing but its certificate
 * configured: nothing that it ranks above MEDIUM.
 */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { z } from "zod"
import { DevelopmentPki } from "../../src/security/development-pki.ts"
import { type GatewayUnderTest, startGateway } from "../harness/gateway-under-test.ts"
import { yamlOf } from "../harness/routes-to.ts"
import { answeringYaml, tlsGatewayYaml, tlsSecretYaml } from "../harness/tls-routes.ts"
import { requireTool } from "../peer-tools.ts"

const testssl = requireTool("testssl")
const openssl = requireTool("openssl")

const HOST = "shop.example"

/** Everything but what takes minutes (every cipher by itself, client simulations) and what looks at HTTP bodies. */
const checks = [
  "--protocols",
  "--std",
  // Forward secrecy: its long names differ between 3.0 and 3.2.
  "-f",
  "--server-defaults",
  "--server-preference",
  "--heartbleed",
  "--ccs-injection",
  "--ticketbleed",
  "--robot",
  "--renegotiation",
  "--crime",
  "--poodle",
  "--tls-fallback",
  "--sweet32",
  "--freak",
  "--logjam",
  "--drown",
  "--rc4",
]

/** Of these a private authority for development is the cause, not the gateway. */
const excused: Readonly<Record<string, string>> = {
  cert_chain_of_trust: "no trust store of browsers has the root",
  cert_revocation: "an authority that forgets its key publishes no revocation lists and answers no OCSP",
}

/** WARN and FATAL: testssl.sh could not find out. */
const tooBad: readonly string[] = ["HIGH", "CRITICAL", "WARN", "FATAL"]

const findings = z.array(z.object({ id: z.string(), severity: z.string(), finding: z.string() }))

let folder = ""
let gateway: GatewayUnderTest
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "portcullis-tls-scan-"))
  const pki = await DevelopmentPki.create(Date.now())
  const issued = await pki.issue({ commonName: HOST, subjectAltNames: [HOST], purpose: "server" })
  // For every name: some of the checks send none.
  const servers = [{ hosts: ["*"], tls: "{ mode: SIMPLE, credentialName: shop }" }]
  gateway = await startGateway(
    yamlOf(tlsGatewayYaml(servers), tlsSecretYaml("shop", issued), answeringYaml("shop", ["*"])),
  )
})

afterAll(async () => {
  await gateway.stop()
  await rm(folder, { recursive: true })
})

test.skipIf(testssl.path === null)(
  testssl.named("testssl.sh finds nothing worse than MEDIUM in a default HTTPS server"),
  async () => {
    const report = join(folder, "findings.json")
    const offline = ["--ip", "127.0.0.1", "--nodns", "none"]
    const command = [testssl.path ?? "", "--quiet", "--warnings", "off", "--color", "0", ...offline]
    const scan = Bun.spawn([...command, "--jsonfile", report, ...checks, `${HOST}:${gateway.port(443)}`], {
      cwd: folder,
      stdin: "ignore",
      stdout: "pipe",
      stderr: "ignore",
    })
    const output = await scan.stdout.text()
    const found = findings.parse(await Bun.file(report).json(), { error: () => output })
    const bad = found.filter(({ id, severity }) => tooBad.includes(severity) && excused[id] === undefined)
    expect(bad).toEqual([])
    // It did look, and at this server.
    const byId = new Map(found.map(({ id, finding }) => [id, finding]))
    expect(byId.get("cert_subjectAltName")).toBe(HOST)
    expect(found.filter(({ id }) => ["TLS1", "TLS1_1"].includes(id)).map(({ finding }) => finding)).toEqual([
      "not offered",
      "not offered",
    ])
    const looks = [/^SSLv2$/, /^P?FS$/, /^cipher_order/, /^heartbleed$/, /^secure_renego$/, /^LOGJAM$/, /^RC4$/]
    expect(looks.filter((look) => ![...byId.keys()].some((id) => look.test(id)))).toEqual([])
  },
  240_000,
)

test.skipIf(openssl.path === null).each([
  ["ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"],
  ["ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-ECDSA-AES128-GCM-SHA256"],
  ["ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"],
])(
  openssl.named(
    "of a client's %s the server's order chooses %s, between equals the client's (Istio semantics sheet 1.9)",
  ),
  async (offered, chosen) => {
    const command = ["s_client", "-connect", `127.0.0.1:${gateway.port(443)}`, "-tls1_2", "-cipher", offered]
    const client = Bun.spawn([openssl.path ?? "", ...command], { stdin: "ignore", stdout: "pipe", stderr: "ignore" })
    expect(await client.stdout.text()).toContain(`Cipher is ${chosen}\n`)
  },
)
