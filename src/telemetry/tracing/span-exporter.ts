/**
 * Finished spans to a collector: OTLP over HTTP, in batches.
 *
 *   write(span) -> queue -> one batch under way -> POST
 *
 * Writing a span never waits. The queue has a maximum; what comes beyond it is dropped and counted. A batch that the
 * collector cannot take right now (OTLP/HTTP: 429, 502, 503, 504, or no answer) is tried again a few times while the
 * queue fills; one that it refuses is dropped. Loaded only when tracing is on.
 */
import type { Counters } from "../counters.ts"
import type { Log } from "../log.ts"
import { encodeSpans, rejectedSpans, type TracedService } from "./otlp-spans.ts"
import type { Span, SpanSink } from "./tracer.ts"

/** Sizes and times are the defaults of OpenTelemetry's batch processor. */
const QUEUE_SPANS_MAX = 2048
const BATCH_SPANS_MAX = 512
const BATCH_INTERVAL_MS = 5_000
const REQUEST_TIMEOUT_MS = 10_000
const TRIES_MAX = 5
const BACKOFF_MS = 1_000

const retryableStatuses: ReadonlySet<number> = new Set([429, 502, 503, 504])

export interface SpanExporterOptions {
  /** Where batches are posted; see `tracesUrl`. */
  readonly url: string
  /** Sent with each batch, and told to nobody else. Default: none. */
  readonly headers?: Readonly<Record<string, string>>
  readonly service: TracedService
  readonly counters: Counters
  readonly log: Log
  /** Calls back once after so many milliseconds. Default: `setTimeout`. */
  readonly schedule?: (callback: () => void, delayMs: number) => void
}

/** A base URL gets OTLP's own path; one with a path is meant as it is. */
export function tracesUrl(endpoint: string): string {
  const url = new URL(endpoint)
  if (url.pathname === "/") url.pathname = "/v1/traces"
  return url.href
}

/** `again` = not now, perhaps later. */
type Outcome = { readonly kind: "taken"; readonly rejected: number } | Failure
interface Failure {
  readonly kind: "again" | "refused"
  readonly reason: string
}

export class SpanExporter implements SpanSink {
  readonly #options: SpanExporterOptions
  readonly #schedule: (callback: () => void, delayMs: number) => void
  #queue: Span[] = []
  #isScheduled = false
  #isSending = false
  #isFailing = false
  #isClosed = false
  /** Ends the wait before another try. */
  #wake: (() => void) | null = null
  #whenSent: Promise<void> = Promise.resolve()

  constructor(options: SpanExporterOptions) {
    this.#options = options
    this.#schedule = options.schedule ?? scheduleWithTimer
  }

  write(span: Span): void {
    if (this.#isClosed || this.#queue.length >= QUEUE_SPANS_MAX) {
      this.#options.counters.tracingSpansDropped++
      return
    }
    this.#queue.push(span)
    if (this.#queue.length >= BATCH_SPANS_MAX) {
      this.#send()
    } else if (!this.#isScheduled) {
      this.#isScheduled = true
      this.#schedule(this.#onTimer, BATCH_INTERVAL_MS)
    }
  }

  /** Sends what is left, each batch once. Spans that come later are dropped. Resolves when nothing is left. */
  close(): Promise<void> {
    this.#isClosed = true
    this.#wake?.()
    this.#send()
    return this.#whenSent
  }

  readonly #onTimer = () => {
    this.#isScheduled = false
    this.#send()
  }

  #send(): void {
    if (this.#isSending || this.#queue.length === 0) return
    this.#isSending = true
    this.#whenSent = this.#sendQueue().finally(() => {
      this.#isSending = false
    })
  }

  /** All of it while there is a whole batch, or while the timer has said that the oldest has waited long enough. */
  async #sendQueue(): Promise<void> {
    do {
      const batch = this.#queue.splice(0, BATCH_SPANS_MAX)
      await this.#sendBatch(batch)
    } while (this.#queue.length >= BATCH_SPANS_MAX || (this.#isClosed && this.#queue.length > 0))
    if (this.#queue.length === 0 || this.#isScheduled) return
    this.#isScheduled = true
    this.#schedule(this.#onTimer, BATCH_INTERVAL_MS)
  }

  async #sendBatch(batch: readonly Span[]): Promise<void> {
    const { url, headers, service, counters } = this.#options
    const body = encodeSpans(batch, service)
    for (let tries = 1; ; tries++) {
      const outcome = await post(url, headers ?? {}, body)
      if (outcome.kind === "taken") {
        counters.tracingSpansTotal += batch.length - outcome.rejected
        counters.tracingSpansDropped += outcome.rejected
        return this.#reportChange(null)
      }
      this.#reportChange(outcome.reason)
      if (outcome.kind === "refused" || this.#isClosed || tries === TRIES_MAX) {
        counters.tracingSpansDropped += batch.length
        return
      }
      await this.#wait(BACKOFF_MS * 2 ** (tries - 1))
    }
  }

  #wait(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
      this.#schedule(resolve, delayMs)
    })
  }

  /** Once when it begins to fail and once when it works again, not once per batch. */
  #reportChange(failure: string | null): void {
    const { log, counters, url } = this.#options
    if (failure !== null && !this.#isFailing) log.warn("spans are not taken", { url, reason: failure })
    else if (failure === null && this.#isFailing) {
      log.info("spans are taken again", { dropped: counters.tracingSpansDropped })
    }
    this.#isFailing = failure !== null
  }
}

async function post(url: string, headers: Readonly<Record<string, string>>, body: Uint8Array): Promise<Outcome> {
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { ...headers, "content-type": "application/json" },
      body,
      redirect: "manual",
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    })
    const answer = await response.bytes()
    if (response.ok) return { kind: "taken", rejected: rejectedSpans(answer) }
    return { kind: retryableStatuses.has(response.status) ? "again" : "refused", reason: `status ${response.status}` }
  } catch (error) {
    return { kind: "again", reason: error instanceof Error ? error.message : String(error) }
  }
}

function scheduleWithTimer(callback: () => void, delayMs: number): void {
  setTimeout(callback, delayMs).unref()
}
