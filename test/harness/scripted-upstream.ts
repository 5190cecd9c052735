/**
 * A service that answers what a test tells it to, byte by byte, and keeps the bytes of every request.
 *
 * ```ts
 * await using upstream = ScriptedUpstream.start(({ connection }) => connection.send("HTTP/1.1 204 No Content\r\n\r\n"))
 * ```
 */
import { fieldOf, type RawMessage, readHead, readMessage } from "./http-message.ts"
import { awaitElement, RawService } from "./raw-service.ts"
import { RawSocket } from "./raw-socket.ts"

export interface UpstreamRequest extends RawMessage {
  readonly method: string
  readonly target: string
  /** Head and body as they came. */
  readonly rawText: string
  /** All values of a field joined with `, `; null = absent. */
  field(name: string): string | null
}

export interface UpstreamExchange {
  readonly request: UpstreamRequest
  readonly connection: UpstreamConnection
}

export interface UpstreamScript {
  /** A connection was made; nothing has been received. */
  onConnection?(connection: UpstreamConnection): void
  /** A request head is there; its body may not be. Once per request. */
  onHead?(head: { readonly startLine: string; readonly headText: string }, connection: UpstreamConnection): void
  /** A request is there, with its body. */
  onRequest?(exchange: UpstreamExchange): void
}

/** One connection of the gateway, as the service has it. */
export class UpstreamConnection extends RawSocket {
  /** In order of arrival, from 0. */
  readonly index: number
  /** Off: what comes is left to the test, after a 101 for instance. */
  readsRequests = true
  readonly requests: UpstreamRequest[] = []
  readonly #script: UpstreamScript
  readonly #onRequest: (exchange: UpstreamExchange) => void
  #hasSeenHead = false

  constructor(index: number, script: UpstreamScript, onRequest: (exchange: UpstreamExchange) => void) {
    super()
    this.index = index
    this.#script = script
    this.#onRequest = onRequest
  }

  protected override onChange(): void {
    while (this.readsRequests) {
      const head = readHead(this.peek())
      if (head === null) return
      if (!this.#hasSeenHead) {
        this.#hasSeenHead = true
        this.#script.onHead?.(head, this)
        if (!this.readsRequests) return
      }
      const message = readMessage(this.peek(), "by-fields", false, false)
      if (message === null) return
      this.#hasSeenHead = false
      const rawText = this.take(message.byteLength).toString("latin1")
      const [method = "", target = ""] = message.startLine.split(" ")
      const request = { ...message, method, target, rawText, field: (name: string) => fieldOf(message.fields, name) }
      this.requests.push(request)
      this.#onRequest({ request, connection: this })
    }
  }
}

export class ScriptedUpstream extends RawService<UpstreamConnection> {
  /** Of all connections, in order of arrival. */
  readonly requests: UpstreamRequest[] = []
  readonly #script: UpstreamScript

  /** @param script what to do; a function is its `onRequest`. Default: 200 `ok` to everything. */
  static start(script: UpstreamScript | ((exchange: UpstreamExchange) => void) = answerOk): ScriptedUpstream {
    return new ScriptedUpstream(typeof script === "function" ? { onRequest: script } : script)
  }

  private constructor(script: UpstreamScript) {
    super(true)
    this.#script = script
  }

  protected override createConnection(index: number): UpstreamConnection {
    return new UpstreamConnection(index, this.#script, (exchange) => {
      this.requests.push(exchange.request)
      this.#script.onRequest?.(exchange)
    })
  }

  protected override onConnection(connection: UpstreamConnection): void {
    this.#script.onConnection?.(connection)
  }

  request(index: number): Promise<UpstreamRequest> {
    return awaitElement(this.requests, index, "upstream request")
  }
}

export function answerOk({ connection }: UpstreamExchange): void {
  connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
}

/** An onRequest that always sends these bytes. */
export function answer(response: string): (exchange: UpstreamExchange) => void {
  return ({ connection }) => connection.send(response)
}
