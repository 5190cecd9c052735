/**
 * The demo's `catalog`: a small JSON service, the kind an edge gateway usually stands in front of.
 *
 * It is embedded so that the first `curl` through the gateway needs nothing but the gateway. Every answer is a few hundred
 * bytes of JSON, which is also the size the bench uses.
 */
import { Hono } from "hono"

interface Product {
  readonly id: string
  readonly name: string
  readonly category: string
  readonly priceCents: number
  readonly currency: string
  readonly inStock: number
  readonly description: string
}

const products: readonly Product[] = [
  {
    id: "lantern",
    name: "Gatehouse lantern",
    category: "lighting",
    priceCents: 4900,
    currency: "EUR",
    inStock: 12,
    description:
      "A hand-soldered brass lantern with four panes of seeded glass. It burns lamp oil or a tea light, hangs from a hook or stands by itself, and keeps a steady flame in a draughty passage.",
  },
  {
    id: "bell",
    name: "Watch bell",
    category: "signals",
    priceCents: 12900,
    currency: "EUR",
    inStock: 3,
    description:
      "A bronze bell of eleven centimetres with a plaited cord. Its note carries across a courtyard and over the noise of a market, so that whoever keeps the gate is heard by everyone inside.",
  },
  {
    id: "ledger",
    name: "Toll ledger",
    category: "stationery",
    priceCents: 2400,
    currency: "EUR",
    inStock: 40,
    description:
      "Two hundred ruled pages bound in linen, with columns for the date, the traveller, the load and the toll. The paper takes ink without bleeding and the spine lies flat when it is open.",
  },
]

/** Builds the `catalog` application: `GET /`, `/products`, `/products/ID`, `/healthz`; anything else is a JSON 404. */
export function createCatalog(): Hono {
  const app = new Hono()
  app.get("/", (context) =>
    context.json({ service: "catalog", resources: ["/products", "/products/lantern", "/healthz"] }),
  )
  app.get("/healthz", (context) => context.json({ status: "ok", service: "catalog" }))
  app.get("/products", (context) => {
    const category = context.req.query("category")
    const listed = products.filter((product) => category === undefined || product.category === category)
    return context.json({
      service: "catalog",
      count: listed.length,
      products: listed.map(({ id, name, priceCents, currency }) => ({ id, name, priceCents, currency })),
    })
  })
  app.get("/products/:id", (context) => {
    const id = context.req.param("id")
    const product = products.find((candidate) => candidate.id === id)
    return product === undefined
      ? context.json({ error: "no such product", id, known: products.map((known) => known.id) }, 404)
      : context.json(product)
  })
  app.notFound((context) => context.json({ error: "no such resource", path: context.req.path }, 404))
  return app
}
