/**
 * What the bench asks of every proxy it compares: forward `/api/` of N virtual hosts to one upstream, on one thread.
 *
 * Each proxy gets its well-tuned production form: upstream keep-alive, no access log, no disk buffering, and the request headers an
 * edge adds (`x-forwarded-for`, `x-forwarded-proto`, a request id), so that all of them do the same work.
 */
import { chmod, mkdir, mkdtemp } from "node:fs/promises"
import { join } from "node:path"
import {
  answers,
  type ClientTls,
  type Command,
  findFreePort,
  type MeasuredProcess,
  startProcess,
} from "../measured-process.ts"

export interface ProxyPlan {
  /** Listen here, on 127.0.0.1. */
  readonly port: number
  /** Forward there, on 127.0.0.1. */
  readonly upstreamPort: number
  /** `Host` values to serve; everything else may be refused. */
  readonly hosts: readonly string[]
  /** An empty folder of this proxy's own, for its configuration and temporary files. */
  readonly folder: string
}

export interface Peer {
  readonly name: string
  /** null = it serves plain HTTP; else how its clients come. */
  readonly tls: ClientTls | null
  /** One line for the report; null where the proxy is not installed. */
  readVersion(): string | null
  /** Whether it serves, where a GET over HTTP/1.1 cannot tell. */
  readonly isReady?: (port: number, host: string) => Promise<boolean>
  /** Writes the configuration and returns how to start the process. */
  prepare(plan: ProxyPlan): Promise<Command>
}

export interface RunningProxy {
  readonly name: string
  readonly port: number
  readonly process: MeasuredProcess
}

/** Starts a proxy in a folder of its own and resolves once it forwards a request. */
export async function startProxy(
  proxy: Peer,
  upstreamPort: number,
  hosts: readonly string[],
  folder: string,
): Promise<RunningProxy> {
  const port = await findFreePort()
  const command = await proxy.prepare({ port, upstreamPort, hosts, folder: await makeFolder(folder, proxy.name) })
  const lastHost = hosts[hosts.length - 1] ?? ""
  const process = await startProcess(
    command,
    () => proxy.isReady?.(port, lastHost) ?? answers(port, lastHost, "/api/ready", proxy.tls),
  )
  return { name: proxy.name, port, process }
}

/** The virtual hosts of the bench: `host-0.bench.example` and on. */
export function benchHosts(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `host-${index}.bench.example`)
}

/** First line of what a program prints about its version; null where it is not installed. */
export function readVersionLine(...argv: readonly string[]): string | null {
  const [program = "", ...rest] = argv
  const path = findProgram(program)
  if (path === null) return null
  const run = Bun.spawnSync([path, ...rest])
  return `${run.stdout.toString()}${run.stderr.toString()}`.trim().split("\n")[0] ?? null
}

const { PATH = "" } = process.env

/** Absolute path of a program; Debian keeps servers where not every user's `PATH` looks. */
export function findProgram(program: string): string | null {
  return Bun.which(program, { PATH: `${PATH}:/usr/local/sbin:/usr/sbin:/sbin` })
}

async function makeFolder(parent: string, name: string): Promise<string> {
  await mkdir(parent, { recursive: true })
  const folder = await mkdtemp(join(parent, `${name}-`))
  // nginx's worker gives up root and must still reach its temporary files.
  await chmod(folder, 0o755)
  return folder
}
