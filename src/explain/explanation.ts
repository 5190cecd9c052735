/**
 * What is known of a request after its walk through the gateway: the steps in order, each with where in the user's files
 * it comes from. Plain data; `-o json` prints it as it is, so its names are a promise to users.
 */
import type { RequestHeader } from "./request-to-explain.ts"

export interface Explanation {
  readonly request: ExplainedRequest
  /** null = nothing listens there: the connection is refused. */
  readonly listener: ExplainedListener | null
  /** null = no listener, or no chain for the handshake: the connection is closed. */
  readonly filterChain: ExplainedFilterChain | null
  /** null = none has a domain for the host: 404. */
  readonly virtualHost: ExplainedVirtualHost | null
  /** Rules before the one that matched, in matching order. */
  readonly passedOver: readonly PassedOverRule[]
  /** null = no rule matched, or none was asked. */
  readonly rule: MatchedRule | null
  /**
   * One per destination of the rule, with its share; a single one where there is no choice. Empty when nothing is
   * answered, because the connection is closed.
   */
  readonly outcomes: readonly Outcome[]
  /** Remarks for people: what decided, what was surprising. */
  readonly notes: readonly string[]
}

export interface ExplainedRequest {
  readonly method: string
  readonly url: string
  readonly scheme: "http" | "https"
  /** As the gateway read them; "" when the request was refused before. */
  readonly authority: string
  readonly path: string
  /** As the client sends them, the Host of the URL included. */
  readonly headers: readonly RequestHeader[]
}

export interface ExplainedListener {
  readonly name: string
  readonly declaredPort: number
  readonly boundPort: number
}

export interface ExplainedFilterChain {
  readonly kind: "http" | "tcp"
  /** The name the client asked for; "" without TLS, or without one. */
  readonly requestedServerName: string
  /** The chain's own; empty = it takes every connection that no other takes. */
  readonly serverNames: readonly string[]
  readonly tlsMode: string
  /** The first of `gateways`. */
  readonly gateway: string
  /** `NAMESPACE/NAME`; several where their plain HTTP servers share the port. */
  readonly gateways: readonly string[]
  readonly location: string
  /** "" for a TCP chain. */
  readonly routeConfiguration: string
}

export interface ExplainedVirtualHost {
  readonly name: string
  /** The one of its domains that matched. */
  readonly domain: string
  /** Virtual hosts that have a domain for this host too, and lost. */
  readonly beaten: readonly BeatenVirtualHost[]
}

export interface BeatenVirtualHost {
  readonly name: string
  readonly domain: string
  readonly reason: string
}

export interface RuleIdentity {
  /** From 0, within the virtual host. */
  readonly index: number
  /** "" when the rule has none. */
  readonly name: string
  readonly virtualService: string
  /** `FILE:LINE:COLUMN` */
  readonly location: string
}

export interface PassedOverRule extends RuleIdentity {
  /** The condition that failed, and the value it saw. */
  readonly reason: string
}

export interface MatchedRule extends RuleIdentity {
  /** The conditions that held. */
  readonly match: string
  readonly action: "forward" | "redirect" | "direct-response"
  /** Of a forwarding rule; null otherwise. */
  readonly policies: ForwardPolicies | null
}

export interface ForwardPolicies {
  /** 0 = none. */
  readonly timeoutMs: number
  readonly retries: string
  readonly fault: string
  readonly mirrors: readonly string[]
  readonly hasCorsPolicy: boolean
}

export interface Outcome {
  /** Of all requests like this one, 0 to 100. */
  readonly sharePercent: number
  /** null = the gateway answers by itself, whatever the destination. */
  readonly cluster: ExplainedCluster | null
  /** As it leaves towards the service; null = it does not. */
  readonly upstreamRequest: UpstreamRequestHead | null
  /** What is done to the headers of the service's response, in this order, as in `set x-release: canary`. */
  readonly responseEdits: readonly string[]
  /** What the gateway answers by itself; null = the service answers. */
  readonly response: GatewayResponse | null
}

export interface ExplainedCluster {
  readonly name: string
  /** "static", "strict-dns", "logical-dns"; "" = there is no such cluster. */
  readonly discovery: string
  readonly loadBalancer: string
  /** `ADDRESS:PORT`; for DNS the names, resolved when the gateway runs. */
  readonly endpoints: readonly string[]
  /** Where the host is defined; "" = nowhere. */
  readonly location: string
}

export interface UpstreamRequestHead {
  readonly method: string
  readonly path: string
  readonly authority: string
  readonly headers: readonly RequestHeader[]
}

export interface GatewayResponse {
  readonly status: number
  readonly headers: readonly RequestHeader[]
  readonly body: string
  /** `%RESPONSE_CODE_DETAILS%` */
  readonly details: string
  /** `%RESPONSE_FLAGS%`, "" = none. */
  readonly flags: string
}
