/** The admin interface's page in a real browser: its style applies, nothing is refused by its own policy, the form works. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { FakeGateway } from "../../src/admin/admin.fixture.ts"
import { startAdminServer } from "../../src/admin/admin-server.ts"
import type { OwnServer } from "../../src/admin/own-server.ts"
import { requireTool } from "../peer-tools.ts"

const chromium = requireTool("chromium")

let profile: string
let server: OwnServer

beforeAll(() => {
  profile = mkdtempSync(join(tmpdir(), "portcullis-chromium-"))
  const started = startAdminServer({ host: "127.0.0.1", port: 0 }, new FakeGateway())
  if ("error" in started) throw new Error(started.error)
  server = started
})

afterAll(async () => {
  await server.stop()
  rmSync(profile, { recursive: true, force: true })
})

/** The document after the browser has read it, and what it had to say meanwhile. */
async function browse(path: string): Promise<{ readonly document: string; readonly console: string }> {
  const flags = [
    "--headless",
    // Tests may run as root, where Chromium's sandbox does not start.
    "--no-sandbox",
    "--disable-gpu",
    `--user-data-dir=${profile}`,
    "--enable-logging=stderr",
    "--dump-dom",
  ]
  const browser = Bun.spawn([chromium.path ?? "", ...flags, `http://127.0.0.1:${server.port}${path}`], {
    stdout: "pipe",
    stderr: "pipe",
  })
  const [document, log] = await Promise.all([browser.stdout.text(), browser.stderr.text()])
  await browser.exited
  return {
    document,
    console: log
      .split("\n")
      .filter((line) => line.includes("CONSOLE"))
      .join("\n"),
  }
}

const inBrowser = test.skipIf(chromium.path === null)

inBrowser(
  chromium.named("a browser has nothing to say about the page"),
  async () => {
    const { document, console } = await browse("/")
    expect(console).toBe("")
    expect(document).toContain("<h1>Portcullis</h1>")
    expect(document).toContain("<code>0.0.0.0_8080</code>")
  },
  30_000,
)

inBrowser(
  chromium.named("a request is explained, and markup in it stays text"),
  async () => {
    const query = new URLSearchParams({ url: "http://shop.example/api/<script>document.title='taken'</script>" })
    const { document, console } = await browse(`/?${query}`)
    expect(console).toBe("")
    expect(document).toContain("matches: unnamed of VirtualService default/shop")
    expect(document).toContain("<title>Portcullis</title>")
    expect(document).not.toContain("<script>")
  },
  30_000,
)
