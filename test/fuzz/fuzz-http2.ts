/**
 * One fuzzing run over whole HTTP/2 connections: frames in any order with mutated payloads, fed to the real connection
 * without a socket. It must never throw, tell the same however the bytes are split, and hand on no request that HTTP/1.1
 * could read as anything else.
 */
import { IS_DROPPED_FROM_REQUESTS } from "../../src/http/field-names.ts"
import { dropFields } from "../../src/http/field-table.ts"
import type { FaultAnswer } from "../../src/http/h1/faults.ts"
import { parseRequestHead } from "../../src/http/h1/request-head.ts"
import { requestHeadText } from "../../src/http/h1/write-head.ts"
import { Http2ServerConnection, type Http2ServerHost } from "../../src/http/h2/server-connection.ts"
import { DEFAULT_HTTP_LIMITS } from "../../src/http/limits.ts"
import { BODY_NONE, RequestHead, ResponseHead } from "../../src/http/message.ts"
import type { DownstreamEvents, DownstreamStream } from "../../src/http/stream.ts"
import { fieldBlock, frameBytes, GET, PREFACE, settingsPayload, uint32 } from "../h2/frames.ts"
import type { FuzzOutcome } from "./fuzz-request-heads.ts"
import { mutate, SeededRandom } from "./mutate.ts"

const FAILURES_MAX = 10

type Frame = readonly [type: number, flags: number, streamId: number, payload: string]

function latin1(bytes: Buffer): string {
  return bytes.toString("latin1")
}

const post = GET.map(([name, value]) => [name, name === ":method" ? "POST" : value] as const)
const connect = [[":method", "CONNECT"], [":protocol", "websocket"], ...GET.slice(1)] as const

const frames: readonly Frame[] = [
  [1, 5, 1, latin1(fieldBlock(GET))],
  [1, 4, 1, latin1(fieldBlock([...post, ["content-length", "5"]]))],
  [1, 4, 3, latin1(fieldBlock([...post, ["te", "trailers"], ["cookie", "a=b"], ["cookie", "c=d"]]))],
  [1, 1, 3, latin1(fieldBlock(GET).subarray(0, 20))],
  [9, 4, 3, latin1(fieldBlock(GET).subarray(20))],
  [1, 5, 1, latin1(fieldBlock([["x-trailer", "1"]]))],
  [1, 4, 5, latin1(fieldBlock(connect))],
  [1, 13, 5, `\x02${latin1(fieldBlock(GET))}\0\0`],
  [1, 0x25, 5, `\0\0\0\x01\x10${latin1(fieldBlock(GET))}`],
  [1, 5, 7, "\x82\x86\x84\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff"],
  [1, 5, 9, "\x82\x86\x84\xbe"],
  [1, 5, 9, "\x20\x3f\xe1\x1f\x82\x86\x84\xbe"],
  [0, 0, 1, "hello"],
  [0, 1, 3, "world"],
  [0, 9, 1, "\x02he\0\0"],
  [2, 0, 1, "\0\0\0\x03\x10"],
  [3, 0, 1, "\0\0\0\x08"],
  [4, 0, 0, latin1(settingsPayload([4, 0], [1, 0]))],
  [4, 1, 0, ""],
  [6, 0, 0, "12345678"],
  [7, 0, 0, "\0\0\0\0\0\0\0\0"],
  [8, 0, 0, latin1(uint32(1000))],
  [8, 0, 1, latin1(uint32(70_000))],
  [0x33, 0, 1, "unknown"],
]

const pieces: readonly string[] = [
  "\0",
  "\r\n",
  "\x82",
  "\xbe",
  "\x7f\xff\xff\xff",
  "\0\x04host\x01b",
  "\0\x0acontent-length\x015",
  "\0\x11transfer-encoding\x07chunked",
  "\0\x0aconnection\x05close",
  "\x40\x01x\x01y",
  ":path",
  " HTTP/1.1",
]

/** What a connection told, as text. */
class Recording implements Http2ServerHost {
  readonly limits = DEFAULT_HTTP_LIMITS
  readonly scheme = "http"
  readonly coarseNowMs = 1_000
  readonly isDraining = false
  readonly events: string[] = []
  readonly requests: string[] = []
  readonly counters = { countProtocolError: (name: string) => void this.events.push(`fault ${name}`) }

  openExchange(stream: DownstreamStream): DownstreamEvents {
    return new RecordedExchange(stream, this)
  }

  onConnectionClosed(): void {}
}

class RecordedExchange implements DownstreamEvents {
  readonly #stream: DownstreamStream
  readonly #recording: Recording
  #bodyBytes = 0

  constructor(stream: DownstreamStream, recording: Recording) {
    this.#stream = stream
    this.#recording = recording
  }

  onRequestHead(): void {
    const { request } = this.#stream
    const head = `${request.method} ${request.path} HTTP/1.1\r\n${request.fields.lines()}`
    this.#recording.requests.push(head)
    this.#recording.events.push(head, translationFault(request))
    if (request.upgrade === "") return
    this.#stream.sendHead(headOf(101))
    this.#stream.startTunnel()
  }

