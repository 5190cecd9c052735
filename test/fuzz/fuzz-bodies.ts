/** One fuzzing run over chunked bodies: total, the same however the bytes are split, and strict about what it accepts. */
import { BodyDecoder } from "../../src/http/h1/body-decoder.ts"
import { DEFAULT_HTTP_LIMITS } from "../../src/http/limits.ts"
import type { FuzzOutcome } from "./fuzz-request-heads.ts"
import { mutate, SeededRandom } from "./mutate.ts"

const FAILURES_MAX = 10

const bodies: readonly string[] = [
  "5\r\nhello\r\n0\r\n\r\n",
  "a;x=y\r\n0123456789\r\n1\r\nz\r\n0\r\nX-Sum: 1\r\nY:\r\n\r\n",
  "0\r\n\r\n",
  "000\r\nHost: a\r\nContent-Length: 5\r\n\r\n",
  "1\nx\r\n0\r\n\r\n",
  "ffffffffffffffff\r\nx",
]

const pieces: readonly string[] = [
  "\r\n",
  "\r",
  "\n",
  "0",
  "1",
  "5",
  "f",
  ";",
  "\0",
  " ",
  ":",
  "0\r\n\r\n",
  "A: b\r\n",
  "\x7f",
]

/** The grammar of 9112 section 7.1, with data read by length. */
const sizeLine = /([0-9A-Fa-f]{1,16})(?:;[\t\x20-\x7e\x80-\xff]*)?\r\n/y
const trailerLine = /[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*\r\n/y

export function fuzzBodies(runs: number, seed: number): FuzzOutcome {
  const random = new SeededRandom(seed)
  const failures: string[] = []
  let accepted = 0
  let refused = 0
  for (let run = 0; run < runs && failures.length < FAILURES_MAX; run++) {
    const text = mutate(random.of(bodies, ""), random, pieces, bodies)
    try {
      const whole = decode(text, [])
      const split = decode(text, [random.below(text.length + 1), random.below(4), random.below(4)])
      const expected = readReferenceBody(text)
      if (whole.end >= 0) accepted++
      else refused++
      const isSame = whole.end === split.end && whole.payload === split.payload
      if (!isSame && (whole.end >= 0 || split.end >= 0)) failures.push(`split differently: ${JSON.stringify(text)}`)
      else if (whole.end >= 0 && (whole.end !== expected?.end || whole.payload !== expected.payload)) {
        failures.push(`accepted: ${JSON.stringify(text)}`)
      } else if (whole.end < 0 && expected !== null) failures.push(`refused: ${JSON.stringify(text)}`)
    } catch (error) {
      failures.push(`threw ${String(error)}: ${JSON.stringify(text)}`)
    }
  }
  return { accepted, refused, failures }
}

interface DecodedBody {
  /** Offset after the body; -1 when it is malformed or does not end. */
  readonly end: number
  readonly payload: string
}

function decode(text: string, readLengths: readonly number[]): DecodedBody {
  const decoder = new BodyDecoder()
  decoder.startChunked()
  let payload = ""
  const sink = {
    onBody(bytes: Buffer, start: number, end: number) {
      payload += bytes.latin1Slice(start, end)
      return true
    },
  }
  const bytes = Buffer.from(text, "latin1")
  let offset = 0
  for (const length of [...readLengths, bytes.length]) {
    const next = decoder.decode(bytes, offset, Math.min(bytes.length, offset + length), sink, DEFAULT_HTTP_LIMITS)
    if (next < 0) return { end: -1, payload }
    offset = next
  }
  return { end: decoder.isDone ? offset : -1, payload }
}

function readReferenceBody(text: string): DecodedBody | null {
  let payload = ""
  let offset = 0
  for (;;) {
    sizeLine.lastIndex = offset
    const line = sizeLine.exec(text)
    if (line === null) return null
    offset = sizeLine.lastIndex
    const size = Number.parseInt(line[1] ?? "", 16)
    if (size === 0) break
    payload += text.slice(offset, offset + size)
    offset += size
    if (offset > text.length || text.slice(offset, offset + 2) !== "\r\n") return null
    offset += 2
  }
  while (text.slice(offset, offset + 2) !== "\r\n") {
    trailerLine.lastIndex = offset
    if (!trailerLine.test(text)) return null
    offset = trailerLine.lastIndex
  }
  return { end: offset + 2, payload }
}
