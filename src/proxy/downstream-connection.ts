/** A client's connection as its listener sees it, whatever it speaks: something to time out, to drain and to cut. */
import type { SocketOwner } from "../net/socket.ts"

export interface DownstreamConnection extends SocketOwner {
  /** Something is under way that a drain waits for. */
  readonly isBusy: boolean
  /** Called about once a second. */
  checkTimeouts(nowMs: number): void
  /** What is under way may finish; then the connection ends. */
  drain(): void
  /** Cuts it, whatever is under way. */
  terminate(): void
}

/** Where a connection came from and where it arrived, as logs write it. Read at once: a closed socket has none. */
export interface ConnectionAddresses {
  readonly remoteIp: string
  readonly localIp: string
  readonly remoteAddress: string
  readonly localAddress: string
}

export function addressesOf(socket: Bun.Socket<SocketOwner>): ConnectionAddresses {
  return {
    remoteIp: socket.remoteAddress,
    localIp: socket.localAddress,
    remoteAddress: joinAddress(socket.remoteAddress, socket.remotePort),
    localAddress: joinAddress(socket.localAddress, socket.localPort),
  }
}

function joinAddress(ip: string, port: number): string {
  return ip.includes(":") ? `[${ip}]:${port}` : `${ip}:${port}`
}