  onRequestBody(_bytes: Buffer, start: number, end: number): void {
    this.#bodyBytes += end - start
  }

  onRequestEnd(trailers: string): void {
    this.#recording.events.push(`end ${this.#bodyBytes} ${trailers}`)
    if (this.#stream.request.upgrade !== "") return
    this.#stream.sendHead(headOf(200))
    this.#stream.sendEnd("")
  }

  onDownstreamDrain(): void {}

  onRequestFault(answer: FaultAnswer): void {
    this.#recording.events.push(`refused ${answer.name}`)
    this.#stream.sendHead(headOf(answer.status))
    this.#stream.sendEnd("")
  }

  onDownstreamGone(): void {
    this.#recording.events.push("gone")
  }
}

/** What an HTTP/1.1 parser makes of the request when it is forwarded; "" = the same. No CONNECT ever is. */
function translationFault(request: RequestHead): string {
  if (request.method === "CONNECT") return ""
  const forwarded = request.copy()
  forwarded.upgrade = request.upgrade
  dropFields(forwarded.fields, IS_DROPPED_FROM_REQUESTS)
  const read = new RequestHead()
  const fault = parseRequestHead(requestHeadText(forwarded), read, "http", ROOMY)
  const said = [request.method, request.path, request.authority, request.bodyLength, request.upgrade].join(" ")
  const heard = [read.method, read.path, read.authority, read.bodyLength, read.upgrade].join(" ")
  return fault === 0 && said === heard ? "" : `mistranslated ${fault}: ${said} / ${heard}`
}

/** What is forwarded has a few bytes more than what came. */
const ROOMY = { ...DEFAULT_HTTP_LIMITS, headBytesMax: 2 * DEFAULT_HTTP_LIMITS.headBytesMax, fieldCountMax: 200 }

function headOf(status: number): ResponseHead {
  const head = new ResponseHead()
  head.status = status
  head.bodyLength = BODY_NONE
  return head
}

/** A request line and field lines that any implementation reads the same. */
const head =
  /^[!#-'*+.0-9A-Z^-z|~-]+ (?:[^\0-\x20\x7f]+)? HTTP\/1\.1\r\n(?:[!#-'*+.0-9^-z|~-]+: ?[^\0-\x08\x0a-\x1f\x7f]*\r\n)*$/

export function fuzzHttp2(runs: number, seed: number): FuzzOutcome {
  const random = new SeededRandom(seed)
  const failures: string[] = []
  let accepted = 0
  let refused = 0
  for (let run = 0; run < runs && failures.length < FAILURES_MAX; run++) {
    const bytes = connectionBytes(random)
    try {
      const whole = play(bytes, [])
      const split = play(bytes, [random.below(bytes.length), random.below(bytes.length), random.below(bytes.length)])
      const bad = whole.requests.find((request) => !isSafe(request))
      if (bad !== undefined) failures.push(`unsafe ${JSON.stringify(bad)}`)
      failures.push(...whole.events.filter((event) => event.startsWith("mistranslated")))
      if (normalized(whole) !== normalized(split)) failures.push(`split matters: ${bytes.toString("hex")}`)
      if (whole.requests.length > 0) accepted++
      if (whole.events.some((event) => event.startsWith("fault") || event.startsWith("refused"))) refused++
    } catch (error) {
      failures.push(`${String(error)}: ${bytes.toString("hex")}`)
    }
  }
  return { accepted, refused, failures }
}

function connectionBytes(random: SeededRandom): Buffer {
  const parts = [Buffer.from(PREFACE), frameBytes(4, 0, 0)]
  const first = frames[0] ?? [0, 0, 0, ""]
  for (let count = 1 + random.below(6); count > 0; count--) {
    const [type, flags, streamId, payload] = random.of(frames, first)
    const content =
      random.below(3) === 0
        ? payload
        : mutate(
            payload,
            random,
            pieces,
            frames.map((frame) => frame[3]),
          )
    const bytes = frameBytes(type, flags, streamId, content)
    // Now and then a head of its own.
    if (random.below(8) === 0) bytes[random.below(9)] = random.below(256)
    parts.push(bytes)
  }
  return Buffer.concat(parts)
}

function play(bytes: Buffer, cuts: readonly number[]): Recording {
  const recording = new Recording()
  const connection = new Http2ServerConnection(recording, "")
  let start = 0
  for (const end of [...[...cuts].sort((a, b) => a - b), bytes.length]) {
    connection.onData(Buffer.from(bytes.subarray(start, end)))
    start = end
  }
  connection.onClose()
  return recording
}

function isSafe(request: string): boolean {
  return (
    head.test(request) &&
    !/^(?:connection|transfer-encoding|upgrade|keep-alive|proxy-connection):/m.test(request) &&
    request.match(/^host:/gm)?.length === 1 &&
    (request.match(/^content-length:/gm)?.length ?? 0) <= 1
  )
}

/** The key of a WebSocket is drawn anew each time. */
function normalized({ events }: Recording): string {
  return events.join("\n").replaceAll(/sec-websocket-key: .*/g, "sec-websocket-key")
}
