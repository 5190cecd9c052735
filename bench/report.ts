/** Turns results into text: one table for the terminal, the same as Markdown for `bench/RESULTS.md`. */
import type { Figure, Scenario, ScenarioResult } from "./scenario.ts"

export interface ReportHead {
  /** `YYYY-MM-DD`. */
  readonly date: string
  readonly machine: string
  readonly command: string
  readonly versions: readonly string[]
  readonly quick: boolean
}

export interface ScenarioOutcome {
  readonly scenario: Pick<Scenario, "name" | "title">
  readonly result: ScenarioResult
}

/** A Markdown table with aligned columns, so that it reads well in a terminal too. */
export function formatTable(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = columns.map((column, index) =>
    Math.max(column.length, 3, ...rows.map((row) => row[index]?.length ?? 0)),
  )
  // The first column is a name, the others are numbers.
  const line = (cells: readonly string[]) =>
    `| ${widths.map((width, index) => (index === 0 ? (cells[index] ?? "").padEnd(width) : (cells[index] ?? "").padStart(width))).join(" | ")} |`
  const rule = widths.map((width, index) => (index === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`))
  return [line(columns), line(rule), ...rows.map(line)].join("\n")
}

/** One scenario: its title, its table, its remarks. */
export function formatOutcome({ scenario, result }: ScenarioOutcome): string {
  const table = result.rows.length === 0 ? "Nothing was measured." : formatTable(result.columns, result.rows)
  const remarks = result.remarks.map((remark) => `- ${remark}`).join("\n")
  return [`## ${scenario.name}: ${scenario.title}`, table, remarks].filter((part) => part !== "").join("\n\n")
}

/** What the project holds itself to: each figure with its bar and its aim. */
export function formatFigures(figures: readonly Figure[]): string {
  const rows = figures.map(({ what, value, unit, bar, aim }) => [
    what,
    formatValue(value, unit),
    formatValue(bar, unit),
    formatValue(aim, unit),
    value > bar ? "MISSED" : value > aim ? "within bar" : "aim reached",
  ])
  return formatTable(["figure", "ours", "bar", "aim", "verdict"], rows)
}

/** The whole of `RESULTS.md`. */
export function formatReport(head: ReportHead, outcomes: readonly ScenarioOutcome[]): string {
  const figures = outcomes.flatMap(({ result }) => result.figures)
  const warning = head.quick ? "\nA quick run: it shows that the bench works, its numbers are not to be quoted.\n" : ""
  return `# Bench results

Written by \`${head.command}\` on ${head.date}. What is measured, and how to read it: [README.md](README.md).
${warning}
- Machine: ${head.machine}
${head.versions.map((version) => `- ${version}`).join("\n")}

## Figures

${figures.length === 0 ? "None was measured." : formatFigures(figures)}

${outcomes.map(formatOutcome).join("\n\n")}
`
}

function formatValue(value: number, unit: string): string {
  if (unit === "x") return `${value.toFixed(2)}x`
  return `${value.toFixed(value >= 100 ? 0 : value >= 10 ? 1 : 2)} ${unit}`
}
