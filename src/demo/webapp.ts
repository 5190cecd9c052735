/**
 * The demo's `webapp`: the service people look at through the gateway.
 *
 * `/` is a page that shows what arrived (the header edits of a route are visible there) and what `catalog` answered; the other
 * paths each exercise one thing a gateway must carry: echoing, slowness, server-sent events, WebSocket.
 */
import { Hono } from "hono"
import { streamSSE } from "hono/streaming"
import { parseProducts, renderPage } from "./webapp-page.ts"

/** `/slow` never holds a request longer than this. */
const slowDelayMsMax = 60_000
const catalogTimeoutMs = 2_000
const eventIntervalMsDefault = 1_000

/**
 * Builds the `webapp` application. `catalogOrigin` is where it reads products, e.g. `http://127.0.0.1:40001`.
 *
 * `GET /` the page · `/healthz` · `/echo` (any method) · `/slow?ms=N` · `/sse?count=N&ms=N`; `/ws` belongs to the server.
 */
export function createWebapp(catalogOrigin: string): Hono {
  const app = new Hono()
  app.get("/healthz", (context) => context.json({ status: "ok", service: "webapp" }))

  app.get("/", async (context) => {
    const products = await readProducts(catalogOrigin, context.req.header("x-request-id") ?? null)
    const url = new URL(context.req.url)
    return context.html(
      renderPage({
        requestLine: `${context.req.method} ${url.pathname}${url.search}`,
        headers: [...context.req.raw.headers],
        products,
      }),
    )
  })

  app.all("/echo/*", echo)
  app.all("/echo", echo)

  app.get("/slow", async (context) => {
    const delayMs = Math.min(readCount(context.req.query("ms"), 1_000), slowDelayMsMax)
    await Bun.sleep(delayMs)
    return context.json({ service: "webapp", delayMs })
  })

  app.get("/sse", (context) => {
    const eventCountMax = readCount(context.req.query("count"), Number.POSITIVE_INFINITY)
    const intervalMs = readCount(context.req.query("ms"), eventIntervalMsDefault)
    return streamSSE(context, async (stream) => {
      for (let index = 0; index < eventCountMax && !stream.aborted; index++) {
        if (index > 0) await stream.sleep(intervalMs)
        await stream.writeSSE({ event: "tick", id: String(index), data: JSON.stringify({ index }) })
      }
    })
  })

  app.notFound((context) => context.json({ error: "no such page", service: "webapp", path: context.req.path }, 404))
  return app
}

/** Answers with what arrived. Header names come lower-cased and the path normalised, because `Request` has them so. */
async function echo(context: { readonly req: { readonly raw: Request } }): Promise<Response> {
  const request = context.req.raw
  const url = new URL(request.url)
  return Response.json({
    service: "webapp",
    method: request.method,
    path: `${url.pathname}${url.search}`,
    headers: Object.fromEntries(request.headers),
    body: await request.text(),
  })
}

/** The products as `catalog` lists them, or why there are none: the page is served either way. */
async function readProducts(
  catalogOrigin: string,
  requestId: string | null,
): Promise<ReturnType<typeof parseProducts>> {
  try {
    const response = await fetch(`${catalogOrigin}/products`, {
      headers: requestId === null ? {} : { "x-request-id": requestId },
      signal: AbortSignal.timeout(catalogTimeoutMs),
    })
    if (!response.ok) return { kind: "unavailable", reason: `catalog answered ${response.status}` }
    return parseProducts(await response.json())
  } catch (failure) {
    return { kind: "unavailable", reason: failure instanceof Error ? failure.message : String(failure) }
  }
}

/** A whole number of a query parameter, or `otherwise` when it is missing or is not one. */
function readCount(text: string | undefined, otherwise: number): number {
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : otherwise
}
