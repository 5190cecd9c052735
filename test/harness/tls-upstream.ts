/** A service behind TLS that answers 200 to every request and notes what each connection showed and sent. */
import type { CertificateAuthority, IssuedCertificate } from "./certificate-authority.ts"

export interface TlsUpstreamConnection {
  /** SNI; "" = none. */
  serverName: string
  /** Whether a client certificate came that the service trusts. */
  isClientAuthorized: boolean
  /** Decrypted. */
  received: string
  /** Of a large body: what the gateway's side has taken so far. */
  bytesTaken: number
}

export interface TlsUpstreamOptions {
  readonly certificate: IssuedCertificate
  /** Client certificates of this authority are asked for, and others refused. */
  readonly clientAuthority?: CertificateAuthority
  /** Answers have a body of so many bytes instead of `ok`. */
  readonly bodyBytes?: number
}

export class TlsUpstream implements Disposable {
  readonly connections: TlsUpstreamConnection[] = []
  readonly port: number
  readonly #listener: Bun.TCPSocketListener<TlsUpstreamConnection>

  constructor({ certificate, clientAuthority, bodyBytes = 0 }: TlsUpstreamOptions) {
    const { connections } = this
    const mutual =
      clientAuthority === undefined
        ? {}
        : { ca: clientAuthority.certificatePem, requestCert: true, rejectUnauthorized: true }
    this.#listener = Bun.listen<TlsUpstreamConnection>({
      hostname: "127.0.0.1",
      port: 0,
      tls: { key: certificate.privateKeyPem, cert: certificate.certificatePem, ...mutual },
      socket: {
        open(socket) {
          socket.data = { serverName: "", isClientAuthorized: false, received: "", bytesTaken: 0 }
          connections.push(socket.data)
        },
        handshake(socket) {
          const serverName: unknown = socket.getServername()
          socket.data.serverName = typeof serverName === "string" ? serverName : ""
          socket.data.isClientAuthorized = socket.authorized
        },
        data(socket, bytes) {
          socket.data.received += bytes.toString("latin1")
          if (!socket.data.received.endsWith("\r\n\r\n")) return
          socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${bodyBytes || 2}\r\n\r\n${bodyBytes === 0 ? "ok" : ""}`)
          sendBody(socket, bodyBytes)
        },
        drain(socket) {
          sendBody(socket, bodyBytes)
        },
        error() {
          // A client that gives up during the handshake: the test looks at what the client was told.
        },
      },
    })
    this.port = this.#listener.port
  }

  [Symbol.dispose](): void {
    this.#listener.stop(true)
  }
}

const piece = Buffer.alloc(64 * 1024, "x")

/** As much as the socket takes. */
function sendBody(socket: Bun.Socket<TlsUpstreamConnection>, bodyBytes: number): void {
  while (socket.data.bytesTaken < bodyBytes) {
    const wanted = Math.min(piece.length, bodyBytes - socket.data.bytesTaken)
    const written = socket.write(piece, 0, wanted)
    if (written > 0) socket.data.bytesTaken += written
    if (written < wanted) return
  }
}
