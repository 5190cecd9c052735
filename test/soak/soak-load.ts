/**
 * Clients of a gateway that is reloaded and restarted under them: on kept connections, on new ones, and over HTTP/2.
 *
 * Everything counts as failed but the answer that is expected: another one, one that is cut, a connection that nobody
 * accepts, and one that ends before the answer began, which a client would have to send again (RFC 9110 section 9.2.2).
 * The last two are also counted apart. What an end may look like that fails nothing: `Connection: close`, and a GOAWAY.
 */
import { FrameClient } from "../h2/frame-client.ts"
import { RawClient } from "../harness/raw-client.ts"

const GOAWAY = 7
/** A connection of HTTP/2 keeps its frames for the test: it is left after so many streams. */
const STREAMS_MAX = 200
const RETRY_MS = 5

export interface SoakCounts {
  answered: number
  /** With the first one's text. */
  failed: number
  /** Of those that failed: new connections that nobody accepted. */
  refused: number
  /** Of those that failed: requests whose connection ended before a byte of the answer. */
  unanswered: number
  worstMs: number
}

export class SoakLoad {
  readonly counts: SoakCounts = { answered: 0, failed: 0, refused: 0, unanswered: 0, worstMs: 0 }
  firstFailure = ""
  isOver = false
  readonly #port: number

  constructor(port: number) {
    this.#port = port
  }

  /** @param keepAlive false = each request has a connection of its own */
  async runHttp1(name: string, keepAlive: boolean): Promise<void> {
    let client: RawClient | null = null
    for (let number = 0; !this.isOver; number++) {
      client ??= await this.#connect(() => RawClient.connect(this.#port))
      if (client === null) continue
      const isLast = await this.#exchange(client, `/${name}/${number}`, keepAlive)
      if (!isLast) continue
      client.close()
      client = null
    }
    client?.close()
  }

  /** @returns whether the connection is done with */
  async #exchange(client: RawClient, path: string, keepAlive: boolean): Promise<boolean> {
    const startedAtMs = performance.now()
    try {
      const close = keepAlive ? "" : "Connection: close\r\n"
      const { status, text, field } = await client.exchange(`GET ${path} HTTP/1.1\r\nHost: a.example\r\n${close}\r\n`)
      this.#count(status === 200 && text === path, `${path}: ${status} ${text}`, startedAtMs)
      return field("connection") === "close" || client.hasEnded || client.isClosed
    } catch (error) {
      // Bytes of an answer are there: it was cut.
      this.#countEnd(client.peek().length > 0, `${path}: ${error}`)
      return true
    }
  }

  async runHttp2(name: string): Promise<void> {
    for (let connection = 0; !this.isOver; connection++) {
      const client = await this.#connect(() => FrameClient.open(this.#port))
      if (client !== null) await this.#useStreams(client, `/${name}/${connection}`)
      client?.close()
    }
  }

  async #useStreams(client: FrameClient, prefix: string): Promise<void> {
    for (let stream = 1; stream < STREAMS_MAX * 2 && !this.isOver; stream += 2) {
      if (client.frames.some(({ type }) => type === GOAWAY)) return
      const path = `${prefix}/${stream}`
      const startedAtMs = performance.now()
      try {
        client.request(stream, { ":path": path })
        const { status, body } = await client.response(stream)
        this.#count(status === 200 && body === path, `${path}: ${status} ${body}`, startedAtMs)
      } catch (error) {
        this.#countEnd(client.responseSoFar(stream).status > 0, `${path}: ${error}`)
        return
      }
    }
  }

  async #connect<Client>(connect: () => Promise<Client>): Promise<Client | null> {
    try {
      return await connect()
    } catch (error) {
      this.counts.refused++
      this.#fail(`connecting: ${error}`)
      await Bun.sleep(RETRY_MS)
      return null
    }
  }

  #count(isRight: boolean, told: string, startedAtMs: number): void {
    if (!isRight) return this.#fail(told)
    this.counts.answered++
    this.counts.worstMs = Math.max(this.counts.worstMs, performance.now() - startedAtMs)
  }

  #countEnd(isCut: boolean, told: string): void {
    if (!isCut) this.counts.unanswered++
    this.#fail(told)
  }

  #fail(told: string): void {
    this.counts.failed++
    if (this.firstFailure === "") this.firstFailure = told
  }
}
