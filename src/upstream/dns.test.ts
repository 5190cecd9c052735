import { describe, expect, test } from "bun:test"
import { createResolver, type DnsBackend, type DnsRecord, isDnsName, resolveBySystem } from "./dns.ts"

function record(address: string, ttl: number): DnsRecord {
  return { address, ttl, family: address.includes(":") ? 6 : 4 }
}

function failing(code: string): () => Promise<readonly DnsRecord[]> {
  return () => Promise.reject(Object.assign(new Error(`getaddrinfo ${code}`), { code }))
}

type Answers = Readonly<Record<DnsBackend, () => Promise<readonly DnsRecord[]>>>

function resolverOf(answers: Answers, hasIpv6 = true) {
  return createResolver(
    (_name, backend) => answers[backend](),
    () => hasIpv6,
  )
}

const notAsked = (): Promise<readonly DnsRecord[]> => Promise.reject(new Error("must not be asked"))

describe("answers", () => {
  test("the shortest TTL of an answer counts, in milliseconds, and repeats are dropped", async () => {
    const records = [record("10.0.0.2", 30), record("10.0.0.1", 20), record("10.0.0.2", 40)]
    const resolve = resolverOf({ "c-ares": async () => records, getaddrinfo: notAsked })
    expect(await resolve("backend.test")).toEqual({
      kind: "answered",
      addresses: ["10.0.0.2", "10.0.0.1"],
      ttlMs: 20_000,
    })
  })

  test("IPv6 addresses are used where this machine has IPv6", async () => {
    const records = [record("10.0.0.1", 5), record("2001:db8::1", 5)]
    const resolve = resolverOf({ "c-ares": async () => records, getaddrinfo: notAsked }, true)
    expect(await resolve("backend.test")).toMatchObject({ addresses: ["10.0.0.1", "2001:db8::1"] })
  })

  test("without IPv6 only the IPv4 addresses of a name are used (RFC 3493 6.1)", async () => {
    const records = [record("2001:db8::1", 1), record("10.0.0.1", 5)]
    const resolve = resolverOf({ "c-ares": async () => records, getaddrinfo: notAsked }, false)
    expect(await resolve("backend.test")).toEqual({ kind: "answered", addresses: ["10.0.0.1"], ttlMs: 5_000 })
  })

  test("a name with IPv6 addresses only keeps them in any case", async () => {
    const resolve = resolverOf({ "c-ares": async () => [record("::1", 0)], getaddrinfo: notAsked }, false)
    expect(await resolve("backend.test")).toEqual({ kind: "answered", addresses: ["::1"], ttlMs: 0 })
  })

  test("of an endless answer the first 512 addresses are used", async () => {
    const records = Array.from({ length: 3000 }, (_, index) => record(`10.0.${index >> 8}.${index & 255}`, 5))
    const outcome = await resolverOf({ "c-ares": async () => records, getaddrinfo: notAsked })("backend.test")
    expect(outcome.kind === "answered" ? outcome.addresses.length : 0).toBe(512)
  })
})

describe("failures", () => {
  test("what c-ares cannot resolve the system may", async () => {
    const resolve = resolverOf({
      "c-ares": failing("DNS_ETIMEOUT"),
      getaddrinfo: async () => [record("192.168.1.5", 0)],
    })
    expect(await resolve("printer.local")).toEqual({ kind: "answered", addresses: ["192.168.1.5"], ttlMs: 0 })
  })

  test.each(["DNS_ENOTFOUND", "DNS_ENODATA"])("%s is an answer: the name has no addresses", async (code) => {
    const resolve = resolverOf({ "c-ares": failing(code), getaddrinfo: failing("DNS_ENOTFOUND") })
    expect(await resolve("gone.test")).toEqual({ kind: "answered", addresses: [], ttlMs: 0 })
  })

  test.each(["DNS_ETIMEOUT", "DNS_ESERVFAIL", "DNS_EREFUSED"])(
    "%s is a failure, whatever getaddrinfo makes of it",
    async (code) => {
      const resolve = resolverOf({ "c-ares": failing(code), getaddrinfo: failing("DNS_ENOTFOUND") })
      expect(await resolve("backend.test")).toEqual({ kind: "failed", reason: code })
    },
  )

  test("a backend that throws, or rejects with something that is no error, is a failure", async () => {
    const resolve = createResolver(
      (_name, backend) => {
        if (backend === "c-ares") throw new TypeError("no such backend")
        return Promise.reject("nothing")
      },
      () => true,
    )
    expect(await resolve("backend.test")).toEqual({ kind: "failed", reason: "TypeError: no such backend" })
  })
})

describe("the system's resolver", () => {
  test("localhost comes from the hosts file, without a TTL", async () => {
    const outcome = await resolveBySystem("localhost")
    expect(outcome).toMatchObject({ kind: "answered", ttlMs: 0 })
    const addresses = outcome.kind === "answered" ? outcome.addresses : []
    expect(addresses.length).toBeGreaterThan(0)
    for (const address of addresses) expect(["127.0.0.1", "::1"]).toContain(address)
  })

  test.each(["", "a b", "x".repeat(300)])("no name can make it throw: %p", async (name) => {
    const outcome = await resolveBySystem(name)
    expect(outcome.kind === "failed" || outcome.addresses.length === 0).toBe(true)
  })
})

test("IP addresses and unix sockets need no look-up", () => {
  expect(["10.0.0.1", "::1", "fe80::1%eth0", "unix:/run/app.sock"].map(isDnsName)).toEqual([false, false, false, false])
  expect(["webapp", "localhost", "10.0.0", "api.example.com"].map(isDnsName)).toEqual([true, true, true, true])
})
