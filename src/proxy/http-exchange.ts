/**
 * One request and its response: the life of a request, top to bottom.
 *
 *   onRequestHead   1 sanitize the fields   2 find the virtual host   3 find the route   4 act:
 *                     redirect / direct response: answered here
 *                     forward: edit, choose cluster and endpoint, get a connection
 *   onConnection    5 send the head; the body streams after it
 *   onResponseHead  6 edit, send downstream; the body streams after it
 *   onResponseEnd   7 close the books: counters, access log
 *
 * Every way out, errors too, ends in `#closeBooks`: nothing is lost quietly. Knows no protocol: codecs are behind
 * `http/stream`. A state machine of callbacks, because a promise per step would cost more than the step.
 */
import type { ForwardAction, RedirectAction, Route, RouteConfiguration, WeightedCluster } from "../compile/snapshot.ts"
import { hostWithoutPort } from "../http/authority.ts"
import type { H1ClientConnection } from "../http/h1/client-connection.ts"
import type { FaultAnswer } from "../http/h1/faults.ts"
import { BODY_NONE, type ResponseHead } from "../http/message.ts"
import type {
  DownstreamEvents,
  DownstreamStream,
  UpstreamEvents,
  UpstreamFailure,
  UpstreamStream,
} from "../http/stream.ts"
import { Deadline, type TimerWheel } from "../net/timer-wheel.ts"
import type { AccessLogSink } from "../telemetry/access-log-record.ts"
import type { Counters } from "../telemetry/counters.ts"
import type { Cluster } from "../upstream/cluster.ts"
import type { Endpoint } from "../upstream/endpoint.ts"
import type { ConnectionRequester, H1Pool } from "../upstream/h1-pool.ts"
import { chooseWeightedCluster } from "../upstream/weighted-choice.ts"
import { ExchangeRecord } from "./exchange-record.ts"
import { applyHeaderEdits } from "./header-edits.ts"
import {
  CLUSTER_NOT_FOUND,
  failureFlag,
  failureText,
  grpcReplyHead,
  type LocalReply,
  localReplyHead,
  NO_HEALTHY_UPSTREAM,
  REWRITE_FAILED,
  ROUTE_NOT_FOUND,
  UPGRADE_FAILED,
  UPSTREAM_TIMEOUT,
  upstreamFailureReply,
} from "./local-replies.ts"
import { rewritePath } from "./path-rewrite.ts"
import { httpsRedirectLocation, redirectLocation } from "./redirect.ts"
import { sanitizeRequestFields } from "./request-fields.ts"
import { finishResponseFields, sanitizeResponseFields } from "./response-fields.ts"
import { backoffMs, isRetriable, isSafelyRepeatable } from "./retry.ts"

/** What an exchange needs from its surroundings; the same object for all exchanges of a listener. */
export interface ExchangeEnvironment {
  /** Read once, at the start: an exchange never sees two configurations. */
  readonly routing: Routing
  readonly counters: Counters
  readonly accessLog: AccessLogSink | null
  readonly wheel: TimerWheel
}

/** One filter chain's part of the configuration in force. */
export interface Routing {
  readonly routes: RouteConfiguration
  /** Indexed by `ClusterSpec.index`. */
  readonly clusters: readonly Cluster<H1Pool>[]
}

/** A connection that the upstream had closed while it idled is replaced this often for one request. */
const STALE_CONNECTIONS_MAX = 3

export class HttpExchange implements DownstreamEvents, UpstreamEvents, ConnectionRequester {
  readonly stream: DownstreamStream
  readonly startedAtMs: number
  originalPath = ""
  route: Route | null = null
  clusterName = ""
  upstreamHost = ""
  upstreamLocalAddress = ""
  transportFailureReason = ""
  responseHead: ResponseHead | null = null
  responseStatus = 0
  responseFlags = ""
  responseDetails = ""
  requestBodyBytes = 0
  responseBodyBytes = 0
  readonly #environment: ExchangeEnvironment
  readonly #routing: Routing
  #action: ForwardAction | null = null
  #destination: WeightedCluster | null = null
  #cluster: Cluster<H1Pool> | null = null
  #endpoint: Endpoint<H1Pool> | null = null
  #upstream: UpstreamStream | null = null
  #tried: Endpoint<H1Pool>[] | null = null
  #attempt = 1
  #staleConnections = 0
  #sentAtMs = 0
  #isRequestEnded = false
  #requestTrailers = ""
  #isOver = false
  #routeDeadline: Deadline | null = null
  #retryDeadline: Deadline | null = null

