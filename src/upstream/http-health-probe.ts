/**
 * A health check over HTTP: one GET on a connection of the endpoint's own pool, so that TLS and everything else is as for
 * a request. An answer of 200 passes, as Envoy has it without `expected_statuses`.
 */
import { BODY_NONE, RequestHead, type ResponseHead } from "../http/message.ts"
import type { UpstreamEvents, UpstreamStream } from "../http/stream.ts"
import type { Endpoint } from "./endpoint.ts"
import type { HealthProbe, ProbeOutcome } from "./health-checker.ts"
import type { HttpPool, ReadyUpstream, UpstreamRequester } from "./http-pool.ts"

const userAgent = "portcullis-health-check"

export const probeByHttp: HealthProbe<HttpPool> = (endpoint, { host, path }, done) => {
  const probe = new HttpProbe(endpoint, host, path, done)
  probe.start()
  return () => probe.cancel()
}

class HttpProbe implements UpstreamEvents, UpstreamRequester {
  /** For a PROXY protocol header: nobody is behind a check. */
  readonly peer = null
  readonly isHttp2 = false
  readonly authority: string
  readonly #endpoint: Endpoint<HttpPool>
  readonly #path: string
  readonly #done: (outcome: ProbeOutcome) => void
  #connection: UpstreamStream | null = null
  #status = 0
  #isOver = false

  constructor(endpoint: Endpoint<HttpPool>, host: string, path: string, done: (outcome: ProbeOutcome) => void) {
    this.#endpoint = endpoint
    this.authority = host
    this.#path = path
    this.#done = done
  }

  start(): void {
    const acquired = this.#endpoint.pool.acquire(this)
    // A cluster that is full of requests need not be ill.
    if (acquired === "overflow") this.#finish("skipped")
    else if (acquired !== null) this.onReady(acquired)
  }

  onReady(connection: ReadyUpstream): void {
    const request = new RequestHead()
    request.reset("")
    request.method = "GET"
    request.path = this.#path
    request.pathLength = this.#path.length
    request.authority = this.authority
    request.bodyLength = BODY_NONE
    request.fields.append("host", this.authority)
    request.fields.append("user-agent", userAgent)
    this.#connection = connection
    connection.start(this, request)
    connection.sendEnd("")
  }

  onConnectFailure(): void {
    this.#finish("no-answer")
  }

  onResponseInformational(): void {
    // The answer follows.
  }

  onResponseHead(head: ResponseHead): void {
    this.#status = head.status
  }

  onResponseBody(): void {
    // Read so that the connection can be used again, and dropped.
  }

  onResponseEnd(): void {
    this.#connection = null
    this.#finish(this.#status === 200 ? "passed" : "failed")
  }

  onUpstreamDrain(): void {
    // There is no body to send.
  }

  onUpstreamFailure(): void {
    this.#connection = null
    this.#finish("no-answer")
  }

  cancel(): void {
    if (this.#isOver) return
    this.#isOver = true
    if (this.#connection === null) this.#endpoint.pool.cancel(this)
    else this.#connection.cancel()
  }

  #finish(outcome: ProbeOutcome): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#done(outcome)
  }
}
