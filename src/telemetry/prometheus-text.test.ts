import { describe, expect, test } from "bun:test"
import { Counters } from "./counters.ts"
import { Histogram } from "./histogram.ts"
import { processMetricFamilies, processStats } from "./process-metrics.ts"
import { renderMetrics } from "./prometheus-text.ts"
import { responseFlags } from "./response-flags.ts"

/** The grammar of the text exposition format 0.0.4, line by line. */
const linePattern =
  /^(# HELP [a-zA-Z_:][\w:]* .*|# TYPE [a-zA-Z_:][\w:]* (counter|gauge)|[a-zA-Z_:][\w:]*(\{([a-zA-Z_]\w*="([^"\\\n]|\\[\\"n])*",?)+\})? (NaN|[+-]Inf|-?[\d.]+(e[+-]?\d+)?))$/

describe("Prometheus text", () => {
  test("HELP, TYPE and samples, escaped", () => {
    const text = renderMetrics(
      [
        {
          name: "portcullis_a_total",
          help: 'Back\\slash, "quotes" and\na new line.',
          type: "counter",
          samples: [
            { labels: { cluster: 'a"b\\c\nd', port: "80" }, value: 3 },
            { labels: {}, value: 1e21 },
          ],
        },
      ],
      "prometheus",
    )
    expect(text).toBe(
      '# HELP portcullis_a_total Back\\\\slash, "quotes" and\\na new line.\n' +
        "# TYPE portcullis_a_total counter\n" +
        'portcullis_a_total{cluster="a\\"b\\\\c\\nd",port="80"} 3\n' +
        "portcullis_a_total 1e+21\n",
    )
    for (const line of text.trimEnd().split("\n")) expect(line).toMatch(linePattern)
  })

  test("families of one name are under one head, and a family without samples is left out", () => {
    const family = (cluster: string) =>
      ({ name: "a", help: "A.", type: "gauge", samples: [{ labels: { cluster }, value: 1 }] }) as const
    const empty = { name: "b", help: "B.", type: "gauge", samples: [] } as const
    expect(renderMetrics([family("x"), empty, family("y")], "prometheus")).toBe(
      '# HELP a A.\n# TYPE a gauge\na{cluster="x"} 1\na{cluster="y"} 1\n',
    )
  })

  test("values that are no numbers of decimal form", () => {
    const samples = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY].map((value) => ({
      labels: {},
      value,
    }))
    expect(renderMetrics([{ name: "a", help: "A.", type: "gauge", samples }], "prometheus")).toContain(
      "a NaN\na +Inf\na -Inf\n",
    )
  })
})

describe("histograms", () => {
  const histogram = new Histogram()
  for (const value of [0.2, 7, 4_000_000]) histogram.observe(value)
  const family = { name: "a", help: "A.", type: "histogram", samples: [{ labels: { x: "y" }, histogram }] } as const

  test("cumulative buckets, sum and count, with the other labels before le", () => {
    const lines = renderMetrics([family], "prometheus").split("\n")
    expect(lines.slice(0, 6)).toEqual([
      "# HELP a A.",
      "# TYPE a histogram",
      'a_bucket{x="y",le="0.5"} 1',
      'a_bucket{x="y",le="1"} 1',
      'a_bucket{x="y",le="5"} 1',
      'a_bucket{x="y",le="10"} 2',
    ])
    expect(lines.slice(-5)).toEqual([
      'a_bucket{x="y",le="3600000"} 2',
      'a_bucket{x="y",le="+Inf"} 3',
      'a_sum{x="y"} 4000007.2',
      'a_count{x="y"} 3',
      "",
    ])
  })

  test("OpenMetrics: bounds are floating-point numbers, the end is marked", () => {
    const text = renderMetrics([family], "openmetrics")
    expect(text).toContain('a_bucket{x="y",le="0.5"} 1\na_bucket{x="y",le="1.0"} 1\n')
    expect(text).toEndWith('a_count{x="y"} 3\n# EOF\n')
  })
})

test("OpenMetrics: a counter's family has no suffix, its samples have", () => {
  const samples = [{ labels: {}, value: 1 }]
  const text = renderMetrics([{ name: "a_total", help: 'Say "a".', type: "counter", samples }], "openmetrics")
  expect(text).toBe('# HELP a Say \\"a\\".\n# TYPE a counter\na_total 1\n# EOF\n')
})

describe("the process's metrics", () => {
  test("every number field of Counters is exported under both kinds of names", () => {
    const counters = new Counters()
    const fields = Object.entries(counters).filter(([, value]) => typeof value === "number")
    expect(fields.length).toBeGreaterThan(0)
    for (const [index, [field]] of fields.entries()) Reflect.set(counters, field, 1_000 * (index + 1))
    const expected = fields.map((_, index) => 1_000 * (index + 1)).sort((a, b) => a - b)
    const values = (numbers: readonly number[]) => numbers.filter((value) => value > 0).sort((a, b) => a - b)
    const exported = processMetricFamilies(counters).flatMap((family) => family.samples.map((sample) => sample.value))
    // The time of the configuration is in seconds there.
    const inSeconds = expected.map((value) => (value === counters.configLoadedUnixMs ? value / 1000 : value))
    expect(values(exported)).toEqual(values(inSeconds))
    expect(values(processStats(counters).map(([, value]) => value))).toEqual(values(inSeconds))
  })

  test("valid text, unique sample lines, counters end in _total", () => {
    const counters = new Counters()
    counters.localReplies.NR += 2
    counters.countProtocolError("bare-line-feed")
    const families = processMetricFamilies(counters)
    const lines = renderMetrics(families, "prometheus").trimEnd().split("\n")
    for (const line of lines) expect(line).toMatch(linePattern)
    const names = lines.filter((line) => !line.startsWith("#")).map((line) => line.slice(0, line.lastIndexOf(" ")))
    expect(new Set(names).size).toBe(names.length)
    for (const family of families) expect(family.name.endsWith("_total")).toBe(family.type === "counter")
    expect(lines).toContain('portcullis_local_replies_total{response_flag="NR"} 2')
    expect(lines).toContain('portcullis_protocol_errors_total{fault="bare-line-feed"} 1')
    expect(lines).toContain("portcullis_config_reload_failures_total 0")
  })

  test("stats are sorted by name", () => {
    const names = processStats(new Counters()).map(([name]) => name)
    expect(names).toEqual([...names].sort())
  })

  test("local replies have a counter for each response flag (Istio semantics sheet 9.3)", () => {
    expect(Object.keys(new Counters().localReplies).sort()).toEqual(Object.keys(responseFlags).sort())
  })

  test("responses count by class of their status", () => {
    const counters = new Counters()
    for (const status of [0, 101, 200, 299, 301, 404, 431, 499, 500, 503, 504]) counters.countResponse(status)
    expect(counters).toMatchObject({
      responsesNone: 1,
      responses1xx: 1,
      responses2xx: 2,
      responses3xx: 1,
      responses4xx: 3,
      responses5xx: 3,
    })
  })
})
