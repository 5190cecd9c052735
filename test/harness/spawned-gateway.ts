/**
 * `portcullis run` in a process of its own, reached as a user reaches it: a file, flags, ports, signals.
 */

import { mkdtemp, rename, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import type { ServingGateway } from "./gateway-under-test.ts"
import { freePort } from "./loopback-port.ts"
import { WAIT_MS_MAX } from "./raw-socket.ts"

const { PATH = "", HOME = "" } = process.env

export class SpawnedGateway implements ServingGateway {
  readonly #folder: string
  readonly #child: Bun.Subprocess<"ignore", "ignore", "pipe">
  /** Declared port to bound port. */
  readonly #ports: ReadonlyMap<number, number>
  #stderr = ""
  #wake: (() => void)[] = []

  /** @param binary the program */
  static async start(binary: string, yaml: string): Promise<SpawnedGateway> {
    const folder = await mkdtemp(join(tmpdir(), "portcullis-e2e-"))
    await writeFile(join(folder, "routes.yaml"), yaml)
    const declared = new Set([...yaml.matchAll(/^\s*- port: \{ number: (\d+)/gm)].map(([, port]) => Number(port)))
    const gateway = new SpawnedGateway(binary, folder, declared)
    await gateway.#untilLine(/^portcullis ready:/m)
    return gateway
  }

  private constructor(binary: string, folder: string, declared: ReadonlySet<number>) {
    this.#folder = folder
    this.#ports = new Map([...declared].map((port) => [port, freePort()]))
    const portMap = [...this.#ports].map(([from, to]) => `${from}=${to}`).join(",")
    const own = ["--admin", "off", "--status-port", "off", "--access-log", "off"]
    const rest = ["--no-dns-fallback", "--bind", "127.0.0.1", "--port-map", portMap]
    this.#child = Bun.spawn([resolve(binary), "run", "-f", join(folder, "routes.yaml"), ...own, ...rest], {
      cwd: folder,
      env: { PATH, HOME },
      stdin: "ignore",
      stdout: "ignore",
      stderr: "pipe",
    })
    void this.#readStderr()
  }

  port(declared: number): number {
    const port = this.#ports.get(declared)
    if (port === undefined) throw new Error(`no listener for port ${declared}`)
    return port
  }

  async apply(yaml: string): Promise<void> {
    const reloads = this.#stderr.split("configuration reloaded").length
    // Whole at once, as an editor or a ConfigMap does it; the signal makes it independent of the watcher.
    await writeFile(join(this.#folder, "next"), yaml)
    await rename(join(this.#folder, "next"), join(this.#folder, "routes.yaml"))
    this.#child.kill("SIGHUP")
    await this.#until(() => this.#stderr.split("configuration reloaded").length > reloads, "a reload")
  }

  async drain(): Promise<void> {
    this.#child.kill("SIGTERM")
    await this.#child.exited
    await rm(this.#folder, { recursive: true, force: true })
  }

  async stop(): Promise<void> {
    this.#child.kill("SIGKILL")
    await this.#child.exited
    await rm(this.#folder, { recursive: true, force: true })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  #untilLine(pattern: RegExp): Promise<void> {
    return this.#until(() => pattern.test(this.#stderr), String(pattern))
  }

  async #until(condition: () => boolean, what: string): Promise<void> {
    const deadline = Promise.withResolvers<never>()
    const timer = setTimeout(() => deadline.reject(new Error(`never came: ${what}\n${this.#stderr}`)), WAIT_MS_MAX)
    try {
      while (!condition()) {
        if (this.#child.exitCode !== null) throw new Error(`ended before ${what}:\n${this.#stderr}`)
        await Promise.race([new Promise<void>((wake) => this.#wake.push(wake)), deadline.promise])
      }
    } finally {
      clearTimeout(timer)
    }
  }

  async #readStderr(): Promise<void> {
    const decoder = new TextDecoder()
    for await (const chunk of this.#child.stderr) {
      this.#stderr += decoder.decode(chunk, { stream: true })
      for (const wake of this.#wake.splice(0)) wake()
    }
    await this.#child.exited
    for (const wake of this.#wake.splice(0)) wake()
  }
}
