/** The process behind `bun-fetch`: reads the settings file named on its command line and proxies with `Bun.serve` and `fetch`. */
import { z } from "zod"

const settingsSchema = z.object({ port: z.number(), upstreamPort: z.number(), hosts: z.array(z.string()) })

const settings = settingsSchema.parse(await Bun.file(process.argv[2] ?? "").json())
const upstreamOrigin = `http://127.0.0.1:${settings.upstreamPort}`
const hosts = new Set(settings.hosts)

Bun.serve({
  hostname: "127.0.0.1",
  port: settings.port,
  fetch(request, server) {
    const pathStart = request.url.indexOf("/", "http://".length)
    const host = request.headers.get("host") ?? ""
    if (!hosts.has(host) || !request.url.startsWith("/api/", pathStart)) return new Response(null, { status: 404 })
    const headers = new Headers(request.headers)
    headers.append("x-forwarded-for", server.requestIP(request)?.address ?? "")
    headers.set("x-forwarded-proto", "http")
    headers.set("x-request-id", crypto.randomUUID())
    return fetch(upstreamOrigin + request.url.slice(pathStart), {
      method: request.method,
      headers,
      body: request.body,
      redirect: "manual",
      decompress: false,
    })
  },
})
