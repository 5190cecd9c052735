/**
 * The admin interface's socket. It is bound at the start, so that a taken port is an error then; the pages (and Hono)
 * are loaded with the first request, so that the start does not wait for them.
 */
import type { Hono } from "hono"
import type { SharedPorts } from "../net/shared-ports.ts"
import { refuseForeignRequest } from "./access-control.ts"
import type { ListenFailure } from "./listen-failure.ts"
import { type OwnServer, startOwnServer } from "./own-server.ts"
import type { RunningGateway } from "./running-gateway.ts"

/**
 * @param address `port` 0 = a free one
 * @param sharedPorts null = nobody else may listen on the port
 */
export function startAdminServer(
  address: { readonly host: string; readonly port: number },
  gateway: RunningGateway,
  sharedPorts: SharedPorts | null = null,
): OwnServer | ListenFailure {
  let pages: Promise<Hono> | null = null
  const { host, port } = address
  return startOwnServer({
    flag: "--admin",
    place: `${host.includes(":") ? `[${host}]` : host}:${port}`,
    host,
    port,
    idleTimeoutSeconds: 30,
    bodyBytesMax: 64 * 1024,
    sharedPorts,
    async answer(request) {
      const refusal = refuseForeignRequest(request.headers)
      if (refusal !== null) return new Response(`forbidden: ${refusal}\n`, { status: 403 })
      pages ??= loadPages(gateway)
      return (await pages).fetch(request)
    },
  })
}

async function loadPages(gateway: RunningGateway): Promise<Hono> {
  const { createAdminPages } = await import("./admin-pages.ts")
  return createAdminPages(gateway)
}
