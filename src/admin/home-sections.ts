/** The sections of the page for people. Each is a pure function of what the gateway shows of itself. */
import type { FilterChain, Listener, Route, RouteAction, Snapshot, VirtualHost } from "../compile/snapshot.ts"
import { describeMatch, locationText } from "../explain/describe-route.ts"
import type { RouteCounts } from "../telemetry/route-counts.ts"
import { expiresSoonDays } from "./home-attention.ts"
import { html, type Markup, noMarkup } from "./markup.ts"
import type { BoundListener, ClusterView, EndpointView, ReloadOutcome, TlsServerView } from "./running-gateway.ts"

/** A page of ten thousand rows helps nobody; `/routes` and `/clusters` have them all. */
const rowsMax = 500

const dayMs = 86_400_000

export function reloadSection(lastReload: ReloadOutcome | null, loadedUnixMs: number): Markup {
  const loaded = html`<p>The running configuration was loaded at ${timeText(loadedUnixMs)}.</p>`
  if (lastReload === null) return html`<h2>Configuration</h2>${loaded}`
  const refused = lastReload.isInForce
    ? html`<span class="bad">was taken, but not all of it is listened on</span>`
    : html`<span class="bad">was refused: the one before keeps serving</span>`
  const outcome = lastReload.ok ? html`<span class="good">was taken</span>` : refused
  const problems = lastReload.problems === "" ? noMarkup : html`<pre>${lastReload.problems}</pre>`
  return html`<h2>Configuration</h2>${loaded}
    <p>The last reload, at ${timeText(lastReload.atUnixMs)}, ${outcome}.</p>${problems}`
}

export function listenersSection(snapshot: Snapshot, bound: readonly BoundListener[]): Markup {
  const rows = snapshot.listeners.flatMap((listener) =>
    listener.filterChains.map(
      (chain) => html`<tr><td><code>${listener.name}</code></td><td>${boundText(listener, bound)}</td>
        <td>${listener.declaredPort}</td><td>${serverNamesText(chain)}</td><td>${tlsText(chain)}</td>
        <td><code>${chainTarget(chain)}</code></td><td>${gatewaysText(chain)}</td></tr>`,
    ),
  )
  const head = html`<tr><th>Listener</th><th>Bound</th><th>Gateway port</th><th>Server names</th><th>TLS</th>
    <th>Goes to</th><th>Gateway</th></tr>`
  return section("Listeners", "", head, rows)
}

function boundText({ name }: Listener, bound: readonly BoundListener[]): Markup {
  const sockets = bound.filter((socket) => socket.name === name)
  if (sockets.length === 0) return html`<span class="bad">not bound</span>`
  return html`${sockets.map(({ address, port }) => `${address.includes(":") ? `[${address}]` : address}:${port}`).join(", ")}`
}

function serverNamesText({ serverNames }: FilterChain): string {
  return serverNames.length === 0 ? "any" : serverNames.join(", ")
}

function gatewaysText({ gateways }: FilterChain): string {
  return gateways.map(({ namespace, name }) => `${namespace}/${name}`).join(", ")
}

function tlsText(chain: FilterChain): string {
  if (chain.tls !== null) return chain.tls.mode
  return chain.serverNames.length > 0 ? "passthrough" : "none"
}

function chainTarget(chain: FilterChain): string {
  return chain.kind === "http"
    ? chain.routes.name
    : chain.clusters.entries.map(({ clusterName }) => clusterName).join(", ")
}

export function routesSection(snapshot: Snapshot, counts: RouteCounts): Markup {
  const chains = snapshot.listeners.flatMap(({ filterChains }) => filterChains)
  const rows: Markup[] = []
  let routeCount = 0
  for (const chain of chains) {
    if (chain.kind !== "http") continue
    for (const host of chain.routes.virtualHosts) {
      routeCount += host.routes.length
      for (const route of host.routes)
        if (rows.length < rowsMax) rows.push(routeRow(chain.routes.name, host, route, counts))
    }
  }
  const remark = routeCount > rows.length ? `the first ${rows.length} of ${routeCount}` : String(routeCount)
  const head = html`<tr><th>Routes</th><th>Virtual host</th><th>Rule</th><th>Matches</th><th>Does</th>
    <th>Stands at</th><th class="number">Requests</th><th class="number">4xx</th><th class="number">5xx</th></tr>`
  return section("Routes", remark, head, rows)
}

function routeRow(configuration: string, host: VirtualHost, route: Route, counts: RouteCounts): Markup {
  const counted = counts.of(route)
  const total = counted?.total ?? 0
  const name = route.name === "" ? String(route.index) : `${route.index} ${route.name}`
  return html`<tr><td><code>${configuration}</code></td><td><code>${host.domains.join(", ")}</code></td><td>${name}</td>
    <td>${describeMatch(route.match)}</td><td>${actionText(route.action)}</td>
    <td>${route.virtualService.namespace}/${route.virtualService.name}<br><span class="faint">${locationText(route.location)}</span></td>
    <td class="number">${total}</td><td class="number">${rateText(counted?.clientErrors ?? 0, total, "warn")}</td>
    <td class="number">${rateText(counted?.serverErrors ?? 0, total, "bad")}</td></tr>`
}

