/**
 * What new TLS connections cost those that are there: the latency of requests on a kept-alive connection, in turns without
 * handshakes, with a steady rate of full ones (ECDSA P-256) at another gateway, and with the same at its own. Each gateway,
 * the handshakes and the requests have a process of their own. The middle figure is the machine's share: what the
 * processors being busy costs, without a connection having to wait for a handshake.
 */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { execPath } from "node:process"
import { z } from "zod"
import { RunningCommand } from "../../src/cli/cli-process.fixture.ts"
import { DevelopmentPki } from "../../src/security/development-pki.ts"
import { yamlOf } from "../harness/routes-to.ts"
import { connectTls } from "../harness/tls-client.ts"
import { answeringYaml, tlsGatewayYaml } from "../harness/tls-routes.ts"

const HOST = "shop.example"
const REQUEST = `GET / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`

export interface HandshakeSoakOptions {
  /** Of three phases each: quiet, handshakes elsewhere, handshakes here. */
  readonly rounds: number
  readonly phaseSeconds: number
  readonly handshakesPerSecond: number
  /** Between the end of one request and the next. */
  readonly pauseMs: number
}

export interface Latency {
  readonly requests: number
  readonly p50Ms: number
  readonly p99Ms: number
}

export interface HandshakeSoakRound {
  readonly quiet: Latency
  readonly elsewhere: Latency
  readonly loaded: Latency
  /** Those of the last phase. */
  readonly handshakes: LoadReport
}

const loadReport = z.object({ done: z.number(), failed: z.number(), perSecond: z.number() })
export type LoadReport = z.infer<typeof loadReport>

/** Throws when a request is not answered with 200. */
export async function runHandshakeSoak(options: HandshakeSoakOptions): Promise<readonly HandshakeSoakRound[]> {
  const folder = await mkdtemp(join(tmpdir(), "portcullis-handshakes-"))
  await writeConfiguration(folder)
  const own = ["--bind", "127.0.0.1", "--port-map", "443=0", "--admin", "off", "--status-port", "off", "--no-watch"]
  const args = ["-f", "routes.yaml", "--secrets", "secrets", "--access-log", "off", ...own]
  const gateways = [new RunningCommand(args, { cwd: folder }), new RunningCommand(args, { cwd: folder })]
  try {
    const [port = 0, otherPort = 0] = await Promise.all(gateways.map(portOf))
    // The first requests and handshakes find nothing compiled.
    await runRound(port, otherPort, options)
    const rounds: HandshakeSoakRound[] = []
    for (let round = 0; round < options.rounds; round++) rounds.push(await runRound(port, otherPort, options))
    return rounds
  } finally {
    for (const gateway of gateways) gateway.kill("SIGKILL")
    await rm(folder, { recursive: true })
  }
}

async function portOf(gateway: RunningCommand): Promise<number> {
  await gateway.waitFor(/^portcullis ready:/m)
  const [, port] = await gateway.waitFor(/listening listener=\S+ address=\S+ port=(\d+)/)
  return Number(port)
}

async function writeConfiguration(folder: string): Promise<void> {
  const pki = await DevelopmentPki.create(Date.now())
  const issued = await pki.issue({ commonName: HOST, subjectAltNames: [HOST], purpose: "server" })
  await mkdir(join(folder, "secrets", "shop"), { recursive: true })
  await writeFile(join(folder, "secrets", "shop", "tls.crt"), issued.certificatePem)
  await writeFile(join(folder, "secrets", "shop", "tls.key"), issued.privateKeyPem)
  const servers = [{ hosts: [HOST], tls: "{ mode: SIMPLE, credentialName: shop }" }]
  await writeFile(join(folder, "routes.yaml"), yamlOf(tlsGatewayYaml(servers), answeringYaml("shop", [HOST])))
}

async function runRound(port: number, otherPort: number, options: HandshakeSoakOptions): Promise<HandshakeSoakRound> {
  const quiet = await measureLatency(port, options)
  const { latency: elsewhere } = await measureUnderLoad(port, otherPort, options)
  const { latency: loaded, handshakes } = await measureUnderLoad(port, port, options)
  return { quiet, elsewhere, loaded, handshakes }
}

async function measureUnderLoad(
  port: number,
  loadedPort: number,
  options: HandshakeSoakOptions,
): Promise<{ readonly latency: Latency; readonly handshakes: LoadReport }> {
  const load = [loadedPort, HOST, options.handshakesPerSecond, options.phaseSeconds].map(String)
  const child = Bun.spawn([execPath, join(import.meta.dir, "handshake-load.ts"), ...load], {
    stdout: "pipe",
    stderr: "inherit",
  })
  const latency = await measureLatency(port, options)
  return { latency, handshakes: loadReport.parse(await new Response(child.stdout).json()) }
}

/** One request after the other on one connection. */
async function measureLatency(port: number, { phaseSeconds, pauseMs }: HandshakeSoakOptions): Promise<Latency> {
  using client = await connectTls(port, { serverName: HOST })
  const tookMs: number[] = []
  const endAtMs = performance.now() + phaseSeconds * 1000
  while (performance.now() < endAtMs) {
    const startedAtMs = performance.now()
    const { status } = await client.exchange(REQUEST)
    tookMs.push(performance.now() - startedAtMs)
    if (status !== 200) throw new Error(`a request was answered with ${status}`)
    await Bun.sleep(pauseMs)
  }
  tookMs.sort((left, right) => left - right)
  return { requests: tookMs.length, p50Ms: quantile(tookMs, 0.5), p99Ms: quantile(tookMs, 0.99) }
}

/** @param sorted ascending. @returns the value that this share of them does not exceed */
function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN
}
