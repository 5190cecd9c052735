/**
 * An explanation as people read it in a terminal: one step per paragraph, in the order of the request's way.
 * Values that a client or a file may choose are shown without control characters.
 */
import type { ExplainedCluster, Explanation, MatchedRule, Outcome, RuleIdentity } from "./explanation.ts"
import type { RequestHeader } from "./request-to-explain.ts"

const labelWidth = 14
const endpointsMax = 5
/** Longer response bodies are cut. */
const bodyCharactersMax = 400

export function renderExplanation(explanation: Explanation): string {
  const out = new Paragraphs()
  const { request, listener, filterChain, virtualHost, rule } = explanation
  out.add("request", `${request.method} ${request.url}`)
  if (request.path !== "") out.add("", `host ${request.authority}, path ${request.path}`)
  if (listener !== null) {
    const declared = listener.declaredPort === listener.boundPort ? "" : ` (Gateway port ${listener.declaredPort})`
    out.add("listener", `${listener.name}${declared}`)
  }
  if (filterChain !== null) {
    const sni = filterChain.serverNames.length === 0 ? "every server name" : filterChain.serverNames.join(", ")
    const tls = filterChain.tlsMode === "none" ? "" : `, TLS ${filterChain.tlsMode} for ${sni}`
    out.add("filter chain", `Gateway ${filterChain.gateways.join(", ")}${tls}`, filterChain.location)
    if (filterChain.routeConfiguration !== "") out.add("routes", filterChain.routeConfiguration)
  }
  if (virtualHost !== null) {
    out.add("virtual host", `${virtualHost.name}, by its domain ${virtualHost.domain}`)
    for (const { name, domain, reason } of virtualHost.beaten) {
      out.add("", `not ${name}, whose domain ${domain} matches too: ${reason}`)
    }
  }
  for (const passed of explanation.passedOver) {
    out.add(`rule ${passed.index}`, `passed over: ${ruleText(passed)}`, passed.location)
    out.add("", passed.reason)
  }
  if (rule !== null) addRule(out, rule)
  for (const outcome of explanation.outcomes) addOutcome(out, outcome, request.headers)
  for (const note of explanation.notes) out.add("note", note)
  return out.text
}

function ruleText(rule: RuleIdentity): string {
  return `${rule.name === "" ? "unnamed" : rule.name} of VirtualService ${rule.virtualService}`
}

function addRule(out: Paragraphs, rule: MatchedRule): void {
  out.add(`rule ${rule.index}`, `matches: ${ruleText(rule)}`, rule.location)
  out.add("", rule.match)
  out.add("action", rule.action)
  const { policies } = rule
  if (policies === null) return
  out.add("timeout", policies.timeoutMs === 0 ? "none" : `${policies.timeoutMs} ms`)
  out.add("retries", policies.retries)
  if (policies.fault !== "") out.add("fault", policies.fault)
  for (const mirror of policies.mirrors) out.add("mirror", mirror)
}

function addOutcome(out: Paragraphs, outcome: Outcome, sent: readonly RequestHeader[]): void {
  const { cluster, upstreamRequest, response } = outcome
  if (cluster !== null) {
    out.add(
      "cluster",
      `${cluster.name}${outcome.sharePercent === 100 ? "" : ` (${outcome.sharePercent} %)`}`,
      cluster.location,
    )
    out.add("", describeEndpoints(cluster))
  }
  if (upstreamRequest !== null) {
    out.add("upstream", `${upstreamRequest.method} ${upstreamRequest.path}, host ${upstreamRequest.authority}`)
    for (const line of changedHeaders(sent, upstreamRequest.headers)) out.add("", line)
  }
  if (outcome.responseEdits.length > 0) out.add("response", "the service's own, with its headers edited")
  for (const edit of outcome.responseEdits) out.add("", `  ${edit}`)
  if (response !== null) {
    out.add("response", `${response.status} from the gateway itself (${response.details})`)
    for (const { name, value } of response.headers) out.add("", `  ${name}: ${value}`)
    if (response.body !== "") out.add("", `  ${shortened(response.body)}`)
  }
}

function describeEndpoints(cluster: ExplainedCluster): string {
  if (cluster.discovery === "") return "no resource defines it"
  const { endpoints } = cluster
  if (endpoints.length === 0) return "without an endpoint"
  const shown = endpoints.slice(0, endpointsMax).join(", ")
  const more = endpoints.length > endpointsMax ? ` and ${endpoints.length - endpointsMax} more` : ""
  const how = cluster.discovery === "static" ? "" : " by DNS"
  return `${cluster.loadBalancer} over ${shown}${more}${how}`
}

/** `+` what the service gets and the client did not send, `-` what the client sent and the service does not get. */
function changedHeaders(sent: readonly RequestHeader[], received: readonly RequestHeader[]): readonly string[] {
  const lines = (headers: readonly RequestHeader[]) => headers.map(({ name, value }) => `${name}: ${value}`)
  const before = lines(sent)
  const after = lines(received)
  return [
    ...before.filter((line) => !after.includes(line)).map((line) => `- ${line}`),
    ...after.map((line) => `${before.includes(line) ? " " : "+"} ${line}`),
  ]
}

function shortened(body: string): string {
  const text = JSON.stringify(body.slice(0, bodyCharactersMax))
  return body.length > bodyCharactersMax ? `${text} and ${body.length - bodyCharactersMax} characters more` : text
}

class Paragraphs {
  text = ""

  /** @param place where in the files; "" = nowhere */
  add(label: string, content: string, place = ""): void {
    const line = `${label.padEnd(labelWidth)}${content}${place === "" ? "" : `  ${place}`}`
    this.text += `${visible(line).trimEnd()}\n`
  }
}

/** Nothing in a name or value can move the cursor or recolour the terminal. */
function visible(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, "\u{fffd}")
}
