/**
 * `GET /healthz/ready` on a port of its own, on every address, for whoever decides whether this gateway gets traffic
 * (Istio: port 15021). It tells nothing else, so it needs no protection.
 */
import { type ListenFailure, listenFailure } from "./listen-failure.ts"

export interface StatusServer {
  readonly port: number
  stop(): Promise<void>
}

/** @param port 0 = a free one. */
export function startStatusServer(port: number, isReady: () => boolean): StatusServer | ListenFailure {
  // A machine without IPv6 has no `::`; but a port that is taken is taken.
  const server = listen("::", port, isReady)
  return "error" in server && !server.isAddressInUse ? listen("0.0.0.0", port, isReady) : server
}

function listen(hostname: string, port: number, isReady: () => boolean): StatusServer | ListenFailure {
  try {
    const server = Bun.serve({
      hostname,
      port,
      idleTimeout: 10,
      maxRequestBodySize: 1024,
      fetch: (request) => answer(request, isReady),
    })
    return { port: server.port ?? port, stop: () => server.stop(true) }
  } catch (error) {
    return listenFailure("--status-port", `port ${port}`, error)
  }
}

function answer(request: Request, isReady: () => boolean): Response {
  if (new URL(request.url).pathname !== "/healthz/ready") return new Response("not found\n", { status: 404 })
  if (request.method !== "GET" && request.method !== "HEAD") {
    return new Response("method not allowed\n", { status: 405, headers: { allow: "GET, HEAD" } })
  }
  return isReady() ? new Response("ready\n") : new Response("not ready\n", { status: 503 })
}
