/**
 * The process's own log: what happens to the gateway, not to a request (that is the access log).
 * One line per event on stderr, as text (`TIME level message key=value`) or JSON. Values are quoted and escaped, so
 * that nothing a peer sends can begin a line of its own.
 */
import { writeSync } from "node:fs"

export const logLevels = ["debug", "info", "warn", "error"] as const

export type LogLevel = (typeof logLevels)[number]
export type LogFormat = "text" | "json"
export type LogFields = Readonly<Record<string, string | number | boolean | null>>

export interface Log {
  readonly level: LogLevel
  setLevel(level: LogLevel): void
  /** For callers who would build costly fields: is a message of this level written at all? */
  isEnabled(level: LogLevel): boolean
  debug(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
}

export interface LogOptions {
  readonly level: LogLevel
  readonly format: LogFormat
  /** Default: stderr. */
  readonly write?: (line: string) => void
  /** Default: the system clock. */
  readonly nowUnixMs?: () => number
}

export function isLogLevel(text: string): text is LogLevel {
  return logLevels.some((level) => level === text)
}

export function createLog(options: LogOptions): Log {
  const write = options.write ?? writeToStderr
  const nowUnixMs = options.nowUnixMs ?? Date.now
  const render = options.format === "json" ? renderJson : renderText
  let level = options.level

  const isEnabled = (of: LogLevel) => logLevels.indexOf(of) >= logLevels.indexOf(level)
  const at = (of: LogLevel) => (message: string, fields: LogFields) => {
    if (isEnabled(of)) write(render(new Date(nowUnixMs()).toISOString(), of, message, fields))
  }
  const [debug, info, warn, error] = [at("debug"), at("info"), at("warn"), at("error")]
  return {
    get level() {
      return level
    },
    setLevel: (next) => {
      level = next
    },
    isEnabled,
    debug: (message, fields = {}) => debug(message, fields),
    info: (message, fields = {}) => info(message, fields),
    warn: (message, fields = {}) => warn(message, fields),
    error: (message, fields = {}) => error(message, fields),
  }
}

function renderText(time: string, level: LogLevel, message: string, fields: LogFields): string {
  let line = `${time} ${level.padEnd(5)} ${escapeControls(message)}`
  for (const [key, value] of Object.entries(fields)) line += ` ${key}=${renderValue(value)}`
  return `${line}\n`
}

function renderJson(time: string, level: LogLevel, message: string, fields: LogFields): string {
  // Ours first, so that people find them; ours again, so that no field replaces them.
  const own = { time, level, message }
  return `${JSON.stringify(Object.assign({ ...own }, fields, own))}\n`
}

function renderValue(value: string | number | boolean | null): string {
  if (typeof value !== "string") return String(value)
  return /^[\w.:/@*+,|-]+$/.test(value) ? value : escapeControls(JSON.stringify(value))
}

/** C0, DEL, C1 and the two Unicode line separators: everything a terminal or a log reader may take for a new line. */
function escapeControls(text: string): string {
  return text.replace(
    /[\x00-\x1f\x7f-\x9f\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  )
}

/** Synchronous, so that the last words before an exit are not lost. */
function writeToStderr(line: string): void {
  try {
    writeSync(2, line)
  } catch {
    // stderr is closed or full: there is nobody left to tell.
  }
}
