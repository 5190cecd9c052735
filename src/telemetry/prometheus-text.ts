/**
 * Prometheus text exposition format 0.0.4: HELP, TYPE, samples, escaping.
 * Forty lines of ours rather than a client library: such libraries also bring the registry and the counter objects,
 * and our counters are plain fields (see counters.ts).
 */

export const prometheusContentType = "text/plain; version=0.0.4; charset=utf-8"

export interface MetricFamily {
  /** `[a-zA-Z_:][a-zA-Z0-9_:]*`; a counter's ends in `_total`. */
  readonly name: string
  readonly help: string
  readonly type: "counter" | "gauge"
  readonly samples: readonly MetricSample[]
}

export interface MetricSample {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** Families of the same name are joined under one head, as the format demands. A family without samples is left out. */
export function renderPrometheusText(families: readonly MetricFamily[]): string {
  const byName = new Map<string, { readonly first: MetricFamily; readonly samples: MetricSample[] }>()
  for (const family of families) {
    const known = byName.get(family.name)
    if (known === undefined) byName.set(family.name, { first: family, samples: [...family.samples] })
    else known.samples.push(...family.samples)
  }
  let text = ""
  for (const [name, { first, samples }] of byName) {
    if (samples.length === 0) continue
    text += `# HELP ${name} ${escapeHelp(first.help)}\n# TYPE ${name} ${first.type}\n`
    for (const sample of samples) text += `${name}${renderLabels(sample.labels)} ${renderValue(sample.value)}\n`
  }
  return text
}

function renderLabels(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabelValue(value)}"`)
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`
}

function renderValue(value: number): string {
  if (Number.isNaN(value)) return "NaN"
  if (!Number.isFinite(value)) return value > 0 ? "+Inf" : "-Inf"
  return String(value)
}

function escapeHelp(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")
}

function escapeLabelValue(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"')
}
