import { expect, test } from "bun:test"
import { formatFigures, formatReport, formatTable } from "./report.ts"

test("a table is aligned: names to the left, numbers to the right", () => {
  expect(
    formatTable(
      ["proxy", "us"],
      [
        ["nginx", "13.9"],
        ["a", "9"],
      ],
    ),
  ).toBe(["| proxy |   us |", "| ----- | ---: |", "| nginx | 13.9 |", "| a     |    9 |"].join("\n"))
})

test("a figure over its bar is missed, between bar and aim it is within, at the aim it is reached", () => {
  const figure = { what: "w", unit: "x", bar: 1.25, aim: 1 }
  const verdicts = [1.26, 1.25, 1].map((value) => formatFigures([{ ...figure, value }]).split("\n")[2])
  expect(verdicts).toEqual([
    "| w      | 1.26x | 1.25x | 1.00x |  MISSED |",
    "| w      | 1.25x | 1.25x | 1.00x | within bar |",
    "| w      | 1.00x | 1.25x | 1.00x | aim reached |",
  ])
})

test("the report names machine, command, versions, tables and what could not be measured", () => {
  const head = {
    date: "2030-01-02",
    machine: "2 x Processor",
    command: "bun run bench get",
    versions: ["nginx: nginx/1"],
    quick: false,
  }
  const scenario = { name: "get", title: "GET" }
  const result = {
    columns: ["proxy", "us"],
    rows: [["nginx", "1"]],
    figures: [],
    remarks: ["caddy was not measured: no"],
  }
  expect(formatReport(head, [{ scenario, result }])).toBe(`# Bench results

Written by \`bun run bench get\` on 2030-01-02. What is measured, and how to read it: [README.md](README.md).

- Machine: 2 x Processor
- nginx: nginx/1

## Figures

None was measured.

## get: GET

| proxy |  us |
| ----- | --: |
| nginx |   1 |

- caddy was not measured: no
`)
})
