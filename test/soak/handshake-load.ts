/**
 * Full TLS handshakes at a steady rate, from a process of its own so that their cost is not the measuring client's:
 *   bun test/soak/handshake-load.ts PORT SERVER_NAME PER_SECOND SECONDS
 * Prints one JSON object when all have ended: `{ done, failed, perSecond }`.
 */
import { argv } from "node:process"

const [port = 0, perSecond = 0, seconds = 0] = [argv[2], argv[4], argv[5]].map(Number)
const serverName = argv[3] ?? ""

/** Of a pause of this process not more than this is made up for at once: the rate is to be steady. */
const BURST_MAX = 10

let done = 0
let failed = 0

async function handshake(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  try {
    await Bun.connect({
      hostname: "127.0.0.1",
      port,
      // No session is kept: each handshake is a full one.
      tls: { rejectUnauthorized: false, serverName },
      socket: {
        handshake: (socket) => {
          // Bun also calls it a failure when it does not like the certificate.
          resolve(socket.getCipher() !== undefined)
          socket.end()
        },
        data() {},
        error: () => resolve(false),
        close: () => resolve(false),
      },
    })
  } catch {
    // Refused or reset: counted like every other failure.
    resolve(false)
  }
  if (await promise) done++
  else failed++
}

const startedAtMs = performance.now()
const all: Promise<void>[] = []
for (let elapsedMs = 0; elapsedMs < seconds * 1000; elapsedMs = performance.now() - startedAtMs) {
  const due = Math.floor((elapsedMs / 1000) * perSecond) - all.length
  for (let index = 0; index < Math.min(due, BURST_MAX); index++) all.push(handshake())
  await Bun.sleep(1)
}
const lastedSeconds = (performance.now() - startedAtMs) / 1000
await Promise.all(all)
console.log(JSON.stringify({ done, failed, perSecond: done / lastedSeconds }))
