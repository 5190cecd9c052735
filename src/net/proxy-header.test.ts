import { describe, expect, test } from "bun:test"
import { isIPv6 } from "node:net"
import fc from "fast-check"
import { proxyHeader } from "../upstream/proxy-protocol.ts"
import { parseProxyHeader, proxyHeaderV1BytesMax, proxyHeaderV2BytesMax } from "./proxy-header.ts"

const incomplete = { kind: "incomplete" } as const
const malformed = { kind: "malformed" } as const

function v1(line: string) {
  return parseProxyHeader(Buffer.from(line, "latin1"))
}

const signature = "0d0a0d0a000d0a515549540a"

/** A version 2 header from what follows its signature. */
function v2(rest: string) {
  return parseProxyHeader(Buffer.from(signature + rest.replaceAll(" ", ""), "hex"))
}

function addressesIn(outcome: ReturnType<typeof parseProxyHeader>) {
  if (outcome.kind !== "complete") throw new Error(outcome.kind)
  return outcome.addresses
}

describe("version 1 (proxy-protocol.txt section 2.1)", () => {
  test("TCP4 and TCP6 announce both ends; what follows is not the header's", () => {
    const line = "PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n"
    expect(v1(`${line}GET / HTTP/1.1\r\n`)).toEqual({
      kind: "complete",
      headerBytes: line.length,
      addresses: {
        sourceIp: "192.0.2.1",
        sourcePort: 56324,
        destinationIp: "198.51.100.7",
        destinationPort: 443,
      },
    })
    expect(addressesIn(v1("PROXY TCP6 2001:db8::1 ::1 1 65535\r\n"))).toEqual({
      sourceIp: "2001:db8::1",
      sourcePort: 1,
      destinationIp: "::1",
      destinationPort: 65535,
    })
  })

  test("UNKNOWN announces nobody, whatever follows it on the line", () => {
    expect(v1("PROXY UNKNOWN\r\n")).toEqual({ kind: "complete", headerBytes: 15, addresses: null })
    const long = `PROXY UNKNOWN ${"f".repeat(proxyHeaderV1BytesMax - 16)}\r\n`
    expect(v1(long)).toEqual({ kind: "complete", headerBytes: proxyHeaderV1BytesMax, addresses: null })
  })

  test("107 bytes without an end are too many", () => {
    expect(v1(`PROXY UNKNOWN ${"f".repeat(proxyHeaderV1BytesMax - 15)}`)).toEqual(incomplete)
    expect(v1(`PROXY UNKNOWN ${"f".repeat(proxyHeaderV1BytesMax - 14)}`)).toEqual(malformed)
    expect(v1(`PROXY UNKNOWN ${"f".repeat(proxyHeaderV1BytesMax - 15)}\r\n`)).toEqual(malformed)
  })

  test.each([
    "GET / HTTP/1.1\r\n",
    "proxy TCP4 1.1.1.1 2.2.2.2 1 2\r\n",
    "PROXY  TCP4 1.1.1.1 2.2.2.2 1 2\r\n",
    "PROXY TCP4 1.1.1.1 2.2.2.2 1 2 \r\n",
    "PROXY TCP4 1.1.1.1 2.2.2.2 1\r\n",
    "PROXY TCP4 1.1.1.1  2.2.2.2 1 2\r\n",
    "PROXY TCP4 1.1.1.1 2.2.2.2 01 2\r\n",
    "PROXY TCP4 1.1.1.1 2.2.2.2 1 65536\r\n",
    "PROXY TCP4 1.1.1.1 2.2.2.2 -1 2\r\n",
    "PROXY TCP4 1.1.1 2.2.2.2 1 2\r\n",
    "PROXY TCP4 01.1.1.1 2.2.2.2 1 2\r\n",
    "PROXY TCP4 ::1 ::2 1 2\r\n",
    "PROXY TCP6 1.1.1.1 2.2.2.2 1 2\r\n",
    "PROXY TCP6 fe80::1%eth0 ::2 1 2\r\n",
    "PROXY TCP5 1.1.1.1 2.2.2.2 1 2\r\n",
    "PROXY TCP4 1.1.1.1 2.2.2.2 1 2\n\r\n",
  ])("%j is malformed", (line) => {
    expect(v1(line)).toEqual(malformed)
  })
})

