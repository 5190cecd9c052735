/** A service behind TLS that answers 200 to every request and notes what each connection showed and sent. */
import type { CertificateAuthority, IssuedCertificate } from "./certificate-authority.ts"

export interface TlsUpstreamConnection {
  /** SNI; "" = none. */
  serverName: string
  /** Whether a client certificate came that the service trusts. */
  isClientAuthorized: boolean
  /** Decrypted. */
  received: string
}

export interface TlsUpstreamOptions {
  readonly certificate: IssuedCertificate
  /** Client certificates of this authority are asked for, and others refused. */
  readonly clientAuthority?: CertificateAuthority
}

export class TlsUpstream implements Disposable {
  readonly connections: TlsUpstreamConnection[] = []
  readonly port: number
  readonly #listener: Bun.TCPSocketListener<TlsUpstreamConnection>

  constructor({ certificate, clientAuthority }: TlsUpstreamOptions) {
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
          socket.data = { serverName: "", isClientAuthorized: false, received: "" }
          connections.push(socket.data)
        },
        handshake(socket) {
          const serverName: unknown = socket.getServername()
          socket.data.serverName = typeof serverName === "string" ? serverName : ""
          socket.data.isClientAuthorized = socket.authorized
        },
        data(socket, bytes) {
          socket.data.received += bytes.toString("latin1")
          if (socket.data.received.endsWith("\r\n\r\n")) socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
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
