/**
 * `portcullis run`: puts the process together, serves until it is asked to stop, and takes it apart in reverse.
 *
 *   load -> compile -> bind -> status and admin -> ready line -> watch -> (signals) -> drain -> exit
 */
import { startAdminServer } from "../admin/admin-server.ts"
import type { OwnServer } from "../admin/own-server.ts"
import { startStatusServer } from "../admin/status-server.ts"
import { watchFiles } from "../config/watch.ts"
import type { Demo } from "../demo/demo.ts"
import { missingRuntimeHooks, missingTlsHooks } from "../net/self-check.ts"
import { SharedPorts } from "../net/shared-ports.ts"
import { Gateway } from "../proxy/gateway.ts"
import { credentialPaths } from "../security/load-credentials.ts"
import { openLogOutput } from "../telemetry/access-log-output.ts"
import { AccessLogWriter } from "../telemetry/access-log-writer.ts"
import { Counters } from "../telemetry/counters.ts"
import { createLog, type Log } from "../telemetry/log.ts"
import type { SpanExporter } from "../telemetry/tracing/span-exporter.ts"
import type { FindSecret } from "../upstream/tls-material.ts"
import { CredentialWatch } from "./credential-watch.ts"
import { loadWithDemoCertificates } from "./demo-certificates.ts"
import { demoHints } from "./demo-hints.ts"
import { GatewayProcess } from "./gateway-process.ts"
import { ConfigurationLoader } from "./load-snapshot.ts"
import { whyNothingIsServed } from "./nothing-served.ts"
import type { RunOptions, TracingOptions } from "./options.ts"
import { StopRequest } from "./stop-signal.ts"
import type { Terminal } from "./terminal.ts"
import { portcullisVersion } from "./version.ts"

/** A log on a stalled pipe must not hold up the end. */
const accessLogCloseMaxMs = 1_000
/** Nor must a collector that does not answer. */
const spansCloseMaxMs = 2_000

export async function run(options: RunOptions, terminal: Terminal): Promise<0 | 1> {
  const log = createLog({ level: options.logLevel, format: options.logFormat })
  const counters = new Counters()
  const stop = new StopRequest()
  stop.listenToSignals()

  const missingHooks = [missingRuntimeHooks(), await missingTlsHooks()].filter((names) => names !== "").join(", ")
  if (missingHooks !== "") return fail(terminal, `this Bun (${Bun.version}) lacks ${missingHooks}`)
  const accessLog = openAccessLog(options, counters, log)
  if (accessLog !== null && "error" in accessLog) return fail(terminal, accessLog.error)
  const spans = await openSpanExporter(options.tracing, counters, log)
  const tracer = options.tracing !== null && spans !== null ? { samplingPpm: options.tracing.samplingPpm, spans } : null
  const demo = options.demo ? await startDemoServices() : null
  const loadedUnixMs = Date.now()
  const loader = new ConfigurationLoader(options, demo?.services ?? [])
  const { bindAddresses } = options
  const findSecret: FindSecret = (credentialName, namespace) => loader.findUpstreamSecret(credentialName, namespace)
  const sharedPorts = options.reusePort ? await openSharedPorts(log) : null
  const engine = new Gateway({ bindAddresses, accessLog, tracer, log, counters, findSecret, sharedPorts })
  const onWatchError = (directory: string, reason: string) => log.warn("folder is not watched", { directory, reason })
  const credentialWatch = options.watch ? new CredentialWatch(() => gateway.reloadCredentials(), onWatchError) : null
  const gateway: GatewayProcess = new GatewayProcess({
    engine,
    load: () => (options.demo ? loadWithDemoCertificates(loader, options.secretsDir, log) : loader.load()),
    loadCredentials: (snapshot) => loader.loadCredentials(snapshot),
    onServed: (snapshot, readUnixMs) => {
      credentialWatch?.watch(credentialPaths(snapshot, options.secretsDir), readUnixMs)
      const reason = whyNothingIsServed(snapshot, options.selector)
      if (reason !== "") log.warn("nothing is served", { reason })
    },
    counters,
    log,
    print: (text) => terminal.err(text),
    onQuit: () => stop.request("/quitquitquit"),
    commandLineOptions: describeOptions(options),
    useColor: terminal.useErrorColor,
  })
  const reload = () => void gateway.reload()
  process.on("SIGHUP", reload)
  process.on("SIGUSR1", () => accessLog?.reopen())
  // Connections that came to a shared port meanwhile are answered, and the others on it go on as if nothing had been.
  const giveBack = async () => (sharedPorts === null ? undefined : engine.drain(options.drainMs))
  // A start may take long, or wait for a pipe that nobody writes to.
  const isStarted = await Promise.race([gateway.start(), stop.requested.then((reason) => ({ reason }))])
  if (typeof isStarted !== "boolean") {
    gateway.beginDrain()
    await engine.drain(options.drainMs)
    log.info("stopped before it served", isStarted)
    return 0
  }
  if (!isStarted) {
    await giveBack()
    return 1
  }
  const servers = startOwnServers(options, gateway, sharedPorts)
  if ("error" in servers) {
    await giveBack()
    return fail(terminal, servers.error)
  }
  await terminal.err(readyLine(gateway))
  if (demo !== null) await terminal.err(tryLines(gateway, options.secretsDir))
  logWhereabouts(log, gateway, servers)

  const paths = options.files.filter((file) => file !== "-")
  const watcher = options.watch ? watchFiles({ paths, loadedUnixMs, onChange: reload, onError: onWatchError }) : null

  const reason = await stop.requested
  log.info("draining", { reason, seconds: options.drainMs / 1000 })
  watcher?.close()
  credentialWatch?.close()
  gateway.beginDrain()
  for (const server of [servers.status, servers.admin]) server?.yieldPort()
  const drained = engine.drain(options.drainMs)
  if (sharedPorts?.control) log.info("handing over: new connections go to whoever else listens on these ports")
  await drained
  if (accessLog !== null) await Promise.race([accessLog.close(), Bun.sleep(accessLogCloseMaxMs)])
  if (spans !== null) await Promise.race([spans.close(), Bun.sleep(spansCloseMaxMs)])
  await Promise.all([servers.admin?.stop(), servers.status?.stop(), demo?.stop()])
  log.info("stopped")
  return 0
}

