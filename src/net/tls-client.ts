/**
 * Turns a connection that we made into the client's end of a TLS connection, and reports what the handshake found out.
 *
 * Bun is told not to reject anything: its own verdict mixes the chain with a name check that falls back to the common
 * name, and cannot be told which names are wanted. Whoever asked judges `ServerHandshake` and must send nothing before.
 */
import type { X509Certificate } from "node:crypto"
import { type OnInvariantError, ownerHandlers, type SocketOwner, type TcpSocket } from "./socket.ts"
import type { TlsContext } from "./tls-context.ts"
import { alpnWireFormat } from "./tls-upgrade.ts"

export interface TlsClientOptions {
  readonly context: TlsContext
  /** SNI; "" = none is sent. */
  readonly serverName: string
  readonly alpnProtocols: readonly string[]
}

/** What a handshake came to. */
export type ServerHandshake =
  /** `text` is BoringSSL's `error:…`, or "" when the server went away. */
  | { readonly kind: "failed"; readonly text: string }
  | {
      readonly kind: "done"
      /** What is wrong with the server's chain, in words; "" = it leads to a trusted root and is in its time. */
      readonly chainProblem: string
      readonly certificate: X509Certificate
      /** "" = none was agreed on. */
      readonly alpnProtocol: string
    }

/** Owns a connection until its handshake is over. */
export interface ServerHandshakeOwner extends SocketOwner {
  onServerHandshake(socket: TcpSocket, handshake: ServerHandshake): void
}

/** Owns the ciphertext's end of an upgraded connection: its bytes have gone to TLS already. */
const CIPHERTEXT: SocketOwner = { onOpen() {}, onData() {}, onDrain() {}, onEnd() {}, onClose() {} }

interface UntypedTlsOptions {
  readonly secureContext: object
  readonly ALPNProtocols?: Buffer
}

/** Handlers for the TLS end of connections that we made; made once. */
export function tlsClientHandlers(onInvariantError: OnInvariantError): Bun.SocketHandler<SocketOwner> {
  const { open: _open, ...handlers } = ownerHandlers(onInvariantError)
  return {
    ...handlers,
    handshake(socket, isDone, error) {
      try {
        const owner = socket.data
        if (isHandshaking(owner)) owner.onServerHandshake(socket, readHandshake(socket, isDone, error))
      } catch (thrown) {
        onInvariantError(thrown)
        socket.terminate()
      }
    },
    error(socket) {
      // An alert of the server's, after the handshake (TLS 1.3 judges a client certificate then). No fault of ours.
      socket.terminate()
    },
  }
}

/** @returns the decrypted end: closing it closes the connection, closing `socket` does not (Bun 1.4). */
export function startTls(
  socket: TcpSocket,
  options: TlsClientOptions,
  owner: ServerHandshakeOwner,
  handlers: Bun.SocketHandler<SocketOwner>,
): TcpSocket {
  socket.data = CIPHERTEXT
  const tls: Bun.TLSOptions & UntypedTlsOptions = {
    secureContext: options.context.native,
    // "" and not absent: then Bun would put the address there.
    serverName: options.serverName,
    rejectUnauthorized: false,
    ...(options.alpnProtocols.length === 0 ? {} : { ALPNProtocols: alpnWireFormat(options.alpnProtocols) }),
  }
  const [, decrypted] = socket.upgradeTLS<SocketOwner>({ tls, socket: handlers, data: owner })
  return decrypted
}

function isHandshaking(owner: SocketOwner): owner is ServerHandshakeOwner {
  return "onServerHandshake" in owner
}

/** Of several things that are wrong Bun names the chain first; this one says that the chain is right. */
const NAME_MISMATCH = "ERR_TLS_CERT_ALTNAME_INVALID"
/** Errors of the connection rather than of the certificate. */
const CONNECTION_ERRORS: ReadonlySet<string> = new Set(["EPROTO", "ECONNRESET", "EPIPE"])

function readHandshake(socket: TcpSocket, isDone: boolean, error: Error | null): ServerHandshake {
  const code = error !== null && "code" in error && typeof error.code === "string" ? error.code : ""
  const certificate: X509Certificate | undefined = socket.getPeerX509Certificate()
  if (CONNECTION_ERRORS.has(code) || certificate === undefined) {
    return { kind: "failed", text: /error:[0-9a-f]+:[^\n]*/.exec(error?.message ?? "")?.[0] ?? "" }
  }
  // Success is believed only without any error; a failure without one is a failure all the same.
  const chainProblem = code === NAME_MISMATCH || (isDone && error === null) ? "" : (error?.message ?? "unspecified")
  const alpnProtocol = typeof socket.alpnProtocol === "string" ? socket.alpnProtocol : ""
  return { kind: "done", chainProblem, certificate, alpnProtocol }
}
