import { describe, expect, test } from "bun:test"
import fc from "fast-check"
import { extension, helloMessage, inRecords, serverNameExtension, vector16 } from "./client-hello.fixture.ts"
import { type ClientHelloOutcome, ClientHelloReader } from "./client-hello.ts"

const BYTES_MAX = 16 * 1024

function read(bytes: Buffer, bytesMax = BYTES_MAX): ClientHelloOutcome {
  return new ClientHelloReader(bytesMax).feed(bytes)
}

/** @returns the first answer that is not "incomplete", and how many bytes it took. */
function readInPieces(
  bytes: Buffer,
  cuts: readonly number[],
): { outcome: ClientHelloOutcome; reader: ClientHelloReader } {
  const reader = new ClientHelloReader(BYTES_MAX)
  let outcome: ClientHelloOutcome = { kind: "incomplete" }
  let start = 0
  for (const end of [...cuts.toSorted((a, b) => a - b), bytes.length]) {
    if (outcome.kind !== "incomplete") break
    outcome = reader.feed(bytes.subarray(start, end))
    start = end
  }
  return { outcome, reader }
}

const usual = inRecords(helloMessage({ serverNames: ["Shop.Example.COM"], alpnProtocols: ["h2", "http/1.1"] }))
const usualHello = { serverName: "shop.example.com", alpnProtocols: ["h2", "http/1.1"] }

describe("what a ClientHello says", () => {
  test("the server name lower-cased and the ALPN protocols in the client's order (Istio semantics sheet 1.10)", () => {
    expect(read(usual)).toEqual({ kind: "complete", hello: usualHello })
  })

  test("no server name, no ALPN, no extensions at all", () => {
    const silent = { kind: "complete", hello: { serverName: "", alpnProtocols: [] } } as const
    expect(read(inRecords(helloMessage()))).toEqual(silent)
    expect(read(inRecords(helloMessage({ hasExtensions: false })))).toEqual(silent)
  })

  test("unknown extensions are passed over, before and after", () => {
    const grease = extension(0x1a1a, Buffer.alloc(3))
    const message = helloMessage({ extensions: [grease, serverNameExtension(["a.example"]), extension(51, grease)] })
    expect(read(inRecords(message))).toEqual({
      kind: "complete",
      hello: { serverName: "a.example", alpnProtocols: [] },
    })
  })

  test("what follows the message is not looked at", () => {
    expect(read(Buffer.concat([usual, Buffer.from("early data")])).kind).toBe("complete")
  })

  test("a message spread over records of one byte each", () => {
    const message = helloMessage({ serverNames: ["a.example"] })
    expect(read(inRecords(message, 1))).toEqual({
      kind: "complete",
      hello: { serverName: "a.example", alpnProtocols: [] },
    })
  })
})

