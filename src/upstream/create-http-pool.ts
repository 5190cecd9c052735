/** The pool of an endpoint, by what its connections speak and by whether its connections are all alike. */
import type { ClusterSpec } from "../compile/snapshot.ts"
import type { CreatePool, Endpoint } from "./endpoint.ts"
import { H1Pool, type PoolEnvironment } from "./h1-pool.ts"
import { H2Pool } from "./h2-pool.ts"
import type { HttpPool } from "./http-pool.ts"
import { IdentityPools } from "./identity-pools.ts"
import { type ConnectionIdentity, UpstreamTransport } from "./transport.ts"

/** @returns makes pools; the endpoints of one specification share its transport, and so one TLS context. */
export function httpPoolCreator(environment: PoolEnvironment): CreatePool<HttpPool> {
  const transports = new WeakMap<ClusterSpec, UpstreamTransport>()
  return (endpoint, spec) => {
    const transport = transports.get(spec) ?? new UpstreamTransport(spec, environment)
    transports.set(spec, transport)
    return createHttpPool(endpoint, spec, environment, transport)
  }
}

function createHttpPool(
  endpoint: Endpoint<HttpPool>,
  spec: ClusterSpec,
  environment: PoolEnvironment,
  transport: UpstreamTransport,
): HttpPool {
  const createPool = (identity: ConnectionIdentity): HttpPool =>
    identity.isHttp2
      ? new H2Pool(endpoint, spec, environment, transport, identity)
      : new H1Pool(endpoint, spec, environment, transport, identity)
  return transport.isShared ? createPool(transport.sharedIdentity) : new IdentityPools(transport, createPool)
}
