/**
 * A connection on a port with TLS, from its accept until it has an owner that speaks its protocol: what the client says
 * first is looked at, a filter chain chosen, and then TLS spoken or the bytes handed on untouched (Istio semantics sheet
 * 1.10; Envoy: listener filters and `tls_inspector`).
 *
 *   accepted ──ClientHello──▶ chain chosen ──terminates TLS──▶ handshake ──▶ client judged ──▶ handed over
 *      │ not TLS ──▶ the chain without names    └── forwards ──────────────────────────────────▶ handed over
 *      └ too slow, too large, malformed ──▶ closed           no chain, no certificate ──▶ closed
 *
 * It closes without a TLS alert, as Envoy does: until a chain is chosen nobody speaks.
 */
import { isIP } from "node:net"
import { ClientHelloReader } from "../net/client-hello.ts"
import { addressesOf, type ConnectionAddresses } from "../net/connection-addresses.ts"
import type { TcpSocket } from "../net/socket.ts"
import { Deadline } from "../net/timer-wheel.ts"
import { type HandshakeResult, type HandshakingOwner, upgradeToTls } from "../net/tls-upgrade.ts"
import { ConnectionRecord } from "./connection-record.ts"
import type { DownstreamConnection } from "./downstream-connection.ts"
import type { ListenerEnvironment, LiveFilterChain } from "./filter-chain.ts"

/** The listener, as its new connections see it. */
export interface InspectingListener {
  readonly environment: ListenerEnvironment
  /** @param serverName "" = none. @returns null when no chain takes the connection */
  findChain(serverName: string): LiveFilterChain | null
  /** The connection has another owner now; it is counted there. */
  onHandedOver(connection: InspectedConnection): void
  onConnectionClosed(connection: DownstreamConnection): void
}

export class InspectedConnection implements DownstreamConnection, HandshakingOwner {
  readonly #listener: InspectingListener
  readonly #startedAtMs = performance.now()
  readonly #deadline: Deadline
  /** null once the ClientHello is there. */
  #reader: ClientHelloReader | null
  #socket: TcpSocket | null = null
  #addresses: ConnectionAddresses | null = null
  #chain: LiveFilterChain | null = null
  #serverName = ""

  constructor(listener: InspectingListener) {
    const { tlsLimits, wheel } = listener.environment
    this.#listener = listener
    this.#reader = new ClientHelloReader(tlsLimits.clientHelloBytesMax)
    this.#deadline = new Deadline(() => this.#onTimeout())
    wheel.set(this.#deadline, tlsLimits.clientHelloTimeoutMs)
  }

  onOpen(socket: TcpSocket): void {
    this.#socket = socket
    this.#addresses = addressesOf(socket)
  }

  onData(bytes: Buffer): void {
    const reader = this.#reader
    if (reader === null) return
    const outcome = reader.feed(bytes)
    switch (outcome.kind) {
      case "incomplete":
        return
      case "complete":
        this.#reader = null
        return this.#choose(outcome.hello.serverName, outcome.hello.alpnProtocols, reader.received)
      case "not-tls":
        this.#reader = null
        return this.#chooseForPlainText(reader.received)
      case "malformed":
      case "too-large":
        this.#reader = null
        this.#listener.environment.counters.downstreamClientHelloErrors++
        return this.#close()
    }
  }

  onDrain(): void {}

  onEnd(): void {
    this.#socket?.end()
  }

  onClose(): void {
    this.#socket = null
    this.#listener.environment.wheel.clear(this.#deadline)
    this.#listener.onConnectionClosed(this)
  }

  // --- choosing ------------------------------------------------------------------------------------------------------

  #choose(serverName: string, alpnProtocols: readonly string[], received: Buffer): void {
    this.#serverName = serverName
    // An IP address is no server name (RFC 6066 section 3), whoever sends it as one.
    const chain = this.#listener.findChain(isIP(serverName) === 0 ? serverName : "")
    if (chain === null || !chain.accepts(alpnProtocols)) return this.#closeUnmatched()
    if (chain.credentials === null) this.#handOver(chain, received)
    else this.#startHandshake(chain, received)
  }

