/** Reloads and restarts under load, and what a reload of a large configuration does to the requests beside it. */
import { GatewayProcessUnderTest } from "../harness/gateway-process.ts"
import { GATEWAY_YAML, SERVICE_HOST, serviceYaml, virtualServiceYaml, yamlOf } from "../harness/routes-to.ts"
import { waitUntil } from "../harness/wait-until.ts"
import { type SoakCounts, SoakLoad } from "./soak-load.ts"

export interface SoakOptions {
  readonly durationMs: number
  readonly reloadCount: number
  readonly restartCount: number
  /** Of each kind: kept connections, new ones, HTTP/2. */
  readonly clientCount: number
}

export interface SoakReport extends SoakCounts {
  readonly reloads: number
  readonly restarts: number
  readonly firstFailure: string
  /** Exit codes of the processes, in order. */
  readonly exitCodes: readonly number[]
}

const quiet = ["--access-log", "off", "--drain", "10"]
const shared = [...quiet, "--reuse-port"]

export async function runSoak(options: SoakOptions): Promise<SoakReport> {
  const upstream = startEcho()
  const configuration = (version: number) =>
    yamlOf(
      GATEWAY_YAML,
      serviceYaml(SERVICE_HOST, [upstream.port ?? 0]),
      virtualServiceYaml("routes", ["*"], ruleOf(`v${version}`)),
    )
  let gateway = await GatewayProcessUnderTest.start(configuration(0), shared)
  const { http } = gateway.ports
  const load = new SoakLoad(http)
  const clients = Array.from({ length: options.clientCount }, (_, index) => [
    load.runHttp1(`kept-${index}`, true),
    load.runHttp1(`new-${index}`, false),
    load.runHttp2(`h2-${index}`),
  ]).flat()
  const exitCodes: number[] = []
  const stepMs = options.durationMs / (options.reloadCount + options.restartCount)
  const reloadsPerRestart = Math.ceil(options.reloadCount / (options.restartCount + 1))
  try {
    let reloads = 0
    for (let restart = 0; restart <= options.restartCount; restart++) {
      for (let each = 0; each < reloadsPerRestart && reloads < options.reloadCount; each++) {
        await Bun.sleep(stepMs)
        await reload(gateway, configuration(++reloads))
      }
      if (restart === options.restartCount) break
      await Bun.sleep(stepMs)
      // As a service manager does it: the successor serves, then the old one is told to end.
      const successor = await GatewayProcessUnderTest.start(configuration(reloads), shared, http)
      exitCodes.push((await gateway.stop()).code)
      await gateway[Symbol.asyncDispose]()
      gateway = successor
    }
    await Bun.sleep(stepMs)
    load.isOver = true
    await Promise.all(clients)
    exitCodes.push((await gateway.stop()).code)
    const { counts, firstFailure } = load
    return { ...counts, firstFailure, reloads, restarts: options.restartCount, exitCodes }
  } finally {
    load.isOver = true
    await Promise.allSettled(clients)
    await gateway[Symbol.asyncDispose]()
    await upstream.stop(true)
  }
}

export interface LargeReloadReport {
  readonly requests: number
  readonly failed: number
  /** The slowest request while nothing was reloaded. */
  readonly worstQuietMs: number
  readonly worstWhileReloadingMs: number
  /** As the gateway logs them. */
  readonly reloadMs: readonly number[]
}

/** Requests beside reloads of so many VirtualServices. */
export async function measureLargeReload(virtualServiceCount: number, reloadCount: number): Promise<LargeReloadReport> {
  const upstream = startEcho()
  const configuration = (version: number) =>
    yamlOf(
      GATEWAY_YAML,
      serviceYaml(SERVICE_HOST, [upstream.port ?? 0]),
      virtualServiceYaml("a", ["a.example"], ruleOf("a")),
      ...Array.from({ length: virtualServiceCount - 1 }, (_, index) =>
        virtualServiceYaml(`v-${index}`, [`v-${index}.example`], ruleOf(`v${version}-${index}`)),
      ),
    )
  await using gateway = await GatewayProcessUnderTest.start(configuration(0), quiet)
  const load = new SoakLoad(gateway.ports.http)
  const clients = [load.runHttp1("one", true), load.runHttp1("two", true), load.runHttp1("three", false)]
  const texts = Array.from({ length: reloadCount }, (_, index) => configuration(index + 1))
  await Bun.sleep(500)
  // What the first requests cost is another matter.
  load.counts.worstMs = 0
  await Bun.sleep(1_000)
  const worstQuietMs = load.counts.worstMs
  load.counts.worstMs = 0
  for (const text of texts) await reload(gateway, text)
  const worstWhileReloadingMs = load.counts.worstMs
  load.isOver = true
  await Promise.all(clients)
  await upstream.stop(true)
  return {
    requests: load.counts.answered,
    failed: load.counts.failed,
    worstQuietMs,
    worstWhileReloadingMs,
    reloadMs: [...gateway.command.stderr.matchAll(/configuration reloaded .*\bms=(\d+)/g)].map(([, ms]) => Number(ms)),
  }
}

/** A rule that is another one after each reload. */
function ruleOf(version: string): string {
  return `- name: ${version}
  route:
    - destination: { host: ${SERVICE_HOST} }
      headers: { request: { set: { x-version: ${version} } } }`
}

/** Answers with the path. */
function startEcho(): Bun.Server<undefined> {
  return Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request) => new Response(new URL(request.url).pathname),
  })
}

async function reload(gateway: GatewayProcessUnderTest, yaml: string): Promise<void> {
  const countReloads = () => gateway.command.stderr.split("info  configuration reloaded").length
  const before = countReloads()
  await gateway.write(yaml)
  gateway.command.kill("SIGHUP")
  await waitUntil(() => countReloads() > before, "a reload")
}
