/**
 * The routing walk, told step by step: `portcullis explain`, route tests and the admin page's box all ask here.
 *
 * Nothing is decided here. The request goes through the gateway's own exchange (`dry-run.ts`) over the snapshot's own
 * tables, which `walk.ts` listens at.
 */
import type { FilterChain, HttpFilterChain, Listener, Snapshot } from "../compile/snapshot.ts"
import { chooseFilterChain, chooseListener, gatewayNames } from "./choose-listener.ts"
import { explainClient, type KnownCredentials, readCertificates } from "./client-identity.ts"
import { locationText } from "./describe-route.ts"
import { DryClusters } from "./dry-run.ts"
import type { ExplainedFilterChain, ExplainedListener, ExplainedRequest, Explanation } from "./explanation.ts"
import { explainOutcomes, headersOf } from "./outcomes.ts"
import { parseUrl, type RequestToExplain, requestHeadBytes } from "./request-to-explain.ts"
import { Walk } from "./walk.ts"

const commonMethods: readonly string[] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

/** Makes a snapshot's clusters once, however many requests are explained. */
export class Explainer {
  readonly #snapshot: Snapshot
  readonly #credentials: KnownCredentials
  readonly #clusters: DryClusters

  /** @param credentials of the TLS servers; without them a client's certificate cannot be traced to an authority */
  constructor(snapshot: Snapshot, credentials: KnownCredentials = new Map()) {
    this.#snapshot = snapshot
    this.#credentials = credentials
    this.#clusters = new DryClusters(snapshot.clusters)
  }

  /** Whatever a request may have wrong is part of the explanation; only a URL or certificate that is none is an error. */
  explain(request: RequestToExplain): Explanation | { readonly error: string } {
    const url = parseUrl(request.url)
    if ("error" in url) return url
    const choice = chooseListener(this.#snapshot, url, request.gateway)
    const notes = [noteMethodCase(request.method), choice.note].filter((note) => note !== "")
    const headText = requestHeadBytes(request, url)
    const asked: ExplainedRequest = {
      method: request.method,
      url: request.url,
      scheme: url.scheme,
      authority: "",
      path: "",
      headers: headersOf(headText),
    }
    if (choice.kind === "none") return { ...nothing(asked), notes }
    const listener = explainedListener(choice.listener)
    const chosen = chooseFilterChain(choice.listener, url, request.serverName)
    if (chosen.kind === "none") return { ...nothing(asked), listener, notes: [...notes, chosen.note] }
    const { chain, serverName } = chosen
    const reached = { ...nothing(asked), listener, filterChain: explainedFilterChain(chain, serverName) }
    if (chain.kind === "tcp") {
      const clusters = chain.clusters.entries.map((entry) => entry.clusterName).join(", ")
      return { ...reached, notes: [...notes, `the bytes are forwarded unread to ${clusters}`] }
    }
    const shown = request.clientCertificatePem === "" ? [] : readCertificates(request.clientCertificatePem)
    if ("error" in shown) return { error: `the client certificate: ${shown.error}` }
    const client = explainClient(chain, shown, this.#credentials.get(chain), Date.now())
    if (client.isConnectionClosed) return { ...reached, notes: [...notes, ...client.notes] }
    const walk = new Walk(chain, this.#clusters, { headText, scheme: url.scheme, serverName, client })
    const explained = this.#explainHttp(walk, { ...reached, notes: [...notes, ...client.notes] })
    return { ...explained, notes: [...explained.notes, ...noteOtherChains(choice.listener, chain, walk.host)] }
  }

  #explainHttp(walk: Walk, reached: Explanation): Explanation {
    const first = walk.run(0)
    const { virtualHost, passedOver, route } = walk
    const missing = walk.noteMissingRule()
    return {
      ...reached,
      request: { ...reached.request, authority: first.authority, path: first.path },
      virtualHost,
      passedOver,
      rule: walk.matchedRule(first.timeoutMs),
      outcomes: explainOutcomes(this.#snapshot, route, first, (destination) => walk.run(destination)),
      notes: missing === "" ? reached.notes : [...reached.notes, missing],
    }
  }
}

/** RFC 9110 section 9.1: methods are case-sensitive, and `curl -X get` sends `get`. */
function noteMethodCase(method: string): string {
  const upper = method.toUpperCase()
  const isSlip = upper !== method && commonMethods.includes(upper)
  return isSlip ? `the method ${method} is another one than ${upper}: methods are case-sensitive` : ""
}

/** Confinement: a Host that only another chain of the port knows is out of this connection's reach. */
function noteOtherChains(listener: Listener, chain: HttpFilterChain, host: string | null): readonly string[] {
  if (host === null || chain.routes.hosts.find(host) !== null) return []
  return listener.filterChains.flatMap((other) =>
    other.kind === "http" && other !== chain && other.routes.hosts.find(host) !== null
      ? [`${other.routes.name} on the same port knows ${host}, but the handshake chose ${chain.routes.name}`]
      : [],
  )
}

function nothing(request: ExplainedRequest): Explanation {
  return {
    request,
    listener: null,
    filterChain: null,
    virtualHost: null,
    passedOver: [],
    rule: null,
    outcomes: [],
    notes: [],
  }
}

function explainedListener({ name, declaredPort, boundPort }: Listener): ExplainedListener {
  return { name, declaredPort, boundPort }
}

function explainedFilterChain(chain: FilterChain, requestedServerName: string): ExplainedFilterChain {
  const gateways = gatewayNames(chain)
  return {
    kind: chain.kind,
    requestedServerName,
    serverNames: chain.serverNames,
    tlsMode: chain.tls === null ? (chain.serverNames.length > 0 ? "passthrough" : "none") : chain.tls.mode,
    gateway: gateways[0] ?? "",
    gateways,
    location: locationText(chain.location),
    routeConfiguration: chain.kind === "http" ? chain.routes.name : "",
  }
}
