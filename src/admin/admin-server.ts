/**
 * The admin interface's socket. It is bound at the start, so that a taken port is an error then; the pages (and Hono)
 * are loaded with the first request, so that the start does not wait for them.
 */
import type { Hono } from "hono"
import { refuseForeignRequest } from "./access-control.ts"
import { type ListenFailure, listenFailure } from "./listen-failure.ts"
import type { RunningGateway } from "./running-gateway.ts"

export interface AdminServer {
  readonly host: string
  readonly port: number
  stop(): Promise<void>
}

/** @param address `port` 0 = a free one. */
export function startAdminServer(
  address: { readonly host: string; readonly port: number },
  gateway: RunningGateway,
): AdminServer | ListenFailure {
  let pages: Promise<Hono> | null = null
  try {
    const server = Bun.serve({
      hostname: address.host,
      port: address.port,
      idleTimeout: 30,
      maxRequestBodySize: 64 * 1024,
      async fetch(request) {
        const refusal = refuseForeignRequest(request.headers)
        if (refusal !== null) return new Response(`forbidden: ${refusal}\n`, { status: 403 })
        pages ??= loadPages(gateway)
        return (await pages).fetch(request)
      },
    })
    return { host: address.host, port: server.port ?? address.port, stop: () => server.stop(true) }
  } catch (error) {
    const host = address.host.includes(":") ? `[${address.host}]` : address.host
    return listenFailure("--admin", `${host}:${address.port}`, error)
  }
}

async function loadPages(gateway: RunningGateway): Promise<Hono> {
  const { createAdminPages } = await import("./admin-pages.ts")
  return createAdminPages(gateway)
}
