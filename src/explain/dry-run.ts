/**
 * Sends a request through the gateway's own exchange without a socket on either side. `HttpExchange` decides, edits and
 * answers here exactly as it does for a client, because it is the same object; only what it is connected to differs:
 *
 *   request bytes ──▶ parseRequestHead ──▶ HttpExchange ──▶ a stream that keeps the response
 *                                              └──▶ pools that keep the request head and never answer
 *
 * So an explanation cannot drift from what the gateway does, and nothing is ever sent.
 */
import type { ClusterSpec } from "../compile/snapshot.ts"
import { answerOf, Fault } from "../http/h1/faults.ts"
import { parseRequestHead } from "../http/h1/request-head.ts"
import { requestHeadText, responseHeadText } from "../http/h1/write-head.ts"
import type { HttpLimits } from "../http/limits.ts"
import { RequestHead, type ResponseHead } from "../http/message.ts"
import type { DownstreamStream, PeerAddresses, UpstreamEvents } from "../http/stream.ts"
import { TimerWheel } from "../net/timer-wheel.ts"
import { type ExchangeEnvironment, HttpExchange, type Routing } from "../proxy/http-exchange.ts"
import { RefusedExchange } from "../proxy/refused-exchange.ts"
import { effectiveTimeoutMs } from "../proxy/timeout.ts"
import { Counters } from "../telemetry/counters.ts"
import { ListenerStats } from "../telemetry/listener-stats.ts"
import { Cluster } from "../upstream/cluster.ts"
import type { HttpPool, ReadyUpstream } from "../upstream/http-pool.ts"
import type { Scheduler } from "../upstream/scheduler.ts"
import type { ExplainedClient } from "./client-identity.ts"

/** What went where. */
export interface DryRunResult {
  /** As the gateway read them, before any edit; "" where it could not. */
  readonly authority: string
  readonly path: string
  /** Head as it would go upstream; "" = nothing goes. */
  readonly upstreamHead: string
  readonly upstreamMethod: string
  readonly upstreamPath: string
  readonly upstreamAuthority: string
  /** Head that the client gets from the gateway itself; "" = the service answers. */
  readonly responseHead: string
  readonly responseStatus: number
  readonly responseBody: Buffer
  readonly details: string
  readonly flags: string
  /** In force for this request, a gRPC client's deadline included; 0 = none. */
  readonly timeoutMs: number
}

/** The request heads that reached a pool. */
class UpstreamCapture {
  head = ""
  method = ""
  path = ""
  authority = ""
}

/** The live clusters of a snapshot, as far as a dry run needs them: endpoints as configured, names unresolved. */
export class DryClusters {
  readonly clusters: readonly Cluster<HttpPool>[]
  /** Where the run under way notes what reaches a pool. */
  capture = new UpstreamCapture()

  constructor(specs: readonly ClusterSpec[]) {
    this.clusters = specs.map((spec) => {
      // Nothing is watched: no endpoint fails where none is asked.
      const unwatched = { ...spec, healthCheck: null, outlierDetection: null, warmup: null }
      const cluster = new Cluster<HttpPool>(unwatched, {
        createPool: () => this.#createPool(),
        scheduler: stoppedScheduler,
        random: Math.random,
        probe: () => doNothing,
      })
      cluster.replaceEndpoints(
        spec.discovery.endpoints.map((one) => ({ address: one.address, port: one.port, spec: one })),
      )
      return cluster
    })
  }

  #createPool(): HttpPool {
    return {
      idleCount: 0,
      connectionCount: 0,
      acquire: () => this.#createUpstream(),
      cancel: doNothing,
      closeIdle: doNothing,
      closeExpired: doNothing,
    }
  }

  #createUpstream(): ReadyUpstream {
    return {
      localAddress: "",
      isBackedUp: false,
      start: (_events: UpstreamEvents, request: RequestHead) => {
        const { capture } = this
        // What comes after the first are its copies.
        if (capture.head !== "") return
        capture.head = requestHeadText(request)
        capture.method = request.method
        capture.path = request.path
        capture.authority = request.authority
      },
      sendBody: doNothing,
      sendEnd: doNothing,
      pauseResponse: doNothing,
      resumeResponse: doNothing,
      startTunnel: doNothing,
      cancel: doNothing,
    }
  }
}

