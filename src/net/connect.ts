/** Opens TCP and unix-socket connections for an owner; failures come back as Envoy words them. */
import { flushCorked } from "./output.ts"
import type { SocketOwner } from "./socket.ts"
import { isUnixAddress, unixPathOf } from "./unix-socket.ts"

/** `Connection refused`, …: the system's words, as Envoy prints them after `delayed connect error: `. */
const REASONS: Readonly<Record<string, string>> = Object.freeze({
  ECONNREFUSED: "Connection refused",
  ECONNRESET: "Connection reset by peer",
  ETIMEDOUT: "Connection timed out",
  EHOSTUNREACH: "No route to host",
  ENETUNREACH: "Network is unreachable",
  EADDRNOTAVAIL: "Cannot assign requested address",
  EACCES: "Permission denied",
  EMFILE: "Too many open files",
  ENOENT: "No such file or directory",
})

/**
 * The owner hears `onOpen` when it is connected; `onFailed` is called instead when it cannot be.
 * @param address IP address, `unix:PATH` or `unix:@NAME`
 * @param allowHalfOpen whether a FIN of the peer leaves our side open
 */
export function connectSocket(
  address: string,
  port: number,
  owner: SocketOwner,
  handlers: Bun.SocketHandler<SocketOwner>,
  onFailed: (reason: string) => void,
  allowHalfOpen = false,
): void {
  const options = { data: owner, socket: handlers, allowHalfOpen }
  const connecting = isUnixAddress(address)
    ? Bun.connect<SocketOwner>({ ...options, unix: unixPathOf(address) })
    : Bun.connect<SocketOwner>({ ...options, hostname: address, port })
  connecting.catch((error: unknown) => {
    onFailed(reasonOf(error))
    flushCorked()
  })
}

function reasonOf(error: unknown): string {
  if (error instanceof Error && "code" in error && typeof error.code === "string")
    return REASONS[error.code] ?? error.code
  return error instanceof Error ? error.message : "unknown"
}
