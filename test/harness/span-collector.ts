/** A collector that keeps the spans it is sent (OpenTelemetry Protocol, over HTTP in JSON). */
import { expect } from "bun:test"

export interface ReceivedSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly traceState?: string
  readonly name: string
  readonly kind: number
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly status?: { readonly code: number }
  readonly attributes: readonly {
    readonly key: string
    readonly value: { readonly stringValue?: string; readonly intValue?: string }
  }[]
}

export interface ExportRequest {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: ReceivedSpan["attributes"] }
    readonly scopeSpans: readonly { readonly spans: readonly ReceivedSpan[] }[]
  }[]
}

/** OTLP/HTTP as far as a gateway sees it. */
export class SpanCollector implements AsyncDisposable {
  readonly requests: ExportRequest[] = []
  readonly paths: string[] = []
  /** The fields of the requests, names lower-cased. */
  readonly fields: Readonly<Record<string, string>>[] = []
  readonly #server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: async (request) => {
      expect(request.headers.get("content-type")).toBe("application/json")
      this.paths.push(`${request.method} ${new URL(request.url).pathname}`)
      this.fields.push(Object.fromEntries(request.headers))
      this.requests.push(JSON.parse(await request.text()))
      return Response.json({ partialSuccess: {} })
    },
  })

  get url(): string {
    return `http://127.0.0.1:${this.#server.port}`
  }

  get spans(): ReceivedSpan[] {
    return this.requests.flatMap(({ resourceSpans }) =>
      resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans)),
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.stop(true)
  }
}

export function attributesOf({ attributes }: Pick<ReceivedSpan, "attributes">): Record<string, string | number> {
  return Object.fromEntries(
    attributes.map(({ key, value }) => [
      key,
      value.intValue === undefined ? (value.stringValue ?? "") : Number(value.intValue),
    ]),
  )
}
