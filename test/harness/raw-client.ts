/**
 * A client that sends exactly the bytes a test gives it and shows exactly the bytes that come back.
 *
 * ```ts
 * using client = await RawClient.connect(gateway.port(80))
 * client.send("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
 * const response = await client.readResponse()
 * expect([response.status, response.text]).toEqual([200, "ok"])
 * ```
 */
import { type Field, fieldOf, type RawMessage, readHead, readMessage } from "./http-message.ts"
import { type Bytes, RawSocket, rawSocketHandlers, toBytes } from "./raw-socket.ts"

export interface RawResponse extends RawMessage {
  readonly status: number
  readonly text: string
  /** Heads of the 1xx that came before. */
  readonly informational: readonly string[]
  /** All values of a field joined with `, `; null = absent. */
  field(name: string): string | null
}

export class RawClient extends RawSocket implements Disposable {
  static async connect(port: number, hostname = "127.0.0.1"): Promise<RawClient> {
    const client = new RawClient()
    await Bun.connect<RawSocket>({ hostname, port, data: client, allowHalfOpen: true, socket: rawSocketHandlers })
    return client
  }

  [Symbol.dispose](): void {
    this.close()
  }

  /** Sends the bytes in pieces that the peer reads one by one. @param offsets where to cut, ascending */
  async sendSplit(data: Bytes, offsets: readonly number[]): Promise<void> {
    const bytes = toBytes(data)
    let start = 0
    for (const end of [...offsets, bytes.length]) {
      this.send(bytes.subarray(start, end))
      start = end
      await eventLoopTurn()
    }
  }

  /**
   * Reads one response, and leaves what comes after it.
   * @param method of the request: an answer to HEAD has no body
   */
  async readResponse(method = "GET"): Promise<RawResponse> {
    const informational: string[] = []
    for (;;) {
      const head = await this.readHead()
      const status = statusOf(head.startLine)
      if (status < 200 && status !== 101) {
        informational.push(head.headText)
        this.take(head.headText.length)
        continue
      }
      const rule = method === "HEAD" || status === 101 || status === 204 || status === 304 ? "none" : "by-fields"
      const read = () => readMessage(this.peek(), rule, true, this.hasEnded || this.isClosed)
      await this.until(() => read() !== null || this.hasEnded || this.isClosed, "the end of a response")
      const message = read()
      if (message === null) throw new Error(`a response that is cut: ${this.peek().toString("latin1")}`)
      this.take(message.byteLength)
      const field = (name: string) => fieldOf(message.fields, name)
      return { ...message, status, text: message.body.toString("latin1"), informational, field }
    }
  }

  /** The next head, informational ones too; takes nothing. */
  async readHead(): Promise<{
    readonly startLine: string
    readonly headText: string
    readonly fields: readonly Field[]
  }> {
    await this.until(() => readHead(this.peek()) !== null || this.hasEnded || this.isClosed, "a response head")
    const head = readHead(this.peek())
    if (head === null) throw new Error(`closed before a response head: ${this.peek().toString("latin1")}`)
    return head
  }

  /** Sends one request and reads its response. */
  exchange(request: Bytes): Promise<RawResponse> {
    this.send(request)
    return this.readResponse(toBytes(request)[0] === 0x48 ? "HEAD" : "GET")
  }
}

/** One request on a connection of its own. */
export async function exchangeOnce(port: number, request: Bytes): Promise<RawResponse> {
  using client = await RawClient.connect(port)
  return await client.exchange(request)
}

/** Lets every socket event that is due happen. */
export function eventLoopTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

function statusOf(startLine: string): number {
  const status = /^HTTP\/1\.1 ([1-5][0-9]{2}) /.exec(startLine)?.[1]
  if (status === undefined) throw new Error(`not a status line: ${startLine}`)
  return Number(status)
}
