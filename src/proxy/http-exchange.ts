/**
 * One request and its response: the life of a request, top to bottom.
 *
 *   onRequestHead    1 sanitize the fields   2 find the virtual host   3 find the route   4 act:
 *                      redirect / direct response: answered here
 *                      forward: 5 fault   6 CORS   7 edit   8 mirror   9 the upstream request with its tries
 *   onUpstreamHead   10 edit, send downstream; the body streams after it
 *   onUpstreamEnd    11 close the books: counters, access log
 *
 * Every way out, errors too, ends in `#closeBooks`: nothing is lost quietly. Knows no protocol: codecs are behind
 * `http/stream`. A state machine of callbacks, because a promise per step would cost more than the step.
 */
import type { HashKey } from "../compile/cluster-policies.ts"
import type { ForwardAction, Route, RouteConfiguration, WeightedCluster } from "../compile/snapshot.ts"
import { hostWithoutPort } from "../http/authority.ts"
import type { FaultAnswer } from "../http/h1/faults.ts"
import type { ResponseHead } from "../http/message.ts"
import type { DownstreamEvents, DownstreamStream } from "../http/stream.ts"
import { Deadline, type TimerWheel } from "../net/timer-wheel.ts"
import type { AccessLogSink } from "../telemetry/access-log-record.ts"
import type { Counters } from "../telemetry/counters.ts"
import { GrpcMessages } from "../telemetry/grpc-message-counter.ts"
import type { ListenerStats } from "../telemetry/listener-stats.ts"
import type { Tracer } from "../telemetry/tracing/tracer.ts"
import type { Cluster } from "../upstream/cluster.ts"
import type { HttpPool } from "../upstream/http-pool.ts"
import { chooseWeightedCluster } from "../upstream/weighted-choice.ts"
import { judgeCors, markResponse } from "./cors.ts"
import { countRequest } from "./count-request.ts"
import { ExchangeRecord } from "./exchange-record.ts"
import { abortReply, isDrawn } from "./fault-injection.ts"
import { hashOfRequest, hashOfText, newAffinityCookie } from "./hash-key.ts"
import { applyHeaderEdits } from "./header-edits.ts"
import {
  CLUSTER_NOT_FOUND,
  grpcReplyHead,
  type LocalReply,
  localReplyHead,
  REWRITE_FAILED,
  ROUTE_NOT_FOUND,
  UPGRADE_FAILED,
} from "./local-replies.ts"
import { MirrorRequest } from "./mirror-request.ts"
import { rewritePath } from "./path-rewrite.ts"
import { httpsRedirectLocation, redirectLocation } from "./redirect.ts"
import { sanitizeRequestFields } from "./request-fields.ts"
import { finishResponseFields, sanitizeResponseFields } from "./response-fields.ts"
import { sendAnswer } from "./send-answer.ts"
import { effectiveTimeoutMs, expectedTimeoutMs } from "./timeout.ts"
import { TraceOfExchange } from "./trace-exchange.ts"
import { setTryFields } from "./try-fields.ts"
import { UpstreamRequest, type UpstreamRequestOwner } from "./upstream-request.ts"

/** What an exchange needs from its surroundings; the same object for all exchanges of a listener. */
export interface ExchangeEnvironment {
  /** Read once, at the start: an exchange never sees two configurations. */
  readonly routing: Routing
  readonly counters: Counters
  readonly listenerStats: ListenerStats
  readonly accessLog: AccessLogSink | null
  /** null = nothing is traced. */
  readonly tracer: Tracer | null
  readonly wheel: TimerWheel
  /** `x-forwarded-client-cert` of this connection; "" = no certificate came with it. */
  readonly forwardedClientCert: string
}

/** One filter chain's part of the configuration in force. */
export interface Routing {
  readonly routes: RouteConfiguration
  /** Indexed by `ClusterSpec.index`. */
  readonly clusters: readonly Cluster<HttpPool>[]
}

const NO_BODY = new Uint8Array(0)
const REDIRECTED = Object.freeze({ body: "", flags: "", details: "direct_response" })

