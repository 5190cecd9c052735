/**
 * One request on its way to a service: its tries, in order, until one answers or no more may be made (Envoy's router
 * filter). The exchange hears of the one response that counts; what went before is not its business.
 *
 *   start ──▶ try: endpoint ──▶ connection ──▶ request sent ──▶ response head ──▶ … ──▶ end
 *    ▲                 │ failure, per-try timeout, retriable response
 *    └── back-off ◀────┘  while the policy, the budget and the kept body allow it
 *
 * Retry safety is a matter of where: once a byte of a response has gone to the client nothing is tried again.
 */
import type { ForwardAction, RetryPolicy } from "../compile/snapshot.ts"
import type { ResponseHead } from "../http/message.ts"
import type {
  DownstreamStream,
  PeerAddresses,
  UpstreamEvents,
  UpstreamFailure,
  UpstreamStream,
} from "../http/stream.ts"
import { Deadline, type TimerWheel } from "../net/timer-wheel.ts"
import type { Cluster } from "../upstream/cluster.ts"
import type { Endpoint } from "../upstream/endpoint.ts"
import type { HttpPool, ReadyUpstream, UpstreamRequester } from "../upstream/http-pool.ts"
import { FailedTries } from "./failed-tries.ts"
import { judgedStatus } from "./judged-status.ts"
import {
  failureFlag,
  failureText,
  type LocalReply,
  NO_HEALTHY_UPSTREAM,
  PER_TRY_TIMEOUT,
  UPSTREAM_TIMEOUT,
  upstreamFailureReply,
} from "./local-replies.ts"
import {
  backoffMs,
  isBeforeDelivery,
  isSafelyRepeatable,
  mayNeedBody,
  repeatsAfterDelivery,
  retriesFailure,
  retriesResponse,
} from "./retry.ts"
import { RetryBuffer } from "./retry-buffer.ts"
import { expectedTimeoutMs, shortenedPerTryTimeoutMs } from "./timeout.ts"
import { setTryFields } from "./try-fields.ts"
import { isReset, OVERFLOW, PER_TRY_FAILURE, UNEXPECTED_UPGRADE } from "./upstream-failures.ts"

/** What the exchange hears. Exactly one of `onUpstreamHead` and `onNoResponse` comes first. */
export interface UpstreamRequestOwner {
  readonly stream: DownstreamStream
  /** @param serviceTimeMs from the complete request to the response head; -1 = the request is still coming */
  onUpstreamHead(head: ResponseHead, serviceTimeMs: number): void
  onUpstreamInformational(head: ResponseHead): void
  onUpstreamBody(bytes: Buffer, start: number, end: number): void
  onUpstreamEnd(trailers: string): void
  /** There will be no response: this is what the client gets instead. */
  onNoResponse(reply: LocalReply): void
  /** The response broke off after its head. */
  onResponseCut(flag: string, details: string): void
}

/** A connection that the upstream had closed while it idled is replaced this often for one request. */
const STALE_CONNECTIONS_MAX = 3

export class UpstreamRequest implements UpstreamEvents, UpstreamRequester {
  hostText = ""
  localAddress = ""
  transportFailureReason = ""
  /** The policy would have tried again, but a limit forbade it: `URX`, or `UO`; "" = no. For the access log. */
  retryLimitFlag = ""
  /** The present try, from 1. */
  attempt = 1
  /** 0 = the request is still coming. */
  requestEndedAtMs = 0
  readonly #owner: UpstreamRequestOwner
  readonly #cluster: Cluster<HttpPool>
  /** null = nothing is retried, or not any more. */
  #policy: RetryPolicy | null
  readonly #wheel: TimerWheel
  readonly #timeoutMs: number
  readonly #perTryTimeoutMs: number
  readonly #hash: number
  /** One destination, balanced by a key: a retry goes where the key says, as Istio has it (semantics sheet 3.6). */
  readonly #isTied: boolean
  #endpoint: Endpoint<HttpPool> | null = null
  #connection: UpstreamStream | null = null
  #failedTries: FailedTries | null = null
  /** What was sent of the body, while another try may need it; null = no try after this one may. */
  #kept: RetryBuffer | null = null
  #staleConnections = 0
  #isBodySent = false
  #isRequestEnded = false
  #trailers = ""
  /** 0 = none yet. */
  #responseStatus = 0
  #isOver = false
  #isCountedAsRetry = false
  /** The present try counts among the cluster's retries until its outcome is known. */
  #isRetryActive = false
  #routeDeadline: Deadline | null = null
  #tryDeadline: Deadline | null = null
  #retryDeadline: Deadline | null = null

