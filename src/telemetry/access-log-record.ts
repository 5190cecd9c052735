/**
 * What one finished exchange (or TCP connection) tells the access log. Implemented by the exchange itself, so that a
 * log that is off costs nothing. Every getter gives the bare value; `-` for "none" is the formatter's business.
 */

/** The certificate a client showed, accepted or not. */
export interface LoggedCertificate {
  /** RFC 2253. */
  readonly subject: string
  readonly issuer: string
  /** Hex, lower-case. */
  readonly serialNumber: string
  /** Hex of the SHA-256 of its DER, lower-case. */
  readonly fingerprint256: string
  readonly uris: readonly string[]
  readonly dnsNames: readonly string[]
  readonly notBeforeUnixMs: number
  readonly notAfterUnixMs: number
}

export interface LoggedTls {
  /** `TLSv1.3` */
  readonly version: string
  readonly cipherSuite: string
  /** null = the client showed none. */
  readonly peerCertificate: LoggedCertificate | null
}

export interface AccessLogRecord {
  readonly startUnixMs: number
  /** "" for TCP. */
  readonly method: string
  /** As the client sent it (after normalisation), before any rewrite; "" for TCP. */
  readonly originalPath: string
  /** As it went upstream. */
  readonly path: string
  readonly authority: string
  readonly scheme: string
  /** `HTTP/1.1`, `HTTP/2`; "" for TCP. */
  readonly protocol: string
  /** 0 when no response was sent. */
  readonly responseCode: number
  /** `UF,URX`; "" when there is none. */
  readonly responseFlags: string
  readonly responseCodeDetails: string
  readonly connectionTerminationDetails: string
  readonly upstreamTransportFailureReason: string
  /** Body bytes. */
  readonly bytesReceived: number
  readonly bytesSent: number
  /** From the first byte of the request to the last byte of the response handed to the socket. */
  readonly durationMs: number
  /** From the start until the request had come in full; -1 = it was not forwarded, or is still coming. */
  readonly requestDurationMs: number
  /** From the start until the head of the upstream's response; -1 = there was none. */
  readonly responseDurationMs: number
  /** How often the request was sent upstream. */
  readonly upstreamAttempts: number
  /** 32 hex digits; "" = nothing is traced. */
  readonly traceId: string
  readonly routeName: string
  /** `IP:PORT`; "" when no upstream was tried. */
  readonly upstreamHost: string
  readonly upstreamCluster: string
  readonly upstreamLocalAddress: string
  readonly downstreamLocalAddress: string
  /** Trusted client address with port. */
  readonly downstreamRemoteAddress: string
  /** TCP peer, port included. */
  readonly downstreamDirectRemoteAddress: string
  /** SNI; "" without TLS. */
  readonly requestedServerName: string
  /** null = no TLS was terminated. */
  readonly downstreamTls: LoggedTls | null
  /** As sent upstream, gateway's own fields included. @param name lower-cased. @returns null when absent. */
  requestHeader(name: string): string | null
  /** As sent downstream. */
  responseHeader(name: string): string | null
  /** Of the service, as they came. */
  responseTrailer(name: string): string | null
}

/** The bare value of an operator; null = there is none (`-` in text, null in JSON). Not yet escaped. */
export type ReadValue = (record: AccessLogRecord) => string | number | null

/** "" stands for "there is none" in records. */
export function textOrNull(text: string): string | null {
  return text === "" ? null : text
}

/** Where finished exchanges report to. Never blocks and never throws. */
export interface AccessLogSink {
  write(record: AccessLogRecord): void
}
