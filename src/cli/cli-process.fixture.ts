/**
 * The command line as users have it: a process of its own. `PORTCULLIS_BINARY` chooses a built binary instead of the
 * sources.
 */
import { createConnection } from "node:net"
import { resolve } from "node:path"

const main = resolve(import.meta.dir, "../main.ts")

const { PORTCULLIS_BINARY: binary = "", PATH = "", HOME = "" } = process.env

export function portcullisCommand(args: readonly string[]): string[] {
  return binary === "" ? [process.execPath, main, ...args] : [resolve(binary), ...args]
}

/** Nothing of the developer's own environment may decide a test. */
function cleanEnvironment(extra: Readonly<Record<string, string>>): Record<string, string> {
  return { PATH, HOME, ...extra }
}

export interface Finished {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface StartOptions {
  readonly cwd: string
  readonly env?: Readonly<Record<string, string>>
  readonly stdin?: string
}

/** Runs a command to its end. */
export async function runToEnd(args: readonly string[], options: StartOptions): Promise<Finished> {
  const child = Bun.spawn(portcullisCommand(args), {
    cwd: options.cwd,
    env: cleanEnvironment(options.env ?? {}),
    stdin: Buffer.from(options.stdin ?? ""),
    stdout: "pipe",
    stderr: "pipe",
  })
  const [stdout, stderr, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
  return { code, stdout, stderr }
}

/** A `portcullis run` under test: reads its stderr as it comes and waits for lines. */
export class RunningCommand {
  readonly #child: Bun.Subprocess<"ignore", "pipe", "pipe">
  readonly #stdout: Promise<string>
  #stderr = ""
  #hasEnded = false
  #wake: (() => void)[] = []

  constructor(args: readonly string[], options: StartOptions) {
    this.#child = Bun.spawn(portcullisCommand(["run", ...args]), {
      cwd: options.cwd,
      env: cleanEnvironment(options.env ?? {}),
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    })
    this.#stdout = this.#child.stdout.text()
    void this.#readStderr()
  }

  get stderr(): string {
    return this.#stderr
  }

  /** The first match in stderr, after it has come. Throws when the process ends without it. */
  async waitFor(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.#stderr)
      if (match !== null) return match
      if (this.#hasEnded) throw new Error(`ended without ${pattern}:\n${this.#stderr}`)
      await new Promise<void>((resolve) => this.#wake.push(resolve))
    }
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  async end(): Promise<Finished> {
    const code = await this.#child.exited
    const stdout = await this.#stdout
    while (!this.#hasEnded) await new Promise<void>((resolve) => this.#wake.push(resolve))
    return { code: this.#child.signalCode === null ? code : -1, stdout, stderr: this.#stderr }
  }

  async #readStderr(): Promise<void> {
    const decoder = new TextDecoder()
    for await (const chunk of this.#child.stderr) {
      this.#stderr += decoder.decode(chunk, { stream: true })
      this.#wakeAll()
    }
    this.#hasEnded = true
    this.#wakeAll()
  }

  #wakeAll(): void {
    for (const wake of this.#wake.splice(0)) wake()
  }
}

/** Opens a connection and sends a request whose answer nobody reads. Resolves when it has been sent. */
export function sendRequest(port: number, path: string): Promise<{ closed: Promise<void> }> {
  const sent = Promise.withResolvers<{ closed: Promise<void> }>()
  const closed = Promise.withResolvers<void>()
  const socket = createConnection({ host: "127.0.0.1", port }, () => {
    socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`, () => sent.resolve({ closed: closed.promise }))
  })
  socket.on("error", () => closed.resolve())
  socket.on("close", () => closed.resolve())
  socket.resume()
  return sent.promise
}
