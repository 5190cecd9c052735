/** What the running configuration is, and what it does with a request: `/config_dump`, `/proxy-config/KIND`, `/explain`. */
import type { Context } from "hono"
import type { Snapshot } from "../compile/snapshot.ts"
import { Explainer } from "../explain/explainer.ts"
import { renderExplanation } from "../explain/render-explanation.ts"
import { parseHeader, type RequestHeader, type RequestToExplain } from "../explain/request-to-explain.ts"
import { configDump } from "../inspect/config-dump.ts"
import type { JsonValue } from "../inspect/json-value.ts"
import type { ListedEndpoint } from "../inspect/listed-endpoint.ts"
import { type ProxyConfigSource, renderProxyConfig } from "../inspect/proxy-config.ts"
import { parseProxyConfigKind, proxyConfigKinds, readProxyConfigQuery } from "../inspect/proxy-config-request.ts"
import type { ClusterView, RunningGateway } from "./running-gateway.ts"

export function configDumpJson(gateway: RunningGateway, includesEndpoints: boolean): JsonValue {
  return configDump({
    snapshot: gateway.snapshot,
    endpoints: includesEndpoints ? liveEndpoints(gateway.clusters) : null,
    certificates: gateway.tlsServers.flatMap(({ certificates }) => certificates),
    loadedUnixMs: gateway.counters.configLoadedUnixMs,
    version: gateway.version,
  })
}

/** The text is made here, so that the command line prints what it gets. */
export async function answerProxyConfig(context: Context, gateway: RunningGateway): Promise<Response> {
  const kind = parseProxyConfigKind(context.req.param("kind") ?? "")
  const query = readProxyConfigQuery((name) => context.req.query(name))
  if (kind === null || query === null) {
    return context.text(`usage: /proxy-config/${proxyConfigKinds.join("|")}?format=table|json|yaml\n`, 400)
  }
  const source: ProxyConfigSource = {
    snapshot: gateway.snapshot,
    endpoints: liveEndpoints(gateway.clusters),
    certificates: gateway.tlsServers.flatMap(({ certificates }) => certificates),
    nowUnixMs: Date.now(),
  }
  const text = await renderProxyConfig(kind, source, query.filter, query.output)
  return context.body(text, 200, { "content-type": contentTypes[query.output] })
}

const contentTypes = Object.freeze({
  table: "text/plain; charset=UTF-8",
  json: "application/json",
  yaml: "application/yaml",
} as const)

function liveEndpoints(clusters: readonly ClusterView[]): readonly ListedEndpoint[] {
  return clusters.flatMap(({ spec, endpoints }) =>
    endpoints.map(({ address, port, weight, isDraining, health }) => ({
      cluster: spec.name,
      address,
      port,
      weight,
      status: isDraining ? "DRAINING" : health.isHealthy || health.isEjected ? "HEALTHY" : "UNHEALTHY",
      isEjected: health.isEjected,
    })),
  )
}

/** The snapshot's explainer, made with the first question about it. */
const explainers = new WeakMap<Snapshot, Explainer>()

/** The request of a query: `method`, `url`, `header` (repeatable, or several lines), `sni`, `gateway`. */
export function explainText(
  query: URLSearchParams,
  snapshot: Snapshot,
): { readonly text: string; readonly value: unknown } | { readonly error: string } {
  const request = requestOf(query)
  if ("error" in request) return request
  const explainer = explainers.get(snapshot) ?? new Explainer(snapshot)
  explainers.set(snapshot, explainer)
  const explanation = explainer.explain(request)
  return "error" in explanation ? explanation : { text: renderExplanation(explanation), value: explanation }
}

function requestOf(query: URLSearchParams): RequestToExplain | { readonly error: string } {
  const headers: RequestHeader[] = []
  const lines = query.getAll("header").flatMap((text) => text.split(/\r?\n/))
  for (const line of lines.filter((text) => text.trim() !== "")) {
    const header = parseHeader(line)
    if ("error" in header) return header
    headers.push(header)
  }
  return {
    method: orElse(query.get("method"), "GET") ?? "GET",
    url: query.get("url")?.trim() ?? "",
    headers,
    serverName: orElse(query.get("sni"), null),
    gateway: orElse(query.get("gateway"), null),
    clientCertificatePem: "",
  }
}

/** A form's field that was left empty was not given. */
function orElse(value: string | null, otherwise: string | null): string | null {
  return value === null || value.trim() === "" ? otherwise : value.trim()
}

export function answerExplain(context: Context, gateway: RunningGateway, wantsJson: boolean): Response {
  const explained = explainText(new URL(context.req.url).searchParams, gateway.snapshot)
  if ("error" in explained)
    return context.text(`${explained.error}\nusage: /explain?url=http://HOST/PATH&method=GET&header=NAME:VALUE\n`, 400)
  return wantsJson
    ? context.body(`${JSON.stringify(explained.value, null, 1)}\n`, 200, { "content-type": "application/json" })
    : context.text(explained.text)
}
