/**
 * One end of an HTTP/2 connection in a test: sends exactly the frames it is given, shows every frame that comes, and
 * decodes their field blocks. Client and upstream of the tests are made of it.
 */
import { HpackDecoder } from "../../src/http/h2/hpack/decoder.ts"
import { type Bytes, RawSocket } from "../harness/raw-socket.ts"
import {
  ACK,
  CONTINUATION,
  DATA,
  END_HEADERS,
  END_STREAM,
  type FieldList,
  type Frame,
  fieldBlock,
  frameBytes,
  GOAWAY,
  HEADERS,
  PING,
  RST_STREAM,
  uint32,
  WINDOW_UPDATE,
} from "./frames.ts"

export interface DecodedBlock {
  readonly streamId: number
  readonly isEndStream: boolean
  /** `name: value`, pseudo-fields included. */
  readonly lines: readonly string[]
}

export class FrameSocket extends RawSocket implements Disposable {
  readonly frames: Frame[] = []
  /** In order of arrival. */
  readonly blocks: DecodedBlock[] = []
  readonly #decoder = new HpackDecoder(4096)
  #block: Buffer[] = []
  #blockFlags = 0
  #pings = 0
  /** Give back what DATA used up, at once; a test of flow control turns it off. */
  updatesWindows = true

  // --- sending -------------------------------------------------------------------------------------------------------

  frame(type: number, flags: number, streamId: number, payload: Bytes = ""): void {
    this.send(frameBytes(type, flags, streamId, payload))
  }

  /** @param flags END_STREAM where nothing follows */
  headers(streamId: number, fields: FieldList, flags: number = END_STREAM): void {
    this.frame(HEADERS, flags | END_HEADERS, streamId, fieldBlock(fields))
  }

  data(streamId: number, payload: Bytes, flags = 0): void {
    this.frame(DATA, flags, streamId, payload)
  }

  reset(streamId: number, errorCode: number): void {
    this.frame(RST_STREAM, 0, streamId, uint32(errorCode))
  }

  [Symbol.dispose](): void {
    this.close()
  }

  // --- waiting -------------------------------------------------------------------------------------------------------

  /** Waits for the first frame like that. */
  async waitFor(type: number, streamId: number, what: string): Promise<Frame> {
    const find = () => this.frames.find((frame) => frame.type === type && frame.streamId === streamId)
    await this.until(() => find() !== undefined || this.hasEnded || this.isClosed, what)
    const found = find()
    if (found === undefined) throw new Error(`closed before ${what}; frames: ${this.describeFrames()}`)
    return found
  }

  /** Waits for the end of the connection. @returns what its last GOAWAY says */
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

  /** The other end has dealt with everything sent so far: it has answered a PING after it. */
  async settled(): Promise<void> {
    const opaque = Buffer.alloc(8)
    opaque.writeUInt32BE(++this.#pings, 4)
    this.frame(PING, 0, 0, opaque)
    const isAnswer = ({ type, flags, payload }: Frame) => type === PING && flags === ACK && payload.equals(opaque)
    await this.until(() => this.frames.some(isAnswer) || this.hasEnded || this.isClosed, "PING ACK")
    if (!this.frames.some(isAnswer)) throw new Error(`closed before PING ACK; frames: ${this.describeFrames()}`)
  }

  /** The DATA of a stream so far. */
  bodyOf(streamId: number): string {
    const own = this.frames.filter((frame) => frame.type === DATA && frame.streamId === streamId)
    return own.map(({ payload }) => payload.toString("latin1")).join("")
  }

  /** END_STREAM has come. */
  isEnded(streamId: number): boolean {
    return this.frames.some(
      (frame) => frame.streamId === streamId && frame.type <= HEADERS && (frame.flags & END_STREAM) !== 0,
    )
  }

  describeFrames(): string {
    return this.frames
      .map(({ type, flags, streamId, payload }) => `${type}/${flags}/${streamId}/${payload.length}`)
      .join(" ")
  }

  // --- receiving -----------------------------------------------------------------------------------------------------

  /** Called after every frame. */
  protected onFrame(_frame: Frame): void {}

  protected override onChange(): void {
    for (;;) {
      const bytes = this.peek()
      if (bytes.length < 9) return
      const length = bytes.readUIntBE(0, 3)
      if (bytes.length < 9 + length) return
      const taken = this.take(9 + length)
      this.#receive({
        type: taken.readUInt8(3),
        flags: taken.readUInt8(4),
        streamId: taken.readUInt32BE(5),
        payload: taken.subarray(9),
      })
    }
  }

  #receive(frame: Frame): void {
    const { type, flags, streamId, payload } = frame
    this.frames.push(frame)
    if (type === HEADERS) {
      this.#block = []
      this.#blockFlags = flags
    }
    if (type === HEADERS || type === CONTINUATION) {
      this.#block.push(payload)
      if ((flags & END_HEADERS) !== 0) this.#decode(streamId, (this.#blockFlags & END_STREAM) !== 0)
    }
    if (type === DATA && payload.length > 0 && this.updatesWindows) {
      this.frame(WINDOW_UPDATE, 0, 0, uint32(payload.length))
      if ((flags & END_STREAM) === 0) this.frame(WINDOW_UPDATE, 0, streamId, uint32(payload.length))
    }
    this.onFrame(frame)
  }

  #decode(streamId: number, isEndStream: boolean): void {
    const block = Buffer.concat(this.#block)
    const lines: string[] = []
    const sink = { onField: ({ name, value }: { name: string; value: string }) => lines.push(`${name}: ${value}`) }
    const fault = this.#decoder.decode(block, 0, block.length, sink)
    if (fault !== 0) throw new Error(`a field block that cannot be decoded: ${fault}`)
    this.blocks.push({ streamId, isEndStream, lines })
  }
}