function actionText(action: RouteAction): string {
  switch (action.kind) {
    case "forward": {
      const { entries, totalWeight } = action.destinations
      if (entries.length === 1) return entries[0]?.clusterName ?? ""
      return entries
        .map(({ clusterName, weight }) => `${Math.round((weight / totalWeight) * 100)} % ${clusterName}`)
        .join(", ")
    }
    case "redirect":
      return `redirect ${action.status}`
    case "direct-response":
      return `answers ${action.status}`
  }
}

function rateText(count: number, total: number, className: string): Markup {
  if (total === 0) return html`<span class="faint">-</span>`
  const text = `${((count / total) * 100).toFixed(1)} %`
  return count === 0 ? html`${text}` : html`<span class="${className}">${text}</span>`
}

export function clustersSection(clusters: readonly ClusterView[]): Markup {
  const rows: Markup[] = []
  for (const cluster of clusters) {
    if (rows.length >= rowsMax) break
    rows.push(clusterRow(cluster), ...cluster.endpoints.slice(0, rowsMax - rows.length).map(endpointRow))
  }
  const head = html`<tr><th>Cluster and endpoints</th><th>Health</th><th class="number">Requests</th>
    <th class="number">Active</th><th class="number">Errors</th><th class="number">Connections</th>
    <th class="number">Connects failed</th></tr>`
  return section("Clusters", String(clusters.length), head, rows)
}

function clusterRow({ spec, endpoints }: ClusterView): Markup {
  const healthy = endpoints.filter(({ health }) => health.isHealthy).length
  const className = healthy === endpoints.length && healthy > 0 ? "good" : healthy > 0 ? "warn" : "bad"
  const sum = (read: (endpoint: EndpointView) => number) => endpoints.reduce((total, each) => total + read(each), 0)
  return html`<tr><td><code>${spec.name}</code></td>
    <td><span class="${className}">${healthy} of ${endpoints.length} healthy</span></td>
    <td class="number">${sum((each) => each.requestsTotal)}</td><td class="number">${sum((each) => each.activeRequests)}</td>
    <td class="number">${sum((each) => each.requestErrors)}</td><td class="number">${sum((each) => each.pool.connectionCount)}</td>
    <td class="number">${sum((each) => each.connectFailures)}</td></tr>`
}

function endpointRow(endpoint: EndpointView): Markup {
  const { health, hostText } = endpoint
  return html`<tr class="faint"><td>&emsp;<code>${hostText}</code></td>
    <td><span class="${health.isHealthy ? "good" : "bad"}">${health.flags}</span></td>
    <td class="number">${endpoint.requestsTotal}</td><td class="number">${endpoint.activeRequests}</td>
    <td class="number">${endpoint.requestErrors}</td><td class="number">${endpoint.pool.connectionCount}</td>
    <td class="number">${endpoint.connectFailures}</td></tr>`
}

export function certificatesSection(servers: readonly TlsServerView[], nowUnixMs: number): Markup {
  if (servers.length === 0) return noMarkup
  const rows = servers.flatMap((server) => [
    html`<tr><td><code>${server.listener}</code></td><td>${server.serverNames.length === 0 ? "any" : server.serverNames.join(", ")}</td>
      <td>${server.mode}</td><td>${servingText(server)}</td><td></td></tr>`,
    ...server.certificates.map(
      ({ origin, use, subject, validToUnixMs }) => html`<tr class="faint"><td></td><td>${subject}</td>
        <td>${use}</td><td>${origin}</td><td class="number">${daysText(validToUnixMs, nowUnixMs)}</td></tr>`,
    ),
  ])
  const head = html`<tr><th>Server</th><th>Server names</th><th>Mode</th><th>State</th><th class="number">Days left</th></tr>`
  return section("Certificates", "", head, rows)
}

function servingText({ isServing, problem }: TlsServerView): Markup {
  const state = isServing ? html`<span class="good">serving</span>` : html`<span class="bad">not served</span>`
  return problem === "" ? state : html`${state} <span class="warn">${problem}</span>`
}

function daysText(validToUnixMs: number, nowUnixMs: number): Markup {
  const days = Math.floor((validToUnixMs - nowUnixMs) / dayMs)
  return html`<span class="${days < 0 ? "bad" : days <= expiresSoonDays ? "warn" : "good"}">${days}</span>`
}

function section(title: string, remark: string, head: Markup, rows: readonly Markup[]): Markup {
  return html`<h2>${title} <small>${remark}</small></h2>
    <div class="scroll"><table><thead>${head}</thead><tbody>${rows}</tbody></table></div>`
}

function timeText(unixMs: number): string {
  return new Date(unixMs).toISOString().replace("T", " ").replace(/\..*$/, " UTC")
}
