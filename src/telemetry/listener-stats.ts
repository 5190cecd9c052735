/**
 * What one listener has seen, under the names that Envoy has for it (Envoy listener and HTTP connection manager
 * statistics). Plain numbers on one shape: counting is an addition. They go with their listener.
 */
export class ListenerStats {
  connectionsTotal = 0
  connectionsActive = 0
  /** Refused because of the limit on connections. */
  connectionsOverflow = 0
  /** TLS handshakes that ended without a connection. */
  tlsConnectionErrors = 0
  /** Connections that no server takes. */
  noFilterChainMatch = 0

  requestsTotal = 0
  requestsActive = 0
  /** Responses by class of their status; index 0 = none was sent. */
  readonly responses = new Float64Array(6)

  startRequest(): void {
    this.requestsTotal++
    this.requestsActive++
  }

  /** @param status of the response; 0 when none was sent */
  finishRequest(status: number): void {
    this.requestsActive--
    const statusClass = Math.min(5, Math.trunc(status / 100))
    this.responses[statusClass] = (this.responses[statusClass] as number) + 1
  }
}
