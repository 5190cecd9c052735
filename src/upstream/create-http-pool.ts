/** The pool of an endpoint, by what its cluster speaks and by whether its connections are all alike. */
import type { ClusterSpec } from "../compile/snapshot.ts"
import type { Endpoint } from "./endpoint.ts"
import { H1Pool, type PoolEnvironment } from "./h1-pool.ts"
import { H2Pool } from "./h2-pool.ts"
import type { HttpPool } from "./http-pool.ts"
import { IdentityPools } from "./identity-pools.ts"
import { type ConnectionIdentity, UpstreamTransport } from "./transport.ts"

export function createHttpPool(
  endpoint: Endpoint<HttpPool>,
  spec: ClusterSpec,
  environment: PoolEnvironment,
): HttpPool {
  const transport = new UpstreamTransport(spec, environment)
  const createPool = (identity: ConnectionIdentity): HttpPool =>
    spec.protocol === "http2"
      ? new H2Pool(endpoint, spec, environment, transport, identity)
      : new H1Pool(endpoint, spec, environment, transport, identity)
  return transport.isShared ? createPool(transport.sharedIdentity) : new IdentityPools(transport, createPool)
}
