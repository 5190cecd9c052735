/**
 * The PROXY protocol header that a load balancer puts in front of a connection to say who its client is, versions 1 and
 * 2 (haproxy.org proxy-protocol.txt, sections 2.1 and 2.2). Pure and total: any bytes give one of three outcomes.
 *
 *   v1  PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n                                        at most 107 bytes
 *   v2  signature(12) version+command(1) family+protocol(1) length(2) addresses TLVs           at most 536 bytes
 *
 * Strict, because what it says is believed: one space between words, no leading zeros, addresses of the family named.
 */
import { isIPv4, isIPv6 } from "node:net"
import type { AnnouncedAddresses } from "./connection-addresses.ts"

/** Section 2.1: the longest line there can be, its end included. */
export const proxyHeaderV1BytesMax = 107
/** Section 2.2: what fits in the smallest TCP segment, and so in the first read of whoever parses it. */
export const proxyHeaderV2BytesMax = 536

export type ProxyHeaderOutcome =
  /** So far a header, and more of it must come. */
  | { readonly kind: "incomplete" }
  | { readonly kind: "malformed" }
  | {
      readonly kind: "complete"
      readonly headerBytes: number
      /** null = the proxy speaks for itself (`LOCAL`, `UNKNOWN`), or names no IP addresses: the connection's own count. */
      readonly addresses: AnnouncedAddresses | null
    }

const incomplete: ProxyHeaderOutcome = Object.freeze({ kind: "incomplete" })
const malformed: ProxyHeaderOutcome = Object.freeze({ kind: "malformed" })

const signatureV1 = Buffer.from("PROXY ", "latin1")
const signatureV2 = Buffer.from("\r\n\r\n\0\r\nQUIT\n", "latin1")
/** Signature, version and command, family and protocol, length. */
const fixedBytesV2 = 16

const Command = Object.freeze({ local: 0x20, proxy: 0x21 } as const)
const Family = Object.freeze({ unspecified: 0x00, tcpOverIpv4: 0x11, tcpOverIpv6: 0x21, unixStream: 0x31 } as const)

/** @param bytes everything the client has sent so far */
export function parseProxyHeader(bytes: Buffer): ProxyHeaderOutcome {
  if (startsAlike(bytes, signatureV1)) return bytes.length < signatureV1.length ? incomplete : parseV1(bytes)
  if (startsAlike(bytes, signatureV2)) return bytes.length < fixedBytesV2 ? incomplete : parseV2(bytes)
  return malformed
}

/** Whether the two are equal as far as both go. */
function startsAlike(bytes: Buffer, signature: Buffer): boolean {
  const length = Math.min(bytes.length, signature.length)
  return bytes.subarray(0, length).equals(signature.subarray(0, length))
}

function parseV1(bytes: Buffer): ProxyHeaderOutcome {
  const text = bytes.latin1Slice(0, Math.min(bytes.length, proxyHeaderV1BytesMax))
  const end = text.indexOf("\r\n")
  if (end < 0) return bytes.length < proxyHeaderV1BytesMax ? incomplete : malformed
  const headerBytes = end + 2
  const words = text.slice(signatureV1.length, end).split(" ")
  const [family, sourceIp, destinationIp, sourcePortText, destinationPortText] = words
  // What stands behind UNKNOWN must be ignored, whatever it is.
  if (family === "UNKNOWN") return { kind: "complete", headerBytes, addresses: null }
  if (words.length !== 5 || sourceIp === undefined || destinationIp === undefined) return malformed
  const isAddress = family === "TCP4" ? isIPv4 : family === "TCP6" ? isUnzonedIpv6 : null
  const sourcePort = parsePort(sourcePortText)
  const destinationPort = parsePort(destinationPortText)
  if (isAddress === null || !isAddress(sourceIp) || !isAddress(destinationIp)) return malformed
  if (sourcePort < 0 || destinationPort < 0) return malformed
  return { kind: "complete", headerBytes, addresses: { sourceIp, sourcePort, destinationIp, destinationPort } }
}

/** A zone (`%eth0`) means something on one machine only. */
function isUnzonedIpv6(text: string): boolean {
  return isIPv6(text) && !text.includes("%")
}

/** @returns -1 when it is not a port */
function parsePort(text: string | undefined): number {
  if (text === undefined || !/^(?:0|[1-9]\d{0,4})$/.test(text)) return -1
  const port = Number(text)
  return port <= 0xffff ? port : -1
}

function parseV2(bytes: Buffer): ProxyHeaderOutcome {
  const command = bytes.readUInt8(12)
  const family = bytes.readUInt8(13)
  const headerBytes = fixedBytesV2 + bytes.readUInt16BE(14)
  if (command !== Command.local && command !== Command.proxy) return malformed
  if (headerBytes > proxyHeaderV2BytesMax) return malformed
  const ipBytes = family === Family.tcpOverIpv4 ? 4 : family === Family.tcpOverIpv6 ? 16 : 0
  if (command === Command.proxy) {
    const isKnown = ipBytes > 0 || family === Family.unspecified || family === Family.unixStream
    if (!isKnown || headerBytes < fixedBytesV2 + (ipBytes === 0 ? 0 : 2 * ipBytes + 4)) return malformed
  }
  if (bytes.length < headerBytes) return incomplete
  if (command === Command.local || ipBytes === 0) return { kind: "complete", headerBytes, addresses: null }
  const destinationOffset = fixedBytesV2 + ipBytes
  const portsOffset = destinationOffset + ipBytes
  const addresses = {
    sourceIp: formatIp(bytes.subarray(fixedBytesV2, destinationOffset)),
    sourcePort: bytes.readUInt16BE(portsOffset),
    destinationIp: formatIp(bytes.subarray(destinationOffset, portsOffset)),
    destinationPort: bytes.readUInt16BE(portsOffset + 2),
  }
  return { kind: "complete", headerBytes, addresses }
}

/** Four bytes dotted, sixteen as RFC 5952 writes them. */
function formatIp(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join(".")
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2))
  const { start, length } = longestZeroRun(groups)
  const text = (part: readonly number[]): string => part.map((group) => group.toString(16)).join(":")
  // A single zero group is written out (section 4.2.2).
  return length < 2 ? text(groups) : `${text(groups.slice(0, start))}::${text(groups.slice(start + length))}`
}

/** The first of the longest (section 4.2.3). */
function longestZeroRun(groups: readonly number[]): { readonly start: number; readonly length: number } {
  let longest = { start: 0, length: 0 }
  let start = 0
  for (const [index, group] of groups.entries()) {
    if (group !== 0) start = index + 1
    else if (index + 1 - start > longest.length) longest = { start, length: index + 1 - start }
  }
  return longest
}
