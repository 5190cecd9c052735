/**
 * Where a connection came from and where it arrived, as logs write it. Usually that is what the socket says; behind a
 * proxy that announces its clients (PROXY protocol) it is what was announced, for whoever owns the connection next.
 */
import type { TcpSocket } from "./socket.ts"

/** All of them "" where both ends are on a unix socket. */
export interface ConnectionAddresses {
  readonly remoteIp: string
  readonly localIp: string
  /** `IP:PORT`, `[IP]:PORT`. */
  readonly remoteAddress: string
  readonly localAddress: string
  /** Of the TCP peer, announced or not. */
  readonly directRemoteAddress: string
}

/** Who a proxy says it connects for. */
export interface AnnouncedAddresses {
  readonly sourceIp: string
  readonly sourcePort: number
  readonly destinationIp: string
  readonly destinationPort: number
}

/** Only connections behind such a proxy are in here; they leave it with their socket. */
const announced = new WeakMap<TcpSocket, ConnectionAddresses>()

/** Read at once after the accept: a closed socket has no addresses. */
export function addressesOf(socket: TcpSocket): ConnectionAddresses {
  return announced.get(socket) ?? socketAddresses(socket)
}

/** From now on `addressesOf` gives these. */
export function announceAddresses(socket: TcpSocket, addresses: AnnouncedAddresses): void {
  const { sourceIp, sourcePort, destinationIp, destinationPort } = addresses
  announced.set(socket, {
    remoteIp: sourceIp,
    localIp: destinationIp,
    remoteAddress: joinAddress(sourceIp, sourcePort),
    localAddress: joinAddress(destinationIp, destinationPort),
    directRemoteAddress: socketAddresses(socket).remoteAddress,
  })
}

/** The decrypted end of a connection is another socket than the one that was announced. */
export function passOnAddresses(from: TcpSocket, to: TcpSocket): void {
  const addresses = announced.get(from)
  if (addresses !== undefined) announced.set(to, addresses)
}

function socketAddresses(socket: TcpSocket): ConnectionAddresses {
  // A unix socket has neither, whatever the types say.
  const remoteIp = socket.remoteAddress ?? ""
  const localIp = socket.localAddress ?? ""
  const remoteAddress = joinAddress(remoteIp, socket.remotePort)
  return {
    remoteIp,
    localIp,
    remoteAddress,
    localAddress: joinAddress(localIp, socket.localPort),
    directRemoteAddress: remoteAddress,
  }
}

function joinAddress(ip: string, port: number): string {
  if (ip === "") return ""
  return ip.includes(":") ? `[${ip}]:${port}` : `${ip}:${port}`
}
