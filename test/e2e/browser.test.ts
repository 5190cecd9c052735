/**
 * A real browser on the gateway: HTTP/2 by ALPN, and a host that wants a client certificate, with certificates as
 * `portcullis certs dev` makes them (Istio semantics sheet 1.8 to 1.10).
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { runToEnd } from "../../src/cli/cli-process.fixture.ts"
import { type GatewayUnderTest, startGateway } from "../harness/gateway-under-test.ts"
import { yamlOf } from "../harness/routes-to.ts"
import { answeringYaml, tlsGatewayYaml } from "../harness/tls-routes.ts"
import { requireTool } from "../peer-tools.ts"

const chromium = requireTool("chromium")

/** A browser starts in seconds, on a busy machine in many. */
const BROWSER_MS_MAX = 60_000

/** Browsers resolve every name under localhost to the loopback address themselves. */
const PAGE_HOST = "page.localhost"
const MUTUAL_HOST = "mutual.localhost"

let folder: string
let gateway: GatewayUnderTest

beforeAll(async () => {
  if (chromium.path === null) return
  folder = mkdtempSync(join(tmpdir(), "portcullis-browser-"))
  const secretsFolder = join(folder, "certs")
  const hosts = ["--host", PAGE_HOST, "--host", MUTUAL_HOST]
  const { code, stderr } = await runToEnd(["certs", "dev", "--out", secretsFolder, ...hosts], { cwd: folder })
  if (code !== 0) throw new Error(stderr)
  const servers = [
    { hosts: [PAGE_HOST], tls: `{ mode: SIMPLE, credentialName: ${PAGE_HOST} }` },
    { hosts: [MUTUAL_HOST], tls: `{ mode: MUTUAL, credentialName: ${MUTUAL_HOST} }` },
  ]
  gateway = await startGateway(yamlOf(tlsGatewayYaml(servers), answeringYaml("secret", [MUTUAL_HOST]), pageYaml()), {
    secretsFolder,
  })
})

afterAll(async () => {
  if (chromium.path === null) return
  await gateway.stop()
  rmSync(folder, { recursive: true, force: true })
})

/** A page that says what it was loaded with, and what became of asking the other host, whose port is in its query. */
function pageYaml(): string {
  const page = `<!doctype html><title>page</title><p id=protocol></p><p id=mutual></p><script>
const show = (id, text) => { document.getElementById(id).textContent = text }
show("protocol", performance.getEntriesByType("navigation")[0].nextHopProtocol)
fetch("https://${MUTUAL_HOST}:" + location.port + "/").then(
  (answer) => show("mutual", "answered " + answer.status),
  (error) => show("mutual", "refused: " + error.name))
</script>`
  return `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: page }
spec:
  hosts: [${PAGE_HOST}]
  gateways: [edge]
  http:
    - directResponse: { status: 200, body: { string: ${JSON.stringify(page)} } }
      headers: { response: { set: { content-type: text/html } } }
`
}

/** The document after its scripts have run. */
async function browse(url: string): Promise<string> {
  const flags = [
    "--headless",
    // Tests may run as root, where Chromium's sandbox does not start.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    // The root of the certificates is not in this browser's store.
    "--ignore-certificate-errors",
    `--user-data-dir=${mkdtempSync(join(folder, "profile-"))}`,
    // The page's clock runs ahead while nothing is under way, so that its fetch is over when the document is printed.
    "--virtual-time-budget=5000",
    "--dump-dom",
  ]
  const browser = Bun.spawn([chromium.path ?? "", ...flags, url], { stdout: "pipe", stderr: "ignore" })
  const document = await browser.stdout.text()
  await browser.exited
  return document
}

describe.skipIf(chromium.path === null)(chromium.named("Chromium"), () => {
  test(
    "loads a page over HTTP/2, and its script does not get at a host that wants a certificate",
    async () => {
      const document = await browse(`https://${PAGE_HOST}:${gateway.port(443)}/`)
      expect(document).toContain('<p id="protocol">h2</p>')
      expect(document).toContain('<p id="mutual">refused: TypeError</p>')
      const [page] = gateway.records.filter(({ path }) => path === "/")
      expect([page?.protocol, page?.responseCode, page?.requestedServerName]).toEqual(["HTTP/2", 200, PAGE_HOST])
      const answered = gateway.records.filter(({ authority }) => authority.startsWith(MUTUAL_HOST))
      expect(answered.filter(({ responseCode }) => responseCode < 400)).toEqual([])
    },
    BROWSER_MS_MAX,
  )

  test(
    "is told by that host what is missing",
    async () => {
      const document = await browse(`https://${MUTUAL_HOST}:${gateway.port(443)}/`)
      expect(document).toContain("client certificate required")
      expect(document).not.toContain("secret")
    },
    BROWSER_MS_MAX,
  )
})
