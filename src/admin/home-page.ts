/**
 * `GET /`: the gateway at a glance, for people. One HTML page made on the server, without a script and without anything
 * loaded from elsewhere; its content security policy allows its own style sheet and forms to itself, nothing more.
 */
import type { Context } from "hono"
import { attentionOf, attentionSection } from "./home-attention.ts"
import {
  certificatesSection,
  clustersSection,
  listenersSection,
  reloadSection,
  routesSection,
} from "./home-sections.ts"
import { homeStyle } from "./home-style.ts"
import { explainText } from "./inspect-pages.ts"
import { html, Markup, noMarkup } from "./markup.ts"
import type { RunningGateway } from "./running-gateway.ts"

const styleHash = new Bun.CryptoHasher("sha256").update(homeStyle).digest("base64")

const contentSecurityPolicy = [
  "default-src 'none'",
  `style-src 'sha256-${styleHash}'`,
  "form-action 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
].join("; ")

const otherPages = [
  "/listeners",
  "/routes",
  "/clusters",
  "/certs",
  "/config_dump",
  "/stats",
  "/stats/prometheus",
  "/server_info",
  "/help",
] as const

export function answerHome(context: Context, gateway: RunningGateway): Response {
  const query = new URL(context.req.url).searchParams
  const page = homePage(gateway, query, Date.now())
  return context.body(page, 200, {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": contentSecurityPolicy,
    "referrer-policy": "no-referrer",
  })
}

/** @param query `url`, `method`, `header` of a request to explain; empty without one */
export function homePage(gateway: RunningGateway, query: URLSearchParams, nowUnixMs: number): string {
  const { snapshot, counters } = gateway
  // The style goes in as it is: its hash is of these very bytes.
  const style = new Markup(`<style>${homeStyle}</style>`)
  const body = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Portcullis</title>
<meta name="viewport" content="width=device-width, initial-scale=1">${style}</head>
<body>
<header><h1>Portcullis</h1> ${stateMarkup(gateway)} <span class="faint">${gateway.version}, up ${uptimeText(gateway, nowUnixMs)}</span>
<span class="faint">${snapshot.listeners.length} listeners, ${snapshot.virtualHostCount} virtual hosts, ${snapshot.routeCount} routes;
${counters.requestsTotal} requests, ${counters.requestsActive} active</span></header>
<nav>${otherPages.map((path) => html`<a href="${path}">${path}</a>`)}</nav>
${attentionSection(attentionOf(gateway, nowUnixMs))}
${explainSection(gateway, query)}
${reloadSection(gateway.lastReload, counters.configLoadedUnixMs)}
${listenersSection(snapshot, gateway.boundListeners)}
${routesSection(snapshot, counters.routes)}
${clustersSection(gateway.clusters)}
${certificatesSection(gateway.tlsServers, nowUnixMs)}
</body></html>
`
  return body.text
}

function stateMarkup({ state, isReady }: RunningGateway): Markup {
  return isReady ? html`<strong class="good">${state}</strong>` : html`<strong class="bad">${state}, not ready</strong>`
}

function uptimeText({ startedAtUnixMs }: RunningGateway, nowUnixMs: number): string {
  const minutes = Math.max(0, Math.floor((nowUnixMs - startedAtUnixMs) / 60_000))
  const [days, hours] = [Math.floor(minutes / 1440), Math.floor((minutes % 1440) / 60)]
  return days > 0 ? `${days} d ${hours} h` : hours > 0 ? `${hours} h ${minutes % 60} min` : `${minutes} min`
}

function explainSection(gateway: RunningGateway, query: URLSearchParams): Markup {
  const url = query.get("url") ?? ""
  return html`<h2>Explain a request <small>nothing is sent</small></h2>
<form class="explain" method="get" action="/">
<input name="method" aria-label="Method" value="${query.get("method") ?? "GET"}">
<input name="url" aria-label="URL" placeholder="http://shop.example.com/path" value="${url}">
<button>Explain</button>
<textarea name="header" aria-label="Headers" placeholder="x-name: value, one per line">
${query.getAll("header").join("\n")}</textarea>
</form>
${url === "" ? noMarkup : html`<pre>${explanationText(gateway, query)}</pre>`}`
}

function explanationText(gateway: RunningGateway, query: URLSearchParams): string {
  const explained = explainText(query, gateway.snapshot)
  return "error" in explained ? explained.error : explained.text
}
