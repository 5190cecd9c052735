/**
 * An endpoint's connections where not every request may use every one of them: those whose TLS is for one Host, or that
 * began with a PROXY header about one client (Envoy: pools are keyed by their transport socket options). One pool for each
 * identity, dropped as soon as it has no connection.
 */
import type { HttpPool, ReadyUpstream, UpstreamRequester } from "./http-pool.ts"
import type { ConnectionIdentity, UpstreamTransport } from "./transport.ts"

/** Requests between two looks for empty pools; the gateway's own sweep comes every few seconds besides. */
const POOLS_SWEEP_EVERY = 1_000
/**
 * Hosts are the client's to choose, so identities are too: with more than this the idle connections of those used longest ago
 * are closed. Requests under way are bounded by the circuit breaker and by their clients.
 */
export const identitiesMax = 1_024

export class IdentityPools implements HttpPool {
  readonly #transport: Pick<UpstreamTransport, "identify">
  readonly #createPool: (identity: ConnectionIdentity) => HttpPool
  /** Bounded: a pool is here only while it has a connection, or a request that waits for one. */
  readonly #pools = new Map<string, HttpPool>()
  #acquiredSinceSweep = 0

  constructor(transport: Pick<UpstreamTransport, "identify">, createPool: (identity: ConnectionIdentity) => HttpPool) {
    this.#transport = transport
    this.#createPool = createPool
  }

  get idleCount(): number {
    return this.#sum((pool) => pool.idleCount)
  }

  get connectionCount(): number {
    return this.#sum((pool) => pool.connectionCount)
  }

  #sum(countOf: (pool: HttpPool) => number): number {
    let sum = 0
    for (const pool of this.#pools.values()) sum += countOf(pool)
    return sum
  }

  acquire(requester: UpstreamRequester): ReadyUpstream | "overflow" | null {
    if (++this.#acquiredSinceSweep > POOLS_SWEEP_EVERY) this.#dropEmpty()
    const identity = this.#transport.identify(requester)
    const known = this.#pools.get(identity.key)
    if (known === undefined) this.#makeRoom()
    else this.#pools.delete(identity.key)
    const pool = known ?? this.#createPool(identity)
    // Last in: the map is in the order of use.
    this.#pools.set(identity.key, pool)
    return pool.acquire(requester)
  }

  #makeRoom(): void {
    for (const [key, pool] of this.#pools) {
      if (this.#pools.size < identitiesMax) return
      pool.closeIdle()
      // One that is busy is looked for again in the next sweep.
      if (pool.connectionCount === 0) this.#pools.delete(key)
    }
  }

  /** The identity is made of what does not change while a request waits. */
  cancel(requester: UpstreamRequester): void {
    this.#pools.get(this.#transport.identify(requester).key)?.cancel(requester)
  }

  closeIdle(): void {
    for (const pool of this.#pools.values()) pool.closeIdle()
  }

  closeExpired(nowMs: number): void {
    for (const pool of this.#pools.values()) pool.closeExpired(nowMs)
    this.#dropEmpty()
  }

  #dropEmpty(): void {
    this.#acquiredSinceSweep = 0
    for (const [key, pool] of this.#pools) if (pool.connectionCount === 0) this.#pools.delete(key)
  }
}
