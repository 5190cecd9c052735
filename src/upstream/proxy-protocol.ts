/**
 * The PROXY protocol header that opens a connection to a service and tells it who the client is
 * (haproxy.org proxy-protocol.txt, sections 2.1 and 2.2; Istio DestinationRule `proxyProtocol`). Pure.
 */
import { isIP } from "node:net"
import type { PeerAddresses } from "../http/stream.ts"

const signatureV2 = Buffer.from("\r\n\r\n\0\r\nQUIT\n", "latin1")
const versionAndLocal = 0x20
const versionAndProxy = 0x21
const tcpOverIpv4 = 0x11
const tcpOverIpv6 = 0x21

/** @param peer null = the connection is the gateway's own: a health check, a mirrored request. */
export function proxyHeader(version: 1 | 2, peer: PeerAddresses | null): Buffer {
  const addresses = peer === null ? null : addressPair(peer)
  return version === 1 ? headerV1(addresses) : headerV2(addresses)
}

interface AddressPair {
  readonly family: 4 | 6
  readonly source: string
  readonly sourcePort: number
  readonly destination: string
  readonly destinationPort: number
}

/** @returns null when the two are not addresses of one family: nothing a header could hold. */
function addressPair(peer: PeerAddresses): AddressPair | null {
  const family = isIP(peer.remoteIp)
  if (isIP(peer.localIp) !== family || (family !== 4 && family !== 6)) return null
  return {
    family,
    source: peer.remoteIp,
    sourcePort: portOf(peer.remoteAddress),
    destination: peer.localIp,
    destinationPort: portOf(peer.localAddress),
  }
}

function portOf(address: string): number {
  return Number(address.slice(address.lastIndexOf(":") + 1)) & 0xffff
}

function headerV1(addresses: AddressPair | null): Buffer {
  if (addresses === null) return Buffer.from("PROXY UNKNOWN\r\n", "latin1")
  const { family, source, sourcePort, destination, destinationPort } = addresses
  return Buffer.from(`PROXY TCP${family} ${source} ${destination} ${sourcePort} ${destinationPort}\r\n`, "latin1")
}

function headerV2(addresses: AddressPair | null): Buffer {
  if (addresses === null) return Buffer.concat([signatureV2, Buffer.from([versionAndLocal, 0, 0, 0])])
  const { family, source, sourcePort, destination, destinationPort } = addresses
  const bytes = Buffer.concat([addressBytes(source, family), addressBytes(destination, family), Buffer.alloc(4)])
  bytes.writeUInt16BE(sourcePort, bytes.length - 4)
  bytes.writeUInt16BE(destinationPort, bytes.length - 2)
  const head = Buffer.from([versionAndProxy, family === 4 ? tcpOverIpv4 : tcpOverIpv6, 0, bytes.length])
  return Buffer.concat([signatureV2, head, bytes])
}

function addressBytes(address: string, family: 4 | 6): Buffer {
  if (family === 4) return Buffer.from(address.split(".").map(Number))
  const [before = "", after] = (address.split("%")[0] ?? "").split("::")
  const head = ipv6Groups(before)
  const tail = after === undefined ? [] : ipv6Groups(after)
  const groups = [...head, ...new Array<number>(Math.max(0, 8 - head.length - tail.length)).fill(0), ...tail]
  return Buffer.from(groups.slice(0, 8).flatMap((group) => [group >> 8, group & 0xff]))
}

/** An IPv4 address may stand for the last two groups. */
function ipv6Groups(text: string): readonly number[] {
  return text
    .split(":")
    .filter((part) => part !== "")
    .flatMap((part) => {
      if (!part.includes(".")) return [Number.parseInt(part, 16)]
      const [a = 0, b = 0, c = 0, d = 0] = part.split(".").map(Number)
      return [(a << 8) | b, (c << 8) | d]
    })
}
