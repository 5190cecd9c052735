/** What somebody who is called at night looks for first, gathered from the sections below it: only what is not well. */
import { html, type Markup, noMarkup } from "./markup.ts"
import type { ClusterView, RunningGateway, TlsServerView } from "./running-gateway.ts"

export interface Attention {
  /** `bad` = requests are lost, or soon will be; `warn` = somebody should look. */
  readonly degree: "bad" | "warn"
  readonly text: string
}

const dayMs = 86_400_000
/** From when on a certificate's end is told. */
export const expiresSoonDays = 30
/** Of one sort; the sections have the rest. */
const namedMax = 5

type Watched = Pick<RunningGateway, "snapshot" | "boundListeners" | "clusters" | "tlsServers" | "lastReload">

/** The worst first. */
export function attentionOf(gateway: Watched, nowUnixMs: number): readonly Attention[] {
  const { snapshot, boundListeners, clusters, tlsServers, lastReload } = gateway
  const bound = new Set(boundListeners.map(({ name }) => name))
  const unbound = snapshot.listeners.filter(({ name }) => !bound.has(name)).map(({ name }) => name)
  const found: Attention[] = []
  const add = (degree: Attention["degree"], what: string, names: readonly string[]): void => {
    if (names.length > 0) found.push({ degree, text: `${what}: ${listed(names)}` })
  }
  if (snapshot.listeners.length === 0)
    found.push({ degree: "warn", text: "nothing is listened on: there is no Gateway" })
  if (lastReload?.ok === false && !lastReload.isInForce) {
    found.push({ degree: "bad", text: "the last reload was refused, the configuration before it serves" })
  }
  add("bad", "not bound", unbound)
  add("bad", "no certificate to serve with", tlsServers.filter(({ isServing }) => !isServing).map(serverText))
  const unrenewed = tlsServers.filter(({ isServing, problem }) => isServing && problem !== "")
  add("bad", "new certificate refused, the one before serves", unrenewed.map(serverText))
  add("bad", "expired", expiring(tlsServers, -Infinity, nowUnixMs, nowUnixMs))
  add("bad", "no healthy endpoint", clusters.filter((each) => healthyShare(each) === 0).map(clusterText))
  const soonUnixMs = nowUnixMs + expiresSoonDays * dayMs
  add("warn", `expires within ${expiresSoonDays} days`, expiring(tlsServers, nowUnixMs, soonUnixMs, nowUnixMs))
  const partly = clusters.filter((each) => healthyShare(each) > 0 && healthyShare(each) < 1)
  add("warn", "some endpoints are not healthy", partly.map(clusterText))
  return found.toSorted((a, b) => Number(a.degree === "warn") - Number(b.degree === "warn"))
}

export function attentionSection(attention: readonly Attention[]): Markup {
  if (attention.length === 0) return noMarkup
  const lines = attention.map(({ degree, text }) => html`<li class="${degree}">${text}</li>`)
  return html`<h2>Needs attention</h2><ul class="attention">${lines}</ul>`
}

function serverText({ listener, serverNames }: TlsServerView): string {
  return serverNames.length === 0 ? listener : serverNames.join(", ")
}

function clusterText({ spec }: ClusterView): string {
  return spec.name
}

function healthyShare({ endpoints }: ClusterView): number {
  return endpoints.length === 0 ? 0 : endpoints.filter(({ health }) => health.isHealthy).length / endpoints.length
}

/** Certificates that end after `fromUnixMs` and not after `toUnixMs`, each once. */
function expiring(
  servers: readonly TlsServerView[],
  fromUnixMs: number,
  toUnixMs: number,
  nowUnixMs: number,
): readonly string[] {
  const certificates = servers.flatMap((server) => server.certificates)
  const ending = certificates.filter(({ validToUnixMs }) => validToUnixMs > fromUnixMs && validToUnixMs <= toUnixMs)
  const texts = ending
    .toSorted((a, b) => a.validToUnixMs - b.validToUnixMs)
    .map(({ subject, validToUnixMs }) => `${subject} (${Math.floor((validToUnixMs - nowUnixMs) / dayMs)} days)`)
  return [...new Set(texts)]
}

function listed(names: readonly string[]): string {
  const more = names.length - namedMax
  return `${names.slice(0, namedMax).join("; ")}${more > 0 ? `; and ${more} more` : ""}`
}
