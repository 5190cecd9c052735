/**
 * The demo `webapp`'s one HTML page, and the reading of the catalog answer it shows.
 *
 * `html` escapes every interpolation: the page prints header values that anyone may have sent.
 */
import { html } from "hono/html"
import { z } from "zod"

const productList = z.object({
  products: z.array(z.object({ id: z.string(), name: z.string(), priceCents: z.number(), currency: z.string() })),
})

export type CatalogProducts =
  | { readonly kind: "listed"; readonly products: z.output<typeof productList>["products"] }
  | { readonly kind: "unavailable"; readonly reason: string }

export interface PageContent {
  readonly requestLine: string
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly products: CatalogProducts
}

/** Reads the body of `GET /products`; an answer of another shape is a reason, not an exception. */
export function parseProducts(body: unknown): CatalogProducts {
  const parsed = productList.safeParse(body)
  return parsed.success
    ? { kind: "listed", products: parsed.data.products }
    : { kind: "unavailable", reason: "catalog answered something else than a list of products" }
}

/** Renders the page: the products, then the request as it reached the webapp. */
export function renderPage(content: PageContent): ReturnType<typeof html> {
  return html`<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width">
    <title>Portcullis demo</title>
    <style>
      body { font: 16px/1.5 system-ui, sans-serif; max-width: 56rem; margin: 2rem auto; padding: 0 1rem; color: #222; background: #fff; }
      table { border-collapse: collapse; width: 100%; }
      th, td { text-align: left; vertical-align: top; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid #ddd; }
      td, code { font-family: ui-monospace, monospace; font-size: .9em; overflow-wrap: anywhere; }
    </style>
  </head>
  <body>
    <h1>The gate is open</h1>
    <p>This page is the demo's <code>webapp</code>, reached through the gateway.</p>
    <h2>From catalog</h2>
    ${renderProducts(content.products)}
    <h2>The request as it arrived here</h2>
    <p><code>${content.requestLine}</code></p>
    <table>
      <tr><th>header</th><th>value</th></tr>
      ${content.headers.map(([name, value]) => html`<tr><td>${name}</td><td>${value}</td></tr>`)}
    </table>
  </body>
</html>
`
}

function renderProducts(products: CatalogProducts): ReturnType<typeof html> {
  if (products.kind === "unavailable") return html`<p>No products: ${products.reason}.</p>`
  return html`<ul>
      ${products.products.map(({ name, priceCents, currency }) => html`<li>${name}, ${(priceCents / 100).toFixed(2)} ${currency}</li>`)}
    </ul>`
}
