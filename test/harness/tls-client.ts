/** A client that speaks TLS, and inside it exactly the bytes a test gives it. */
import { RawClient } from "./raw-client.ts"
import { type RawSocket, rawSocketHandlers } from "./raw-socket.ts"

export interface TlsClientOptions {
  /** SNI; "" = none is sent. */
  readonly serverName: string
  /** In wire format; default: none are offered. */
  readonly alpnProtocols?: string
  /** The client's certificate and key. */
  readonly identity?: { readonly certificatePem: string; readonly privateKeyPem: string }
}

/**
 * Connects and waits for the handshake; the gateway's certificate is not verified here, `certificateOf` shows it.
 * @throws where the handshake fails
 */
export async function connectTls(port: number, options: TlsClientOptions): Promise<RawClient> {
  const client = new RawClient()
  const handshake = Promise.withResolvers<void>()
  const { identity, serverName, alpnProtocols } = options
  await Bun.connect<RawSocket>({
    hostname: "127.0.0.1",
    port,
    data: client,
    tls: {
      rejectUnauthorized: false,
      ...(serverName === "" ? {} : { serverName }),
      ...(alpnProtocols === undefined ? {} : { ALPNProtocols: Buffer.from(alpnProtocols, "latin1") }),
      ...(identity === undefined ? {} : { cert: identity.certificatePem, key: identity.privateKeyPem }),
    },
    socket: {
      ...rawSocketHandlers,
      // Bun also calls it a failure when it does not like the gateway's certificate, which is nothing to this client.
      handshake: (_socket, isDone, error) =>
        isDone || !isBroken(error) ? handshake.resolve() : handshake.reject(new Error("the handshake failed")),
      close: (socket) => {
        handshake.reject(new Error("closed during the handshake"))
        socket.data.onClose()
      },
    },
  })
  await handshake.promise
  return client
}

function isBroken(error: Error | null): boolean {
  return error !== null && "code" in error && (error.code === "EPROTO" || error.code === "ECONNRESET")
}
