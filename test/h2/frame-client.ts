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
import { HpackDecoder } from "../../src/http/h2/hpack/decoder.ts"
import { type Bytes, RawSocket, rawSocketHandlers, toBytes } from "../harness/raw-socket.ts"

export const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

export const DATA = 0
export const HEADERS = 1
export const PRIORITY = 2
export const RST_STREAM = 3
export const SETTINGS = 4
export const PUSH_PROMISE = 5
export const PING = 6
export const GOAWAY = 7
export const WINDOW_UPDATE = 8
export const CONTINUATION = 9

export const END_STREAM = 0x1
export const ACK = 0x1
export const END_HEADERS = 0x4
export const PADDED = 0x8
export const HAS_PRIORITY = 0x20

export interface Frame {
  readonly type: number
  readonly flags: number
  readonly streamId: number
  readonly payload: Buffer
}

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

export type FieldList = readonly (readonly [name: string, value: string])[]

export const GET: FieldList = [
  [":method", "GET"],
  [":scheme", "http"],
  [":path", "/"],
  [":authority", "a.example"],
]

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

export function settingsPayload(...pairs: readonly (readonly [identifier: number, value: number])[]): Buffer {
  return Buffer.concat(
    pairs.map(([identifier, value]) => {
      const bytes = Buffer.alloc(6)
      bytes.writeUInt16BE(identifier)
      bytes.writeUInt32BE(value, 2)
      return bytes
    }),
  )
}

