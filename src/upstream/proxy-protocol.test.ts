/** The PROXY protocol header, byte by byte (haproxy.org proxy-protocol.txt, sections 2.1 and 2.2). */
import { describe, expect, test } from "bun:test"
import type { PeerAddresses } from "../http/stream.ts"
import { proxyHeader } from "./proxy-protocol.ts"

function peerOf(remoteIp: string, remotePort: number, localIp: string, localPort: number): PeerAddresses {
  const join = (ip: string, port: number) => (ip.includes(":") ? `[${ip}]:${port}` : `${ip}:${port}`)
  const [remoteAddress, localAddress] = [join(remoteIp, remotePort), join(localIp, localPort)]
  const addresses = { remoteIp, localIp, remoteAddress, localAddress, directRemoteAddress: remoteAddress }
  return { ...addresses, serverName: "", handshake: null }
}

const signature = "0d0a0d0a000d0a515549540a"

describe("version 1", () => {
  test("IPv4 and IPv6 in text", () => {
    expect(proxyHeader(1, peerOf("192.0.2.7", 40000, "198.51.100.1", 443)).toString()).toBe(
      "PROXY TCP4 192.0.2.7 198.51.100.1 40000 443\r\n",
    )
    expect(proxyHeader(1, peerOf("2001:db8::7", 40000, "2001:db8::1", 80)).toString()).toBe(
      "PROXY TCP6 2001:db8::7 2001:db8::1 40000 80\r\n",
    )
  })

  test("UNKNOWN for the gateway's own connections and for two families", () => {
    expect(proxyHeader(1, null).toString()).toBe("PROXY UNKNOWN\r\n")
    expect(proxyHeader(1, peerOf("192.0.2.7", 1, "::1", 2)).toString()).toBe("PROXY UNKNOWN\r\n")
  })
})

describe("version 2", () => {
  test("IPv4: 12 bytes of addresses", () => {
    expect(proxyHeader(2, peerOf("192.0.2.7", 40000, "198.51.100.1", 443)).toString("hex")).toBe(
      `${signature}2111000cc0000207c63364019c4001bb`,
    )
  })

  test.each([
    ["2001:db8::7", "20010db8000000000000000000000007"],
    ["::1", "00000000000000000000000000000001"],
    ["fe80::1%eth0", "fe800000000000000000000000000001"],
    ["1:2:3:4:5:6:7:8", "00010002000300040005000600070008"],
    ["64:ff9b::192.0.2.33", "0064ff9b0000000000000000c0000221"],
  ])("IPv6 %s", (address, hex) => {
    expect(proxyHeader(2, peerOf(address, 1, "::", 65_535)).toString("hex")).toBe(
      `${signature}21210024${hex}${"00".repeat(16)}0001ffff`,
    )
  })

  test("LOCAL without addresses for the gateway's own connections", () => {
    expect(proxyHeader(2, null).toString("hex")).toBe(`${signature}20000000`)
  })
})
