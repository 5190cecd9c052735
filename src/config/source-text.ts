/**
 * One file's text and the way from a character offset to a line and a column. Line starts are found as far as questions
 * reach: a configuration without problems of 6 MB never pays for all of them.
 */

/** What a user gave us, before anything is understood of it. */
export interface SourceFile {
  /** As the user will read it in messages; `<stdin>` for `-`. */
  readonly path: string
  readonly text: string
}

/** Half-open range of UTF-16 offsets in a file's text. */
export interface Span {
  readonly start: number
  readonly end: number
}

export interface Position {
  /** Both from 1; the column counts UTF-16 code units, as editors do. */
  readonly line: number
  readonly column: number
}

export class SourceText {
  readonly path: string
  readonly text: string
  readonly #lineStarts = [0]
  /** From here on lines are not known yet; -1 = all are. */
  #scannedTo = 0

  constructor(file: SourceFile) {
    this.path = file.path
    this.text = file.text
  }

  position(offset: number): Position {
    const starts = this.#startsUpTo(offset)
    let low = 0
    let high = starts.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((starts[middle] ?? 0) <= offset) low = middle
      else high = middle - 1
    }
    return { line: low + 1, column: offset - (starts[low] ?? 0) + 1 }
  }

  /** Line, column and end column of a span; a span of several lines ends with its first line. */
  locate(span: Span): Position & { readonly endColumn: number } {
    const { line, column } = this.position(span.start)
    let lineEnd = this.text.indexOf("\n", span.start)
    if (lineEnd === -1) lineEnd = this.text.length
    if (this.text.charCodeAt(lineEnd - 1) === 0x0d && lineEnd > span.start) lineEnd--
    const end = Math.max(span.start + 1, Math.min(span.end, lineEnd))
    return { line, column, endColumn: column + (end - span.start) }
  }

  /** The text of a line without its line break. @param line from 1. @returns null when there is no such line */
  line(line: number): string | null {
    while (this.#lineStarts.length <= line && this.#findNextLine());
    const start = this.#lineStarts[line - 1]
    if (start === undefined) return null
    const next = this.#lineStarts[line]
    const text = this.text.slice(start, next === undefined ? this.text.length : next - 1)
    return next !== undefined && text.endsWith("\r") ? text.slice(0, -1) : text
  }

  /** Those of all lines that begin at or before `offset`, and perhaps of more. */
  #startsUpTo(offset: number): readonly number[] {
    while (this.#scannedTo < offset && this.#findNextLine());
    return this.#lineStarts
  }

  /** @returns false when all are known. */
  #findNextLine(): boolean {
    if (this.#scannedTo === -1) return false
    const newline = this.text.indexOf("\n", this.#scannedTo)
    if (newline !== -1) this.#lineStarts.push(newline + 1)
    this.#scannedTo = newline === -1 ? -1 : newline + 1
    return newline !== -1
  }
}
