/**
 * One process under measurement: started, waited for, stopped. Everything the bench starts goes through here, so that nothing
 * it started outlives it.
 */
import { createServer } from "node:net"

const readyDeadlineMs = 30_000
const readyPollMs = 5
const stopGraceMs = 3_000
const outputBytesKept = 4_096

export interface MeasuredProcess {
  readonly pid: number
  /** Sends SIGTERM, then SIGKILL after a grace time; resolves once the process is gone. */
  stop(): Promise<void>
}

export interface Command {
  readonly argv: readonly string[]
  readonly environment: Readonly<Record<string, string>>
}

const running = new Set<Bun.Subprocess>()

/** Ends every process that is still running, at once: for when the bench itself is told to end. */
export function killEverything(): void {
  for (const child of running) child.kill("SIGKILL")
}

/** Starts a command and resolves once `isReady` holds; rejects with the end of its output when it ends before, or is too slow. */
export async function startProcess(command: Command, isReady: () => Promise<boolean>): Promise<MeasuredProcess> {
  const child = Bun.spawn([...command.argv], {
    env: { ...process.env, ...command.environment },
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
  })
  running.add(child)
  void child.exited.then(() => running.delete(child))
  const started: MeasuredProcess = {
    pid: child.pid,
    async stop() {
      child.kill("SIGTERM")
      const kill = setTimeout(() => child.kill("SIGKILL"), stopGraceMs)
      await child.exited
      clearTimeout(kill)
    },
  }
  const output = keepTail(child.stderr)
  const deadlineAtMs = performance.now() + readyDeadlineMs
  while (!(await isReady())) {
    const ended = child.exitCode !== null || child.signalCode !== null
    if (!ended && performance.now() < deadlineAtMs) {
      await Bun.sleep(readyPollMs)
      continue
    }
    await started.stop()
    throw new Error(`${command.argv[0]} ${ended ? "ended" : "was not ready in time"}: ${output.text().trim()}`)
  }
  return started
}

/** How a client of a TLS proxy comes: with a certificate of its own, or null. */
export interface ClientTls {
  readonly identity: { readonly certificatePem: string; readonly privateKeyPem: string } | null
}

/** Asks a proxy or service on loopback for a path; true on 200. @param tls null = plain HTTP */
export async function answers(
  port: number,
  host: string,
  path: string,
  tls: ClientTls | null = null,
): Promise<boolean> {
  const identity = tls?.identity ?? null
  const client = identity === null ? {} : { cert: identity.certificatePem, key: identity.privateKeyPem }
  const options = tls === null ? {} : { tls: { rejectUnauthorized: false, ...client } }
  try {
    const url = `${tls === null ? "http" : "https"}://127.0.0.1:${port}${path}`
    const response = await fetch(url, { headers: { host, connection: "close" }, ...options })
    await response.body?.cancel()
    return response.status === 200
  } catch {
    // Not listening yet; the caller asks again until its deadline.
    return false
  }
}

/** A TCP port that is free now. */
export function findFreePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once("error", reject)
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      const port = typeof address === "object" && address !== null ? address.port : 0
      server.close(() => resolve(port))
    })
  })
}

/** Reads a stream to its end in the background, keeping only its last bytes. */
function keepTail(stream: ReadableStream<Uint8Array>): { text(): string } {
  let tail = ""
  const decoder = new TextDecoder()
  stream
    .pipeTo(
      new WritableStream({
        write(chunk) {
          tail = (tail + decoder.decode(chunk, { stream: true })).slice(-outputBytesKept)
        },
      }),
    )
    .catch((failure: unknown) => {
      tail += `\n(reading its output failed: ${String(failure)})`
    })
  return { text: () => tail }
}
