/** A connection that never was HTTP, as the access log sees it: forwarded bytes, or none because nothing served it. */

import type { Handshake } from "../http/stream.ts"
import type { ConnectionAddresses } from "../net/connection-addresses.ts"
import type { AccessLogRecord, LoggedTls } from "../telemetry/access-log-record.ts"
import { loggedTls } from "./logged-tls.ts"

/** What is known of a connection at its end. */
export interface ConnectionFacts {
  readonly startedAtMs: number
  /** null = it was gone before it was looked at. */
  readonly addresses: ConnectionAddresses | null
  readonly serverName: string
  /** null = no TLS was terminated. */
  readonly handshake: Handshake | null
  readonly flags: string
  /** `%RESPONSE_CODE_DETAILS%` */
  readonly details: string
  readonly bytesReceived: number
  readonly bytesSent: number
  readonly upstreamHost: string
  readonly upstreamCluster: string
  readonly upstreamLocalAddress: string
  readonly upstreamTransportFailureReason: string
}

export class ConnectionRecord implements AccessLogRecord {
  readonly method = ""
  readonly originalPath = ""
  readonly path = ""
  readonly authority = ""
  readonly scheme = ""
  readonly protocol = ""
  readonly responseCode = 0
  readonly connectionTerminationDetails = ""
  readonly routeName = ""
  readonly requestDurationMs = -1
  readonly responseDurationMs = -1
  readonly upstreamAttempts: number
  readonly traceId = ""
  readonly startUnixMs: number
  readonly durationMs: number
  readonly responseFlags: string
  readonly responseCodeDetails: string
  readonly bytesReceived: number
  readonly bytesSent: number
  readonly upstreamHost: string
  readonly upstreamCluster: string
  readonly upstreamLocalAddress: string
  readonly upstreamTransportFailureReason: string
  readonly downstreamLocalAddress: string
  readonly downstreamRemoteAddress: string
  readonly downstreamDirectRemoteAddress: string
  readonly requestedServerName: string
  readonly downstreamTls: LoggedTls | null

  constructor(facts: ConnectionFacts) {
    this.startUnixMs = performance.timeOrigin + facts.startedAtMs
    this.durationMs = performance.now() - facts.startedAtMs
    this.responseFlags = facts.flags
    this.responseCodeDetails = facts.details
    this.bytesReceived = facts.bytesReceived
    this.bytesSent = facts.bytesSent
    this.upstreamHost = facts.upstreamHost
    this.upstreamCluster = facts.upstreamCluster
    this.upstreamLocalAddress = facts.upstreamLocalAddress
    this.upstreamTransportFailureReason = facts.upstreamTransportFailureReason
    this.downstreamLocalAddress = facts.addresses?.localAddress ?? ""
    this.downstreamRemoteAddress = facts.addresses?.remoteAddress ?? ""
    this.downstreamDirectRemoteAddress = facts.addresses?.directRemoteAddress ?? ""
    this.requestedServerName = facts.serverName
    this.downstreamTls = facts.handshake === null ? null : loggedTls(facts.handshake)
    this.upstreamAttempts = facts.upstreamHost === "" ? 0 : 1
  }

  requestHeader(): null {
    return null
  }

  responseHeader(): null {
    return null
  }

  responseTrailer(): null {
    return null
  }
}