describe("version 2 (proxy-protocol.txt section 2.2)", () => {
  test("PROXY over TCP, both families; TLVs are skipped", () => {
    expect(v2("21 11 000c c0000201 c6336407 dc04 01bb")).toEqual({
      kind: "complete",
      headerBytes: 28,
      addresses: { sourceIp: "192.0.2.1", sourcePort: 56324, destinationIp: "198.51.100.7", destinationPort: 443 },
    })
    expect(v2("21 11 0011 c0000201 c6336407 dc04 01bb 0400020000 aabb")).toMatchObject({ headerBytes: 33 })
    expect(addressesIn(v2(`21 21 0024 20010db8${"00".repeat(11)}01 ${"00".repeat(16)} 0001 0002`))).toEqual({
      sourceIp: "2001:db8::1",
      sourcePort: 1,
      destinationIp: "::",
      destinationPort: 2,
    })
  })

  test.each([
    ["LOCAL: a health check of the proxy's own", "20 00 0000"],
    ["LOCAL with addresses, which do not count", "20 11 000c c0000201 c6336407 dc04 01bb"],
    ["PROXY of an unspecified family", "21 00 0000"],
    ["PROXY of a unix socket", `21 31 00d8 ${"00".repeat(216)}`],
  ])("%s announces nobody", (_name, rest) => {
    expect(addressesIn(v2(rest))).toBeNull()
  })

  test.each([
    ["version 1 in a version 2 header", "11 11 000c c0000201 c6336407 dc04 01bb"],
    ["an unknown command", "22 11 000c c0000201 c6336407 dc04 01bb"],
    ["UDP", "21 12 000c c0000201 c6336407 dc04 01bb"],
    ["an unknown family", "21 41 000c c0000201 c6336407 dc04 01bb"],
    ["addresses that are cut short", "21 11 000b c0000201 c6336407 dc0401"],
    ["IPv6 in the length of IPv4", "21 21 000c c0000201 c6336407 dc04 01bb"],
    ["more than fits in 536 bytes, before it has come", "21 11 0209"],
  ])("%s is malformed", (_name, rest) => {
    expect(v2(rest)).toEqual(malformed)
  })

  test("536 bytes are allowed", () => {
    expect(v2(`21 11 0208 c0000201 c6336407 dc04 01bb ${"00".repeat(508)}`)).toMatchObject({
      headerBytes: proxyHeaderV2BytesMax,
    })
  })
})

const port = fc.integer({ min: 0, max: 0xffff })
/** All eight groups written out, zeros often. */
const ipv6 = fc
  .array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff })), { minLength: 8, maxLength: 8 })
  .map((groups) => groups.map((group) => group.toString(16)).join(":"))
const sameFamily = fc.oneof(fc.tuple(fc.ipV4(), fc.ipV4()), fc.tuple(ipv6, ipv6))

test("whatever the gateway announces upstream it understands itself, cut anywhere, with bytes behind", () => {
  const canonical = (ip: string) => (isIPv6(ip) ? new URL(`http://[${ip}]`).hostname.slice(1, -1) : ip)
  fc.assert(
    fc.property(sameFamily, port, port, fc.uint8Array({ maxLength: 40 }), (ips, sourcePort, destinationPort, rest) => {
      const [remoteIp, localIp] = ips
      const peer = {
        remoteIp,
        localIp,
        remoteAddress: `x:${sourcePort}`,
        localAddress: `x:${destinationPort}`,
        directRemoteAddress: "x:1",
        serverName: "",
        handshake: null,
      }
      for (const version of [1, 2] as const) {
        const header = proxyHeader(version, peer)
        for (let length = 0; length < header.length; length++) {
          expect(parseProxyHeader(header.subarray(0, length))).toEqual(incomplete)
        }
        const outcome = parseProxyHeader(Buffer.concat([header, rest]))
        const addresses = addressesIn(outcome)
        expect(outcome).toMatchObject({ headerBytes: header.length })
        expect(addresses).toMatchObject({ sourcePort, destinationPort })
        // Version 1 passes the text on, version 2 writes it as RFC 5952 has it.
        expect([addresses?.sourceIp, addresses?.destinationIp].map((ip) => canonical(ip ?? ""))).toEqual([
          canonical(remoteIp),
          canonical(localIp),
        ])
        if (version === 2) expect(addresses?.sourceIp).toBe(canonical(remoteIp))
      }
    }),
    { numRuns: 200 },
  )
})

test("any bytes give an outcome, and never ask for more than the longest header", () => {
  const prefixes = [
    "",
    "PROXY ",
    "PROXY TCP4 ",
    "PROXY TCP6 ::",
    "PROXY UNKNOWN",
    "\r\n\r\n\0\r\nQUIT\n",
    "\r\n\r\n\0\r\nQUIT\n!",
  ]
  const input = fc
    .tuple(fc.constantFrom(...prefixes), fc.uint8Array({ maxLength: 700 }))
    .map(([prefix, rest]) => Buffer.concat([Buffer.from(prefix, "latin1"), rest]))
  fc.assert(
    fc.property(input, (bytes) => {
      const outcome = parseProxyHeader(bytes)
      if (outcome.kind === "incomplete") expect(bytes.length).toBeLessThan(proxyHeaderV2BytesMax)
      if (outcome.kind === "complete") expect(outcome.headerBytes).toBeLessThanOrEqual(bytes.length)
      // What has been refused, or read, stays so whatever follows.
      const longer = parseProxyHeader(Buffer.concat([bytes, Buffer.from("\r\n")]))
      if (outcome.kind !== "incomplete") expect(longer).toEqual(outcome)
    }),
    { numRuns: 3_000 },
  )
})