  constructor(stream: DownstreamStream, environment: ExchangeEnvironment) {
    this.stream = stream
    this.#environment = environment
    this.#routing = environment.routing
    this.startedAtMs = performance.now()
    environment.counters.requestsTotal++
    environment.counters.requestsActive++
  }

  // --- 1 to 4: which route -------------------------------------------------------------------------------------------

  onRequestHead(): void {
    const { stream } = this
    const { request } = stream
    const { routes } = this.#routing
    this.originalPath = request.path
    sanitizeRequestFields(request, stream.peer.remoteIp)
    // No route of an Istio gateway matches CONNECT (semantics sheet 4.4).
    const host = request.method === "CONNECT" ? null : routes.hosts.find(hostWithoutPort(request.authority))
    if (host === null) return this.#reply(ROUTE_NOT_FOUND)
    if (host.requireTls && request.scheme !== "https") return this.#redirect(301, httpsRedirectLocation(request))
    const route = host.paths.find(request, null)
    if (route === null) return this.#reply(ROUTE_NOT_FOUND)
    this.route = route
    const { action } = route
    switch (action.kind) {
      case "forward":
        return this.#forward(route, action)
      case "redirect":
        return this.#redirectRoute(route, action)
      case "direct-response":
        return this.#respond(localReplyHead(action.status, action.body, "text/plain"), action.body, "direct_response")
    }
  }

