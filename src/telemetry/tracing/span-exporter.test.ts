import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import { Counters } from "../counters.ts"
import { createLog } from "../log.ts"
import { SpanExporter, tracesUrl } from "./span-exporter.ts"
import type { Span } from "./tracer.ts"

const span: Span = {
  traceId: "0af7651916cd43dd8448eb211c80319c",
  spanId: "b7ad6b7169203331",
  parentSpanId: "",
  isSampled: true,
  traceState: "",
  name: "shop",
  startUnixMs: 1_767_323_045_678.25,
  durationMs: 1.5,
  attributes: [["n", 1]],
  isError: false,
}

interface Arrived {
  readonly spanCount: number
  answer(response: Response): void
}

/** A collector that answers when the test says so. */
let arrived: Arrived[] = []
let wake: (() => void)[] = []
let server: Bun.Server<undefined>
let timers: { readonly delayMs: number; fire(): void }[] = []
let lines: string[] = []
let counters: Counters

beforeEach(() => {
  arrived = []
  wake = []
  timers = []
  lines = []
  counters = new Counters()
  server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      const body: { resourceSpans: { scopeSpans: { spans: unknown[] }[] }[] } = JSON.parse(await request.text())
      const { promise, resolve } = Promise.withResolvers<Response>()
      arrived.push({ spanCount: body.resourceSpans[0]?.scopeSpans[0]?.spans.length ?? 0, answer: resolve })
      for (const each of wake.splice(0)) each()
      return promise
    },
  })
})

afterEach(() => server.stop(true))

function startExporter(): SpanExporter {
  return new SpanExporter({
    url: tracesUrl(`http://127.0.0.1:${server.port}`),
    service: { name: "edge", version: "1" },
    counters,
    log: createLog({ level: "info", format: "text", write: (line) => lines.push(line) }),
    schedule: (fire, delayMs) => timers.push({ delayMs, fire }),
  })
}

/** Batch number `index`, from 0, once it has come. */
async function batch(index: number): Promise<Arrived> {
  for (;;) {
    const found = arrived[index]
    if (found !== undefined) return found
    await new Promise<void>((resolve) => wake.push(resolve))
  }
}

/** Ends the wait of so many milliseconds, once somebody waits for it. */
async function elapse(delayMs: number): Promise<void> {
  for (;;) {
    const index = timers.findIndex((timer) => timer.delayMs === delayMs)
    if (index >= 0) return timers.splice(index, 1)[0]?.fire()
    await Bun.sleep(1)
  }
}

function write(exporter: SpanExporter, count: number): void {
  for (let written = 0; written < count; written++) exporter.write(span)
}

describe("where batches go", () => {
  test("a base URL gets OTLP's path, one with a path is meant as it is", () => {
    expect(tracesUrl("http://c:4318")).toBe("http://c:4318/v1/traces")
    expect(tracesUrl("http://c:4318/")).toBe("http://c:4318/v1/traces")
    expect(tracesUrl("https://c/otlp/v1/traces")).toBe("https://c/otlp/v1/traces")
  })
})

describe("batches", () => {
  test("spans wait for the timer together", async () => {
    const exporter = startExporter()
    write(exporter, 3)
    expect(arrived).toEqual([])
    await elapse(5_000)
    const first = await batch(0)
    expect(first.spanCount).toBe(3)
    first.answer(Response.json({}))
    await exporter.close()
    expect(counters.tracingSpansTotal).toBe(3)
    expect(counters.tracingSpansDropped).toBe(0)
  })

  test("a full batch does not wait; one is under way at a time, the queue has a limit, and what is beyond is counted", async () => {
    const exporter = startExporter()
    write(exporter, 512)
    const first = await batch(0)
    expect(first.spanCount).toBe(512)
    write(exporter, 2048 + 7)
    expect(arrived).toHaveLength(1)
    expect(counters.tracingSpansDropped).toBe(7)
    first.answer(Response.json({}))
    for (const index of [1, 2, 3, 4]) (await batch(index)).answer(Response.json({}))
    await exporter.close()
    expect(counters.tracingSpansTotal).toBe(512 + 2048)
  })

  test("close sends what is left, and takes nothing more", async () => {
    const exporter = startExporter()
    write(exporter, 2)
    const closed = exporter.close()
    ;(await batch(0)).answer(Response.json({}))
    await closed
    write(exporter, 1)
    expect(counters.tracingSpansTotal).toBe(2)
    expect(counters.tracingSpansDropped).toBe(1)
  })
})

describe("a collector with problems", () => {
  test("busy: the batch is tried again; said once, and once when it is over", async () => {
    const exporter = startExporter()
    write(exporter, 512)
    ;(await batch(0)).answer(new Response("", { status: 503 }))
    await elapse(1_000)
    ;(await batch(1)).answer(new Response("", { status: 429 }))
    await elapse(2_000)
    ;(await batch(2)).answer(Response.json({}))
    await exporter.close()
    expect(arrived.map(({ spanCount }) => spanCount)).toEqual([512, 512, 512])
    expect(counters.tracingSpansTotal).toBe(512)
    expect(counters.tracingSpansDropped).toBe(0)
    expect(lines.filter((line) => line.includes("spans are not taken"))).toHaveLength(1)
    expect(lines.filter((line) => line.includes("spans are taken again"))).toHaveLength(1)
  })

  test("busy for good: after five tries the batch is dropped and counted", async () => {
    const exporter = startExporter()
    write(exporter, 512)
    for (const index of [0, 1, 2, 3, 4]) {
      ;(await batch(index)).answer(new Response("", { status: 503 }))
      if (index < 4) await elapse(1_000 * 2 ** index)
    }
    await exporter.close()
    expect(arrived).toHaveLength(5)
    expect(counters.tracingSpansDropped).toBe(512)
  })

  test("refusing: the batch is dropped at once", async () => {
    const exporter = startExporter()
    write(exporter, 512)
    ;(await batch(0)).answer(new Response("", { status: 400 }))
    await exporter.close()
    expect(arrived).toHaveLength(1)
    expect(counters.tracingSpansDropped).toBe(512)
  })

  test("taking some: the rest counts as dropped", async () => {
    const exporter = startExporter()
    write(exporter, 5)
    const closed = exporter.close()
    ;(await batch(0)).answer(Response.json({ partialSuccess: { rejectedSpans: "2", errorMessage: "too old" } }))
    await closed
    expect(counters.tracingSpansTotal).toBe(3)
    expect(counters.tracingSpansDropped).toBe(2)
  })

  test("away while closing: one try, no wait", async () => {
    const exporter = startExporter()
    await server.stop(true)
    write(exporter, 2)
    await exporter.close()
    expect(counters.tracingSpansDropped).toBe(2)
  })
})
