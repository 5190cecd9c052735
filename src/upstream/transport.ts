/**
 * How a cluster's connections are made, whatever protocol they carry afterwards:
 *
 *   TCP connect ──▶ PROXY header ──▶ TLS handshake, certificate judged ──▶ the owner's `onOpen`
 *
 * The owner gets the socket only when all of that is done, so nothing of a request can leave before.
 */
import { isIP } from "node:net"
import type { UpstreamTls } from "../compile/cluster-policies.ts"
import type { ClusterSpec } from "../compile/snapshot.ts"
import { hostWithoutPort } from "../http/authority.ts"
import { connectSocket } from "../net/connect.ts"
import { type SocketOwner, setTcpKeepAlive, type TcpSocket } from "../net/socket.ts"
import { type ServerHandshake, type ServerHandshakeOwner, startTls } from "../net/tls-client.ts"
import type { UpstreamRequester } from "./http-pool.ts"
import { proxyHeader } from "./proxy-protocol.ts"
import { judgeHandshake } from "./server-certificate.ts"
import { type FindSecret, UpstreamTlsContext } from "./tls-material.ts"

export interface TransportEnvironment {
  readonly handlers: Bun.SocketHandler<SocketOwner>
  readonly tlsHandlers: Bun.SocketHandler<SocketOwner>
  readonly findSecret: FindSecret
}

/** What of a request, or of a TCP connection that is forwarded, may decide which connections it may use. */
type RequestTraits = Pick<UpstreamRequester, "authority" | "peer"> & Partial<Pick<UpstreamRequester, "isHttp2">>

/** What tells a connection from another one of the same cluster: requests share a connection only when it is the same. */
export interface ConnectionIdentity {
  readonly key: string
  /** The Host that names the server, without its port; "" where the configuration does. */
  readonly host: string
  readonly proxyHeader: Buffer | null
  /** What is spoken on it, and so what ALPN offers. */
  readonly isHttp2: boolean
}

export class UpstreamTransport {
  readonly #tls: UpstreamTls | null
  readonly #context: UpstreamTlsContext | null
  readonly #proxyProtocol: ClusterSpec["proxyProtocol"]
  readonly #keepAliveAfterMs: number
  readonly #carries: "http" | "tcp"
  readonly #environment: TransportEnvironment
  /** Whether every request may use every connection: then they all have `sharedIdentity`. */
  readonly isShared: boolean
  readonly sharedIdentity: ConnectionIdentity
  readonly #usesClientProtocol: boolean

  /** @param carries what is sent: half-open connections are for forwarded TCP, ALPN is for HTTP */
  constructor(spec: ClusterSpec, environment: TransportEnvironment, carries: "http" | "tcp" = "http") {
    this.#tls = spec.tls
    this.#context = spec.tls === null ? null : new UpstreamTlsContext(spec.tls, environment.findSecret)
    this.#proxyProtocol = spec.proxyProtocol
    this.#keepAliveAfterMs = spec.limits.keepAliveAfterMs
    this.#carries = carries
    this.#environment = environment
    this.#usesClientProtocol = spec.usesClientProtocol && carries === "http"
    this.sharedIdentity = spec.protocol === "http2" ? ANY_HTTP2 : ANY_HTTP1
    this.isShared = !this.#isNamedByHost && spec.proxyProtocol === 0 && !this.#usesClientProtocol
  }

