/**
 * Prometheus' text exposition format 0.0.4, and OpenMetrics 1.0 for those who ask for it: HELP, TYPE, samples, escaping.
 * Little enough to be ours: client libraries also bring the registry and the counter objects, and our counters are plain
 * numbers (see counters.ts).
 */
import { type Histogram, histogramBounds } from "./histogram.ts"

export type ExpositionFormat = "prometheus" | "openmetrics"

export const expositionContentTypes = Object.freeze({
  prometheus: "text/plain; version=0.0.4; charset=utf-8",
  openmetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8",
} as const)

export type MetricFamily = NumberFamily | HistogramFamily

export interface NumberFamily {
  /** `[a-zA-Z_:][a-zA-Z0-9_:]*`; a counter's ends in `_total`. */
  readonly name: string
  readonly help: string
  readonly type: "counter" | "gauge" | "untyped"
  readonly samples: readonly MetricSample[]
}

export interface MetricSample {
  readonly labels: Labels
  readonly value: number
}

export interface HistogramFamily {
  readonly name: string
  readonly help: string
  readonly type: "histogram"
  readonly samples: readonly HistogramSample[]
}

export interface HistogramSample {
  readonly labels: Labels
  readonly histogram: Histogram
}

export type Labels = Readonly<Record<string, string>>

/** Families of the same name are joined under one head, as the format demands. A family without samples is left out. */
export function renderMetrics(families: readonly MetricFamily[], format: ExpositionFormat): string {
  const byName = new Map<string, { readonly first: MetricFamily; lines: string }>()
  for (const family of families) {
    const lines = renderSamples(family, format)
    const known = byName.get(family.name)
    if (known === undefined) byName.set(family.name, { first: family, lines })
    else known.lines += lines
  }
  let text = ""
  for (const [name, { first, lines }] of byName) {
    if (lines === "") continue
    // OpenMetrics names a counter's family without the suffix of its samples.
    const head = format === "openmetrics" && first.type === "counter" ? name.replace(/_total$/, "") : name
    const type = format === "openmetrics" && first.type === "untyped" ? "unknown" : first.type
    text += `# HELP ${head} ${escapeHelp(first.help, format)}\n# TYPE ${head} ${type}\n${lines}`
  }
  return format === "openmetrics" ? `${text}# EOF\n` : text
}

function renderSamples(family: MetricFamily, format: ExpositionFormat): string {
  if (family.type !== "histogram") {
    return family.samples
      .map(({ labels, value }) => `${family.name}${renderLabels(labels)} ${renderValue(value)}\n`)
      .join("")
  }
  return family.samples.map((sample) => renderHistogram(family.name, sample, format)).join("")
}

function renderHistogram(name: string, { labels, histogram }: HistogramSample, format: ExpositionFormat): string {
  const pairs = renderPairs(labels)
  const bucket = (le: string, count: number) =>
    `${name}_bucket{${pairs}${pairs === "" ? "" : ","}le="${le}"} ${count}\n`
  let text = ""
  for (const [index, count] of histogram.cumulativeCounts().entries()) {
    const bound = histogramBounds[index] ?? 0
    // OpenMetrics writes bounds as the floating-point numbers they are.
    text += bucket(format === "openmetrics" && Number.isInteger(bound) ? `${bound}.0` : String(bound), count)
  }
  text += bucket("+Inf", histogram.count)
  const suffix = renderLabels(labels)
  return `${text}${name}_sum${suffix} ${renderValue(histogram.sum)}\n${name}_count${suffix} ${histogram.count}\n`
}

function renderLabels(labels: Labels): string {
  const pairs = renderPairs(labels)
  return pairs === "" ? "" : `{${pairs}}`
}

function renderPairs(labels: Labels): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${escapeLabelValue(value)}"`)
    .join(",")
}

function renderValue(value: number): string {
  if (Number.isNaN(value)) return "NaN"
  if (!Number.isFinite(value)) return value > 0 ? "+Inf" : "-Inf"
  return String(value)
}

function escapeHelp(text: string, format: ExpositionFormat): string {
  const escaped = text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")
  return format === "openmetrics" ? escaped.replaceAll('"', '\\"') : escaped
}

function escapeLabelValue(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll('"', '\\"')
}