export class HttpExchange implements DownstreamEvents, UpstreamRequestOwner {
  readonly stream: DownstreamStream
  readonly startedAtMs: number
  /** 0 = under way. */
  endedAtMs = 0
  /** 0 = no response of a service has begun. */
  responseStartedAtMs = 0
  originalPath = ""
  route: Route | null = null
  clusterName = ""
  upstream: UpstreamRequest | null = null
  responseHead: ResponseHead | null = null
  responseStatus = 0
  responseFlags = ""
  responseDetails = ""
  /** Of the service, as they came. */
  responseTrailers = ""
  requestBodyBytes = 0
  responseBodyBytes = 0
  /** null = the request is not gRPC. */
  grpcMessages: GrpcMessages | null = null
  readonly #environment: ExchangeEnvironment
  readonly #routing: Routing
  #action: ForwardAction | null = null
  #destination: WeightedCluster | null = null
  #mirrors: MirrorRequest[] | null = null
  /** Origin that the response is marked for; "" = none. */
  #corsOrigin = ""
  /** `set-cookie` that ties the client to its endpoint; "" = none. */
  #affinityCookie = ""
  #delay: Deadline | null = null
  #trace: TraceOfExchange | null = null
  #isRequestEnded = false
  #requestTrailers = ""
  #isOver = false

  constructor(stream: DownstreamStream, environment: ExchangeEnvironment) {
    this.stream = stream
    this.#environment = environment
    this.#routing = environment.routing
    this.startedAtMs = performance.now()
    environment.counters.requestsTotal++
    environment.counters.requestsActive++
    environment.listenerStats.startRequest()
  }

  // --- 1 to 4: which route -------------------------------------------------------------------------------------------

  onRequestHead(): void {
    const { stream } = this
    const { request } = stream
    this.originalPath = request.path
    if (request.isGrpc()) this.grpcMessages = new GrpcMessages()
    const { forwardedClientCert, tracer } = this.#environment
    sanitizeRequestFields(request, stream.peer.remoteIp)
    if (tracer !== null) {
      this.#trace = new TraceOfExchange(tracer, request.fields)
      this.#trace.announce(request.fields)
    }
    // The client's own was dropped, whatever it said.
    if (forwardedClientCert !== "") request.fields.append("x-forwarded-client-cert", forwardedClientCert)
    // No route of an Istio gateway matches CONNECT (semantics sheet 4.4).
    if (request.method === "CONNECT") return this.#reply(ROUTE_NOT_FOUND)
    const host = this.#routing.routes.hosts.find(hostWithoutPort(request.authority))
    if (host === null) return this.#reply(ROUTE_NOT_FOUND)
    if (host.requireTls && request.scheme !== "https") return this.#redirect(301, httpsRedirectLocation(request))
    const route = host.paths.find(request, null)
    if (route === null) return this.#reply(ROUTE_NOT_FOUND)
    this.route = route
    this.#trace?.nameAfter(route, this.#routing.routes.name, request.fields)
    const { action } = route
    switch (action.kind) {
      case "forward":
        return this.#forward(action)
      case "redirect":
        return this.#redirect(action.status, redirectLocation(request, action, route.match))
      case "direct-response":
        return this.#reply({ status: action.status, body: "", flags: "", details: "direct_response" }, action.body)
    }
  }

  // --- 5 to 9: forward -----------------------------------------------------------------------------------------------

