/**
 * `portcullis run` in a process of its own, on free ports, with everything on that an operator has: signals, status and
 * admin ports, access log. For what is about the process; what is about requests runs in the test's own.
 */
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type Finished, RunningCommand } from "../../src/cli/cli-process.fixture.ts"

export interface ProcessPorts {
  /** Bound for the first listener. */
  readonly http: number
  readonly admin: number
  readonly status: number
}

export class GatewayProcessUnderTest implements AsyncDisposable {
  readonly folder: string
  readonly command: RunningCommand
  readonly ports: ProcessPorts

  /** Resolves when it serves. @param flags beside those that choose free ports */
  static async start(yaml: string, flags: readonly string[] = [], port = 0): Promise<GatewayProcessUnderTest> {
    const folder = await mkdtemp(join(tmpdir(), "portcullis-process-"))
    await writeFile(join(folder, "routes.yaml"), yaml)
    const own = ["--bind", "127.0.0.1", "--port-map", `80=${port}`, "--admin", "127.0.0.1:0", "--status-port", "0"]
    const command = new RunningCommand([...own, "--no-watch", "--no-dns-fallback", ...flags], { cwd: folder })
    await command.waitFor(/^portcullis ready: .*$/m)
    const portOf = async (pattern: RegExp) => Number((await command.waitFor(pattern))[1])
    return new GatewayProcessUnderTest(folder, command, {
      http: await portOf(/info {2}listening listener=\S+ address=127\.0\.0\.1 port=(\d+)$/m),
      status: await portOf(/info {2}status port=(\d+)$/m),
      admin: await portOf(/info {2}admin address=127\.0\.0\.1 port=(\d+)$/m),
    })
  }

  private constructor(folder: string, command: RunningCommand, ports: ProcessPorts) {
    this.folder = folder
    this.command = command
    this.ports = ports
  }

  /** Writes the configuration whole, as an editor or a ConfigMap does. Read at the next SIGHUP. */
  async write(yaml: string): Promise<void> {
    await writeFile(join(this.folder, "next"), yaml)
    await rename(join(this.folder, "next"), join(this.folder, "routes.yaml"))
  }

  /** A page of the admin interface. */
  async admin(path: string): Promise<string> {
    return (await fetch(`http://127.0.0.1:${this.ports.admin}${path}`, { keepalive: false })).text()
  }

  /** The status of `/healthz/ready`. */
  async readiness(): Promise<number> {
    return (await fetch(`http://127.0.0.1:${this.ports.status}/healthz/ready`, { keepalive: false })).status
  }

  /** SIGTERM, and what it left behind. */
  async stop(): Promise<Finished> {
    this.command.kill("SIGTERM")
    return this.command.end()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.command.kill("SIGKILL")
    await this.command.end()
    await rm(this.folder, { recursive: true, force: true })
  }
}