  /**
   * @param timeoutMs of the whole exchange, retries included; 0 = none
   * @param hash of the key that the cluster balances by; -1 = none
   */
  constructor(
    owner: UpstreamRequestOwner,
    action: ForwardAction,
    cluster: Cluster<HttpPool>,
    timeoutMs: number,
    wheel: TimerWheel,
    hash: number,
  ) {
    this.#owner = owner
    this.#cluster = cluster
    this.#policy = action.retry
    this.#wheel = wheel
    this.#timeoutMs = timeoutMs
    this.#perTryTimeoutMs = shortenedPerTryTimeoutMs(action.retry?.perTryTimeoutMs ?? 0, timeoutMs)
    this.#hash = hash
    this.#isTied = cluster.spec.hash !== null && action.destinations.entries.length === 1
  }

  get authority(): string {
    return this.#owner.stream.request.authority
  }

  get peer(): PeerAddresses {
    return this.#owner.stream.peer
  }

  get isHttp2(): boolean {
    return this.#owner.stream.request.protocol === "HTTP/2"
  }

  start(): void {
    const { stream } = this.#owner
    const policy = this.#policy
    if (policy !== null && !stream.isRequestComplete && mayNeedBody(policy, stream.request)) {
      this.#kept = new RetryBuffer()
    }
    this.#startTry()
  }

  // --- a try ---------------------------------------------------------------------------------------------------------

