import { afterEach, expect, test } from "bun:test"
import { createWebapp } from "./webapp.ts"
import { parseProducts } from "./webapp-page.ts"

let catalog: Bun.Server<undefined> | null = null
afterEach(async () => {
  await catalog?.stop(true)
  catalog = null
})

function startCatalog(answer: (request: Request) => Response): string {
  catalog = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: answer })
  return `http://127.0.0.1:${catalog.port}`
}

test("the page is served and says why when catalog fails", async () => {
  const origin = startCatalog(() => new Response("no", { status: 503 }))
  const response = await createWebapp(origin).request("/")
  expect(response.status).toBe(200)
  expect(await response.text()).toContain("<p>No products: catalog answered 503.</p>")
})

test("the page is served when catalog answers something else than JSON", async () => {
  const origin = startCatalog(() => new Response("<html>"))
  const response = await createWebapp(origin).request("/")
  expect(response.status).toBe(200)
  expect(await response.text()).toContain("<p>No products: ")
})

test("the request id travels on to catalog", async () => {
  const seen: (string | null)[] = []
  const origin = startCatalog((request) => {
    seen.push(request.headers.get("x-request-id"))
    return Response.json({ products: [] })
  })
  await createWebapp(origin).request("/", { headers: { "x-request-id": "abc-123" } })
  await createWebapp(origin).request("/")
  expect(seen).toEqual(["abc-123", null])
})

test("a list of products of another shape is refused", () => {
  expect(parseProducts({ products: [{ id: 7 }] })).toEqual({
    kind: "unavailable",
    reason: "catalog answered something else than a list of products",
  })
})
