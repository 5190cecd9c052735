/**
 * The access log's sink: collects lines and hands them on in large pieces.
 *
 *   write(record) -> pending lines -> one write under way -> file or stdout
 *
 * Writing a record never waits. When the output cannot keep up, the queue has a maximum and further lines are dropped
 * and counted: a slow disk costs log lines, never requests.
 */
import type { AccessLogFormat } from "./access-log-format.ts"
import type { LogOutput } from "./access-log-output.ts"
import type { AccessLogRecord, AccessLogSink } from "./access-log-record.ts"
import type { Counters } from "./counters.ts"
import { LineBuffer } from "./line-buffer.ts"
import type { Log } from "./log.ts"

/**
 * This much is written at once, without waiting for the timer. A write is done by another thread, on another core: handing
 * over 64 KiB at a time costs a line three times as much as this does.
 */
const flushBytes = 256 * 1024
/** A line waits this long at the most before it is handed to the output. */
const flushIntervalMs = 200
/** Lines that wait while a write is under way. */
const queueBytesMax = 4 * 1024 * 1024
/** Room for the line that makes a flush due. */
const initialBytes = flushBytes + 16 * 1024

export interface AccessLogWriterOptions {
  readonly format: AccessLogFormat
  readonly output: LogOutput
  readonly counters: Counters
  readonly log: Log
  /** Calls back once after so many milliseconds. Default: `setTimeout`. */
  readonly schedule?: (callback: () => void, delayMs: number) => void
}

export class AccessLogWriter implements AccessLogSink {
  readonly #format: AccessLogFormat
  readonly #output: LogOutput
  readonly #counters: Counters
  readonly #log: Log
  readonly #schedule: (callback: () => void, delayMs: number) => void
  /** Filled while the other one is written. */
  #pending = new LineBuffer(initialBytes)
  #written = new LineBuffer(initialBytes)
  #pendingLines = 0
  #isScheduled = false
  #isDue = false
  #isWriting = false
  #isFailing = false
  #isClosed = false
  #onDrained: (() => void)[] = []

  constructor(options: AccessLogWriterOptions) {
    this.#format = options.format
    this.#output = options.output
    this.#counters = options.counters
    this.#log = options.log
    this.#schedule = options.schedule ?? scheduleWithTimer
  }

  write(record: AccessLogRecord): void {
    if (this.#isClosed || this.#pending.length >= queueBytesMax) {
      this.#counters.accessLogDropped += 1
      return
    }
    this.#pending.append(this.#format.format(record))
    this.#pendingLines += 1
    if (this.#pending.length >= flushBytes) {
      this.#flushWhenPossible()
    } else if (!this.#isScheduled) {
      this.#isScheduled = true
      this.#schedule(this.#onTimer, flushIntervalMs)
    }
  }

  /** After a log rotation: opens the path anew. What was written before stays in the old file. */
  reopen(): void {
    const failure = this.#output.reopen()
    if (failure === null) this.#log.info("access log opened anew")
    else this.#log.error("access log not reopened, still writing to the old file", { reason: failure })
  }

  /** Writes what is pending and closes the output. Records that come later are dropped and counted. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#isDue = true
    this.#flushWhenPossible()
    if (this.#isWriting) await new Promise<void>((resolve) => this.#onDrained.push(resolve))
    this.#output.close()
  }

  readonly #onTimer = () => {
    this.#isScheduled = false
    this.#isDue = true
    this.#flushWhenPossible()
  }

  #flushWhenPossible(): void {
    if (this.#isWriting || this.#pendingLines === 0) return
    if (!this.#isDue && this.#pending.length < flushBytes) return
    const lines = this.#pendingLines
    const full = this.#pending
    this.#pending = this.#written
    this.#written = full
    this.#pendingLines = 0
    this.#isDue = false
    this.#isWriting = true
    this.#output.write(full.bytes(), (failure) => this.#onWritten(lines, failure))
  }

  #onWritten(lines: number, failure: string | null): void {
    this.#isWriting = false
    this.#written.clear()
    if (failure === null) this.#counters.accessLogLinesTotal += lines
    else this.#counters.accessLogDropped += lines
    this.#reportChange(failure)
    if (this.#isClosed) this.#isDue = true
    this.#flushWhenPossible()
    if (this.#isWriting) return
    for (const resolve of this.#onDrained) resolve()
    this.#onDrained = []
  }

  /** Once when it begins to fail and once when it works again, not once per line. */
  #reportChange(failure: string | null): void {
    if (failure !== null && !this.#isFailing) {
      this.#log.error("access log cannot be written, lines are dropped", { reason: failure })
    } else if (failure === null && this.#isFailing) {
      this.#log.info("access log is written again", { dropped: this.#counters.accessLogDropped })
    }
    this.#isFailing = failure !== null
  }
}

function scheduleWithTimer(callback: () => void, delayMs: number): void {
  setTimeout(callback, delayMs).unref()
}
