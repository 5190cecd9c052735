/**
 * The admin interface's pages under Envoy's paths (Envoy `docs/root/operations/admin.rst`): text as Envoy prints it,
 * JSON with `?format=json` or `Accept: application/json`. What changes something needs POST.
 */
import { type Context, Hono } from "hono"
import { envoyListenerStats } from "../telemetry/envoy-metrics.ts"
import { isLogLevel, logLevels } from "../telemetry/log.ts"
import { processStats } from "../telemetry/process-metrics.ts"
import { certsJson, certsText } from "./certs-page.ts"
import { clusterStats, clustersJson, clustersText } from "./clusters-page.ts"
import { answerExplain, answerProxyConfig, configDumpJson } from "./inspect-pages.ts"
import { answerPrometheus } from "./metrics-page.ts"
import { routesJson, routesText } from "./routes-page.ts"
import type { RunningGateway } from "./running-gateway.ts"
import { listenersJson, listenersText, serverInfoJson } from "./server-pages.ts"

interface Page {
  readonly path: string
  readonly method: "GET" | "POST"
  readonly help: string
  readonly answer: (context: Context, gateway: RunningGateway) => Response | Promise<Response>
}

const pages: readonly Page[] = [
  {
    path: "/",
    method: "GET",
    help: "the gateway at a glance, for people",
    answer: async (context, gateway) => (await import("./home-page.ts")).answerHome(context, gateway),
  },
  { path: "/certs", method: "GET", help: "print certs on machine", answer: answerCerts },
  { path: "/clusters", method: "GET", help: "upstream cluster status", answer: answerClusters },
  { path: "/config_dump", method: "GET", help: "dump the configuration: ?include_eds", answer: answerConfigDump },
  {
    path: "/explain",
    method: "GET",
    help: "what becomes of a request: ?url=http://HOST/PATH&method=GET&header=NAME:VALUE",
    answer: (context, gateway) => answerExplain(context, gateway, wantsJson(context)),
  },
  {
    path: "/healthcheck/fail",
    method: "POST",
    help: "cause the server to fail health checks",
    answer: failHealthcheck,
  },
  { path: "/healthcheck/ok", method: "POST", help: "cause the server to pass health checks", answer: passHealthcheck },
  { path: "/help", method: "GET", help: "print this list", answer: (context) => context.text(helpText()) },
  { path: "/listeners", method: "GET", help: "print listener info", answer: answerListeners },
  { path: "/logging", method: "POST", help: "query or change the log level: ?level=debug", answer: answerLogging },
  {
    path: "/proxy-config/:kind",
    method: "GET",
    help: "what istioctl proxy-config prints: listeners, routes, clusters, endpoints, secrets",
    answer: answerProxyConfig,
  },
  { path: "/quitquitquit", method: "POST", help: "drain and exit the server", answer: answerQuit },
  { path: "/ready", method: "GET", help: "print server state, 200 if LIVE, else 503", answer: answerReady },
  { path: "/reload", method: "POST", help: "load the configuration anew", answer: answerReload },
  { path: "/routes", method: "GET", help: "print the routes: ?name=ROUTE_CONFIGURATION", answer: answerRoutes },
  { path: "/server_info", method: "GET", help: "print server version/status information", answer: answerServerInfo },
  { path: "/stats", method: "GET", help: "print server stats", answer: answerStats },
  {
    path: "/stats/prometheus",
    method: "GET",
    help: "print server stats in prometheus format",
    answer: answerPrometheus,
  },
]

export function createAdminPages(gateway: RunningGateway): Hono {
  const app = new Hono()
  app.use(async (context, next) => {
    context.header("cache-control", "no-cache, max-age=0")
    context.header("x-content-type-options", "nosniff")
    await next()
  })
  for (const page of pages) {
    app.on(page.method, page.path, (context) => page.answer(context, gateway))
    app.all(page.path, (context) => context.text(`Method Not Allowed\n`, 405, { allow: page.method }))
  }
  app.notFound((context) => context.text(`invalid path. ${helpText()}`, 404))
  app.onError((error, context) => {
    gateway.counters.invariantErrors += 1
    gateway.log.error("admin page failed", { path: context.req.path, reason: error.message })
    return context.text("internal error\n", 500)
  })
  return app
}