export function frameBytes(type: number, flags: number, streamId: number, payload: Bytes = ""): Buffer {
  const content = toBytes(payload)
  const head = Buffer.alloc(9)
  head.writeUIntBE(content.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(streamId, 5)
  return Buffer.concat([head, content])
}

/** The fields as literals that are never indexed. */
export function fieldBlock(fields: FieldList): Buffer {
  return Buffer.concat(
    fields.flatMap(([name, value]) => [Buffer.from([0]), lengthPrefixed(name), lengthPrefixed(value)]),
  )
}

function lengthPrefixed(text: string): Buffer {
  const content = Buffer.from(text, "latin1")
  if (content.length < 127) return Buffer.concat([Buffer.from([content.length]), content])
  const prefix = [127]
  let rest = content.length - 127
  for (; rest >= 128; rest = Math.floor(rest / 128)) prefix.push(128 + (rest % 128))
  return Buffer.concat([Buffer.from([...prefix, rest]), content])
}

export class FrameClient extends RawSocket implements Disposable {
  readonly frames: Frame[] = []
  /** Decoded field blocks, in order of arrival. */
  readonly #blocks: { readonly streamId: number; readonly isEnd: boolean; readonly lines: readonly string[] }[] = []
  readonly #decoder = new HpackDecoder(4096)
  #block: Buffer[] = []
  #blockFlags = 0
  /** Give back what DATA used up, at once; a test of flow control turns it off. */
  updatesWindows = true

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

  /** Connects, sends the preface and SETTINGS, and waits until the server has acknowledged them. */
  static async open(port: number, settings: Buffer = Buffer.alloc(0)): Promise<FrameClient> {
    const client = await FrameClient.connect(port)
    client.send(PREFACE)
    client.frame(SETTINGS, 0, 0, settings)
    await client.until(
      () => client.frames.some(({ type, flags }) => type === SETTINGS && flags === ACK),
      "SETTINGS ACK",
    )
    client.frame(SETTINGS, ACK, 0)
    return client
  }

  [Symbol.dispose](): void {
    this.close()
  }

  frame(type: number, flags: number, streamId: number, payload: Bytes = ""): void {
    this.send(frameBytes(type, flags, streamId, payload))
  }

  /** @param flags END_STREAM where nothing follows */
  headers(streamId: number, fields: FieldList, flags: number = END_STREAM): void {
    this.frame(HEADERS, flags | END_HEADERS, streamId, fieldBlock(fields))
  }

  /** GET, with these pseudo-fields changed and these fields added. */
  request(streamId: number, changes: Readonly<Record<string, string>> = {}, flags: number = END_STREAM): void {
    const pseudo = GET.map(([name, value]): readonly [string, string] => [name, changes[name] ?? value])
    const added = Object.entries(changes).filter(([name]) => !GET.some(([known]) => known === name))
    this.headers(streamId, [...pseudo, ...added], flags)
  }

  data(streamId: number, payload: Bytes, flags = 0): void {
    this.frame(DATA, flags, streamId, payload)
  }

  /** Waits for the first frame like that. */
  async waitFor(type: number, streamId: number, what: string): Promise<Frame> {
    const find = () => this.frames.find((frame) => frame.type === type && frame.streamId === streamId)
    await this.until(() => find() !== undefined || this.hasEnded || this.isClosed, what)
    const found = find()
    if (found === undefined) throw new Error(`closed before ${what}; frames: ${this.describeFrames()}`)
    return found
  }

  /** Waits for the end of the connection. @returns the error code of its last GOAWAY, and its debug text */
  async goneAway(): Promise<{ readonly code: number; readonly lastStreamId: number; readonly debug: string }> {
    await this.until(() => this.hasEnded || this.isClosed, "the end of the connection")
    const frame = this.frames.findLast(({ type }) => type === GOAWAY)
    if (frame === undefined) throw new Error(`closed without GOAWAY; frames: ${this.describeFrames()}`)
    const { payload } = frame
    return {
      lastStreamId: payload.readUInt32BE(0),
      code: payload.readUInt32BE(4),
      debug: payload.toString("latin1", 8),
    }
  }

  /** Waits for RST_STREAM. @returns its error code */
  async resetOf(streamId: number): Promise<number> {
    return (await this.waitFor(RST_STREAM, streamId, `RST_STREAM of ${streamId}`)).payload.readUInt32BE(0)
  }

  /** The server has dealt with everything sent so far: it has answered a PING after it. */
  async settled(): Promise<void> {
    const opaque = Buffer.alloc(8)
    opaque.writeUInt32BE(++this.#pings, 4)
    this.frame(PING, 0, 0, opaque)
    const isAnswer = ({ type, flags, payload }: Frame) => type === PING && flags === ACK && payload.equals(opaque)
    await this.until(() => this.frames.some(isAnswer) || this.hasEnded || this.isClosed, "PING ACK")
    if (!this.frames.some(isAnswer)) throw new Error(`closed before PING ACK; frames: ${this.describeFrames()}`)
  }
  #pings = 0

  /** Waits until the response is complete, or the stream is reset. */
  async response(streamId: number): Promise<StreamResponse> {
    const read = () => this.responseSoFar(streamId)
    const isOver = () => read().isComplete || read().resetCode !== null
    await this.until(() => isOver() || this.hasEnded || this.isClosed, `the response of ${streamId}`)
    if (!isOver()) throw new Error(`closed before the response of ${streamId}; frames: ${this.describeFrames()}`)
    return read()
  }

  responseSoFar(streamId: number): StreamResponse {
    const own = this.frames.filter((frame) => frame.streamId === streamId)
    const blocks = this.#blocks.filter((block) => block.streamId === streamId)
    const finals = blocks.filter(({ lines }) => !/^:status: 1/.test(lines[0] ?? ""))
    const [head, trailers] = finals
    const reset = own.find(({ type }) => type === RST_STREAM)
    const isEnd = ({ type, flags }: Frame) => (type === DATA || type === HEADERS) && (flags & END_STREAM) !== 0
    return {
      status: statusOf(head?.lines ?? []),
      fields: (head?.lines ?? []).filter((line) => !line.startsWith(":")),
      informational: blocks.filter((block) => !finals.includes(block)).map(({ lines }) => statusOf(lines)),
      body: own
        .filter(({ type }) => type === DATA)
        .map(({ payload }) => payload.toString("latin1"))
        .join(""),
      trailers: trailers?.lines ?? null,
      isComplete: own.some(isEnd),
      resetCode: reset?.payload.readUInt32BE(0) ?? null,
    }
  }

  describeFrames(): string {
    return this.frames
      .map(({ type, flags, streamId, payload }) => `${type}/${flags}/${streamId}/${payload.length}`)
      .join(" ")
  }

  protected override onChange(): void {
    for (;;) {
      const bytes = this.peek()
      if (bytes.length < 9) return
      const length = bytes.readUIntBE(0, 3)
      if (bytes.length < 9 + length) return
      const taken = this.take(9 + length)
      this.#onFrame({
        type: taken.readUInt8(3),
        flags: taken.readUInt8(4),
        streamId: taken.readUInt32BE(5),
        payload: taken.subarray(9),
      })
    }
  }

  #onFrame(frame: Frame): void {
    const { type, flags, streamId, payload } = frame
    this.frames.push(frame)
    if (type === HEADERS) {
      this.#block = []
      this.#blockFlags = flags
    }
    if (type === HEADERS || type === CONTINUATION) {
      this.#block.push(payload)
      if ((flags & END_HEADERS) !== 0) this.#onBlock(streamId, (this.#blockFlags & END_STREAM) !== 0)
    }
    if (type === DATA && payload.length > 0 && this.updatesWindows) {
      this.frame(WINDOW_UPDATE, 0, 0, uint32(payload.length))
      if ((flags & END_STREAM) === 0) this.frame(WINDOW_UPDATE, 0, streamId, uint32(payload.length))
    }
  }

  #onBlock(streamId: number, isEnd: boolean): void {
    const block = Buffer.concat(this.#block)
    const lines: string[] = []
    const sink = { onField: ({ name, value }: { name: string; value: string }) => lines.push(`${name}: ${value}`) }
    const fault = this.#decoder.decode(block, 0, block.length, sink)
    if (fault !== 0) throw new Error(`a field block that cannot be decoded: ${fault}`)
    this.#blocks.push({ streamId, isEnd, lines })
  }
}

function statusOf(lines: readonly string[]): number {
  return Number(/^:status: ([0-9]{3})$/.exec(lines[0] ?? "")?.[1] ?? 0)
}
