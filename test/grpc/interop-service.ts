/**
 * A gRPC service of somebody else's making (@grpc/grpc-js), with the methods that gRPC's own interoperability tests use
 * (grpc/grpc `doc/interop-test-descriptions.md`). Messages are JSON in bytes: what they say is no business of a gateway.
 */
import {
  type handleBidiStreamingCall,
  type handleClientStreamingCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
  Metadata,
  Server,
  ServerCredentials,
  type ServiceDefinition,
} from "@grpc/grpc-js"

/** What a client asks for; each method looks at what concerns it. */
export interface InteropRequest {
  /** Bytes of payload in the response, one response for each number. */
  readonly sizes?: readonly number[]
  /** Zeros, only to be large. */
  readonly payload?: string
  /** The call ends with this status after the responses. */
  readonly status?: { readonly code: number; readonly message: string }
}

export const ECHO_INITIAL = "x-grpc-test-echo-initial"
export const ECHO_TRAILING = "x-grpc-test-echo-trailing-bin"

export const METHODS = Object.freeze({
  emptyCall: "/grpc.testing.TestService/EmptyCall",
  unaryCall: "/grpc.testing.TestService/UnaryCall",
  streamingInputCall: "/grpc.testing.TestService/StreamingInputCall",
  streamingOutputCall: "/grpc.testing.TestService/StreamingOutputCall",
  fullDuplexCall: "/grpc.testing.TestService/FullDuplexCall",
  /** Never answers. */
  hangingCall: "/grpc.testing.TestService/HangingCall",
  /** Known to no service. */
  unimplementedCall: "/grpc.testing.UnimplementedService/UnimplementedCall",
} as const)

const identity = (bytes: Buffer): Buffer => bytes

function method(path: string, requestStream: boolean, responseStream: boolean) {
  return {
    path,
    requestStream,
    responseStream,
    requestSerialize: identity,
    requestDeserialize: identity,
    responseSerialize: identity,
    responseDeserialize: identity,
  }
}

const definition = {
  emptyCall: method(METHODS.emptyCall, false, false),
  unaryCall: method(METHODS.unaryCall, false, false),
  streamingInputCall: method(METHODS.streamingInputCall, true, false),
  streamingOutputCall: method(METHODS.streamingOutputCall, false, true),
  fullDuplexCall: method(METHODS.fullDuplexCall, true, true),
  hangingCall: method(METHODS.hangingCall, false, false),
} satisfies ServiceDefinition

export class InteropService implements AsyncDisposable {
  port = 0
  /** Method and metadata of every call, oldest first. */
  readonly calls: { readonly path: string; readonly metadata: Metadata }[] = []
  /** Calls that were cancelled by the time they could have gone on. */
  cancelledCount = 0
  /** The next unary calls fail with these codes before anything else is sent: trailers-only responses. */
  nextFailures: number[] = []
  readonly #server = new Server()

  static async start(): Promise<InteropService> {
    const service = new InteropService()
    service.#server.addService(definition, {
      emptyCall: service.#empty,
      unaryCall: service.#unary,
      streamingInputCall: service.#streamingInput,
      streamingOutputCall: service.#streamingOutput,
      fullDuplexCall: service.#fullDuplex,
      hangingCall: service.#hanging,
    })
    const { promise, resolve, reject } = Promise.withResolvers<number>()
    service.#server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
      if (error === null) resolve(port)
      else reject(error)
    })
    service.port = await promise
    return service
  }

  readonly #empty: handleUnaryCall<Buffer, Buffer> = (call, answer) => {
    this.#record(call)
    answer(null, Buffer.alloc(0))
  }

  readonly #unary: handleUnaryCall<Buffer, Buffer> = (call, answer) => {
    this.#record(call)
    const failure = this.nextFailures.shift()
    if (failure !== undefined) return answer({ code: failure, details: "as asked" })
    const { sizes = [0], status } = parseRequest(call.request)
    const { initial, trailing } = echoes(call.metadata)
    call.sendMetadata(initial)
    if (status === undefined) answer(null, Buffer.alloc(sizes[0] ?? 0), trailing)
    else answer({ code: status.code, details: status.message, metadata: trailing })
  }

  readonly #streamingInput: handleClientStreamingCall<Buffer, Buffer> = (call, answer) => {
    this.#record(call)
    let payloadBytes = 0
    call.on("cancelled", () => this.cancelledCount++)
    call.on("data", (bytes: Buffer) => {
      payloadBytes += parseRequest(bytes).payload?.length ?? 0
    })
    call.on("end", () => answer(null, Buffer.from(String(payloadBytes))))
  }

  readonly #streamingOutput: handleServerStreamingCall<Buffer, Buffer> = (call) => {
    this.#record(call)
    const { sizes = [], status } = parseRequest(call.request)
    for (const size of sizes) call.write(Buffer.alloc(size))
    if (status === undefined) call.end()
    else call.emit("error", { code: status.code, details: status.message })
  }

  readonly #fullDuplex: handleBidiStreamingCall<Buffer, Buffer> = (call) => {
    this.#record(call)
    const { initial, trailing } = echoes(call.metadata)
    call.sendMetadata(initial)
    call.on("cancelled", () => this.cancelledCount++)
    call.on("data", (bytes: Buffer) => {
      const { sizes = [], status } = parseRequest(bytes)
      for (const size of sizes) call.write(Buffer.alloc(size))
      if (status !== undefined) call.emit("error", { code: status.code, details: status.message, metadata: trailing })
    })
    call.on("end", () => call.end(trailing))
  }

  readonly #hanging: handleUnaryCall<Buffer, Buffer> = (call) => {
    this.#record(call)
    call.on("cancelled", () => this.cancelledCount++)
  }

  #record(call: { getPath(): string; readonly metadata: Metadata }): void {
    this.calls.push({ path: call.getPath(), metadata: call.metadata })
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#server.forceShutdown()
    return Promise.resolve()
  }
}

function parseRequest(bytes: Buffer): InteropRequest {
  return bytes.length === 0 ? {} : JSON.parse(bytes.toString())
}

function echoes(metadata: Metadata): { readonly initial: Metadata; readonly trailing: Metadata } {
  const initial = new Metadata()
  const trailing = new Metadata()
  for (const value of metadata.get(ECHO_INITIAL)) initial.add(ECHO_INITIAL, value)
  for (const value of metadata.get(ECHO_TRAILING)) trailing.add(ECHO_TRAILING, value)
  return { initial, trailing }
}
