import { afterEach, describe, expect, test } from "bun:test"
import fc from "fast-check"
import { flushCorked, Output, type OutputSocket } from "./output.ts"
import { meterSocket } from "./traffic-meter.ts"

const KIB = 1024

/** Takes as many bytes of each write as it is told, in turn; then everything. -1 = closed. */
class ScriptedSocket implements OutputSocket {
  received = ""
  writeCalls = 0
  isShutDown = false
  readonly #takes: number[]

  constructor(...takes: readonly number[]) {
    this.#takes = [...takes]
  }

  write(bytes: Buffer, offset: number, length: number): number {
    this.writeCalls++
    const take = this.#takes.shift() ?? length
    const taken = Math.min(take, length)
    if (taken > 0) this.received += bytes.latin1Slice(offset, offset + taken)
    return taken
  }

  shutdown(): void {
    this.isShutDown = true
  }
}

function attached(socket: OutputSocket): Output {
  const output = new Output()
  output.attach(socket)
  return output
}

function writeBytes(output: Output, text: string): void {
  const bytes = Buffer.from(`<${text}>`, "latin1")
  output.writeBytes(bytes, 1, bytes.length - 1)
  // The bytes are the caller's again.
  bytes.fill(0)
}

// The scratch is one for all: no test leaves bytes in it.
afterEach(flushCorked)

describe("cork", () => {
  test("small writes of one turn leave in one call, in order", () => {
    const socket = new ScriptedSocket()
    const output = attached(socket)
    output.writeText("head\xe9")
    writeBytes(output, "body")
    expect(socket.writeCalls).toBe(0)
    flushCorked()
    expect([socket.received, socket.writeCalls]).toEqual(["head\xe9body", 1])
    flushCorked()
    expect(socket.writeCalls).toBe(1)
  })

  test("whoever writes next sends the other's bytes first", () => {
    const [first, second] = [new ScriptedSocket(), new ScriptedSocket()]
    const [a, b] = [attached(first), attached(second)]
    a.writeText("a1")
    b.writeText("b1")
    expect([first.received, second.received]).toEqual(["a1", ""])
    a.writeText("a2")
    expect(second.received).toBe("b1")
    flushCorked()
    expect([first.received, second.received]).toEqual(["a1a2", "b1"])
  })

  test("large bytes go past the scratch, after what was written before, in no more calls than pieces", () => {
    const socket = new ScriptedSocket()
    const output = attached(socket)
    const large = "x".repeat(16 * KIB)
    output.writeText("head")
    writeBytes(output, large)
    expect([socket.received, socket.writeCalls]).toEqual([`head${large}`, 2])
    writeBytes(output, large)
    expect(socket.writeCalls).toBe(3)
  })

  test("text larger than the scratch, and more small writes than it holds", () => {
    const socket = new ScriptedSocket()
    const output = attached(socket)
    const huge = "t".repeat(200 * KIB)
    output.writeText("a")
    output.writeText(huge)
    const piece = "p".repeat(15 * KIB)
    for (let count = 0; count < 20; count++) writeBytes(output, piece)
    flushCorked()
    expect(socket.received === `a${huge}${piece.repeat(20)}`).toBe(true)
    expect(output.bytesTotal).toBe(socket.received.length)
  })

  test("nothing to write is no call", () => {
    const socket = new ScriptedSocket()
    const output = attached(socket)
    output.writeText("")
    output.writeBytes(Buffer.from("x"), 0, 0)
    flushCorked()
    expect(socket.writeCalls).toBe(0)
  })
})

