/** Who is at the other end of a connection, and what its handshake came to: put together once, when its owner is chosen. */
import { addressesOf, type ConnectionAddresses } from "./connection-addresses.ts"
import type { TcpSocket } from "./socket.ts"
import { type HandshakeResult, handshakeOf } from "./tls-upgrade.ts"

export interface ConnectionPeer extends ConnectionAddresses {
  /** SNI of the handshake; "" without TLS. */
  readonly serverName: string
  /** null = no TLS is terminated here. */
  readonly handshake: HandshakeResult | null
}

/** Read at once after the connection is open: a closed socket has no addresses. */
export function peerOf(socket: TcpSocket, serverName: string): ConnectionPeer {
  return { ...addressesOf(socket), serverName, handshake: handshakeOf(socket) }
}

/** Until it is open. */
export const UNKNOWN_PEER: ConnectionPeer = Object.freeze({
  remoteIp: "",
  localIp: "",
  remoteAddress: "",
  localAddress: "",
  directRemoteAddress: "",
  serverName: "",
  handshake: null,
})
