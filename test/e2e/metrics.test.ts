/** What `/stats/prometheus` says after real requests, and whether Prometheus' own tool takes it. */
import { expect, test } from "bun:test"
import { type GatewayUnderTest, startGateway } from "../harness/gateway-under-test.ts"
import { exchangeOnce } from "../harness/raw-client.ts"
import { rulesTo } from "../harness/routes-to.ts"
import { ScrapedMetrics, scrapeText } from "../harness/scraped-metrics.ts"
import { ScriptedUpstream } from "../harness/scripted-upstream.ts"
import { requireTool } from "../peer-tools.ts"

const rules = `
- match: [{ uri: { exact: /direct } }]
  directResponse: { status: 200 }
- route: [{ destination: { host: service.example } }]
`

async function serveSome(under: GatewayUnderTest): Promise<void> {
  const get = (path: string, more = "") =>
    exchangeOnce(under.port(80), `GET ${path} HTTP/1.1\r\nHost: a.example\r\n${more}\r\n`)
  await get("/a")
  await get("/b")
  await get("/grpc", "Content-Type: application/grpc\r\n")
  await get("/direct")
  await exchangeOnce(under.port(80), "POST /c HTTP/1.1\r\nHost: a.example\r\nContent-Length: 3\r\n\r\nabc")
  await under.record(4)
}

test("requests are counted by destination, protocol and how they ended", async () => {
  await using upstream = ScriptedUpstream.start()
  await using under = await startGateway(rulesTo(upstream.port, rules))
  await serveSome(under)
  const { type, text } = await scrapeText(under, "*/*")
  expect(type).toBe("text/plain; version=0.0.4; charset=utf-8")
  const metrics = new ScrapedMetrics(text)
  const total = (labels: Readonly<Record<string, string>>) => metrics.values("istio_requests_total", labels)
  const service = { destination_service: "service.example", request_protocol: "http" }
  expect(total({ ...service, response_code: "200" })).toEqual([3])
  expect(total({ ...service, request_protocol: "grpc" })).toEqual([1])
  expect(total({ destination_service: "unknown", response_code: "200", response_flags: "-" })).toEqual([1])
  expect(metrics.values("istio_request_bytes_sum", service)).toEqual([3])
})

test("OpenMetrics for whoever prefers it, as Prometheus' scraper does", async () => {
  await using upstream = ScriptedUpstream.start()
  await using under = await startGateway(rulesTo(upstream.port, rules))
  await serveSome(under)
  const accept =
    "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
  const { type, text } = await scrapeText(under, accept)
  expect(type).toBe("application/openmetrics-text; version=1.0.0; charset=utf-8")
  expect(text).toContain("# TYPE istio_requests counter\nistio_requests_total{")
  expect(text).toEndWith("\n# EOF\n")
})

const promtool = requireTool("promtool")

/** Names and units that Istio chose before the rules of this tool. */
const chosenByIstio = [
  "istio_request_duration_milliseconds use base unit",
  "istio_request_duration_milliseconds_bucket use base unit",
]

test.skipIf(promtool.path === null)(promtool.named("promtool check metrics finds nothing wrong"), async () => {
  await using upstream = ScriptedUpstream.start()
  await using under = await startGateway(rulesTo(upstream.port, rules))
  await serveSome(under)
  const { text } = await scrapeText(under, "text/plain")
  const check = Bun.spawn([promtool.path ?? "", "check", "metrics"], {
    stdin: Buffer.from(text),
    stdout: "pipe",
    stderr: "pipe",
  })
  const complaints = `${await check.stdout.text()}${await check.stderr.text()}`
    .split("\n")
    .filter((line) => line !== "")
  const unexpected = complaints.filter((line) => !chosenByIstio.some((known) => line.startsWith(known)))
  expect(unexpected).toEqual([])
})
