/** The one gRPC method of the bench, and how to see that somebody serves it. */
import { Client, credentials } from "@grpc/grpc-js"

export const echoMethod = "/bench.Echo/Unary"

/** What is sent each time; the answer is the same bytes. */
export const echoMessage = Buffer.alloc(100, "gatehouse lantern ")

const identity = (bytes: Buffer): Buffer => bytes
const deadlineMs = 1_000

/** Calls the method over cleartext HTTP/2; true when the answer is right. @param host what is asked for */
export function answersGrpc(port: number, host: string): Promise<boolean> {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), { "grpc.default_authority": host })
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const options = { deadline: Date.now() + deadlineMs }
  client.makeUnaryRequest(echoMethod, identity, identity, echoMessage, options, (_failure, answer) => {
    client.close()
    resolve(answer?.equals(echoMessage) === true)
  })
  return promise
}
