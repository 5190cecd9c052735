/** Binds listening sockets. Both families are bound apart, so that an IPv4 client is seen with its IPv4 address. */
import { flushCorked } from "./output.ts"
import type { SocketOwner, TcpSocket } from "./socket.ts"

export interface BoundSocket {
  readonly address: string
  readonly port: number
  /** Accepts nothing more; open connections stay. */
  stop(): void
}

/** Takes the events of a socket that was refused at accept. */
const REFUSED: SocketOwner = { onOpen() {}, onData() {}, onDrain() {}, onEnd() {}, onClose() {} }

/**
 * @param addresses IP addresses, or one `unix:PATH`. `::` is left out on a machine without IPv6 when another address is
 *   given as well.
 * @param port 0 = any free one, the same for all addresses
 * @param accept makes the owner of a new connection; null when it was refused
 * @returns the sockets, or why one cannot be bound (then none is)
 */
export function bindTcp(
  addresses: readonly string[],
  port: number,
  handlers: Bun.SocketHandler<SocketOwner>,
  accept: (socket: TcpSocket) => SocketOwner | null,
): readonly BoundSocket[] | string {
  const acceptingHandlers: Bun.SocketHandler<SocketOwner> = {
    ...handlers,
    open(socket) {
      // Closing calls the owner at once: there must be one before `accept` refuses.
      socket.data = REFUSED
      const owner = accept(socket)
      if (owner === null) return
      socket.data = owner
      handlers.open?.(socket)
    },
  }
  const bound: BoundSocket[] = []
  let commonPort = port
  for (const address of addresses) {
    const socket = bindOne(address, commonPort, acceptingHandlers)
    if (typeof socket !== "string") {
      bound.push(socket)
      commonPort = socket.port
    } else if (!(address === "::" && bound.length > 0 && isMissingFamily(socket))) {
      for (const other of bound) other.stop()
      return `cannot listen on ${address.includes(":") && !address.startsWith("unix:") ? `[${address}]` : address}:${port}: ${socket}`
    }
  }
  return bound
}

interface Ipv6OnlyOptions {
  /** Untyped in Bun 1.4; without it `::` would take IPv4 connections too. */
  readonly ipv6Only: boolean
}

function bindOne(address: string, port: number, handlers: Bun.SocketHandler<SocketOwner>): BoundSocket | string {
  try {
    if (address.startsWith("unix:")) {
      const path = address.slice(5)
      const listener = Bun.listen<SocketOwner>({ unix: path, allowHalfOpen: true, socket: handlers })
      return { address, port: 0, stop: () => listener.stop() }
    }
    const options: Bun.TCPSocketListenOptions<SocketOwner> & Ipv6OnlyOptions = {
      hostname: address,
      port,
      ipv6Only: address.includes(":"),
      // What a FIN means is for the protocol to say: forwarded TCP goes on in the other direction.
      allowHalfOpen: true,
      socket: handlers,
    }
    const listener = Bun.listen<SocketOwner>(options)
    return { address, port: listener.port, stop: () => listener.stop() }
  } catch (error) {
    flushCorked()
    return reasonOf(error)
  }
}

const REASONS: Readonly<Record<string, string>> = Object.freeze({
  EADDRINUSE: "address already in use",
  EACCES: "permission denied (ports below 1024 need CAP_NET_BIND_SERVICE, or --port-map 80=8080)",
  EADDRNOTAVAIL: "this machine does not have that address",
  EAFNOSUPPORT: "address family not supported",
})

function reasonOf(error: unknown): string {
  if (error instanceof Error && "code" in error && typeof error.code === "string")
    return REASONS[error.code] ?? error.code
  return error instanceof Error ? error.message : String(error)
}

function isMissingFamily(reason: string): boolean {
  return reason === REASONS["EADDRNOTAVAIL"] || reason === REASONS["EAFNOSUPPORT"]
}
