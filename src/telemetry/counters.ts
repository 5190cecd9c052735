/**
 * Counters of the whole process. Plain number fields on one object of one shape: counting is an addition, and whoever
 * reads them (admin, Prometheus) does the rest. Per-cluster counters live with their cluster in `upstream/`.
 *
 * Gauges end in `Active`. All the rest only ever grow.
 */
import { DestinationRequests } from "./destination-requests.ts"
import { isResponseFlag, type ResponseFlag } from "./response-flags.ts"
import { RouteCounts } from "./route-counts.ts"

export class Counters {
  /** TCP connections accepted. */
  downstreamConnectionsTotal = 0
  downstreamConnectionsActive = 0
  /** Connections refused because a limit on connections was reached. */
  downstreamConnectionsOverflow = 0
  /** Connections to a TCP (not HTTP) filter chain. */
  downstreamTcpConnectionsTotal = 0
  downstreamTcpConnectionsActive = 0
  /** Payload of these connections, from and to clients. */
  downstreamTcpBytesReceived = 0
  downstreamTcpBytesSent = 0
  /** TCP connections without a byte for too long, or open for longer than allowed. */
  tcpIdleTimeouts = 0
  tcpMaxConnectionDurationReached = 0
  /** Connections closed because their PROXY header was malformed, too large or too slow. */
  proxyHeaderErrors = 0
  /** Connections closed because only proxies may connect, and their peer is none of them. */
  proxyHeaderSourcesRefused = 0
  /** TLS handshakes that ended without a connection. */
  downstreamTlsHandshakeErrors = 0
  /** TLS connections cut after their handshake, because their client broke the protocol. */
  downstreamTlsBroken = 0
  /** Connections that no filter chain takes: no or an unknown server name, or plain text where TLS is spoken. */
  downstreamNoFilterChain = 0
  /** Connections whose ClientHello was malformed, too large or too slow. */
  downstreamClientHelloErrors = 0
  /** Connections to a server whose certificate is missing or broken. */
  downstreamWithoutCertificate = 0
  /** TLS servers that cannot be served right now because of that. */
  tlsServersWithoutCertificateActive = 0
  /** Clients not let in, by what was wrong with their certificate; see `countClientCertificateRefusal`. */
  readonly clientCertificateRefusals = new Map<string, number>()
  /** What HTTP connections read from and write to clients: heads, framing and tunnels included, TLS not. */
  readonly downstreamTraffic = { bytesReceived: 0, bytesSent: 0 }

  /** HTTP requests whose head was understood. */
  requestsTotal = 0
  requestsActive = 0
  /** Responses by class of their status. */
  responses1xx = 0
  responses2xx = 0
  responses3xx = 0
  responses4xx = 0
  responses5xx = 0
  /** Requests that ended without a response: the client went away first. */
  responsesNone = 0
  /** By rule. */
  readonly routes = new RouteCounts()
  /** Requests that never came to a cluster: no route, answered by a rule, refused. Those that did are with the cluster. */
  readonly unroutedRequests = new DestinationRequests()
  /** Upgraded connections (WebSocket and the like) and CONNECT tunnels. */
  upgradesTotal = 0
  upgradesActive = 0

  /** Answers the gateway made itself, by response flag. An answer with two flags counts once for each. */
  readonly localReplies: Record<ResponseFlag, number> = zeroPerFlag()
  /** Broken requests by the name of the rule they broke; see `countProtocolError`. */
  readonly protocolErrors = new Map<string, number>()

  accessLogLinesTotal = 0
  /** Lines lost because the log could not be written as fast as they came. */
  accessLogDropped = 0

  tracingSpansTotal = 0
  /** Spans lost because the collector was too slow, unreachable, or refused them. */
  tracingSpansDropped = 0

  configReloads = 0
  /** A configuration with errors, or one whose listeners could not all be bound. */
  configReloadFailures = 0
  /** When the running configuration was loaded. */
  configLoadedUnixMs = 0

  /** Our own bugs, caught at the socket callback. */
  invariantErrors = 0

  /** @param status 0 when no response was sent. */
  countResponse(status: number): void {
    if (status >= 200 && status < 300) this.responses2xx += 1
    else if (status >= 500) this.responses5xx += 1
    else if (status >= 400) this.responses4xx += 1
    else if (status >= 300) this.responses3xx += 1
    else if (status >= 100) this.responses1xx += 1
    else this.responsesNone += 1
  }

  /** @param flags comma-joined response flags of an answer the gateway made; "" counts nothing. */
  countLocalReply(flags: string): void {
    for (const flag of flags.split(",")) if (isResponseFlag(flag)) this.localReplies[flag] += 1
  }

  /** @param reason a name written in the code, as with `countProtocolError`. */
  countClientCertificateRefusal(reason: string): void {
    this.clientCertificateRefusals.set(reason, (this.clientCertificateRefusals.get(reason) ?? 0) + 1)
  }

  /** @param fault a name written in the code, never one a peer chose: the map must not grow with traffic. */
  countProtocolError(fault: string): void {
    this.protocolErrors.set(fault, (this.protocolErrors.get(fault) ?? 0) + 1)
  }
}

function zeroPerFlag(): Record<ResponseFlag, number> {
  return {
    DC: 0,
    DF: 0,
    DI: 0,
    DPE: 0,
    DR: 0,
    DT: 0,
    FI: 0,
    IH: 0,
    LH: 0,
    LR: 0,
    NC: 0,
    NFCF: 0,
    NR: 0,
    OM: 0,
    RFCF: 0,
    RL: 0,
    RLSE: 0,
    SI: 0,
    UAEX: 0,
    UC: 0,
    UF: 0,
    UH: 0,
    UMSDR: 0,
    UO: 0,
    UPE: 0,
    UR: 0,
    URX: 0,
    UT: 0,
  }
}
