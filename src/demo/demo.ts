/**
 * The demo services as one thing to start and stop: what `--demo` registers as `webapp`, `catalog` and `tcp-echo`.
 *
 * They are real servers on ephemeral loopback ports, in this process, so the gateway reaches them as it reaches anything else:
 * over a socket. `Bun.serve` carries them; it stands behind the gateway here, so what it cannot do at the edge does not matter.
 */
import type { Hono } from "hono"
import { createCatalog } from "./catalog.ts"
import { startTcpEcho } from "./tcp-echo.ts"
import { createWebapp } from "./webapp.ts"

const portHttp = 80
const serverLimits = {
  hostname: "127.0.0.1",
  port: 0,
  /** Seconds; longer than the longest `/slow`. */
  idleTimeout: 120,
  /** Bytes. */
  maxRequestBodySize: 1024 * 1024,
} as const

export interface DemoService {
  /** The short name that routes use as `destination.host`. */
  readonly host: string
  /** The port as a Service would declare it. */
  readonly port: number
  /** Where it really listens: `127.0.0.1:PORT`. */
  readonly address: string
  readonly protocol: "http1" | "tcp"
}

export interface Demo {
  readonly services: readonly DemoService[]
  /** Closes the listeners and every open connection. */
  stop(): Promise<void>
}

/** Starts the demo services, each on an ephemeral loopback port. */
export async function startDemo(): Promise<Demo> {
  const catalog = serveCatalog(createCatalog())
  const webapp = serveWebapp(createWebapp(`http://127.0.0.1:${catalog.port}`))
  const tcpEcho = startTcpEcho()
  return {
    services: [
      { host: "webapp", port: portHttp, address: `127.0.0.1:${webapp.port}`, protocol: "http1" },
      { host: "catalog", port: portHttp, address: `127.0.0.1:${catalog.port}`, protocol: "http1" },
      { host: "tcp-echo", port: tcpEcho.servicePort, address: `127.0.0.1:${tcpEcho.boundPort}`, protocol: "tcp" },
    ],
    async stop() {
      tcpEcho.stop()
      await Promise.all([webapp.stop(true), catalog.stop(true)])
    },
  }
}

/** Serves the catalog: plain requests and answers. */
function serveCatalog(catalog: Hono): Bun.Server<undefined> {
  return Bun.serve({ ...serverLimits, fetch: (request) => catalog.fetch(request) })
}

/** Serves the webapp, with a WebSocket echo at `/ws` in front of it: an upgrade belongs to the server, not to the application. */
function serveWebapp(webapp: Hono): Bun.Server<undefined> {
  return Bun.serve({
    ...serverLimits,
    fetch(request, server) {
      if (new URL(request.url).pathname !== "/ws") return webapp.fetch(request)
      if (server.upgrade(request)) return undefined
      const refusal = { error: "this path speaks WebSocket only", service: "webapp" }
      return Response.json(refusal, { status: 426, headers: { upgrade: "websocket" } })
    },
    websocket: {
      message(socket, message) {
        socket.send(message)
      },
    },
  })
}