function openAccessLog(
  options: RunOptions,
  counters: Counters,
  log: Log,
): AccessLogWriter | null | { readonly error: string } {
  if (options.accessLog === null) return null
  const output = openLogOutput(options.accessLog.path)
  if ("error" in output) return { error: `--access-log: ${output.error}` }
  return new AccessLogWriter({ format: options.accessLog.format, output, counters, log })
}

/** The exporter is read from disk only when there is something to export. */
async function openSpanExporter(
  options: TracingOptions | null,
  counters: Counters,
  log: Log,
): Promise<SpanExporter | null> {
  if (options === null) return null
  const { SpanExporter, tracesUrl } = await import("../telemetry/tracing/span-exporter.ts")
  const service = { name: "portcullis", version: portcullisVersion }
  const { otlpUrl, otlpHeaders: headers } = options
  return new SpanExporter({ url: tracesUrl(otlpUrl), headers, service, counters, log })
}

/** What reads and steers shared ports is loaded only where there are some. */
async function openSharedPorts(log: Log): Promise<SharedPorts> {
  const { ReusePortControl } = await import("../net/reuse-port-control.ts")
  const control = ReusePortControl.open()
  if (typeof control !== "string") return new SharedPorts(control)
  log.warn("--reuse-port: new connections cannot be steered to a successor, some may be lost when this one ends", {
    reason: control,
  })
  return new SharedPorts(null)
}

interface OwnServers {
  readonly admin: OwnServer | null
  readonly status: OwnServer | null
}

function startOwnServers(
  options: RunOptions,
  gateway: GatewayProcess,
  sharedPorts: SharedPorts | null,
): OwnServers | { readonly error: string } {
  const { statusPort } = options
  const status = statusPort === null ? null : startStatusServer(statusPort, () => gateway.isReady, sharedPorts)
  if (status !== null && "error" in status) return status
  const admin = options.admin === null ? null : startAdminServer(options.admin, gateway, sharedPorts)
  if (admin !== null && "error" in admin) return admin
  return { admin, status }
}

/** The line that scripts wait for: its words are a promise. The time is since the process began. */
function readyLine(gateway: GatewayProcess): string {
  const { listeners, virtualHostCount, routeCount } = gateway.snapshot
  const counts = `${listeners.length} listeners, ${virtualHostCount} virtual hosts, ${routeCount} routes`
  return `portcullis ready: ${counts}, in ${Math.round(performance.now())} ms\n`
}

function tryLines(gateway: GatewayProcess, secretsFolder: string): string {
  const hints = demoHints(gateway.snapshot, gateway.boundListeners, secretsFolder)
  return hints.map((hint) => `  try: ${hint}\n`).join("")
}

function logWhereabouts(log: Log, gateway: GatewayProcess, servers: OwnServers): void {
  for (const { name, address, port } of gateway.boundListeners) log.info("listening", { listener: name, address, port })
  if (servers.status !== null) log.info("status", { port: servers.status.port })
  if (servers.admin === null) return
  log.info("admin", { address: servers.admin.host, port: servers.admin.port })
  if (!/^(127\.|::1$|localhost$)/.test(servers.admin.host)) {
    log.warn("the admin interface is not on loopback: whoever reaches it can stop the gateway")
  }
}

/** For `/server_info`. */
function describeOptions(options: RunOptions): Readonly<Record<string, string>> {
  const { admin, selector } = options
  return {
    file: options.files.join(","),
    secrets: options.secretsDir,
    port_map: [...options.portMap].map(([declared, bound]) => `${declared}=${bound}`).join(","),
    selector:
      selector === null
        ? ""
        : Object.entries(selector)
            .map(([key, value]) => `${key}=${value}`)
            .join(","),
    locality: options.locality,
    bind: options.bindAddresses.join(","),
    admin: admin === null ? "off" : `${admin.host}:${admin.port}`,
    status_port: options.statusPort === null ? "off" : String(options.statusPort),
    reuse_port: String(options.reusePort),
    access_log: options.accessLog?.path ?? "off",
    tracing_otlp: options.tracing?.otlpUrl ?? "off",
    drain: String(options.drainMs / 1000),
    watch: String(options.watch),
    demo: String(options.demo),
    dns_fallback: String(options.dnsFallback),
  }
}

async function startDemoServices(): Promise<Demo> {
  const { startDemo } = await import("../demo/demo.ts")
  return startDemo()
}

async function fail(terminal: Terminal, reason: string): Promise<1> {
  await terminal.err(`portcullis: ${reason}\n`)
  return 1
}
