/**
 * An HTTP/2 service that answers with exactly the frames a test gives it.
 *
 * ```ts
 * await using upstream = FrameUpstream.start(({ connection, streamId }) => connection.respond(streamId, "ok"))
 * ```
 */
import { awaitElement, RawService } from "../harness/raw-service.ts"
import { FrameSocket } from "./frame-socket.ts"
import { ACK, type DecodedRequest, END_STREAM, type Frame, HEADERS, PREFACE, SETTINGS } from "./frames.ts"

export interface UpstreamScript {
  /** Payload of its SETTINGS; null = it never says any. */
  readonly settings?: Buffer | null
  /** A request head has come. */
  readonly onRequest?: (request: DecodedRequest & { readonly connection: UpstreamFrames }) => void
}

/** One connection of the gateway's. */
export class UpstreamFrames extends FrameSocket {
  readonly #script: UpstreamScript
  readonly #requests: DecodedRequest[]
  #prefaceBytes = 0

  constructor(script: UpstreamScript, requests: DecodedRequest[]) {
    super()
    this.#script = script
    this.#requests = requests
  }

  /** 200 with a body, complete. */
  respond(streamId: number, body: string): void {
    this.headers(streamId, [[":status", "200"]], 0)
    this.data(streamId, body, END_STREAM)
  }

  protected override onChange(): void {
    if (this.#prefaceBytes === 0) {
      if (this.peek().length < PREFACE.length) return
      const preface = this.take(PREFACE.length).toString("latin1")
      if (preface !== PREFACE) throw new Error(`not a preface: ${preface}`)
      this.#prefaceBytes = PREFACE.length
      const { settings = Buffer.alloc(0) } = this.#script
      if (settings !== null) this.frame(SETTINGS, 0, 0, settings)
    }
    super.onChange()
  }

  protected override onFrame({ type, flags, streamId }: Frame): void {
    if (type === SETTINGS && flags === 0) this.frame(SETTINGS, ACK, 0)
    if (type !== HEADERS) return
    const block = this.blocks.at(-1)
    // Trailers are no request.
    if (block === undefined || !block.lines[0]?.startsWith(":method")) return
    const request = { streamId, lines: block.lines, isEndStream: block.isEndStream }
    this.#requests.push(request)
    this.#script.onRequest?.({ ...request, connection: this })
  }
}

export class FrameUpstream extends RawService<UpstreamFrames> {
  readonly requests: DecodedRequest[] = []
  readonly #script: UpstreamScript

  static start(script: UpstreamScript | UpstreamScript["onRequest"] = {}): FrameUpstream {
    return new FrameUpstream(typeof script === "function" ? { onRequest: script } : script)
  }

  private constructor(script: UpstreamScript) {
    super(true)
    this.#script = script
  }

  protected override createConnection(): UpstreamFrames {
    return new UpstreamFrames(this.#script, this.requests)
  }

  request(index: number): Promise<DecodedRequest> {
    return awaitElement(this.requests, index, "upstream request")
  }
}