  #forward(action: ForwardAction): void {
    const { entries } = action.destinations
    const single = entries.length === 1 ? entries[0] : undefined
    const destination = single ?? chooseWeightedCluster(action.destinations, Math.random())
    this.#action = action
    this.#destination = destination
    this.clusterName = destination.clusterName
    const { fault } = action
    if (fault !== null && isDrawn(fault.delayPpm, Math.random())) return this.#delayBy(fault.delayMs, action)
    this.#forwardUndelayed(action)
  }

  #delayBy(delayMs: number, action: ForwardAction): void {
    this.#addFlag("DI")
    if (!this.stream.isRequestComplete) this.stream.pauseRequest()
    this.#delay = new Deadline(() => this.#forwardUndelayed(action))
    this.#environment.wheel.set(this.#delay, delayMs)
  }

  #forwardUndelayed(action: ForwardAction): void {
    const { fault, cors } = action
    const { request } = this.stream
    if (fault !== null && isDrawn(fault.abortPpm, Math.random())) return this.#reply(abortReply(fault))
    if (cors !== null) {
      const verdict = judgeCors(request, cors)
      if (verdict.kind === "preflight") {
        finishResponseFields(verdict.head, false)
        return this.#respond(verdict.head, NO_BODY, "cors_response")
      }
      if (verdict.kind === "mark") this.#corsOrigin = verdict.origin
    }
    if (request.upgrade !== "" && request.upgrade !== "websocket") return this.#reply(UPGRADE_FAILED)
    const cluster = this.#routing.clusters[this.#destination?.clusterIndex ?? -1]
    if (cluster === undefined) return this.#reply(CLUSTER_NOT_FOUND)
    const timeoutMs = effectiveTimeoutMs(request, action)
    if (!this.#editRequest(action, timeoutMs)) return this.#reply(REWRITE_FAILED)
    const hash = cluster.spec.hash === null ? -1 : this.#hashFor(cluster.spec.hash.key)
    const upstream = new UpstreamRequest(this, action, cluster, timeoutMs, this.#environment.wheel, hash)
    this.upstream = upstream
    upstream.start()
    // Without an endpoint it is over by now, and nothing is copied either.
    if (this.#isOver) return
    if (action.mirrors.length > 0) this.#mirror(action, timeoutMs)
    if (this.#isRequestEnded) this.#endUpstream(this.#requestTrailers)
  }

  /** The hash a cluster balances by; a client without the cookie gets one where the configuration says so. */
  #hashFor(key: HashKey): number {
    const { request, peer } = this.stream
    const hash = hashOfRequest(key, request, peer)
    if (hash >= 0 || key.kind !== "cookie" || key.ttlSeconds < 0) return hash
    const { value, setCookie } = newAffinityCookie(key, peer)
    this.#affinityCookie = setCookie
    return hashOfText(value)
  }

  /**
   * What the gateway says of the try, then header operations, then host, then path (semantics sheet 3.2; Envoy router.cc
   * decodeHeaders): values may still name the old path.
   * @returns false when the rewritten path could not be sent
   */
  #editRequest(action: ForwardAction, timeoutMs: number): boolean {
    const { request } = this.stream
    const { fields } = request
    setTryFields(request, 1, expectedTimeoutMs(timeoutMs, action.retry?.perTryTimeoutMs ?? 0, 0))
    const destinationEdits = this.#destination?.requestEdits ?? null
    const routeEdits = this.route?.requestEdits ?? null
    if (destinationEdits !== null) applyHeaderEdits(fields, destinationEdits, this)
    if (routeEdits !== null) applyHeaderEdits(fields, routeEdits, this)
    const host = action.hostRewrite ?? this.#destination?.hostRewrite ?? null
    if (host !== null) {
      fields.dropNamed("host")
      fields.append("host", host)
      request.authority = host
    }
    if (action.pathRewrite !== null) {
      const path = rewritePath(request.path, request.pathLength, action.pathRewrite)
      if (path === null) return false
      // What a header operation made of the gateway's own fields does not count.
      fields.dropNamed("x-envoy-original-path")
      fields.append("x-envoy-original-path", request.path)
      request.setPath(path)
    }
    return true
  }

  #mirror(action: ForwardAction, timeoutMs: number): void {
    const { stream } = this
    if (stream.request.upgrade !== "") return
    for (const mirror of action.mirrors) {
      const cluster = this.#routing.clusters[mirror.clusterIndex]
      if (cluster === undefined || !isDrawn(mirror.ppm, Math.random())) continue
      const { wheel } = this.#environment
      const copy = new MirrorRequest(stream.request, cluster, stream.peer.localIp, timeoutMs, wheel)
      this.#mirrors ??= []
      this.#mirrors.push(copy)
      copy.start()
    }
  }

  onRequestBody(bytes: Buffer, start: number, end: number): void {
    this.requestBodyBytes += end - start
    if (this.grpcMessages !== null) this.grpcMessages.onRequestBody(bytes, start, end)
    this.upstream?.sendBody(bytes, start, end)
    if (this.#mirrors !== null) for (const mirror of this.#mirrors) mirror.sendBody(bytes, start, end)
  }

  onRequestEnd(trailers: string): void {
    this.#isRequestEnded = true
    this.#requestTrailers = trailers
    if (this.upstream !== null) this.#endUpstream(trailers)
  }

  #endUpstream(trailers: string): void {
    this.upstream?.sendEnd(trailers)
    if (this.#mirrors !== null) for (const mirror of this.#mirrors) mirror.sendEnd()
  }

  // --- 10: the response comes back -----------------------------------------------------------------------------------

  onUpstreamInformational(head: ResponseHead): void {
    // Only what the client waits for; other 1xx are dropped, as Envoy does (semantics sheet 4.4).
    if (head.status !== 100 || !this.stream.request.expectsContinue) return
    sanitizeResponseFields(head, -1)
    this.stream.sendInformational(head)
  }

  onUpstreamHead(head: ResponseHead, serviceTimeMs: number): void {
    const { stream, upstream } = this
    const endedAtMs = upstream?.requestEndedAtMs ?? 0
    this.responseStartedAtMs = serviceTimeMs < 0 ? performance.now() : endedAtMs + serviceTimeMs
    sanitizeResponseFields(head, serviceTimeMs)
    if (this.grpcMessages !== null) this.grpcMessages.onResponseHead(head.fields.joinedValue("content-type"))
    if (this.#affinityCookie !== "") head.fields.append("set-cookie", this.#affinityCookie)
    this.responseDetails = "via_upstream"
    finishResponseFields(head, this.#editResponse(head))
    if (upstream !== null && upstream.retryLimitFlag !== "") this.#addFlag(upstream.retryLimitFlag)
    stream.sendHead(head)
    if (head.status === 101) {
      this.#environment.counters.upgradesTotal++
      this.#environment.counters.upgradesActive++
      stream.startTunnel()
      upstream?.startTunnel()
    }
  }

  /**
   * The destination's operations, the rule's, then the CORS marks, which no operation changes (semantics sheet 3.9, 3.10;
   * in Envoy the CORS filter sees a response after the router).
   * @returns whether there was anything to do
   */
  #editResponse(head: ResponseHead): boolean {
    // Values may ask for either.
    this.responseHead = head
    this.responseStatus = head.status
    const destinationEdits = this.#destination?.responseEdits ?? null
    const routeEdits = this.route?.responseEdits ?? null
    if (destinationEdits !== null) applyHeaderEdits(head.fields, destinationEdits, this)
    if (routeEdits !== null) applyHeaderEdits(head.fields, routeEdits, this)
    const cors = this.#action?.cors ?? null
    if (cors !== null && this.#corsOrigin !== "") markResponse(head.fields, cors, this.#corsOrigin)
    return destinationEdits !== null || routeEdits !== null
  }

  onUpstreamBody(bytes: Buffer, start: number, end: number): void {
    this.responseBodyBytes += end - start
    if (this.grpcMessages !== null) this.grpcMessages.onResponseBody(bytes, start, end)
    this.stream.sendBody(bytes, start, end)
  }

  onDownstreamDrain(): void {
    this.upstream?.onDownstreamDrain()
  }

  onUpstreamEnd(trailers: string): void {
    this.responseTrailers = trailers
    this.#closeBooks()
    this.stream.sendEnd(this.stream.request.acceptsTrailers ? trailers : "")
  }

  // --- what can go wrong ---------------------------------------------------------------------------------------------

  onNoResponse(reply: LocalReply): void {
    this.#reply(reply)
  }

  onResponseCut(flag: string, details: string): void {
    this.#addFlag(flag)
    this.responseDetails = details
    this.#closeBooks()
    this.stream.abort()
  }

  onRequestFault(answer: FaultAnswer): void {
    const { counters, tracer } = this.#environment
    counters.countProtocolError(answer.name)
    if (this.#isOver) return
    // A head that was not understood has had no trace so far.
    if (tracer !== null) this.#trace ??= new TraceOfExchange(tracer, this.stream.request.fields)
    this.upstream?.cancel()
    if (this.responseHead !== null) return this.onResponseCut("DPE", answer.details)
    this.#reply({ status: answer.status, body: answer.body, flags: "DPE", details: answer.details })
  }

  onDownstreamGone(): void {
    if (this.#isOver) return
    this.upstream?.cancel()
    this.#addFlag("DC")
    this.responseDetails = "downstream_remote_disconnect"
    this.#closeBooks()
  }

  // --- answers of our own --------------------------------------------------------------------------------------------

  #redirect(status: number, location: string): void {
    const isGrpc = this.stream.request.expectsGrpcReply
    const head = isGrpc ? grpcReplyHead({ ...REDIRECTED, status }, NO_BODY) : localReplyHead(status, NO_BODY)
    head.fields.append("location", location)
    finishResponseFields(head, this.#editResponse(head))
    this.#respond(head, NO_BODY, REDIRECTED.details)
  }

  /** @param body where it is not the reply's own text */
  #reply(reply: LocalReply, body: Uint8Array = Buffer.from(reply.body, "latin1")): void {
    if (reply.flags !== "") {
      this.#addFlag(reply.flags)
      this.#environment.counters.countLocalReply(reply.flags)
    }
    const isGrpc = this.stream.request.expectsGrpcReply
    const head = isGrpc ? grpcReplyHead(reply, body) : localReplyHead(reply.status, body)
    if (reply.isOverloaded === true) head.fields.append("x-envoy-overloaded", "true")
    const isEdited = this.#editResponse(head)
    // A body has a type, the rule's or this one; without a body there is none, whatever the rule says.
    if (!isGrpc && body.length === 0) head.fields.dropNamed("content-type")
    else if (!isGrpc && head.fields.joinedValue("content-type") === null)
      head.fields.append("content-type", "text/plain")
    finishResponseFields(head, isEdited)
    this.#respond(head, isGrpc ? NO_BODY : body, reply.details)
  }

  #respond(head: ResponseHead, body: Uint8Array, details: string): void {
    this.responseHead = head
    this.responseStatus = head.status
    this.responseDetails = details
    sendAnswer(this, head, body)
    this.#closeBooks()
    this.stream.sendEnd("")
  }

  // --- 11: the books -------------------------------------------------------------------------------------------------

  #addFlag(flag: string): void {
    this.responseFlags = this.responseFlags === "" ? flag : `${this.responseFlags},${flag}`
  }

  get traceId(): string {
    return this.#trace?.context.traceId ?? ""
  }

  accessLogRecord(): ExchangeRecord {
    return new ExchangeRecord(this)
  }

  #closeBooks(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.endedAtMs = performance.now()
    const { counters, listenerStats, accessLog, wheel } = this.#environment
    if (this.#delay !== null) wheel.clear(this.#delay)
    // The rest of the body will not come to them.
    if (this.#mirrors !== null && !this.#isRequestEnded) for (const mirror of this.#mirrors) mirror.cancel()
    counters.requestsActive--
    if (this.responseStatus === 101) counters.upgradesActive--
    counters.countResponse(this.responseStatus)
    listenerStats.finishRequest(this.responseStatus)
    countRequest(this, this.#routing.clusters[this.#destination?.clusterIndex ?? -1], counters)
    if (accessLog === null && this.#trace === null) return
    const record = new ExchangeRecord(this)
    accessLog?.write(record)
    this.#trace?.end(record)
  }
}