  /** Only a chain without server names can be meant, and only where it does not wait for TLS. */
  #chooseForPlainText(received: Buffer): void {
    const chain = this.#listener.findChain("")
    if (chain === null || chain.credentials !== null) this.#closeUnmatched()
    else this.#handOver(chain, received)
  }

  #startHandshake(chain: LiveFilterChain, received: Buffer): void {
    const { counters, wheel, tlsLimits, tlsHandlers } = this.#listener.environment
    const { credentials } = chain
    const socket = this.#socket
    if (credentials === null || socket === null) return
    const { context, tls } = credentials
    if (context === null) {
      counters.downstreamWithoutCertificate++
      return this.#closeWith("", "server_certificate_missing")
    }
    this.#chain = chain
    wheel.set(this.#deadline, tlsLimits.handshakeTimeoutMs)
    const { alpnProtocols, clientCertificates } = tls
    const fails = clientCertificates?.rejection === "handshake" && tls.mode === "mutual"
    const clientCertificate = clientCertificates === null ? "none" : fails ? "required" : "optional"
    this.#socket = upgradeToTls(socket, received, { context, alpnProtocols, clientCertificate }, this, tlsHandlers)
  }

  onHandshake(socket: TcpSocket, result: HandshakeResult | null): void {
    const chain = this.#chain
    const connection = chain === null || result === null ? null : chain.openTls(this.#serverName, result, Date.now())
    if (connection === null) {
      this.#listener.environment.counters.downstreamTlsHandshakeErrors++
      this.#listener.environment.listenerStats.tlsConnectionErrors++
      socket.terminate()
      return
    }
    this.#become(connection, socket)
  }

  #handOver(chain: LiveFilterChain, received: Buffer): void {
    const socket = this.#socket
    if (socket === null) return
    const connection = chain.openPlain(this.#serverName)
    this.#become(connection, socket)
    connection.onData(received)
  }

  #become(connection: DownstreamConnection, socket: TcpSocket): void {
    const { environment } = this.#listener
    environment.wheel.clear(this.#deadline)
    socket.data = connection
    this.#listener.onHandedOver(this)
    connection.onOpen(socket)
    // Chosen before a reload took its chain away, ready only now.
    if (this.#chain?.isDraining === true) connection.drain()
  }

  // --- closing -------------------------------------------------------------------------------------------------------

  #closeUnmatched(): void {
    this.#listener.environment.counters.downstreamNoFilterChain++
    this.#listener.environment.listenerStats.noFilterChainMatch++
    this.#closeWith("NR", "filter_chain_not_found")
  }

  #closeWith(flags: string, details: string): void {
    this.#listener.environment.accessLog?.write(
      new ConnectionRecord({
        startedAtMs: this.#startedAtMs,
        addresses: this.#addresses,
        serverName: this.#serverName,
        handshake: null,
        flags,
        details,
        bytesReceived: 0,
        bytesSent: 0,
        upstreamHost: "",
        upstreamCluster: "",
        upstreamLocalAddress: "",
        upstreamTransportFailureReason: "",
      }),
    )
    this.#close()
  }

  #close(): void {
    this.#socket?.end()
  }

  #onTimeout(): void {
    // A handshake that is cut ends in `onHandshake`, and is counted there.
    if (this.#chain === null) this.#listener.environment.counters.downstreamClientHelloErrors++
    this.#socket?.terminate()
  }

  // --- DownstreamConnection ------------------------------------------------------------------------------------------

  /** Nothing was asked for yet. */
  readonly isBusy = false

  /** Its own deadlines are finer than a second. */
  checkTimeouts(): void {}

  drain(): void {
    this.#close()
  }

  terminate(): void {
    this.#socket?.terminate()
  }
}