describe("what is no ClientHello", () => {
  test.each([
    ["an HTTP request", Buffer.from("GET / HTTP/1.1\r\n"), "not-tls"],
    ["a PROXY line", Buffer.from("PROXY TCP4 "), "not-tls"],
    ["an SSL 2 hello", Buffer.from([0x80, 0x2e, 0x01]), "not-tls"],
    ["a record of another major version", Buffer.from([22, 2, 1]), "not-tls"],
    ["a TLS alert", Buffer.from([21, 3, 1, 0, 2, 1, 0]), "not-tls"],
    ["a ServerHello", Buffer.from([22, 3, 1, 0, 4, 2]), "malformed"],
    ["an empty record", Buffer.from([22, 3, 1, 0, 0]), "malformed"],
    ["a record longer than 2^14 bytes (RFC 8446 section 5.1)", Buffer.from([22, 3, 1, 0x40, 1]), "malformed"],
    ["a message longer than the limit", Buffer.from([22, 3, 1, 0, 4, 1, 1, 0, 0]), "too-large"],
  ] as const)("%s", (_, bytes, kind) => {
    expect(read(bytes).kind).toBe(kind)
  })

  test("another record type between the pieces of the message", () => {
    const message = helloMessage({ serverNames: ["a.example"] })
    const first = inRecords(message.subarray(0, 10))
    expect(read(Buffer.concat([first, Buffer.from([23, 3, 1, 0, 1, 0])])).kind).toBe("malformed")
  })

  test.each([
    ["two names in one list", { serverNames: ["a.example", "b.example"] }],
    ["an empty name", { serverNames: [""] }],
    ["an empty list of names", { serverNames: [] }],
    ["a name with a line feed", { serverNames: ["a.example\nb"] }],
    ["a name with a byte above ASCII", { serverNames: ["m\u00fcller.example"] }],
    ["a name with NUL", { serverNames: ["a.example\0.b"] }],
    ["a name of 256 bytes", { serverNames: ["a".repeat(256)] }],
    ["server_name twice", { serverNames: ["a.example"], extensions: [serverNameExtension(["b.example"])] }],
    ["an unknown extension twice", { extensions: [extension(99, Buffer.alloc(0)), extension(99, Buffer.alloc(0))] }],
    ["a name of another type", { extensions: [extension(0, vector16(Buffer.from([1, 0, 1, 0x61])))] }],
    ["bytes after the list of names", { extensions: [extension(0, Buffer.from([0, 4, 0, 0, 1, 0x61, 0]))] }],
    ["an empty ALPN list", { alpnProtocols: [] }],
    ["an empty ALPN name", { alpnProtocols: ["h2", ""] }],
    ["a session id of 33 bytes", { sessionId: Buffer.alloc(33) }],
    ["no cipher suite", { cipherSuites: Buffer.alloc(0) }],
    ["half a cipher suite", { cipherSuites: Buffer.alloc(3) }],
    ["no compression method", { compressionMethods: Buffer.alloc(0) }],
    ["bytes after the extensions", { trailing: Buffer.from([0]) }],
  ] as const)("%s", (_, parts) => {
    expect(read(inRecords(helloMessage(parts))).kind).toBe("malformed")
  })

  test("a message cut short anywhere within its own length", () => {
    const message = helloMessage({ serverNames: ["a.example"], alpnProtocols: ["h2"] })
    for (let length = 4; length < message.length; length++) {
      const cut = Buffer.from(message.subarray(0, length))
      cut.writeUIntBE(length - 4, 1, 3)
      const outcome = read(inRecords(cut))
      // Where only the extensions are cut off whole, what is left is a hello without any.
      if (outcome.kind === "complete") expect(outcome.hello).toEqual({ serverName: "", alpnProtocols: [] })
      else expect(outcome.kind).toBe("malformed")
    }
  })
})

describe("bytes as they come", () => {
  test("any split gives the same answer, and what was received is kept for the next owner", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(usual.length)), fc.integer({ min: 1, max: 300 }), (cuts, fragmentBytes) => {
        const bytes = inRecords(helloMessage({ serverNames: ["a.example"] }), fragmentBytes)
        const { outcome, reader } = readInPieces(
          bytes,
          cuts.filter((cut) => cut < bytes.length),
        )
        expect(outcome).toEqual({ kind: "complete", hello: { serverName: "a.example", alpnProtocols: [] } })
        expect(reader.received.equals(bytes)).toBe(true)
      }),
    )
  })

  test("every beginning is incomplete", () => {
    for (let length = 0; length < usual.length; length++) {
      expect(read(usual.subarray(0, length))).toEqual({ kind: "incomplete" })
    }
  })

  test("an endless hello is given up at the limit", () => {
    const reader = new ClientHelloReader(1024)
    const huge = inRecords(helloMessage({ extensions: [extension(99, Buffer.alloc(900))] }), 1)
    let outcome: ClientHelloOutcome = { kind: "incomplete" }
    let fed = 0
    while (outcome.kind === "incomplete") outcome = reader.feed(huge.subarray(fed, ++fed))
    expect([outcome.kind, fed]).toEqual(["too-large", 1024])
  })

  test("whatever the bytes, there is an answer; it never depends on how they were split", () => {
    const start = fc.constantFrom(Buffer.alloc(0), usual.subarray(0, 5), usual.subarray(0, 50), usual)
    const mutated = fc
      .tuple(start, fc.uint8Array({ maxLength: 200 }), fc.array(fc.tuple(fc.nat(260), fc.nat(255))))
      .map(([begin, rest, edits]) => {
        const bytes = Buffer.concat([begin, rest])
        for (const [at, value] of edits) if (at < bytes.length) bytes[at] = value
        return bytes
      })
    fc.assert(
      fc.property(mutated, fc.array(fc.nat(260)), (bytes, cuts) => {
        const whole = read(bytes)
        const { outcome } = readInPieces(
          bytes,
          cuts.filter((cut) => cut < bytes.length),
        )
        // In one piece more is seen at once than was needed for the first verdict.
        expect(outcome).toEqual(whole)
      }),
      { numRuns: 2_000 },
    )
  })
})
