import { beforeEach, describe, expect, test } from "bun:test"
import { FakeGateway } from "./admin.fixture.ts"
import { startAdminServer } from "./admin-server.ts"
import { homePage } from "./home-page.ts"
import { html, Markup } from "./markup.ts"

const nowUnixMs = Date.UTC(2026, 0, 2, 3, 4, 5)

let gateway = new FakeGateway()

beforeEach(() => {
  gateway = new FakeGateway()
})

function page(query = ""): string {
  return homePage(gateway, new URLSearchParams(query), nowUnixMs)
}

/** The text of each cell of the row that has this text in it. */
function rowWith(text: string): readonly string[] {
  const rows = page().match(/<tr[^>]*>[\s\S]*?<\/tr>/g) ?? []
  const row = rows.find((candidate) => candidate.includes(text)) ?? ""
  return [...row.matchAll(/<td[^>]*>([\s\S]*?)<\/td>/g)].map(([, cell = ""]) =>
    cell
      .replace(/<br>/g, " ")
      .replace(/<[^>]*>/g, "")
      .trim(),
  )
}

describe("what the page shows", () => {
  test("listeners, with what is really bound and where it goes", () => {
    expect(rowWith("0.0.0.0:8080")).toEqual([
      "0.0.0.0_8080",
      "0.0.0.0:8080",
      "80",
      "any",
      "none",
      "http.8080",
      "default/edge",
    ])
  })

  test("rules with their counts and rates of errors", () => {
    const chain = gateway.snapshot.listeners[0]?.filterChains[0]
    const route = chain?.kind === "http" ? chain.routes.virtualHosts[0]?.routes[0] : undefined
    if (route === undefined) throw new Error("no route")
    for (const status of [200, 200, 404, 503]) gateway.counters.routes.count(route, status)
    expect(rowWith("/api")).toEqual([
      "http.8080",
      "localhost",
      "0",
      "path starts with &quot;/api&quot;",
      "outbound|80||shop.default.svc.cluster.local",
      "default/shop routes.yaml:7:5",
      "4",
      "25.0 %",
      "25.0 %",
    ])
  })

  test("clusters and the health of their endpoints", () => {
    expect(rowWith("1 of 1 healthy").slice(0, 2)).toEqual([
      "outbound|80||shop.default.svc.cluster.local",
      "1 of 1 healthy",
    ])
    expect(rowWith("10.0.0.7:8080")).toEqual(["&emsp;10.0.0.7:8080", "healthy", "30", "2", "4", "3", "1"])
  })

  test("certificates with the days they have left", () => {
    const certificate = gateway.tlsServers[0]?.certificates[0]
    const daysLeft = Math.floor(((certificate?.validToUnixMs ?? 0) - nowUnixMs) / 86_400_000)
    expect(rowWith("CN=shop.example").at(-1)).toBe(String(daysLeft))
  })

  test("the last reload with what was wrong", async () => {
    const problems = 'routes.yaml:3:1: error[P2001]: "<b>"\n'
    gateway.reloadOutcome = { atUnixMs: nowUnixMs, ok: false, isInForce: false, problems }
    await gateway.reload()
    expect(page()).toContain("The last reload, at 2026-01-02 03:04:05 UTC")
    expect(page()).toContain("<pre>routes.yaml:3:1: error[P2001]: &quot;&lt;b&gt;&quot;\n</pre>")
  })

  test("what is not well stands at the top", () => {
    const text = page()
    expect(text).toContain('<li class="bad">no certificate to serve with: 0.0.0.0_8443</li>')
    expect(text.indexOf("Needs attention")).toBeLessThan(text.indexOf("Explain a request"))
  })

  test("a state that is not ready stands out", () => {
    gateway.state = "DRAINING"
    gateway.isReady = false
    expect(page()).toContain('<strong class="bad">DRAINING, not ready</strong>')
  })
})

describe("the box that explains a request", () => {
  test("the explanation is on the page, and the form keeps what was asked", () => {
    const text = page("method=GET&url=http://shop.example/api/x&header=x-a:%20b%0d%0ax-c:%20d")
    expect(text).toContain("rule 0        matches: unnamed of VirtualService default/shop  routes.yaml:7:5")
    expect(text).toContain("response      503 from the gateway itself (no_healthy_upstream)")
    expect(text).toContain('value="http://shop.example/api/x"')
    expect(text).toContain("x-a: b\r\nx-c: d</textarea>")
  })

  test("what is no URL is an error in words", () => {
    expect(page("url=/api")).toContain("names no host")
  })

  test.each(["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</textarea><script>", "</pre><b>"])(
    "%s stays text wherever it comes in",
    (attack) => {
      for (const name of ["url", "method", "header"]) {
        const query = new URLSearchParams({ url: "http://shop.example/", method: "GET" })
        query.set(name, name === "url" ? `http://shop.example/${attack}` : attack)
        const text = homePage(gateway, query, nowUnixMs)
        expect(text).not.toContain(attack)
        expect(text).not.toMatch(/<(script|img|b)\b/)
      }
    },
  )
})

test("the page may load nothing, run nothing and be framed by nobody", async () => {
  const server = startAdminServer({ host: "127.0.0.1", port: 0 }, gateway)
  if ("error" in server) throw new Error(server.error)
  const response = await fetch(`http://127.0.0.1:${server.port}/`)
  const text = await response.text()
  await server.stop()
  const style = /<style>([\s\S]*?)<\/style>/.exec(text)?.[1] ?? ""
  const hash = new Bun.CryptoHasher("sha256").update(style).digest("base64")
  expect(response.headers.get("content-security-policy")).toBe(
    `default-src 'none'; style-src 'sha256-${hash}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'`,
  )
  expect(text).not.toMatch(/\b(src|srcset|style|on\w+)=/)
  expect([...text.matchAll(/href="([^"]*)"/g)].every(([, href = ""]) => /^\/[a-z_/]*$/.test(href))).toBe(true)
})

test("templates escape text and keep markup", () => {
  const inner = new Markup("<b>1</b>")
  expect(html`<p title="${'"'}">${"<&'"}${2}${inner}${[inner, inner]}</p>`.text).toBe(
    '<p title="&quot;">&lt;&amp;&#x27;2<b>1</b><b>1</b><b>1</b></p>',
  )
})
