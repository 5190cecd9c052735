/**
 * Diagnostics in the three forms people and tools read: text with the offending line, JSON, and GitHub's workflow
 * commands, which show up as annotations on a pull request.
 */
import type { Diagnostic } from "./diagnostics.ts"
import { type SourceFile, SourceText } from "./source-text.ts"
import { runAtOnce, type Steps } from "./steps.ts"

export type DiagnosticFormat = "text" | "json" | "github"

export interface RenderOptions {
  readonly format: DiagnosticFormat
  /** ANSI colours, text only. */
  readonly color: boolean
}

/** Longer lines are cut around the caret. */
const lineCharactersMax = 160

/**
 * @param files where the offending lines are taken from; a file that is not among them is shown without its line.
 * @returns text that ends with a line break; "" where there is nothing to say in text form.
 */
export function renderDiagnostics(
  diagnostics: readonly Diagnostic[],
  files: readonly SourceFile[],
  options: RenderOptions,
): string {
  switch (options.format) {
    case "json":
      return `${JSON.stringify(diagnostics.map(toJson), null, 2)}\n`
    case "github":
      return diagnostics.map((diagnostic) => `${githubCommand(diagnostic)}\n`).join("")
    case "text":
      return runAtOnce(renderingText(diagnostics, files, options.color))
  }
}

/** As text, in steps of one diagnostic each: thousands of warnings must not be a pause for those who are being served. */
export function* renderingText(
  diagnostics: readonly Diagnostic[],
  files: readonly SourceFile[],
  color: boolean,
): Steps<string> {
  const lines = new LinesByFile(files)
  let text = ""
  for (const diagnostic of diagnostics) {
    text += renderText(diagnostic, lines, color)
    yield
  }
  return text
}

/** `2 errors, 1 warning`. */
export function summarizeDiagnostics(diagnostics: readonly Diagnostic[]): string {
  const errors = diagnostics.filter((diagnostic) => diagnostic.severity === "error").length
  const warnings = diagnostics.length - errors
  const count = (amount: number, word: string): string => `${amount} ${word}${amount === 1 ? "" : "s"}`
  return `${count(errors, "error")}, ${count(warnings, "warning")}`
}

function toJson(diagnostic: Diagnostic): Record<string, string | number> {
  const { severity, code, message, file, line, column, resource, path, hint } = diagnostic
  return { severity, code, message, file, line, column, resource, path, hint }
}

function githubCommand(diagnostic: Diagnostic): string {
  const { severity, code, file, line, column, endColumn, resource } = diagnostic
  const properties = [`file=${escapeProperty(file)}`]
  if (line > 0) properties.push(`line=${line}`, `col=${column}`)
  if (line > 0 && endColumn > column) properties.push(`endColumn=${endColumn}`)
  properties.push(`title=${escapeProperty(resource === "" ? code : `${code} ${resource}`)}`)
  const hint = diagnostic.hint === "" ? "" : ` (${diagnostic.hint})`
  return `::${severity} ${properties.join(",")}::${escapeData(`${diagnostic.message}${hint}`)}`
}

/** GitHub's own escaping: without it a message could end its command and begin another. */
function escapeData(text: string): string {
  return text.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A")
}

function escapeProperty(text: string): string {
  return escapeData(text).replaceAll(":", "%3A").replaceAll(",", "%2C")
}

function renderText(diagnostic: Diagnostic, lines: LinesByFile, color: boolean): string {
  const { severity, code, message, file, line, column, endColumn, resource, path, hint } = diagnostic
  const paint = color ? ansi : plain
  const place = line === 0 ? file : `${file}:${line}:${column}`
  const kind = paint(severity === "error" ? "red" : "yellow", `${severity}[${code}]`)
  let out = `${paint("bold", visible(place))}: ${kind}: ${visible(message)}\n`
  const text = line === 0 ? null : lines.line(file, line)
  const gutter = " ".repeat(String(line).length)
  if (text !== null) {
    const cut = excerpt(text, column - 1, Math.max(column, endColumn - 1))
    out += `${paint("blue", `${line} |`)} ${cut.text}\n`
    const caret = `${" ".repeat(cut.start)}${"^".repeat(cut.end - cut.start)}`
    out += `${paint("blue", `${gutter} |`)} ${paint(severity === "error" ? "red" : "yellow", caret)}\n`
  }
  const about = [resource, path].filter((part) => part !== "").join(": ")
  if (about !== "") out += `${gutter} ${paint("blue", "=")} in ${visible(about)}\n`
  if (hint !== "") out += `${gutter} ${paint("blue", "=")} hint: ${visible(hint)}\n`
  return out
}

interface Excerpt {
  readonly text: string
  /** The caret's range in `text`. */
  readonly start: number
  readonly end: number
}

/** The line, cut to a readable length around `[start, end)`; every character one column wide. */
function excerpt(line: string, start: number, end: number): Excerpt {
  const from = start < lineCharactersMax - 20 ? 0 : start - 20
  const shown = visible(line.slice(from, from + lineCharactersMax))
  const before = from > 0 ? "..." : ""
  const after = from + lineCharactersMax < line.length ? "..." : ""
  const caretStart = Math.min(before.length + start - from, before.length + shown.length)
  const caretEnd = Math.min(before.length + end - from, before.length + shown.length)
  return { text: `${before}${shown}${after}`, start: caretStart, end: Math.max(caretStart + 1, caretEnd) }
}

/** Nothing in a file or a name can move the cursor, recolour the terminal or reverse the reading direction. */
function visible(text: string): string {
  return text
    .replaceAll("\t", " ")
    .replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, "\u{fffd}")
}

const ansiCodes = { bold: "1", red: "1;31", yellow: "1;33", blue: "34" }
type Style = keyof typeof ansiCodes

function ansi(style: Style, text: string): string {
  return `\u001b[${ansiCodes[style]}m${text}\u001b[0m`
}

function plain(_style: Style, text: string): string {
  return text
}

class LinesByFile {
  readonly #texts: ReadonlyMap<string, SourceText>

  constructor(files: readonly SourceFile[]) {
    this.#texts = new Map(files.map((file) => [file.path, new SourceText(file)]))
  }

  line(path: string, line: number): string | null {
    return this.#texts.get(path)?.line(line) ?? null
  }
}