describe("a socket that does not take everything", () => {
  test("the rest waits, in order, until the socket drains", () => {
    const socket = new ScriptedSocket(3, 0, 1, 2)
    const output = attached(socket)
    output.writeText("abcdef")
    flushCorked()
    expect([socket.received, output.isBackedUp, output.waitingBytes]).toEqual(["abc", true, 3])
    output.writeText("ghi")
    flushCorked()
    // Behind waiting bytes nothing is written at once: it would overtake them.
    expect([socket.writeCalls, output.waitingBytes]).toEqual([1, 6])
    expect([output.onDrain(), socket.received, output.waitingBytes]).toEqual([false, "abc", 6])
    expect([output.onDrain(), socket.received]).toEqual([false, "abcd"])
    expect([output.onDrain(), socket.received]).toEqual([true, "abcdefghi"])
    expect(output.isBackedUp).toBe(false)
  })

  test("waiting bytes are a copy: the caller's buffer may change", () => {
    const socket = new ScriptedSocket(0)
    const output = attached(socket)
    const large = "y".repeat(16 * KIB)
    writeBytes(output, large)
    expect(output.onDrain()).toBe(true)
    expect(socket.received === large).toBe(true)
  })

  test("a closed socket takes nothing, and nothing is kept for it", () => {
    const socket = new ScriptedSocket(-1)
    const output = attached(socket)
    output.writeText("abc")
    flushCorked()
    expect([output.isBackedUp, socket.received]).toEqual([false, ""])
  })

  test("what a closed socket does not take is not counted as sent", () => {
    const socket = new ScriptedSocket(1, -1)
    const meter = { bytesReceived: 0, bytesSent: 0 }
    meterSocket(socket, meter)
    const output = attached(socket)
    output.writeText("abc")
    flushCorked()
    output.onDrain()
    expect(meter.bytesSent).toBe(1)
  })

  test("a socket that closes while bytes wait does not say that it drained", () => {
    const output = attached(new ScriptedSocket(1, -1))
    output.writeText("abc")
    flushCorked()
    expect(output.onDrain()).toBe(false)
    expect(output.waitingBytes).toBe(2)
  })

  test("after detach nothing is sent, kept or drained", () => {
    const socket = new ScriptedSocket(1)
    const output = attached(socket)
    output.writeText("abc")
    flushCorked()
    output.writeText("def")
    output.detach()
    flushCorked()
    output.writeText("ghi")
    flushCorked()
    expect([socket.received, output.waitingBytes, output.onDrain()]).toEqual(["a", 0, false])
  })

  test("any writes and any partial takes arrive whole and in order", () => {
    const size = fc.oneof(fc.nat(40), fc.constantFrom(16 * KIB - 1, 16 * KIB, 130 * KIB))
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom("text", "bytes"), size }) },
      {
        weight: 1,
        arbitrary: fc.record({
          kind: fc.constantFrom("flush", "drain", "gather", "stop gathering"),
          size: fc.constant(0),
        }),
      },
    )
    const takes = fc.array(fc.oneof(fc.constantFrom(0, 1, 2), fc.nat(20_000)), { maxLength: 20 })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 15 }), takes, (steps, scripted) => {
        const socket = new ScriptedSocket(...scripted)
        const meter = { bytesReceived: 0, bytesSent: 0 }
        meterSocket(socket, meter)
        const output = attached(socket)
        let expected = ""
        for (const [index, each] of steps.entries()) {
          const text = String.fromCharCode(0x61 + index).repeat(each.size)
          if (each.kind === "text") output.writeText(text)
          else if (each.kind === "bytes") writeBytes(output, text)
          else if (each.kind === "flush") flushCorked()
          else if (each.kind === "drain") output.onDrain()
          else output.gathers = each.kind === "gather"
          expected += text
        }
        output.endAfterFlush()
        flushCorked()
        // What waits has not been sent.
        expect(meter).toEqual({ bytesReceived: 0, bytesSent: socket.received.length })
        for (let drains = 0; drains < 30 && output.isBackedUp; drains++) output.onDrain()
        expect(socket.received === expected).toBe(true)
        expect([output.waitingBytes, output.bytesTotal, socket.isShutDown]).toEqual([0, expected.length, true])
        expect(meter.bytesSent).toBe(expected.length)
      }),
      { numRuns: 300 },
    )
  })
})

describe("end", () => {
  test("FIN follows the last byte: at once when nothing waits", () => {
    const socket = new ScriptedSocket()
    const output = attached(socket)
    output.writeText("abc")
    output.endAfterFlush()
    expect([socket.received, socket.isShutDown]).toEqual(["abc", true])
  })

  test("FIN waits for bytes that wait", () => {
    const socket = new ScriptedSocket(1)
    const output = attached(socket)
    output.writeText("abc")
    output.endAfterFlush()
    expect(socket.isShutDown).toBe(false)
    expect(output.onDrain()).toBe(true)
    expect([socket.received, socket.isShutDown]).toEqual(["abc", true])
  })
})

describe("gathering", () => {
  function gathering(socket: OutputSocket): Output {
    const output = attached(socket)
    output.gathers = true
    return output
  }

  /** The end of the present turn of the event loop. */
  const endOfTurn = () => new Promise<void>((resolve) => setImmediate(resolve))

  test("what several events have for one socket leaves in one call, when the turn is over", async () => {
    const socket = new ScriptedSocket()
    const output = gathering(socket)
    const other = attached(new ScriptedSocket())
    for (const text of ["a", "b", "c"]) {
      output.writeText(text)
      other.writeText("x")
      flushCorked()
    }
    expect(socket.writeCalls).toBe(0)
    await endOfTurn()
    expect([socket.received, socket.writeCalls]).toEqual(["abc", 1])
  })

  test("as soon as it no longer gathers, the next write takes along what was gathered", async () => {
    const socket = new ScriptedSocket()
    const output = gathering(socket)
    output.writeText("a")
    flushCorked()
    output.gathers = false
    output.writeText("b")
    flushCorked()
    expect([socket.received, socket.writeCalls]).toEqual(["ab", 1])
    await endOfTurn()
    expect(socket.writeCalls).toBe(1)
  })

  test("more than a TLS record does not wait, and keeps its place", async () => {
    const socket = new ScriptedSocket()
    const output = gathering(socket)
    const pieces = ["a".repeat(10 * KIB), "b".repeat(10 * KIB), "c".repeat(40 * KIB), "d"]
    for (const piece of pieces) {
      writeBytes(output, piece)
      flushCorked()
    }
    expect(socket.received).toBe(pieces.slice(0, 3).join(""))
    await endOfTurn()
    expect(socket.received).toBe(pieces.join(""))
  })

  test("FIN follows what was gathered; a socket that is gone gets nothing", async () => {
    const socket = new ScriptedSocket()
    const output = gathering(socket)
    output.writeText("a")
    flushCorked()
    output.endAfterFlush()
    expect([socket.received, socket.isShutDown]).toEqual(["a", true])
    const goneSocket = new ScriptedSocket()
    const gone = gathering(goneSocket)
    gone.writeText("a")
    flushCorked()
    gone.detach()
    await endOfTurn()
    expect(goneSocket.writeCalls).toBe(0)
  })

  test("bytes that the socket does not take wait as ever", async () => {
    const socket = new ScriptedSocket(1)
    const output = gathering(socket)
    output.writeText("abc")
    flushCorked()
    await endOfTurn()
    expect([socket.received, output.waitingBytes]).toEqual(["a", 2])
    output.onDrain()
    expect(socket.received).toBe("abc")
  })
})