  /** Whether the Host decides the SNI or which certificate is right. */
  get #isNamedByHost(): boolean {
    const tls = this.#tls
    return this.#carries === "http" && tls !== null && (tls.sni === "" || tls.verifiesHost)
  }

  identify(requester: RequestTraits): ConnectionIdentity {
    if (this.isShared) return this.sharedIdentity
    const isHttp2 = this.#usesClientProtocol ? requester.isHttp2 === true : this.sharedIdentity.isHttp2
    const host = this.#isNamedByHost ? hostWithoutPort(requester.authority) : ""
    if (this.#proxyProtocol !== 0) {
      const header = proxyHeader(this.#proxyProtocol, requester.peer)
      return { key: `${header.toString("latin1")} ${isHttp2 ? 2 : 1} ${host}`, host, proxyHeader: header, isHttp2 }
    }
    if (host === "") return isHttp2 ? ANY_HTTP2 : ANY_HTTP1
    return { key: `${isHttp2 ? 2 : 1} ${host}`, host, proxyHeader: null, isHttp2 }
  }

  /**
   * Exactly one of `owner.onOpen` and `onFailed` is called, later, unless the connect is cancelled.
   * @param onFailed hears Envoy's transport failure reason
   * @returns cancels it; harmless afterwards
   */
  connect(
    address: string,
    port: number,
    identity: ConnectionIdentity,
    owner: SocketOwner,
    onFailed: (reason: string) => void,
  ): () => void {
    const opening = new Opening(this, identity, owner, onFailed)
    const onConnectFailed = (reason: string): void => opening.fail(`delayed connect error: ${reason}`)
    connectSocket(address, port, opening, this.#environment.handlers, onConnectFailed, this.#carries === "tcp")
    return () => opening.cancel()
  }

  /**
   * The TCP connection of an opening is there.
   * @returns the end that a handshake has begun on; null when none is needed, or when it has failed already.
   */
  prepare(socket: TcpSocket, opening: Opening): TcpSocket | null {
    if (this.#keepAliveAfterMs > 0) setTcpKeepAlive(socket, this.#keepAliveAfterMs)
    const { proxyHeader: header, host } = opening.identity
    // A socket that was just opened takes a few dozen bytes whole.
    if (header !== null) socket.write(header)
    if (this.#tls === null || this.#context === null) return null
    const context = this.#context.get(performance.now())
    if (typeof context === "string") {
      opening.fail(context)
      return null
    }
    const serverName = this.#tls.sni !== "" ? this.#tls.sni : isIP(host.replace(/^\[|\]$/g, "")) === 0 ? host : ""
    const alpnProtocols = this.#carries === "tcp" ? [] : opening.identity.isHttp2 ? ["h2"] : ["http/1.1"]
    const options = { context, serverName, alpnProtocols }
    return startTls(socket, options, opening, this.#environment.tlsHandlers)
  }

  /** @returns the failure reason; "" = the server is who it should be. */
  judge(handshake: ServerHandshake, identity: ConnectionIdentity): string {
    if (this.#tls === null) return ""
    // Forwarded TCP has no Host to verify (Envoy: auto-SAN is HTTP's): then the chain alone counts.
    const tls = this.#carries === "tcp" ? { ...this.#tls, verifiesHost: false } : this.#tls
    return judgeHandshake(tls, handshake, identity.host.replace(/^\[|\]$/g, ""))
  }
}

const ANY_HTTP1: ConnectionIdentity = Object.freeze({ key: "1", host: "", proxyHeader: null, isHttp2: false })
const ANY_HTTP2: ConnectionIdentity = Object.freeze({ key: "2", host: "", proxyHeader: null, isHttp2: true })

/** A connection on its way; owns the socket until it is complete. */
class Opening implements ServerHandshakeOwner {
  readonly identity: ConnectionIdentity
  readonly #transport: UpstreamTransport
  readonly #owner: SocketOwner
  readonly #onFailed: (reason: string) => void
  #socket: TcpSocket | null = null
  #isOver = false

  constructor(
    transport: UpstreamTransport,
    identity: ConnectionIdentity,
    owner: SocketOwner,
    onFailed: (reason: string) => void,
  ) {
    this.#transport = transport
    this.identity = identity
    this.#owner = owner
    this.#onFailed = onFailed
  }

  onOpen(socket: TcpSocket): void {
    if (this.#isOver) {
      socket.terminate()
      return
    }
    this.#socket = socket
    const encrypted = this.#transport.prepare(socket, this)
    if (encrypted !== null) this.#socket = encrypted
    else if (!this.#isOver) this.#complete(socket)
  }

  onServerHandshake(socket: TcpSocket, handshake: ServerHandshake): void {
    if (this.#isOver) return
    this.#socket = socket
    const problem = this.#transport.judge(handshake, this.identity)
    if (problem === "") this.#complete(socket)
    else this.fail(problem)
  }

  #complete(socket: TcpSocket): void {
    this.#isOver = true
    socket.data = this.#owner
    this.#owner.onOpen(socket)
  }

  fail(reason: string): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#socket?.terminate()
    this.#onFailed(reason)
  }

  cancel(): void {
    this.#isOver = true
    this.#socket?.terminate()
  }

  onData(): void {
    // Plaintext before the handshake's verdict: nobody asked for it, and nothing was sent that it could answer.
  }

  onDrain(): void {
    // Nothing waits.
  }

  onEnd(): void {
    this.fail("TLS_error:|connection closed during the handshake:TLS_error_end")
  }

  onClose(): void {
    this.fail("TLS_error:|connection closed during the handshake:TLS_error_end")
  }
}
