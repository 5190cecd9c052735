/**
 * Real databases for one test each: in a folder of their own, on a port of their own, never the system's services.
 *
 * ```ts
 * await using redis = await DatabaseServer.startRedis()
 * ```
 */

import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { requireTool } from "../peer-tools.ts"
import type { IssuedCertificate } from "./certificate-authority.ts"
import { acceptsConnections, freePort } from "./loopback-port.ts"

/** Above what a database takes to start on a machine that does other things too. */
export const DATABASE_START_MS_MAX = 30_000

export const mariadbServer = requireTool("mariadbd")
export const mariadbInstall = requireTool("mariadb-install-db")
export const mariadb = requireTool("mariadb")
export const mariadbDump = requireTool("mariadb-dump")
export const redisServer = requireTool("redis-server")
export const redisCli = requireTool("redis-cli")

/** Who may do everything, from everywhere. */
export const DATABASE_USER = "tester"
export const DATABASE_PASSWORD = "open-sesame"

export interface DatabaseTls {
  readonly issued: IssuedCertificate
  readonly authorityFile: string
}

export class DatabaseServer implements AsyncDisposable {
  readonly port: number
  readonly #folder: string
  readonly #child: Bun.Subprocess

  /** Without passwords; with `tls` it speaks nothing else. */
  static async startRedis(tls: DatabaseTls | null = null): Promise<DatabaseServer> {
    const folder = await mkdtemp(join(tmpdir(), "portcullis-redis-"))
    const port = freePort()
    const options =
      tls === null
        ? ["--port", `${port}`]
        : [
            ...["--port", "0", "--tls-port", `${port}`, "--tls-auth-clients", "no"],
            ...["--tls-cert-file", tls.issued.certificateFile, "--tls-key-file", tls.issued.privateKeyFile],
            ...["--tls-ca-cert-file", tls.authorityFile],
          ]
    const quiet = ["--bind", "127.0.0.1", "--dir", folder, "--save", "", "--appendonly", "no"]
    return DatabaseServer.#start(folder, port, [redisServer.path ?? "", ...options, ...quiet])
  }

  /** With one user, `DATABASE_USER`, and one database, `shop`. */
  static async startMariaDb(tls: DatabaseTls): Promise<DatabaseServer> {
    const folder = await mkdtemp(join(tmpdir(), "portcullis-mariadb-"))
    const port = freePort()
    const data = join(folder, "data")
    const small = ["--innodb-log-file-size=8M", "--innodb-buffer-pool-size=16M"]
    // It refuses to run as root unless told that this is meant.
    const user = process.getuid?.() === 0 ? ["--user=root"] : []
    const install = [
      mariadbInstall.path ?? "",
      "--no-defaults",
      `--datadir=${data}`,
      ...user,
      "--skip-test-db",
      ...small,
    ]
    await run([...install, "--auth-root-authentication-method=normal"], "")
    const initFile = join(folder, "init.sql")
    await Bun.write(
      initFile,
      `CREATE DATABASE shop;
CREATE USER '${DATABASE_USER}'@'%' IDENTIFIED BY '${DATABASE_PASSWORD}';
GRANT ALL ON *.* TO '${DATABASE_USER}'@'%';
`,
    )
    return DatabaseServer.#start(folder, port, [
      ...[mariadbServer.path ?? "", "--no-defaults", `--datadir=${data}`, ...user, ...small],
      ...[`--port=${port}`, "--bind-address=127.0.0.1", `--socket=${join(folder, "socket")}`],
      ...[`--pid-file=${join(folder, "pid")}`, `--init-file=${initFile}`, "--innodb-flush-log-at-trx-commit=0"],
      ...[`--ssl-cert=${tls.issued.certificateFile}`, `--ssl-key=${tls.issued.privateKeyFile}`],
    ])
  }

  static async #start(folder: string, port: number, command: readonly string[]): Promise<DatabaseServer> {
    const child = Bun.spawn([...command], { cwd: folder, stdin: "ignore", stdout: "ignore", stderr: "ignore" })
    const server = new DatabaseServer(folder, port, child)
    const deadlineMs = performance.now() + DATABASE_START_MS_MAX
    while (!(await acceptsConnections(port))) {
      if (child.exitCode !== null || performance.now() > deadlineMs) {
        await server[Symbol.asyncDispose]()
        throw new Error(`${command.join(" ")} did not start`)
      }
      await Bun.sleep(20)
    }
    return server
  }

  private constructor(folder: string, port: number, child: Bun.Subprocess) {
    this.#folder = folder
    this.port = port
    this.#child = child
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL")
    await this.#child.exited
    await rm(this.#folder, { recursive: true, force: true })
  }
}

/** Runs a client to its end. @returns what it printed @throws with its complaints when it fails */
export async function run(command: readonly string[], input: string | Uint8Array): Promise<string> {
  const child = Bun.spawn([...command], { stdin: Buffer.from(input), stdout: "pipe", stderr: "pipe" })
  const [output, complaints] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
  if ((await child.exited) !== 0) throw new Error(`${command.join(" ")}: ${complaints || output}`)
  return output
}
