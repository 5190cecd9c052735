/**
 * An HTTP/2 client that sends exactly the frames a test gives it, well-formed or not, and shows every frame that comes
 * back. Requests are HPACK literals without Huffman coding and without a table: what is on the wire is what the test says.
 *
 * ```ts
 * using client = await FrameClient.open(port)
 * client.request(1, { ":path": "/a" })
 * expect((await client.response(1)).status).toBe(200)
 * ```
 */
import { type RawSocket, rawSocketHandlers } from "../harness/raw-socket.ts"
import { FrameSocket } from "./frame-socket.ts"
import { ACK, END_STREAM, GET, PREFACE, RST_STREAM, SETTINGS } from "./frames.ts"

export interface StreamResponse {
  readonly status: number
  /** `name: value`, without pseudo-fields. */
  readonly fields: readonly string[]
  readonly informational: readonly number[]
  readonly body: string
  /** null = there were none. */
  readonly trailers: readonly string[] | null
  readonly isComplete: boolean
  /** Of the RST_STREAM; null = there was none. */
  readonly resetCode: number | null
}

export class FrameClient extends FrameSocket {
  /** Connects and sends nothing. */
  static async connect(port: number): Promise<FrameClient> {
    const client = new FrameClient()
    await Bun.connect<RawSocket>({
      hostname: "127.0.0.1",
      port,
      data: client,
      allowHalfOpen: true,
      socket: rawSocketHandlers,
    })
    return client
  }

  /** The same over TLS. @param alpnProtocols in wire format; "" = none are offered */
  static async openTls(port: number, serverName: string, alpnProtocols: string): Promise<FrameClient> {
    const client = new FrameClient()
    const handshake = Promise.withResolvers<void>()
    await Bun.connect<RawSocket>({
      hostname: "127.0.0.1",
      port,
      data: client,
      tls: {
        rejectUnauthorized: false,
        serverName,
        ...(alpnProtocols === "" ? {} : { ALPNProtocols: Buffer.from(alpnProtocols, "latin1") }),
      },
      socket: { ...rawSocketHandlers, handshake: () => handshake.resolve() },
    })
    await handshake.promise
    return await client.#greet(Buffer.alloc(0))
  }

  /** Connects, sends the preface and SETTINGS, and waits until the server has acknowledged them. */
  static async open(port: number, settings: Buffer = Buffer.alloc(0)): Promise<FrameClient> {
    return await (await FrameClient.connect(port)).#greet(settings)
  }

  async #greet(settings: Buffer): Promise<this> {
    const isAcknowledged = () => this.frames.some(({ type, flags }) => type === SETTINGS && flags === ACK)
    this.send(PREFACE)
    this.frame(SETTINGS, 0, 0, settings)
    await this.until(isAcknowledged, "SETTINGS ACK")
    this.frame(SETTINGS, ACK, 0)
    return this
  }

  /** GET, with these pseudo-fields changed and these fields added. */
  request(streamId: number, changes: Readonly<Record<string, string>> = {}, flags: number = END_STREAM): void {
    const pseudo = GET.map(([name, value]): readonly [string, string] => [name, changes[name] ?? value])
    const added = Object.entries(changes).filter(([name]) => !GET.some(([known]) => known === name))
    this.headers(streamId, [...pseudo, ...added], flags)
  }

  /** Waits until the response is complete, or the stream is reset. */
  async response(streamId: number): Promise<StreamResponse> {
    const isOver = () => this.isEnded(streamId) || this.#resetCode(streamId) !== null
    await this.until(() => isOver() || this.hasEnded || this.isClosed, `the response of ${streamId}`)
    if (!isOver()) throw new Error(`closed before the response of ${streamId}; frames: ${this.describeFrames()}`)
    return this.responseSoFar(streamId)
  }

  responseSoFar(streamId: number): StreamResponse {
    const blocks = this.blocks.filter((block) => block.streamId === streamId)
    const finals = blocks.filter(({ lines }) => !/^:status: 1/.test(lines[0] ?? ""))
    const [head, trailers] = finals
    return {
      status: statusOf(head?.lines ?? []),
      fields: (head?.lines ?? []).filter((line) => !line.startsWith(":")),
      informational: blocks.filter((block) => !finals.includes(block)).map(({ lines }) => statusOf(lines)),
      body: this.bodyOf(streamId),
      trailers: trailers?.lines ?? null,
      isComplete: this.isEnded(streamId),
      resetCode: this.#resetCode(streamId),
    }
  }

  #resetCode(streamId: number): number | null {
    const reset = this.frames.find((frame) => frame.type === RST_STREAM && frame.streamId === streamId)
    return reset?.payload.readUInt32BE(0) ?? null
  }
}

function statusOf(lines: readonly string[]): number {
  return Number(/^:status: ([0-9]{3})$/.exec(lines[0] ?? "")?.[1] ?? 0)
}
