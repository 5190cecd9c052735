/**
 * What `dns.ts` takes for granted of Bun's DNS backends (Bun 1.4.x), shown against a DNS server of our own: a newer
 * Bun that does otherwise fails here. Only c-ares can be pointed at a server, so only c-ares is asked.
 */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { getServers, setServers } from "node:dns"
import { lookUpByBun } from "./dns.ts"

const typeA = 1
const typeAaaa = 28
const responseCodes: Readonly<Record<string, number>> = { "servfail.test": 2, "missing.test": 3, "refused.test": 5 }

interface Question {
  readonly name: string
  readonly type: number
  /** Of the whole query, after the question: what the answer repeats. */
  readonly end: number
}

function readQuestion(query: Buffer): Question {
  const labels: string[] = []
  let offset = 12
  for (let length = query.readUInt8(offset); length > 0; length = query.readUInt8(offset)) {
    labels.push(query.toString("latin1", offset + 1, offset + 1 + length))
    offset += 1 + length
  }
  return { name: labels.join("."), type: query.readUInt16BE(offset + 1), end: offset + 5 }
}

/** One resource record (RFC 1035 4.1.3) for the name of the question. */
function formatRecord(type: number, ttlSeconds: number, data: readonly number[]): Buffer {
  const head = Buffer.alloc(12)
  head.writeUInt16BE(0xc00c, 0)
  head.writeUInt16BE(type, 2)
  head.writeUInt16BE(1, 4)
  head.writeUInt32BE(ttlSeconds, 6)
  head.writeUInt16BE(data.length, 10)
  return Buffer.concat([head, Buffer.from(data)])
}

function answer(query: Buffer): Buffer {
  const { name, type, end } = readQuestion(query)
  const responseCode = responseCodes[name] ?? 0
  const records: Buffer[] = []
  if (responseCode === 0 && type === typeA && name !== "ipv6.test") {
    records.push(formatRecord(typeA, 17, [10, 0, 0, 1]), formatRecord(typeA, 17, [10, 0, 0, 2]))
  }
  if (responseCode === 0 && type === typeAaaa && name !== "ipv4.test") {
    records.push(formatRecord(typeAaaa, 30, [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]))
  }
  const head = Buffer.from(query.subarray(0, end))
  head.writeUInt16BE(0x8580 | responseCode, 2)
  head.writeUInt16BE(records.length, 6)
  head.writeUInt16BE(0, 8)
  head.writeUInt16BE(0, 10)
  return Buffer.concat([head, ...records])
}

const serversBefore = getServers()
let closeServer = (): void => undefined

beforeAll(async () => {
  const server = await Bun.udpSocket({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      data(socket, query, port, address) {
        socket.send(answer(query), port, address)
      },
    },
  })
  closeServer = () => server.close()
  setServers([`127.0.0.1:${server.port}`])
})

afterAll(() => {
  setServers(serversBefore)
  closeServer()
})

test("c-ares asks for both families and tells the TTL of each record", async () => {
  const records = await lookUpByBun("both.test", "c-ares")
  expect([...records].sort((a, b) => a.address.localeCompare(b.address))).toEqual([
    { address: "10.0.0.1", family: 4, ttl: 17 },
    { address: "10.0.0.2", family: 4, ttl: 17 },
    { address: "2001:db8::1", family: 6, ttl: 30 },
  ])
})

test("a name with one family only is no failure", async () => {
  expect((await lookUpByBun("ipv4.test", "c-ares")).map((record) => record.family)).toEqual([4, 4])
  expect((await lookUpByBun("ipv6.test", "c-ares")).map((record) => record.family)).toEqual([6])
})

test.each([
  ["missing.test", "DNS_ENOTFOUND"],
  ["servfail.test", "DNS_ESERVFAIL"],
  ["refused.test", "DNS_EREFUSED"],
])("%s is told apart: %s", async (name, code) => {
  const outcome = await lookUpByBun(name, "c-ares").catch((error: unknown) => error)
  expect(outcome).toMatchObject({ code })
})

test("localhost comes from the hosts file, whatever the server says, with a TTL of 0", async () => {
  const records = await lookUpByBun("localhost", "c-ares")
  expect(records.map((record) => record.ttl)).toEqual(records.map(() => 0))
  for (const record of records) expect(["127.0.0.1", "::1"]).toContain(record.address)
})
