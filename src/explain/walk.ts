/**
 * One request through one filter chain. The tables of the chain are the gateway's own; this listens at them, and takes
 * chance out of the rule that was found: each destination is run once, and a fault that strikes only some requests is
 * told instead of drawn.
 */
import type { FaultPolicy, ForwardAction, HttpFilterChain, Route, VirtualHost } from "../compile/snapshot.ts"
import { DEFAULT_HTTP_LIMITS } from "../http/limits.ts"
import type { Routing } from "../proxy/http-exchange.ts"
import type { HostTable } from "../route/host-table.ts"
import type { MatchInput } from "../route/path-table.ts"
import { describeMatch, describePolicies, identify } from "./describe-route.ts"
import { type DryClusters, type DryRunRequest, type DryRunResult, dryRun } from "./dry-run.ts"
import type { ExplainedVirtualHost, MatchedRule, PassedOverRule } from "./explanation.ts"
import { explainVirtualHost, noteUnknownHost } from "./match-domains.ts"

const alwaysPpm = 1_000_000

export class Walk {
  /** As the host table was asked; null = the request never came that far. */
  host: string | null = null
  virtualHost: ExplainedVirtualHost | null = null
  passedOver: PassedOverRule[] = []
  /** As configured; null = none matched. */
  route: Route | null = null
  #isUnknownHost = false
  #wasRouteAsked = false
  readonly #chain: HttpFilterChain
  readonly #clusters: DryClusters
  readonly #request: DryRunRequest

  constructor(chain: HttpFilterChain, clusters: DryClusters, request: DryRunRequest) {
    this.#chain = chain
    this.#clusters = clusters
    this.#request = request
  }

  /** @param destination which of the rule's destinations the draw shall give, where it has several */
  run(destination: number): DryRunResult {
    this.passedOver = []
    const { routes } = this.#chain
    const hosts: HostTable<VirtualHost> = { find: (host) => this.#findHost(host, destination) }
    const routing: Routing = { routes: { ...routes, hosts }, clusters: this.#clusters.clusters }
    return dryRun(this.#request, routing, this.#clusters, DEFAULT_HTTP_LIMITS)
  }

  #findHost(host: string, destination: number): VirtualHost | null {
    const found = this.#chain.routes.hosts.find(host)
    this.host = host
    this.#isUnknownHost = found === null
    if (found === null) return null
    this.virtualHost = explainVirtualHost(this.#chain.routes, host, found)
    return { ...found, paths: { find: (input) => this.#findRoute(found, input, destination) } }
  }

  #findRoute(host: VirtualHost, input: MatchInput, destination: number): Route | null {
    this.#wasRouteAsked = true
    // The answer is the fast walk's, the one that serves; the narrated one only tells how it came about.
    this.route = host.paths.find(input, null)
    host.paths.find(input, {
      passedOver: (route, reason) => this.passedOver.push({ ...identify(route), reason }),
      matched: () => {},
    })
    return this.route === null ? null : withoutChance(this.route, destination)
  }

  /** Why there is no rule, where there is none. */
  noteMissingRule(): string {
    if (this.host === null || this.route !== null) return ""
    if (this.#isUnknownHost) return noteUnknownHost(this.#chain.routes, this.host)
    if (!this.#wasRouteAsked) return "the Gateway's httpsRedirect comes before every rule of the virtual host"
    return `no rule of ${this.virtualHost?.name ?? ""} matches`
  }

  /** @param timeoutMs the one in force for this request */
  matchedRule(timeoutMs: number): MatchedRule | null {
    const { route } = this
    if (route === null) return null
    const { action } = route
    const policies = action.kind === "forward" ? describePolicies(action, timeoutMs) : null
    return { ...identify(route), match: describeMatch(route.match), action: action.kind, policies }
  }
}

/** The route as it acts once the dice have fallen: on this destination, on no mirror, and on no fault that is not certain. */
function withoutChance(route: Route, destination: number): Route {
  const { index, name, virtualService, location, match, action, requestEdits, responseEdits } = route
  if (action.kind !== "forward") return route
  const pinned = pin(action, destination)
  return { index, name, virtualService, location, match, action: pinned, requestEdits, responseEdits }
}

function pin(action: ForwardAction, destination: number): ForwardAction {
  const { entries } = action.destinations
  const entry = entries[destination]
  const destinations = entry === undefined ? action.destinations : { entries: [entry], totalWeight: entry.weight }
  return { ...action, destinations, mirrors: [], fault: certainFault(action.fault) }
}

/** A delay changes when, not what. */
function certainFault(fault: FaultPolicy | null): FaultPolicy | null {
  return fault === null || fault.abortPpm < alwaysPpm ? null : { ...fault, delayPpm: 0 }
}
