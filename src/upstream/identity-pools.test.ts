/** One pool per identity, and a bound on how many identities a client can make up. */
import { expect, test } from "bun:test"
import type { HttpPool, UpstreamRequester } from "./http-pool.ts"
import { IdentityPools, identitiesMax } from "./identity-pools.ts"
import type { ConnectionIdentity } from "./transport.ts"

/** A pool with one connection, which closes when it is told to. */
class OneConnectionPool implements HttpPool {
  isBusy = false
  connectionCount = 0
  readonly acquiredBy: UpstreamRequester[] = []
  readonly cancelledBy: UpstreamRequester[] = []

  get idleCount(): number {
    return this.isBusy ? 0 : this.connectionCount
  }

  acquire(requester: UpstreamRequester): null {
    this.acquiredBy.push(requester)
    this.connectionCount = 1
    return null
  }

  cancel(requester: UpstreamRequester): void {
    this.cancelledBy.push(requester)
  }

  closeIdle(): void {
    if (!this.isBusy) this.connectionCount = 0
  }

  closeExpired(): void {
    this.closeIdle()
  }
}

function requester(authority: string): UpstreamRequester {
  return { authority, peer: null, isHttp2: false, onReady: () => undefined, onConnectFailure: () => undefined }
}

function createPools() {
  const created = new Map<string, OneConnectionPool>()
  const identify = ({ authority }: UpstreamRequester): ConnectionIdentity => ({
    key: authority,
    host: authority,
    proxyHeader: null,
    isHttp2: false,
  })
  const pools = new IdentityPools({ identify }, (identity) => {
    const pool = new OneConnectionPool()
    created.set(identity.key, pool)
    return pool
  })
  return { pools, created }
}

test("requests with one identity share a pool, others do not", () => {
  const { pools, created } = createPools()
  for (const authority of ["a", "b", "a"]) pools.acquire(requester(authority))
  expect([created.get("a")?.acquiredBy.length, created.get("b")?.acquiredBy.length]).toEqual([2, 1])
  expect([pools.connectionCount, pools.idleCount]).toEqual([2, 2])
})

test("a cancelled request is cancelled where it waits", () => {
  const { pools, created } = createPools()
  const one = requester("a")
  pools.acquire(one)
  pools.acquire(requester("b"))
  pools.cancel(one)
  expect([created.get("a")?.cancelledBy, created.get("b")?.cancelledBy]).toEqual([[one], []])
})

test("a pool without connections is dropped, and made again when it is wanted", () => {
  const { pools, created } = createPools()
  pools.acquire(requester("a"))
  const first = created.get("a")
  pools.closeExpired(0)
  pools.acquire(requester("a"))
  expect(created.get("a")).not.toBe(first)
})

test("too many identities: those used longest ago lose their idle connections, busy ones and the last used stay", () => {
  const { pools, created } = createPools()
  for (let host = 0; host < identitiesMax; host++) pools.acquire(requester(`${host}`))
  const busy = created.get("1")
  if (busy !== undefined) busy.isBusy = true
  pools.acquire(requester("0"))
  pools.acquire(requester("new"))
  expect(pools.connectionCount).toBe(identitiesMax)
  expect([0, 1, 2].map((host) => created.get(`${host}`)?.connectionCount)).toEqual([1, 1, 0])
})
