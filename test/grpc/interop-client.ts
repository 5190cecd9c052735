/**
 * A gRPC client of somebody else's making (@grpc/grpc-js), with whole outcomes as values: a status that is not OK is what
 * a test asks about, not an exception.
 */
import {
  type ChannelCredentials,
  Client,
  type ClientDuplexStream,
  credentials,
  Metadata,
  type StatusObject,
} from "@grpc/grpc-js"
import type { InteropRequest } from "./interop-service.ts"

/** What became of a call. */
export interface Outcome {
  readonly code: number
  readonly message: string
  /** Sizes of the responses. */
  readonly sizes: readonly number[]
  readonly lastResponse: Buffer
  /** null = the response had none: it was trailers-only, or there was no response. */
  readonly initial: Metadata | null
  readonly trailing: Metadata
}

export interface CallOptions {
  readonly metadata?: Metadata
  readonly timeoutMs?: number
}

interface Call {
  on(event: "metadata", listener: (metadata: Metadata) => void): unknown
  on(event: "status", listener: (status: StatusObject) => void): unknown
  on(event: "error", listener: () => void): unknown
}

const identity = (bytes: Buffer): Buffer => bytes

export function toBytes(request: InteropRequest): Buffer {
  return Buffer.from(JSON.stringify(request))
}

export class InteropClient implements Disposable {
  readonly #client: Client

  /** @param serverName what the certificate is for; "" = cleartext HTTP/2 with prior knowledge */
  constructor(port: number, serverName = "", authorityPem = "") {
    const channel: ChannelCredentials =
      serverName === "" ? credentials.createInsecure() : credentials.createSsl(Buffer.from(authorityPem))
    this.#client = new Client(`127.0.0.1:${port}`, channel, {
      "grpc.default_authority": serverName === "" ? "a.example" : serverName,
      ...(serverName === "" ? {} : { "grpc.ssl_target_name_override": serverName }),
      // A call goes out once: what the gateway does about a failure is to be seen.
      "grpc.enable_retries": 0,
    })
  }

  unary(path: string, request: Buffer, options: CallOptions = {}): Promise<Outcome> {
    const response: Buffer[] = []
    const { metadata, callOptions } = argumentsOf(options)
    const call = this.#client.makeUnaryRequest(path, identity, identity, request, metadata, callOptions, (_, bytes) => {
      if (bytes !== undefined) response.push(bytes)
    })
    return outcomeOf(call, response)
  }

  clientStreaming(path: string, requests: readonly Buffer[], options: CallOptions = {}): Promise<Outcome> {
    const response: Buffer[] = []
    const { metadata, callOptions } = argumentsOf(options)
    const call = this.#client.makeClientStreamRequest(path, identity, identity, metadata, callOptions, (_, bytes) => {
      if (bytes !== undefined) response.push(bytes)
    })
    for (const request of requests) call.write(request)
    call.end()
    return outcomeOf(call, response)
  }

  serverStreaming(path: string, request: Buffer, options: CallOptions = {}): Promise<Outcome> {
    const { metadata, callOptions } = argumentsOf(options)
    const call = this.#client.makeServerStreamRequest(path, identity, identity, request, metadata, callOptions)
    const responses: Buffer[] = []
    call.on("data", (bytes: Buffer) => responses.push(bytes))
    return outcomeOf(call, responses)
  }

  /** Opened, with nothing sent. */
  bidirectional(path: string, options: CallOptions = {}): OpenCall {
    const { metadata, callOptions } = argumentsOf(options)
    return new OpenCall(this.#client.makeBidiStreamRequest(path, identity, identity, metadata, callOptions))
  }

  [Symbol.dispose](): void {
    this.#client.close()
  }
}

/** A call that a test leads step by step. */
export class OpenCall {
  readonly outcome: Promise<Outcome>
  readonly #call: ClientDuplexStream<Buffer, Buffer>
  readonly #responses: Buffer[] = []
  #waiting: (() => void) | null = null

  constructor(call: ClientDuplexStream<Buffer, Buffer>) {
    this.#call = call
    call.on("data", (bytes: Buffer) => {
      this.#responses.push(bytes)
      this.#waiting?.()
    })
    this.outcome = outcomeOf(call, this.#responses)
  }

  send(request: InteropRequest): void {
    this.#call.write(toBytes(request))
  }

  /** Waits until there are so many responses. */
  async responses(count: number): Promise<readonly Buffer[]> {
    while (this.#responses.length < count) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#waiting = resolve
      await Promise.race([promise, this.outcome.then(() => Promise.reject(new Error("the call ended")))])
    }
    return this.#responses
  }

  end(): void {
    this.#call.end()
  }

  cancel(): void {
    this.#call.cancel()
  }
}

function argumentsOf({ metadata, timeoutMs }: CallOptions) {
  return {
    metadata: metadata ?? new Metadata(),
    callOptions: timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs },
  }
}

function outcomeOf(call: Call, responses: readonly Buffer[]): Promise<Outcome> {
  const { promise, resolve } = Promise.withResolvers<Outcome>()
  let initial: Metadata | null = null
  call.on("metadata", (metadata) => {
    initial = metadata
  })
  // The status says it all; without a listener the error would be thrown.
  call.on("error", () => {})
  call.on("status", ({ code, details, metadata }) => {
    resolve({
      code,
      message: details,
      sizes: responses.map(({ length }) => length),
      lastResponse: responses.at(-1) ?? Buffer.alloc(0),
      initial,
      trailing: metadata,
    })
  })
  return promise
}
