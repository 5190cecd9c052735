/** Tables as istioctl prints them: columns left-aligned, padded with spaces (Go's tabwriter). */

/** @param padding spaces between the widest cell of a column and the next column */
export function renderTable(rows: readonly (readonly string[])[], padding: number): string {
  const widths: number[] = []
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length)
  }
  let text = ""
  for (const row of rows) {
    const cells = row.map((cell, column) => cell.padEnd((widths[column] ?? 0) + padding))
    text += `${cells.join("").trimEnd()}\n`
  }
  return text
}
