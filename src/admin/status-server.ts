/**
 * `GET /healthz/ready` on a port of its own, on every address, for whoever decides whether this gateway gets traffic
 * (Istio: port 15021), and `GET /healthz/live` for whoever restarts a process that does not answer any more. They tell
 * nothing else, so they need no protection.
 */
import type { SharedPorts } from "../net/shared-ports.ts"
import type { ListenFailure } from "./listen-failure.ts"
import { type OwnServer, startOwnServer } from "./own-server.ts"

/**
 * @param port 0 = a free one
 * @param sharedPorts null = nobody else may listen on the port
 */
export function startStatusServer(
  port: number,
  isReady: () => boolean,
  sharedPorts: SharedPorts | null = null,
): OwnServer | ListenFailure {
  // A machine without IPv6 has no `::`; but a port that is taken is taken.
  const server = listen("::", port, isReady, sharedPorts)
  return "error" in server && !server.isAddressInUse ? listen("0.0.0.0", port, isReady, sharedPorts) : server
}

function listen(
  host: string,
  port: number,
  isReady: () => boolean,
  sharedPorts: SharedPorts | null,
): OwnServer | ListenFailure {
  return startOwnServer({
    flag: "--status-port",
    place: `port ${port}`,
    host,
    port,
    idleTimeoutSeconds: 10,
    bodyBytesMax: 1024,
    sharedPorts,
    answer: (request) => answer(request, isReady),
  })
}

/** Each answer ends its connection: on a kept one a probe would go on asking a gateway that has a successor. */
function answer(request: Request, isReady: () => boolean): Response {
  const { pathname } = new URL(request.url)
  if (pathname !== "/healthz/ready" && pathname !== "/healthz/live") return plain("not found\n", 404)
  if (request.method !== "GET" && request.method !== "HEAD") return plain("method not allowed\n", 405, "GET, HEAD")
  if (pathname === "/healthz/live") return plain("live\n", 200)
  return isReady() ? plain("ready\n", 200) : plain("not ready\n", 503)
}

function plain(text: string, status: number, allow = ""): Response {
  const headers = { connection: "close", ...(allow === "" ? {} : { allow }) }
  return new Response(text, { status, headers })
}