function helpText(): string {
  const lines = pages.map((page) => `  ${page.path}${page.method === "POST" ? " (POST)" : ""}: ${page.help}\n`)
  return `admin commands are:\n${lines.join("")}`
}

/** `format` decides; without it, what the client accepts. */
function wantsJson(context: Context): boolean {
  const format = context.req.query("format")
  if (format !== undefined) return format === "json"
  return (context.req.header("accept") ?? "").split(",").some((type) => type.trim().startsWith("application/json"))
}

/** Indented as Envoy's: people read it in a terminal. */
function json(context: Context, value: unknown, status: 200 | 422 = 200): Response {
  return context.body(`${JSON.stringify(value, null, 1)}\n`, status, { "content-type": "application/json" })
}

function answerReady(context: Context, gateway: RunningGateway): Response {
  return context.text(`${gateway.state}\n`, gateway.state === "LIVE" ? 200 : 503)
}

function answerServerInfo(context: Context, gateway: RunningGateway): Response {
  return json(context, serverInfoJson(gateway, Date.now()))
}

function answerListeners(context: Context, gateway: RunningGateway): Response {
  return wantsJson(context)
    ? json(context, listenersJson(gateway.boundListeners))
    : context.text(listenersText(gateway.boundListeners))
}

function answerClusters(context: Context, gateway: RunningGateway): Response {
  return wantsJson(context)
    ? json(context, clustersJson(gateway.clusters))
    : context.text(clustersText(gateway.clusters))
}

function answerCerts(context: Context, gateway: RunningGateway): Response {
  // Envoy has this page in JSON alone; text is for those who ask for nothing else.
  const nowUnixMs = Date.now()
  return wantsJson(context)
    ? json(context, certsJson(gateway.tlsServers, nowUnixMs))
    : context.text(certsText(gateway.tlsServers, nowUnixMs))
}

function answerStats(context: Context, gateway: RunningGateway): Response {
  if (context.req.query("format") === "prometheus") return answerPrometheus(context, gateway)
  const stats = [
    ...processStats(gateway.counters),
    ...envoyListenerStats(gateway.listenerStats),
    ...clusterStats(gateway.clusters),
  ]
  if (wantsJson(context)) return json(context, { stats: stats.map(([name, value]) => ({ name, value })) })
  return context.text(stats.map(([name, value]) => `${name}: ${value}\n`).join(""))
}

function answerConfigDump(context: Context, gateway: RunningGateway): Response {
  return json(context, configDumpJson(gateway, context.req.query("include_eds") !== undefined))
}

function answerRoutes(context: Context, gateway: RunningGateway): Response {
  const name = context.req.query("name") ?? null
  const routes = routesJson(gateway.snapshot, name)
  if (name !== null && routes.length === 0) return context.text(`no route configuration is named ${name}\n`, 404)
  return wantsJson(context) ? json(context, routes) : context.text(routesText(gateway.snapshot, name))
}

function failHealthcheck(context: Context, gateway: RunningGateway): Response {
  gateway.failHealthcheck()
  return context.text("OK\n")
}

function passHealthcheck(context: Context, gateway: RunningGateway): Response {
  gateway.passHealthcheck()
  return context.text("OK\n")
}

function answerLogging(context: Context, gateway: RunningGateway): Response {
  const level = context.req.query("level")
  if (level !== undefined) {
    if (!isLogLevel(level)) return context.text(`usage: /logging?level=<${logLevels.join("|")}>\n`, 400)
    gateway.log.setLevel(level)
  }
  return context.text(`active loggers:\n  portcullis: ${gateway.log.level}\n`)
}

async function answerReload(context: Context, gateway: RunningGateway): Promise<Response> {
  const outcome = await gateway.reload()
  if (wantsJson(context)) return json(context, outcome, outcome.ok ? 200 : 422)
  const refusal = outcome.isInForce
    ? "the new configuration is in force, but not all of it is listened on"
    : "the running configuration is unchanged"
  return context.text(`${outcome.ok ? "OK" : refusal}\n${outcome.problems}`, outcome.ok ? 200 : 422)
}

function answerQuit(context: Context, gateway: RunningGateway): Response {
  // After this answer has left.
  setTimeout(() => gateway.quit(), 0)
  return context.text("OK\n")
}
