/** One fuzzing run over response heads of an upstream. */

import { parseResponseHead, ResponseFraming } from "../../src/http/h1/response-head.ts"
import { responseHeadText } from "../../src/http/h1/write-head.ts"
import { DEFAULT_HTTP_LIMITS } from "../../src/http/limits.ts"
import { ResponseHead } from "../../src/http/message.ts"
import type { FuzzOutcome } from "./fuzz-request-heads.ts"
import { mutate, SeededRandom } from "./mutate.ts"

const FAILURES_MAX = 10

const responseHeads: readonly string[] = [
  "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nServer: x\r\n\r\n",
  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: a\r\n\r\n",
  "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n",
  "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
  "HTTP/1.1 204 No Content\r\nDate: x\r\nConnection: close, content-length\r\n\r\n",
  'HTTP/1.1 304\r\nETag: "a"\r\n\r\n',
  "HTTP/1.1 200 \r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
  "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
  "HTTP/1.1 200\rX: y\r\n\r\n",
  "HTTP/1.1 200 OK\r\nX: y\r\n folded\r\n\r\n",
  "HTTP/2.0 200 OK\r\n\r\n",
]

const pieces: readonly string[] = [
  "\r\n",
  "\r",
  "\n",
  " ",
  "\t",
  ":",
  ",",
  "\0",
  "\x7f",
  "\x80",
  "HTTP/1.1",
  "HTTP/1.0",
  "200",
  "204",
  "304",
  "101",
  "100",
  "Content-Length: 5\r\n",
  "Content-Length: 6\r\n",
  "Transfer-Encoding: chunked\r\n",
  "chunked",
  "gzip, ",
  "-1",
  "00",
  "Connection: close\r\n",
  "Connection: Content-Length\r\n",
]

const statusLine = /^HTTP\/1\.[01] [1-5][0-9]{2}(?: [\t\x20-\x7e\x80-\xff]*)?$/
const fieldLine = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*$/

export function fuzzResponseHeads(runs: number, seed: number): FuzzOutcome {
  const random = new SeededRandom(seed)
  const head = new ResponseHead()
  const failures: string[] = []
  let accepted = 0
  let refused = 0
  for (let run = 0; run < runs && failures.length < FAILURES_MAX; run++) {
    const mutated = mutate(random.of(responseHeads, ""), random, pieces, responseHeads)
    const end = mutated.indexOf("\r\n\r\n")
    const text = end < 0 ? `${mutated}\r\n\r\n` : mutated.slice(0, end + 4)
    try {
      const result = parseResponseHead(text, head, false, DEFAULT_HTTP_LIMITS)
      if (result < 0) refused++
      else accepted++
      const wrong = result < 0 ? null : whatIsWrong(text, head, result)
      if (wrong !== null) failures.push(`${wrong}: ${JSON.stringify(text)}`)
    } catch (error) {
      failures.push(`threw ${String(error)}: ${JSON.stringify(text)}`)
    }
  }
  return { accepted, refused, failures }
}

function whatIsWrong(text: string, head: ResponseHead, framing: number): string | null {
  const [first = "", ...lines] = text.slice(0, -4).split("\r\n")
  if (!statusLine.test(first)) return "accepted this status line"
  const malformed = lines.find((line) => !fieldLine.test(line))
  if (malformed !== undefined) return "accepted a malformed field line"
  const values = (wanted: string) =>
    lines
      .filter((line) => line.toLowerCase().startsWith(`${wanted}:`))
      .map((line) => line.slice(wanted.length + 1).trim())
  const lengths = values("content-length")
  const codings = values("transfer-encoding")
  if (lengths.length > 0 && codings.length > 0) return "accepted two framings"
  if (lengths.some((length) => !/^[0-9]+$/.test(length) || Number(length) !== Number(lengths[0])))
    return "accepted a length"
  if (codings.length > 1 || codings.some((coding) => coding.toLowerCase() !== "chunked")) return "accepted a coding"
  // Until close means that the connection cannot be used again.
  if ((framing & ResponseFraming.untilClose) !== 0 && (framing & ResponseFraming.closes) === 0)
    return "reuses a closed one"
  if (head.status === 101) return null

  // What goes to the client is framed the same when it is read again.
  head.fields.dropNamed("transfer-encoding")
  head.fields.dropNamed("connection")
  const again = new ResponseHead()
  const result = parseResponseHead(responseHeadText(head, false), again, false, DEFAULT_HTTP_LIMITS)
  if (result < 0) return `its own form is refused with ${result}`
  return again.status === head.status && again.bodyLength === head.bodyLength
    ? null
    : "its own form is framed differently"
}
