/**
 * A process of @grpc/grpc-js with one unary method. `bun grpc-js-process.ts PORT` answers with what it was sent;
 * `bun grpc-js-process.ts PORT UPSTREAM_PORT` is the proxy one would write first: it calls the other and hands on the answer.
 */
import { Client, credentials, type handleUnaryCall, Server, ServerCredentials } from "@grpc/grpc-js"
import { echoMethod } from "./grpc-method.ts"

const [port = 0, upstreamPort = 0] = process.argv.slice(2).map(Number)

const identity = (bytes: Buffer): Buffer => bytes

const answer: handleUnaryCall<Buffer, Buffer> = (call, respond) => respond(null, call.request)

function forwardTo(client: Client): handleUnaryCall<Buffer, Buffer> {
  return (call, respond) => {
    const metadata = call.metadata.clone()
    metadata.add("x-forwarded-for", call.getPeer())
    client.makeUnaryRequest(echoMethod, identity, identity, call.request, metadata, respond)
  }
}

const server = new Server()
server.register(
  echoMethod,
  upstreamPort === 0 ? answer : forwardTo(new Client(`127.0.0.1:${upstreamPort}`, credentials.createInsecure())),
  identity,
  identity,
  "unary",
)
server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (failure) => {
  if (failure === null) return
  console.error(failure.message)
  process.exit(1)
})
