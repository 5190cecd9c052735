/**
 * What cluster bookkeeping needs to know of an endpoint's connection pool. The pools themselves speak a protocol and
 * live beside this file; an `Endpoint` carries its pool by its concrete type, so the data path needs no cast.
 */

export interface EndpointPool {
  /** Closes every connection that carries no request. Connections in use stay until their request is over. */
  closeIdle(): void
  /** Connections without a request. */
  readonly idleCount: number
  /** All connections, those being established included. */
  readonly connectionCount: number
}
