/** What `/stats/prometheus` says, taken apart (Prometheus text format 0.0.4). */
import { FakeGateway } from "../../src/admin/admin.fixture.ts"
import { startAdminServer } from "../../src/admin/admin-server.ts"
import type { GatewayUnderTest } from "./gateway-under-test.ts"

export interface ScrapedSample {
  /** As written: of a histogram with `_bucket`, `_sum` or `_count`. */
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export class ScrapedMetrics {
  readonly samples: readonly ScrapedSample[]
  /** Those of the `# TYPE` lines. */
  readonly families: readonly string[]

  constructor(text: string) {
    const lines = text.split("\n").filter((line) => line !== "")
    this.families = lines.flatMap((line) => /^# TYPE (\S+) /.exec(line)?.[1] ?? [])
    this.samples = lines.filter((line) => !line.startsWith("#")).map(parseSample)
  }

  /** The values of a metric whose labels include these. */
  values(name: string, labels: Readonly<Record<string, string>> = {}): readonly number[] {
    return this.samples
      .filter((sample) => sample.name === name)
      .filter((sample) => Object.entries(labels).every(([label, value]) => sample.labels[label] === value))
      .map(({ value }) => value)
  }
}

function parseSample(line: string): ScrapedSample {
  const [, name = "", labelText = "", value = ""] = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line) ?? []
  if (name === "") throw new Error(`no sample: ${line}`)
  const labels = [...labelText.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"(?:,|$)/g)].map(([, label = "", text = ""]) => {
    return [label, text.replace(/\\(.)/g, (_, character: string) => (character === "n" ? "\n" : character))] as const
  })
  return { name, labels: Object.fromEntries(labels), value: Number(value) }
}

/** The admin interface over a gateway in this process. */
class GatewayWithAdmin extends FakeGateway {
  constructor(under: GatewayUnderTest) {
    super()
    Object.defineProperties(this, {
      counters: { value: under.counters },
      clusters: { get: () => under.gateway.clusters },
      listenerStats: { get: () => under.gateway.listenerStats },
    })
  }
}

/** `GET /stats/prometheus` of a gateway in this process. */
export async function scrapeText(under: GatewayUnderTest, accept = "*/*"): Promise<{ type: string; text: string }> {
  const server = startAdminServer({ host: "127.0.0.1", port: 0 }, new GatewayWithAdmin(under))
  if ("error" in server) throw new Error(server.error)
  const response = await fetch(`http://127.0.0.1:${server.port}/stats/prometheus`, { headers: { accept } })
  const text = await response.text()
  await server.stop()
  return { type: response.headers.get("content-type") ?? "", text }
}

export async function scrape(under: GatewayUnderTest): Promise<ScrapedMetrics> {
  return new ScrapedMetrics((await scrapeText(under)).text)
}