  #redirectRoute(route: Route, action: RedirectAction): void {
    this.#redirect(action.status, redirectLocation(this.stream.request, action, route.match))
  }

  #redirect(status: number, location: string): void {
    const head = localReplyHead(status, NO_BODY, "")
    head.fields.append("location", location)
    this.#respond(head, NO_BODY, "direct_response")
  }

  // --- 4: forward ----------------------------------------------------------------------------------------------------

  #forward(route: Route, action: ForwardAction): void {
    const { request } = this.stream
    const { entries } = action.destinations
    const single = entries.length === 1 ? entries[0] : undefined
    const destination = single ?? chooseWeightedCluster(action.destinations, Math.random())
    this.#action = action
    this.#destination = destination
    this.clusterName = destination.clusterName
    const cluster = this.#routing.clusters[destination.clusterIndex]
    if (cluster === undefined) return this.#reply(CLUSTER_NOT_FOUND)
    this.#cluster = cluster
    if (request.upgrade !== "" && request.upgrade !== "websocket") return this.#reply(UPGRADE_FAILED)

    // Header operations first, then host, then path (semantics sheet 3.2): values may still name the old path.
    if (destination.requestEdits !== null) applyHeaderEdits(request.fields, destination.requestEdits, this)
    if (route.requestEdits !== null) applyHeaderEdits(request.fields, route.requestEdits, this)
    const host = action.hostRewrite ?? destination.hostRewrite
    if (host !== null) {
      request.fields.dropNamed("host")
      request.fields.append("host", host)
      request.authority = host
    }
    if (action.pathRewrite !== null) {
      const path = rewritePath(request.path, request.pathLength, action.pathRewrite)
      if (path === null) return this.#reply(REWRITE_FAILED)
      request.fields.append("x-envoy-original-path", request.path)
      request.path = path
    }
    if (action.timeoutMs > 0) request.fields.append("x-envoy-expected-rq-timeout-ms", String(action.timeoutMs))
    this.#startTry(cluster)
  }

  #startTry(cluster: Cluster<H1Pool>): void {
    const endpoint = cluster.pickEndpoint(this.#tried)
    if (endpoint === null) return this.#reply(NO_HEALTHY_UPSTREAM)
    endpoint.startRequest()
    this.#endpoint = endpoint
    this.upstreamHost = endpoint.hostText
    const connection = endpoint.pool.acquire(this)
    if (connection !== null) this.onConnection(connection)
    else if (!this.stream.isRequestComplete) this.stream.pauseRequest()
  }

  // --- 5: the request goes out ---------------------------------------------------------------------------------------

  onConnection(connection: H1ClientConnection): void {
    this.#upstream = connection
    this.upstreamLocalAddress = connection.localAddress
    this.#sentAtMs = performance.now()
    connection.start(this, this.stream.request, `x-envoy-attempt-count: ${this.#attempt}\r\n`)
    if (this.#isRequestEnded) connection.sendEnd(this.#requestTrailers)
    this.stream.resumeRequest()
  }

  onConnectFailure(failure: UpstreamFailure): void {
    this.onUpstreamFailure(failure)
  }

  onRequestBody(bytes: Buffer, start: number, end: number): void {
    this.requestBodyBytes += end - start
    const upstream = this.#upstream
    if (upstream === null) return
    upstream.sendBody(bytes, start, end)
    if (upstream.isBackedUp) this.stream.pauseRequest()
  }

  onUpstreamDrain(): void {
    this.stream.resumeRequest()
  }

  onRequestEnd(trailers: string): void {
    this.#isRequestEnded = true
    this.#requestTrailers = trailers
    this.#sentAtMs = performance.now()
    const timeoutMs = this.#action?.timeoutMs ?? 0
    if (timeoutMs > 0 && !this.#isOver) {
      this.#routeDeadline = new Deadline(() => this.#onRouteTimeout())
      this.#environment.wheel.set(this.#routeDeadline, timeoutMs)
    }
    this.#upstream?.sendEnd(trailers)
  }

  // --- 6: the response comes back ------------------------------------------------------------------------------------

  onResponseInformational(head: ResponseHead): void {
    // Only what the client waits for; other 1xx are dropped, as Envoy does (semantics sheet 4.4).
    if (head.status !== 100 || !this.stream.request.expectsContinue) return
    sanitizeResponseFields(head)
    this.stream.sendInformational(head)
  }

  onResponseHead(head: ResponseHead): void {
    const { stream, route } = this
    const { request } = stream
    if (head.status === 101 && request.upgrade === "") {
      this.#upstream?.cancel()
      return this.onUpstreamFailure({ kind: "protocol-error", transportReason: "", isStaleConnection: false })
    }
    this.#cluster?.stats.countResponse(head.status)
    sanitizeResponseFields(head)
    this.#applyResponseEdits(head, route)
    finishResponseFields(head, performance.now() - this.#sentAtMs)
    this.responseHead = head
    this.responseStatus = head.status
    this.responseDetails = "via_upstream"
    stream.sendHead(head)
    if (head.status === 101) {
      this.#environment.counters.upgradesTotal++
      stream.startTunnel()
      this.#upstream?.startTunnel()
    }
  }

  onResponseBody(bytes: Buffer, start: number, end: number): void {
    this.responseBodyBytes += end - start
    this.stream.sendBody(bytes, start, end)
    if (this.stream.isBackedUp) this.#upstream?.pauseResponse()
  }

  onDownstreamDrain(): void {
    this.#upstream?.resumeResponse()
  }

  onResponseEnd(trailers: string): void {
    this.#upstream = null
    this.#endTry(this.responseStatus >= 500)
    this.#closeBooks()
    this.stream.sendEnd(this.stream.request.acceptsTrailers ? trailers : "")
  }

  #applyResponseEdits(head: ResponseHead, route: Route | null): void {
    const destinationEdits = this.#destination?.responseEdits ?? null
    if (destinationEdits !== null) applyHeaderEdits(head.fields, destinationEdits, this)
    if (route !== null && route.responseEdits !== null) applyHeaderEdits(head.fields, route.responseEdits, this)
  }

  // --- what can go wrong ---------------------------------------------------------------------------------------------

  onUpstreamFailure(failure: UpstreamFailure): void {
    if (this.#isOver) return
    this.#upstream = null
    this.transportFailureReason = failure.transportReason
    if (this.responseHead !== null) {
      this.#endTry(true)
      this.#addFlag(failureFlag(failure))
      this.responseDetails = `upstream_reset_after_response_started{${failureText(failure)}}`
      this.#cut()
      return
    }
    if (this.#retries(failure)) return
    this.#endTry(true)
    this.#reply(upstreamFailureReply(failure, this.#attempt > 1))
  }

  /** @returns whether another try is under way or will be. */
  #retries(failure: UpstreamFailure): boolean {
    const cluster = this.#cluster
    const policy = this.#action?.retry ?? null
    if (cluster === null || this.requestBodyBytes > 0) return false
    if (failure.isStaleConnection) {
      if (this.#staleConnections === STALE_CONNECTIONS_MAX || !isSafelyRepeatable(this.stream.request)) return false
      this.#staleConnections++
      this.#endTry(false)
      this.#startTry(cluster)
      return true
    }
    if (policy === null || this.#attempt > policy.attempts || !isRetriable(failure, policy)) return false
    const failed = this.#endpoint
    if (policy.avoidPreviousHosts && failed !== null) {
      if (this.#tried === null) this.#tried = []
      this.#tried.push(failed)
    }
    this.#endTry(true)
    cluster.stats.upstreamRqRetry++
    this.#retryDeadline = new Deadline(() => this.#startTry(cluster))
    this.#environment.wheel.set(this.#retryDeadline, backoffMs(policy, this.#attempt, Math.random()))
    this.#attempt++
    return true
  }

  #onRouteTimeout(): void {
    if (this.#isOver) return
    if (this.#cluster !== null) this.#cluster.stats.upstreamRqTimeout++
    this.#giveUpUpstream()
    if (this.responseHead === null) return this.#reply(UPSTREAM_TIMEOUT)
    this.#addFlag("UT")
    this.responseDetails = "upstream_response_timeout"
    this.#cut()
  }

  onRequestFault(answer: FaultAnswer): void {
    this.#environment.counters.countProtocolError(answer.name)
    if (this.#isOver) return
    this.#giveUpUpstream()
    const reply = { status: answer.status, body: answer.body, flags: "DPE", details: answer.details }
    if (this.responseHead === null) return this.#reply(reply)
    this.#addFlag(reply.flags)
    this.responseDetails = reply.details
    this.#cut()
  }

  onDownstreamGone(): void {
    if (this.#isOver) return
    this.#giveUpUpstream()
    this.#addFlag("DC")
    this.responseDetails = "downstream_remote_disconnect"
    this.#closeBooks()
  }

  #giveUpUpstream(): void {
    this.#upstream?.cancel()
    this.#upstream = null
    this.#endpoint?.pool.cancel(this)
    this.#endTry(false)
  }

  /** The try's endpoint has no more to do with this exchange. */
  #endTry(hasFailed: boolean): void {
    const endpoint = this.#endpoint
    this.#endpoint = null
    endpoint?.finishRequest(hasFailed)
  }

  // --- answers of our own --------------------------------------------------------------------------------------------

  #reply(reply: LocalReply): void {
    this.responseFlags = reply.flags
    const body = Buffer.from(reply.body, "latin1")
    const head = this.stream.request.isGrpc()
      ? grpcReplyHead(reply.status, reply.body)
      : localReplyHead(reply.status, body, "text/plain")
    this.#environment.counters.countLocalReply(reply.flags)
    this.#respond(head, body, reply.details)
  }

  #respond(head: ResponseHead, body: Uint8Array, details: string): void {
    const { stream } = this
    this.#applyResponseEdits(head, this.route)
    finishResponseFields(head, -1)
    this.responseHead = head
    this.responseStatus = head.status
    this.responseDetails = details
    const hasBody = head.bodyLength > 0 && stream.request.method !== "HEAD"
    if (stream.request.method === "HEAD") head.bodyLength = BODY_NONE
    stream.sendHead(head)
    if (hasBody) {
      this.responseBodyBytes = body.length
      stream.sendBody(Buffer.from(body.buffer, body.byteOffset, body.byteLength), 0, body.length)
    }
    this.#closeBooks()
    stream.sendEnd("")
  }

  /** The response cannot be completed: what the client has is cut, and the books are closed. */
  #cut(): void {
    this.#closeBooks()
    this.stream.abort()
  }

  // --- 7: the books --------------------------------------------------------------------------------------------------

  #addFlag(flag: string): void {
    this.responseFlags = this.responseFlags === "" ? flag : `${this.responseFlags},${flag}`
  }

  accessLogRecord(): ExchangeRecord {
    return new ExchangeRecord(this)
  }

  #closeBooks(): void {
    if (this.#isOver) return
    this.#isOver = true
    const { counters, accessLog, wheel } = this.#environment
    if (this.#routeDeadline !== null) wheel.clear(this.#routeDeadline)
    if (this.#retryDeadline !== null) wheel.clear(this.#retryDeadline)
    counters.requestsActive--
    counters.countResponse(this.responseStatus)
    if (accessLog !== null) accessLog.write(new ExchangeRecord(this))
  }
}

const NO_BODY = new Uint8Array(0)