  #startTry(): void {
    const failed = this.#failedTries
    const endpoint =
      failed === null ? this.#cluster.pickEndpoint(null, this.#hash) : failed.pickNext(this.#cluster, this.#hash)
    if (endpoint === null) return this.#giveUp(NO_HEALTHY_UPSTREAM)
    endpoint.startRequest()
    this.#endpoint = endpoint
    this.hostText = endpoint.hostText
    const connection = endpoint.pool.acquire(this)
    if (connection === "overflow") this.onUpstreamFailure(OVERFLOW)
    else if (connection !== null) this.onReady(connection)
    else this.#holdBody()
  }

  /** The body waits with the client until there is somebody to send it to. */
  #holdBody(): void {
    const { stream } = this.#owner
    if (!stream.isRequestComplete) stream.pauseRequest()
  }

  onReady(connection: ReadyUpstream): void {
    const { stream } = this.#owner
    this.#connection = connection
    this.localAddress = connection.localAddress
    connection.start(this, stream.request)
    if (this.#kept !== null) this.#kept.replay(connection)
    if (this.#isRequestEnded) this.#finishSending(connection)
    stream.resumeRequest()
  }

  onConnectFailure(failure: UpstreamFailure): void {
    this.#cluster.stats.upstreamRqPendingFailureEject++
    this.onUpstreamFailure(failure)
  }

  sendBody(bytes: Buffer, start: number, end: number): void {
    this.#isBodySent = true
    if (this.#kept !== null && !this.#kept.append(bytes, start, end)) this.#kept = null
    const connection = this.#connection
    if (connection === null) return
    connection.sendBody(bytes, start, end)
    if (connection.isBackedUp) this.#owner.stream.pauseRequest()
  }

  sendEnd(trailers: string): void {
    // Once more: the client's half of a tunnel has ended.
    if (this.#isRequestEnded) return this.#connection?.sendEnd(trailers)
    this.#isRequestEnded = true
    this.requestEndedAtMs = performance.now()
    this.#trailers = trailers
    if (this.#isOver) return
    if (this.#timeoutMs > 0) {
      this.#routeDeadline = new Deadline(() => this.#onRouteTimeout())
      this.#wheel.set(this.#routeDeadline, this.#timeoutMs)
    }
    if (this.#connection !== null) this.#finishSending(this.#connection)
  }

  #finishSending(connection: UpstreamStream): void {
    if (this.#perTryTimeoutMs > 0) {
      this.#tryDeadline ??= new Deadline(() => this.#onTryTimeout())
      this.#wheel.set(this.#tryDeadline, this.#perTryTimeoutMs)
    }
    connection.sendEnd(this.#trailers)
  }

  onUpstreamDrain(): void {
    this.#owner.stream.resumeRequest()
  }

  onDownstreamDrain(): void {
    this.#connection?.resumeResponse()
  }

  // --- its response --------------------------------------------------------------------------------------------------

  onResponseInformational(head: ResponseHead): void {
    const { stream } = this.#owner
    // The client hears of this try: there can be no other (Envoy router.cc `onUpstream1xxHeaders`).
    if (head.status === 100 && stream.request.expectsContinue) this.#policy = null
    this.#owner.onUpstreamInformational(head)
  }

  onResponseHead(head: ResponseHead): void {
    const { stream } = this.#owner
    if (head.status === 101 && stream.request.upgrade === "") {
      this.#resetStream()
      return this.onUpstreamFailure(UNEXPECTED_UPGRADE)
    }
    this.#cluster.stats.countResponse(head.status)
    const cluster = this.#cluster
    if (this.#endpoint !== null && cluster.spec.outlierDetection !== null) {
      cluster.recordResponse(this.#endpoint, judgedStatus(stream.request, head))
    }
    this.#finishRetry()
    const policy = this.#policy
    if (policy !== null && retriesResponse(policy, head) && repeatsAfterDelivery(policy, stream.request)) {
      if (this.#mayRetry(policy)) {
        this.#resetStream()
        return this.#retry(policy)
      }
    } else if (this.#isCountedAsRetry) {
      this.#cluster.stats.upstreamRqRetrySuccess++
    }
    this.#responseStatus = head.status
    this.#kept = null
    // The time of a try is for its response to begin; from here on only the whole has a limit (Envoy upstream_request.cc).
    if (this.#tryDeadline !== null) this.#wheel.clear(this.#tryDeadline)
    this.#owner.onUpstreamHead(head, this.#isRequestEnded ? this.#elapsedMs() : -1)
  }

  /** Since the complete request; 0 while it is still coming. */
  #elapsedMs(): number {
    return this.#isRequestEnded ? performance.now() - this.requestEndedAtMs : 0
  }

  onResponseBody(bytes: Buffer, start: number, end: number): void {
    this.#owner.onUpstreamBody(bytes, start, end)
    if (this.#owner.stream.isBackedUp) this.#connection?.pauseResponse()
  }

  onResponseEnd(trailers: string): void {
    this.#connection = null
    this.#endTry(this.#responseStatus >= 500)
    this.#isOver = true
    this.#stopWaiting()
    this.#owner.onUpstreamEnd(trailers)
  }

  startTunnel(): void {
    // What is tunnelled has no end to wait for (Envoy: an upgraded request is never complete).
    if (this.#routeDeadline !== null) this.#wheel.clear(this.#routeDeadline)
    this.#connection?.startTunnel()
  }

  // --- its failure ---------------------------------------------------------------------------------------------------

  onUpstreamFailure(failure: UpstreamFailure): void {
    if (this.#isOver) return
    this.#connection = null
    this.transportFailureReason = failure.transportReason
    if (isReset(failure)) this.#cluster.stats.upstreamRqRxReset++
    if (failure.kind === "protocol-error") this.#cluster.stats.upstreamCxProtocolError++
    if (this.#responseStatus === 0 && failure.isStaleConnection && this.#replacesStaleConnection()) return
    if (this.#endpoint !== null && failure.kind !== "overflow") this.#cluster.recordFailure(this.#endpoint)
    if (this.#responseStatus > 0) {
      this.#endTry(true)
      this.#isOver = true
      this.#stopWaiting()
      this.#owner.onResponseCut(failureFlag(failure), `upstream_reset_after_response_started{${failureText(failure)}}`)
      return
    }
    this.#finishRetry()
    this.#retryOr(upstreamFailureReply(failure, this.attempt > 1), failure)
  }

  /** A safe request on a connection that the upstream closed meanwhile: nobody need have asked for a retry. */
  #replacesStaleConnection(): boolean {
    if (this.#staleConnections === STALE_CONNECTIONS_MAX || !isSafelyRepeatable(this.#owner.stream.request))
      return false
    this.#staleConnections++
    this.#endTry(false)
    this.#startTry()
    return true
  }

  #onTryTimeout(): void {
    this.#cluster.stats.upstreamRqPerTryTimeout++
    if (this.#endpoint !== null) this.#cluster.recordTimeout(this.#endpoint)
    this.#resetStream()
    this.#finishRetry()
    this.#retryOr(PER_TRY_TIMEOUT, PER_TRY_FAILURE)
  }

  #onRouteTimeout(): void {
    this.#cluster.stats.upstreamRqTimeout++
    if (this.#endpoint !== null) this.#cluster.recordTimeout(this.#endpoint)
    if (this.#responseStatus > 0) return this.#cutForTimeout()
    this.#abandonTry(true)
    this.#giveUp(UPSTREAM_TIMEOUT)
  }

  #cutForTimeout(): void {
    this.#abandonTry(true)
    this.#isOver = true
    this.#stopWaiting()
    this.#owner.onResponseCut("UT", "upstream_response_timeout")
  }

  /** No more tries. */
  #giveUp(reply: LocalReply): void {
    this.#endTry(true)
    this.#isOver = true
    this.#stopWaiting()
    const { retryLimitFlag } = this
    this.#owner.onNoResponse(retryLimitFlag === "" ? reply : { ...reply, flags: `${reply.flags},${retryLimitFlag}` })
  }

  /** Ends everything without a word to the owner: the client has gone. */
  cancel(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#cluster.stats.upstreamRqCancelled++
    this.#abandonTry(false)
    this.#stopWaiting()
  }

  // --- retries -------------------------------------------------------------------------------------------------------

  /** Another try where the policy wants one and one may be made; else the client gets the reply. */
  #retryOr(reply: LocalReply, failure: UpstreamFailure): void {
    const policy = this.#policy
    const { request } = this.#owner.stream
    const isCovered =
      policy !== null &&
      retriesFailure(policy, failure) &&
      (isBeforeDelivery(failure) || repeatsAfterDelivery(policy, request))
    if (isCovered && this.#mayRetry(policy)) this.#retry(policy)
    else this.#giveUp(reply)
  }

  /** Whether a try that the policy wants may be made; if so it counts from now on. */
  #mayRetry(policy: RetryPolicy): boolean {
    // What was sent of the body and not kept cannot be sent again.
    if (this.#isBodySent && this.#kept === null) return false
    if (this.attempt > policy.attempts) {
      this.#cluster.stats.upstreamRqRetryLimitExceeded++
      this.retryLimitFlag = "URX"
      return false
    }
    this.#isRetryActive = this.#cluster.startRetry()
    if (!this.#isRetryActive) this.retryLimitFlag = "UO"
    return this.#isRetryActive
  }

  #finishRetry(): void {
    if (!this.#isRetryActive) return
    this.#isRetryActive = false
    this.#cluster.finishRetry()
  }

  #retry(policy: RetryPolicy): void {
    const { stats } = this.#cluster
    const failed = this.#endpoint
    if (failed !== null) {
      this.#failedTries ??= new FailedTries(policy, this.#isTied)
      this.#failedTries.add(failed)
    }
    this.#endTry(true)
    if (this.#tryDeadline !== null) this.#wheel.clear(this.#tryDeadline)
    stats.upstreamRqRetry++
    this.#isCountedAsRetry = true
    this.#holdBody()
    this.#retryDeadline ??= new Deadline(() => this.#startRetry())
    this.#wheel.set(this.#retryDeadline, backoffMs(policy, this.attempt, Math.random()))
    this.attempt++
  }

  #startRetry(): void {
    const { request } = this.#owner.stream
    setTryFields(request, this.attempt, expectedTimeoutMs(this.#timeoutMs, this.#perTryTimeoutMs, this.#elapsedMs()))
    this.#startTry()
  }

  // --- taking apart --------------------------------------------------------------------------------------------------

  #resetStream(): void {
    if (this.#connection === null) return
    this.#cluster.stats.upstreamRqTxReset++
    this.#connection.cancel()
    this.#connection = null
  }

  #abandonTry(hasFailed: boolean): void {
    this.#resetStream()
    this.#endpoint?.pool.cancel(this)
    this.#endTry(hasFailed)
  }

  /** The try's endpoint has no more to do with this request. */
  #endTry(hasFailed: boolean): void {
    const endpoint = this.#endpoint
    this.#endpoint = null
    endpoint?.finishRequest(hasFailed)
  }

  /** Nothing of this request is waited for any more. */
  #stopWaiting(): void {
    this.#finishRetry()
    if (this.#routeDeadline !== null) this.#wheel.clear(this.#routeDeadline)
    if (this.#tryDeadline !== null) this.#wheel.clear(this.#tryDeadline)
    if (this.#retryDeadline !== null) this.#wheel.clear(this.#retryDeadline)
  }
}
