/**
 * Turns a plain connection, of which the ClientHello was read already, into the server's end of a TLS connection.
 *
 * "Look, then upgrade": the one way every TLS port works here, because a context chosen before the handshake is the only
 * one whose versions, ciphers, ALPN and client-certificate demands all take effect (Bun 1.4: those of a context that
 * `serverName` returns do not). The hooks are those that Bun's own node:tls stands on; `net/self-check.ts` looks for them.
 */
import type { X509Certificate } from "node:crypto"
import { passOnAddresses } from "./connection-addresses.ts"
import { type OnInvariantError, ownerHandlers, type SocketOwner, type TcpSocket } from "./socket.ts"
import type { TlsContext } from "./tls-context.ts"

export type ClientCertificateDemand = "none" | "optional" | "required"

export interface TlsServerOptions {
  readonly context: TlsContext
  /** In the server's order of preference. No common one does not end the handshake. */
  readonly alpnProtocols: readonly string[]
  /**
   * `required`: without a certificate the handshake fails with an alert. `optional`: the handshake completes, whatever
   * the client shows; who asked judges `HandshakeResult`.
   */
  readonly clientCertificate: ClientCertificateDemand
}

export interface HandshakeResult {
  /** "" = none was agreed on. */
  readonly alpnProtocol: string
  /** The certificate of the client's own, null = none was shown (or asked for). */
  readonly peerCertificate: X509Certificate | null
  /** BoringSSL's name of what is wrong with it, such as `CERT_HAS_EXPIRED`; "" only when it is verified. */
  readonly verificationError: string
  /** `TLSv1.3` */
  readonly version: string
  /** OpenSSL's name of it: `TLS_AES_128_GCM_SHA256`, `ECDHE-ECDSA-AES128-GCM-SHA256`. */
  readonly cipherSuite: string
}

/** For whoever owns the connection next; they leave with their socket. */
const handshakes = new WeakMap<TcpSocket, HandshakeResult>()

/** What a connection's handshake came to; null = it has had none here. */
export function handshakeOf(socket: TcpSocket): HandshakeResult | null {
  return handshakes.get(socket) ?? null
}

/** Whoever owns a connection during its handshake. Afterwards it usually hands the socket to another owner. */
export interface HandshakingOwner extends SocketOwner {
  /** The handshake is over; null = it failed and the connection is about to close. */
  onHandshake(socket: TcpSocket, result: HandshakeResult | null): void
}

/** Owns the ciphertext's end of an upgraded connection: its bytes have gone to TLS already. */
const CIPHERTEXT: SocketOwner = { onOpen() {}, onData() {}, onDrain() {}, onEnd() {}, onClose() {} }

interface UntypedUpgradeOptions {
  readonly isServer: boolean
  readonly initialData: Buffer
}

interface UntypedTlsOptions {
  readonly secureContext: object
  readonly ALPNProtocols?: Buffer
}

/**
 * Handlers for the TLS end of connections; made once. A `HandshakingOwner` must own each socket until its handshake is over.
 * @param onBrokenTls a client broke TLS after its handshake: asked for renegotiation, sent a record that does not decrypt
 */
export function tlsHandlers(
  onInvariantError: OnInvariantError,
  onBrokenTls: () => void,
): Bun.SocketHandler<SocketOwner> {
  const { open: _open, ...handlers } = ownerHandlers(onInvariantError)
  return {
    ...handlers,
    handshake(socket, isDone) {
      try {
        const owner = socket.data
        if (isHandshaking(owner)) owner.onHandshake(socket, isDone ? readResult(socket) : null)
      } catch (error) {
        onInvariantError(error)
        socket.terminate()
      }
    },
    error(socket, error) {
      // Bun 1.4 tells of the peer's faults and of handlers that throw in one place.
      if (isTlsFault(error)) onBrokenTls()
      else onInvariantError(error)
      socket.terminate()
    },
  }
}

function isTlsFault(error: Error): boolean {
  return "code" in error && error.code === "EPROTO"
}

/**
 * @param received what was read of the connection so far: the ClientHello, and whatever followed it
 * @param owner hears `onHandshake`, and every other event of the decrypted connection
 * @returns the decrypted connection; `socket` does nothing any more, not even close
 */
export function upgradeToTls(
  socket: TcpSocket,
  received: Buffer,
  options: TlsServerOptions,
  owner: HandshakingOwner,
  handlers: Bun.SocketHandler<SocketOwner>,
): TcpSocket {
  socket.data = CIPHERTEXT
  const tls: Bun.TLSOptions & UntypedTlsOptions = {
    secureContext: options.context.native,
    requestCert: options.clientCertificate !== "none",
    rejectUnauthorized: options.clientCertificate === "required",
    ...(options.alpnProtocols.length === 0 ? {} : { ALPNProtocols: alpnWireFormat(options.alpnProtocols) }),
  }
  const upgrade: Bun.TLSUpgradeOptions<SocketOwner> & UntypedUpgradeOptions = {
    isServer: true,
    initialData: received,
    tls,
    socket: handlers,
    data: owner,
  }
  const [, upgraded] = socket.upgradeTLS<SocketOwner>(upgrade)
  passOnAddresses(socket, upgraded)
  return upgraded
}

function isHandshaking(owner: SocketOwner): owner is HandshakingOwner {
  return "onHandshake" in owner
}

/**
 * `authorized` alone is not asked: without a demand, and without a certificate, there is nothing it could speak of.
 * Neither is the handshake's `success`: Bun 1.4 gives true for certificates that do not verify.
 */
function readResult(socket: TcpSocket): HandshakeResult {
  const alpnProtocol = typeof socket.alpnProtocol === "string" ? socket.alpnProtocol : ""
  const peerCertificate = peerCertificateOf(socket)
  const error = socket.authorized ? null : socket.getAuthorizationError()
  const code = error !== null && "code" in error && typeof error.code === "string" ? error.code : "UNSPECIFIED"
  const result: HandshakeResult = {
    alpnProtocol,
    peerCertificate,
    verificationError: socket.authorized ? "" : code,
    version: socket.getTLSVersion(),
    cipherSuite: socket.getCipher().name,
  }
  handshakes.set(socket, result)
  return result
}

/** Typed as always there; it is not when the client showed none. */
function peerCertificateOf(socket: TcpSocket): X509Certificate | null {
  const certificate: X509Certificate | undefined = socket.getPeerX509Certificate()
  return certificate ?? null
}

/** RFC 7301 section 3.1: each name behind its length. */
export function alpnWireFormat(protocols: readonly string[]): Buffer {
  return Buffer.concat(
    protocols.map((protocol) => Buffer.concat([Buffer.from([protocol.length]), Buffer.from(protocol, "latin1")])),
  )
}
