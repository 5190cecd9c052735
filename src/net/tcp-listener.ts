/** Binds listening sockets. Both families are bound apart, so that an IPv4 client is seen with its IPv4 address. */
import type { SharedListener } from "./hand-over.ts"
import { flushCorked } from "./output.ts"
import type { SharedPorts } from "./shared-ports.ts"
import type { SocketOwner, TcpSocket } from "./socket.ts"
import { isUnixAddress, unixPathOf } from "./unix-socket.ts"

export interface BoundSocket extends SharedListener {
  readonly address: string
  readonly port: number
  /** Others may listen on the port as well; never so with a unix socket. */
  readonly isShared: boolean
  /** This process may bind the port anew, before this socket is closed. Only for ports that are shared. */
  release(): void
  /** Accepts nothing more; open connections stay. */
  stop(): void
}

export interface Acceptor {
  readonly handlers: Bun.SocketHandler<SocketOwner>
  /** Makes the owner of a new connection; null when it was refused. */
  accept(socket: TcpSocket): SocketOwner | null
  /** null = nobody else may listen on the ports. */
  readonly sharedPorts: SharedPorts | null
}

export interface Binding {
  readonly sockets: readonly BoundSocket[]
  /** Why an address cannot be bound; "" = all are. Those before it are in `sockets`, for the caller to close. */
  readonly failure: string
}

/** Takes the events of a socket that was refused at accept. */
const REFUSED: SocketOwner = { onOpen() {}, onData() {}, onDrain() {}, onEnd() {}, onClose() {} }

/**
 * @param addresses IP addresses, or one unix socket. `::` is left out on a machine without IPv6 when another address is
 *   given as well.
 * @param port 0 = any free one, the same for all addresses
 */
export function bindTcp(addresses: readonly string[], port: number, acceptor: Acceptor): Binding {
  const sockets: BoundSocket[] = []
  let commonPort = port
  for (const address of addresses) {
    const socket = bindOne(address, commonPort, acceptor)
    if (typeof socket !== "string") {
      sockets.push(socket)
      commonPort = socket.port
    } else if (!(address === "::" && sockets.length > 0 && isMissingFamily(socket))) {
      return { sockets, failure: `cannot listen on ${placeOf(address, port)}: ${socket}` }
    }
  }
  return { sockets, failure: "" }
}

function placeOf(address: string, port: number): string {
  if (isUnixAddress(address)) return address
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`
}

/** Untyped in Bun 1.4, like `fd` below. */
interface UntypedOptions {
  readonly reusePort: boolean
  /** Without it `::` would take IPv4 connections too. */
  readonly ipv6Only: boolean
}

function bindOne(address: string, port: number, acceptor: Acceptor): BoundSocket | string {
  const { handlers, sharedPorts } = acceptor
  let acceptedCount = 0
  const socket: Bun.SocketHandler<SocketOwner> = {
    ...handlers,
    open(socket) {
      acceptedCount++
      // Closing calls the owner at once: there must be one before `accept` refuses.
      socket.data = REFUSED
      const owner = acceptor.accept(socket)
      if (owner === null) return
      socket.data = owner
      handlers.open?.(socket)
    },
  }
  if (sharedPorts?.isClaimed(address, port) === true) return `${ADDRESS_IN_USE}, by this gateway itself`
  try {
    const listener = listen(address, port, socket, sharedPorts !== null)
    // A unix socket has the property too, without a value.
    const boundPort = "port" in listener && typeof listener.port === "number" ? listener.port : 0
    const release = sharedPorts?.claim(address, boundPort) ?? (() => {})
    return {
      address,
      port: boundPort,
      isShared: sharedPorts !== null && !isUnixAddress(address),
      get fd() {
        return fdOf(listener)
      },
      get acceptedCount() {
        return acceptedCount
      },
      release,
      stop() {
        release()
        listener.stop()
      },
    }
  } catch (error) {
    flushCorked()
    const reason = reasonOf(error)
    if (reason !== ADDRESS_IN_USE) return reason
    // Whether somebody serves it cannot be asked in passing, and may be decided in another container.
    if (isUnixAddress(address)) return `${reason} (where a gateway was killed its file stays: remove it)`
    return sharedPorts === null
      ? reason
      : `${reason}, by a program that does not share it (another user's, or without --reuse-port)`
  }
}

function listen(
  address: string,
  port: number,
  socket: Bun.SocketHandler<SocketOwner>,
  reusePort: boolean,
): Bun.TCPSocketListener<SocketOwner> | Bun.UnixSocketListener<SocketOwner> {
  // What a FIN means is for the protocol to say: forwarded TCP goes on in the other direction.
  const allowHalfOpen = true
  if (isUnixAddress(address)) return Bun.listen<SocketOwner>({ unix: unixPathOf(address), allowHalfOpen, socket })
  const options: Bun.TCPSocketListenOptions<SocketOwner> & UntypedOptions = {
    hostname: address,
    port,
    ipv6Only: address.includes(":"),
    reusePort,
    allowHalfOpen,
    socket,
  }
  return Bun.listen<SocketOwner>(options)
}

/** -1 when it is closed. */
function fdOf(listener: object): number {
  return "fd" in listener && typeof listener.fd === "number" ? listener.fd : -1
}

const ADDRESS_IN_USE = "address already in use"

const REASONS: Readonly<Record<string, string>> = Object.freeze({
  EADDRINUSE: ADDRESS_IN_USE,
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
