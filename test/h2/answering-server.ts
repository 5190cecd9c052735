/**
 * An HTTP/2 server without a gateway behind it: real sockets, the real connection, and an exchange that answers by path.
 * The tests of RFC 9113 run against it; what the gateway adds is tested end to end.
 *
 *   /            200, `METHOD PATH` and the body that came
 *   /echo        200, the body as it comes
 *   /bytes/N     200, N bytes, produced as fast as they are taken; with content-length
 *   /stream/N    the same without content-length, and with a trailer
 *   /head/N      200, with a field of N bytes
 *   /hang        nothing
 *   /paused      reads nothing of the body until `resumeAll`
 *   /continue    100, then as /
 *   a request for a websocket is accepted and echoes; at /later only with `acceptAll`
 */
import type { FaultAnswer } from "../../src/http/h1/faults.ts"
import { Http2ServerConnection } from "../../src/http/h2/server-connection.ts"
import { DEFAULT_HTTP_LIMITS, type HttpLimits } from "../../src/http/limits.ts"
import { BODY_UNKNOWN_LENGTH, ResponseHead } from "../../src/http/message.ts"
import type { DownstreamEvents, DownstreamStream } from "../../src/http/stream.ts"
import { flushCorked } from "../../src/net/output.ts"
import { ownerHandlers, type SocketOwner } from "../../src/net/socket.ts"
import { Counters } from "../../src/telemetry/counters.ts"

const PIECE = Buffer.alloc(32 * 1024, "x")

class Answer implements DownstreamEvents {
  readonly stream: DownstreamStream
  readonly server: AnsweringServer
  body = ""
  isOver = false
  #bytesLeft = 0
  #trailers = ""

  constructor(stream: DownstreamStream, server: AnsweringServer) {
    this.stream = stream
    this.server = server
    server.answers.push(this)
  }

  onRequestHead(): void {
    const { request } = this.stream
    this.server.heads.push(`${request.method} ${request.path}\r\n${request.fields.lines()}`)
    const [, kind = "", count = ""] = request.path.split("/")
    if (request.upgrade === "websocket") {
      if (kind !== "later") this.accept()
    } else if (kind === "paused") {
      this.stream.pauseRequest()
    } else if (kind === "continue") {
      this.stream.sendInformational(headOf(100, -1))
    } else if (kind === "echo") {
      this.stream.sendHead(headOf(200, BODY_UNKNOWN_LENGTH))
    } else if (kind === "bytes") {
      this.#bytesLeft = Number(count)
      this.stream.sendHead(headOf(200, this.#bytesLeft))
      this.#produce()
    } else if (kind === "stream") {
      this.#bytesLeft = Number(count)
      this.#trailers = "x-checksum: 1\r\n"
      this.stream.sendHead(headOf(200, BODY_UNKNOWN_LENGTH))
      this.#produce()
    }
  }

  /** Opens the tunnel of a websocket. */
  accept(): void {
    this.stream.sendHead(headOf(101, -1))
    this.stream.startTunnel()
  }

  #produce(): void {
    while (this.#bytesLeft > 0) {
      const length = Math.min(PIECE.length, this.#bytesLeft)
      this.#bytesLeft -= length
      this.server.bytesProduced += length
      this.stream.sendBody(PIECE, 0, length)
      if (this.stream.isBackedUp) return
    }
    this.#finish(this.#trailers)
  }

  #finish(trailers: string): void {
    if (this.isOver) return
    this.isOver = true
    this.stream.sendEnd(trailers)
  }

  get #kind(): string {
    return this.stream.request.path.split("/")[1] ?? ""
  }

  onRequestBody(bytes: Buffer, start: number, end: number): void {
    this.body += bytes.toString("latin1", start, end)
    this.server.bytesTaken += end - start
    if (this.#kind === "echo" || this.stream.request.upgrade !== "") this.stream.sendBody(bytes, start, end)
  }

  onRequestEnd(trailers: string): void {
    this.server.trailers.push(trailers)
    if (this.stream.request.upgrade !== "") return
    if (this.#kind === "echo") return this.#finish("")
    if (["hang", "bytes", "stream"].includes(this.#kind)) return
    const text = Buffer.from(`${this.stream.request.method} ${this.stream.request.path} ${this.body}`)
    const head = headOf(200, text.length)
    head.fields.append("content-length", String(text.length))
    if (this.#kind === "head") head.fields.append("x-long", "v".repeat(Number(this.stream.request.path.slice(6))))
    this.stream.sendHead(head)
    this.stream.sendBody(text, 0, text.length)
    this.#finish("")
  }

  onDownstreamDrain(): void {
    this.server.drains++
    if (!this.isOver && ["bytes", "stream"].includes(this.#kind)) this.#produce()
  }

  onRequestFault(answer: FaultAnswer): void {
    this.server.faults.push(answer.name)
    const body = Buffer.from(answer.body)
    this.stream.sendHead(headOf(answer.status, body.length))
    if (body.length > 0) this.stream.sendBody(body, 0, body.length)
    this.#finish("")
  }

  onDownstreamGone(): void {
    this.isOver = true
    this.server.gone++
  }
}

function headOf(status: number, bodyLength: number): ResponseHead {
  const head = new ResponseHead()
  head.status = status
  head.bodyLength = bodyLength
  return head
}

export class AnsweringServer implements Disposable {
  readonly limits: HttpLimits
  readonly scheme = "http"
  readonly counters = new Counters()
  isDraining = false
  /** The clock of the connections: it moves when a test moves it. */
  coarseNowMs = 1_000
  readonly connections: Http2ServerConnection[] = []
  readonly answers: Answer[] = []
  /** What the exchanges saw: request line and fields. */
  readonly heads: string[] = []
  readonly trailers: string[] = []
  readonly faults: string[] = []
  bytesProduced = 0
  bytesTaken = 0
  drains = 0
  gone = 0
  closed = 0
  readonly #invariantErrors: unknown[] = []
  readonly #listener: Bun.TCPSocketListener<SocketOwner>

  constructor(limits: Partial<HttpLimits> = {}) {
    this.limits = { ...DEFAULT_HTTP_LIMITS, ...limits }
    const handlers = ownerHandlers((error) => this.#invariantErrors.push(error))
    this.#listener = Bun.listen<SocketOwner>({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        ...handlers,
        open: (socket) => {
          const connection = new Http2ServerConnection(this, "")
          this.connections.push(connection)
          socket.data = connection
          handlers.open?.(socket)
        },
      },
    })
  }

  get port(): number {
    return this.#listener.port
  }

  openExchange(stream: DownstreamStream): DownstreamEvents {
    return new Answer(stream, this)
  }

  onConnectionClosed(): void {
    this.closed++
  }

  /** Lets time pass for every connection. */
  advance(ms: number): void {
    this.coarseNowMs += ms
    for (const connection of this.connections) connection.checkTimeouts(this.coarseNowMs)
    flushCorked()
  }

  acceptAll(): void {
    for (const answer of this.answers) answer.accept()
    flushCorked()
  }

  /** Lets every paused request go on. */
  resumeAll(): void {
    for (const { stream } of this.answers) stream.resumeRequest()
    flushCorked()
  }

  [Symbol.dispose](): void {
    this.#listener.stop(true)
    if (this.#invariantErrors.length > 0) throw this.#invariantErrors[0]
  }
}
