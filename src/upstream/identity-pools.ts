/**
 * An endpoint's connections where not every request may use every one of them: those whose TLS is for one Host, or that
 * began with a PROXY header about one client (Envoy: pools are keyed by their transport socket options). One pool for each
 * identity, dropped as soon as it has no connection.
 */
import type { HttpPool, ReadyUpstream, UpstreamRequester } from "./http-pool.ts"
import type { ConnectionIdentity, UpstreamTransport } from "./transport.ts"

/** Requests between two looks for empty pools; the gateway's own sweep comes every few seconds besides. */
const POOLS_SWEEP_EVERY = 1_000

export class IdentityPools implements HttpPool {
  readonly #transport: UpstreamTransport
  readonly #createPool: (identity: ConnectionIdentity) => HttpPool
  /** Bounded: a pool is here only while it has a connection, or a request that waits for one. */
  readonly #pools = new Map<string, HttpPool>()
  #acquiredSinceSweep = 0

  constructor(transport: UpstreamTransport, createPool: (identity: ConnectionIdentity) => HttpPool) {
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
    let pool = this.#pools.get(identity.key)
    if (pool === undefined) {
      pool = this.#createPool(identity)
      this.#pools.set(identity.key, pool)
    }
    return pool.acquire(requester)
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
