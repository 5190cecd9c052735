/**
 * The seam between the codecs and the exchange: one request and its response, whatever the protocol.
 * HTTP/1.1 implements it with a connection, HTTP/2 with a stream.
 *
 *   client ──▶ DownstreamStream ──▶ Exchange (proxy/) ──▶ UpstreamStream ──▶ service
 *              calls onRequest…      decides, edits        calls onResponse…
 *
 * Bytes passed to a callback or a send are only valid during the call. Pausing is immediate: after `pause…` nothing
 * more is delivered until `resume…`.
 */
import type { X509Certificate } from "node:crypto"
import type { FaultAnswer } from "./h1/faults.ts"
import type { RequestHead, ResponseHead } from "./message.ts"

/** What the client's TLS handshake came to. */
export interface Handshake {
  /** The certificate the client showed, accepted or not; null = none. */
  readonly peerCertificate: X509Certificate | null
  /** `TLSv1.3` */
  readonly version: string
  /** OpenSSL's name of it. */
  readonly cipherSuite: string
}

/** Who is connected to whom, and how; fixed for a connection's life. */
export interface PeerAddresses {
  /** IP address of the client, without port. */
  readonly remoteIp: string
  /** IP address of the gateway's end, without port. */
  readonly localIp: string
  /** `IP:PORT` */
  readonly remoteAddress: string
  readonly localAddress: string
  /** `IP:PORT` of the TCP peer: another than the client's where a proxy announced the client (PROXY protocol). */
  readonly directRemoteAddress: string
  /** SNI of the handshake; "" without TLS. */
  readonly serverName: string
  /** null = no TLS is terminated here. */
  readonly handshake: Handshake | null
}

/** What the exchange may ask of the client's side. */
export interface DownstreamStream {
  readonly request: RequestHead
  /** The request body has fully arrived. */
  readonly isRequestComplete: boolean
  readonly peer: PeerAddresses
  /** Sends a 1xx other than 101. */
  sendInformational(head: ResponseHead): void
  /** Sends the response head; how the body is framed follows from `head.bodyLength`. */
  sendHead(head: ResponseHead): void
  sendBody(bytes: Buffer, start: number, end: number): void
  /** @param trailers lines `name: value\r\n`; "" = none. Completes the response. */
  sendEnd(trailers: string): void
  /** Whether what was sent waits because the client does not read; `onDownstreamDrain` follows. */
  readonly isBackedUp: boolean
  pauseRequest(): void
  resumeRequest(): void
  /** After a 101: both directions become raw bytes. */
  startTunnel(): void
  /** The response cannot be completed: the client must see that it is cut. */
  abort(): void
}

/** What the client's side tells the exchange. The first call is `onRequestHead` or `onRequestFault`. */
export interface DownstreamEvents {
  /** The request head is there: `stream.request`. */
  onRequestHead(): void
  onRequestBody(bytes: Buffer, start: number, end: number): void
  /** @param trailers checked lines; "" = none. */
  onRequestEnd(trailers: string): void
  onDownstreamDrain(): void
  /** The client broke the protocol, in the head or in the body. Nothing more of this request is delivered. */
  onRequestFault(answer: FaultAnswer): void
  /** The client went away: nothing can be sent any more. */
  onDownstreamGone(): void
}

/** What the exchange may ask of the service's side, once it has one. */
export interface UpstreamStream {
  sendBody(bytes: Buffer, start: number, end: number): void
  /** @param trailers lines; "" = none. Completes the request. */
  sendEnd(trailers: string): void
  readonly isBackedUp: boolean
  pauseResponse(): void
  resumeResponse(): void
  /** After a 101: both directions become raw bytes. */
  startTunnel(): void
  /** Gives the exchange up; nothing is delivered any more. The connection is not used again. */
  cancel(): void
}

/** What the service's side tells the exchange. */
export interface UpstreamEvents {
  onResponseInformational(head: ResponseHead): void
  onResponseHead(head: ResponseHead): void
  onResponseBody(bytes: Buffer, start: number, end: number): void
  onResponseEnd(trailers: string): void
  onUpstreamDrain(): void
  onUpstreamFailure(failure: UpstreamFailure): void
}

/** Why an upstream did not answer. `reason` is Envoy's reset reason text (semantics sheet 5.2). */
export interface UpstreamFailure {
  readonly kind: UpstreamFailureKind
  /** Transport detail, for example `delayed connect error: Connection refused`; "" = none. */
  readonly transportReason: string
  /** The connection had served before, and not one byte of a response came: it may have been closed while idle. */
  readonly isStaleConnection: boolean
}

export type UpstreamFailureKind =
  | "connect-failure"
  | "connect-timeout"
  | "connection-termination"
  /** The service reset the stream (HTTP/2). */
  | "remote-reset"
  /** The service has not looked at the request (HTTP/2): trying again is safe, whatever it is. */
  | "refused-stream"
  | "per-try-timeout"
  | "protocol-error"
  | "overflow"