/** Time stands still: what would wait never happens. */
const stoppedScheduler: Scheduler = { nowMs: 0, after: () => doNothing }

/** Keeps the response instead of sending it. */
class CapturedStream implements DownstreamStream {
  readonly request = new RequestHead()
  readonly isRequestComplete = true
  readonly isBackedUp = false
  readonly peer: PeerAddresses
  head: ResponseHead | null = null
  headText = ""
  body = Buffer.alloc(0)

  constructor(peer: PeerAddresses) {
    this.peer = peer
  }

  sendHead(head: ResponseHead): void {
    this.head = head
    this.headText = responseHeadText(head, false)
  }
  sendBody(bytes: Buffer, start: number, end: number): void {
    this.body = Buffer.concat([this.body, bytes.subarray(start, end)])
  }
  sendInformational(): void {}
  sendEnd(): void {}
  pauseRequest(): void {}
  resumeRequest(): void {}
  startTunnel(): void {}
  abort(): void {}
}

export interface DryRunRequest {
  /** The head's bytes, latin1. */
  readonly headText: string
  readonly scheme: "http" | "https"
  readonly serverName: string
  readonly client: ExplainedClient
}

/** @param routing whose tables the exchange asks; the caller may listen to them */
export function dryRun(
  request: DryRunRequest,
  routing: Routing,
  clusters: DryClusters,
  limits: HttpLimits,
): DryRunResult {
  const { client } = request
  const capture = new UpstreamCapture()
  clusters.capture = capture
  const wheel = new TimerWheel(
    () => performance.now(),
    (error) => {
      throw error
    },
  )
  const environment: ExchangeEnvironment = {
    routing,
    counters: new Counters(),
    listenerStats: new ListenerStats(),
    accessLog: null,
    tracer: null,
    wheel,
    forwardedClientCert: client.forwardedClientCert,
  }
  const stream = new CapturedStream({
    remoteIp: "127.0.0.1",
    localIp: "127.0.0.1",
    remoteAddress: "127.0.0.1:0",
    localAddress: "127.0.0.1:0",
    directRemoteAddress: "127.0.0.1:0",
    serverName: request.serverName,
    handshake: client.handshake,
  })
  const isTooLarge = request.headText.length > limits.headBytesMax
  const parsed = parseRequestHead(request.headText, stream.request, request.scheme, limits)
  const fault = isTooLarge ? Fault.headTooLarge : parsed
  const { authority } = stream.request
  // The same choice as `HttpChain` makes for a connection.
  const exchange =
    client.verdict?.kind === "refused"
      ? new RefusedExchange(stream, client.verdict.reason, environment)
      : new HttpExchange(stream, environment)
  if (fault === 0) exchange.onRequestHead()
  else exchange.onRequestFault(answerOf(fault))
  const action = exchange.route?.action
  const result: DryRunResult = {
    authority,
    path: exchange.originalPath,
    upstreamHead: capture.head,
    upstreamMethod: capture.method,
    upstreamPath: capture.path,
    upstreamAuthority: capture.authority,
    responseHead: stream.headText,
    responseStatus: stream.head?.status ?? 0,
    responseBody: stream.body,
    details: exchange.responseDetails,
    flags: exchange.responseFlags,
    timeoutMs: action?.kind === "forward" ? effectiveTimeoutMs(stream.request, action) : 0,
  }
  // Ends what waits for an answer that never comes, and its deadlines.
  exchange.onDownstreamGone()
  wheel.stop()
  return result
}

function doNothing(): void {}
