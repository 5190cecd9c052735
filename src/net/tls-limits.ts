/** Limits of TLS connections before they speak their protocol: each with a name, a unit, a default and an answer. */

export interface TlsLimits {
  /** Everything a client may send before its ClientHello is complete, record headers included. Beyond: closed. */
  readonly clientHelloBytesMax: number
  /** From the accept to the complete ClientHello. Beyond: closed. */
  readonly clientHelloTimeoutMs: number
  /** From the ClientHello to the end of the handshake (Envoy: `transport_socket_connect_timeout`). Beyond: closed. */
  readonly handshakeTimeoutMs: number
}

export const DEFAULT_TLS_LIMITS: TlsLimits = Object.freeze({
  clientHelloBytesMax: 16 * 1024,
  clientHelloTimeoutMs: 5_000,
  handshakeTimeoutMs: 15_000,
})
