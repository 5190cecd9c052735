/** One fuzzing run over ClientHello messages: any bytes, cut anywhere, against an independent reading of the RFCs. */
import { alpnExtension, extension, helloMessage, inRecords } from "../../src/net/client-hello.fixture.ts"
import { type ClientHello, type ClientHelloOutcome, ClientHelloReader } from "../../src/net/client-hello.ts"
import type { FuzzOutcome } from "./fuzz-request-heads.ts"
import { mutate, SeededRandom } from "./mutate.ts"

/** Enough to see what is wrong. */
const FAILURES_MAX = 10
const BYTES_MAX = 16 * 1024
const POOL_SIZE = 300
const POOL_BYTES_MAX = 1024

const seeds: readonly string[] = [
  inRecords(helloMessage()),
  inRecords(helloMessage({ hasExtensions: false })),
  inRecords(helloMessage({ serverNames: ["shop.example"], alpnProtocols: ["h2", "http/1.1"] })),
  inRecords(helloMessage({ serverNames: ["a"], extensions: [extension(43, Buffer.from([2, 3, 4]))] }), 7),
  inRecords(helloMessage({ extensions: [alpnExtension(["istio"]), extension(0x0a0a, Buffer.alloc(1))] }), 1),
].map((bytes) => bytes.toString("latin1"))

/** Lengths and types, which mean most where they stand. */
const pieces: readonly string[] = [
  "\0",
  "\0\0",
  "\0\x01",
  "\x16\x03\x01",
  "\x01\0\0",
  "\0\x10",
  "\xff\xff",
  "\0\0\0\x09",
]

export function fuzzClientHello(runs: number, seed: number): FuzzOutcome {
  const random = new SeededRandom(seed)
  const pool = [...seeds]
  const failures: string[] = []
  let accepted = 0
  let refused = 0
  for (let run = 0; run < runs && failures.length < FAILURES_MAX; run++) {
    const text = mutate(random.of(pool, ""), random, pieces, pool)
    const bytes = Buffer.from(text, "latin1")
    const wrong = whatIsWrong(bytes, random)
    if (wrong !== null) failures.push(`${wrong}: ${bytes.toString("hex")}`)
    const outcome = read(bytes)
    if (typeof outcome === "string" || outcome.kind !== "complete") {
      refused++
      continue
    }
    accepted++
    if (text.length > POOL_BYTES_MAX) continue
    if (pool.length < POOL_SIZE) pool.push(text)
    else pool[seeds.length + random.below(POOL_SIZE - seeds.length)] = text
  }
  return { accepted, refused, failures }
}

function whatIsWrong(bytes: Buffer, random: SeededRandom): string | null {
  const whole = read(bytes)
  if (typeof whole === "string") return whole
  const cut = random.below(bytes.length + 1)
  const inTwo = read(bytes.subarray(0, cut), bytes.subarray(cut))
  if (JSON.stringify(inTwo) !== JSON.stringify(whole)) return `another answer when cut at ${cut}`
  if (whole.kind !== "complete") return null
  const reference = readReferenceHello(bytes)
  return JSON.stringify(reference) === JSON.stringify(whole.hello) ? null : "accepted, and read differently"
}

/** @returns what it threw, as text, where it does. */
function read(...parts: readonly Buffer[]): ClientHelloOutcome | string {
  const reader = new ClientHelloReader(BYTES_MAX)
  let outcome: ClientHelloOutcome = { kind: "incomplete" }
  try {
    for (const part of parts) if (outcome.kind === "incomplete") outcome = reader.feed(part)
    return outcome
  } catch (error) {
    return `threw ${String(error)}`
  }
}

/** The same grammar, read another way: over an array of bytes that is eaten from the front. Only for what was accepted. */
function readReferenceHello(bytes: Buffer): ClientHello | null {
  const message: number[] = []
  const records = [...bytes]
  for (;;) {
    const header = records.splice(0, 5)
    const length = (header[3] ?? 0) * 256 + (header[4] ?? 0)
    message.push(...records.splice(0, length))
    const wanted = 4 + (message[1] ?? 0) * 65_536 + (message[2] ?? 0) * 256 + (message[3] ?? 0)
    if (message.length >= 4 && message.length >= wanted) {
      message.length = wanted
      break
    }
    if (records.length === 0) return null
  }
  const take = (count: number) => message.splice(0, count)
  const number = (count: number, from: number[] = message) =>
    from.splice(0, count).reduce((sum, byte) => sum * 256 + byte, 0)
  take(4 + 2 + 32)
  take(number(1))
  take(number(2))
  take(number(1))
  const extensions = message.length === 0 ? [] : take(number(2))
  let serverName = ""
  const alpnProtocols: string[] = []
  while (extensions.length > 0) {
    const type = number(2, extensions)
    const data = extensions.splice(0, number(2, extensions))
    if (type === 0) serverName = String.fromCharCode(...data.slice(5)).toLowerCase()
    if (type !== 16) continue
    data.splice(0, 2)
    while (data.length > 0) alpnProtocols.push(String.fromCharCode(...data.splice(0, number(1, data))))
  }
  return { serverName, alpnProtocols }
}
