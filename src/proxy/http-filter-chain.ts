/** A live filter chain that speaks HTTP: routes its requests, and no others, by its own route configuration. */
import type { FilterChain } from "../compile/snapshot.ts"
import type { HttpLimits } from "../http/limits.ts"
import type { DownstreamEvents, DownstreamStream } from "../http/stream.ts"
import type { TimerWheel } from "../net/timer-wheel.ts"
import type { ClientVerdict, RefusalReason } from "../security/client-certificate.ts"
import { forwardedClientCert } from "../security/forwarded-client-cert.ts"
import type { AccessLogSink } from "../telemetry/access-log-record.ts"
import type { Counters } from "../telemetry/counters.ts"
import type { ListenerStats } from "../telemetry/listener-stats.ts"
import type { Tracer } from "../telemetry/tracing/tracer.ts"
import type { Cluster } from "../upstream/cluster.ts"
import type { HttpPool } from "../upstream/http-pool.ts"
import { openHttpConnection } from "./choose-codec.ts"
import type { DownstreamConnection } from "./downstream-connection.ts"
import { type ListenerEnvironment, LiveFilterChain } from "./filter-chain.ts"
import { openTranslated } from "./grpc-web.ts"
import { type ExchangeEnvironment, HttpExchange, type Routing } from "./http-exchange.ts"
import { RefusedExchange } from "./refused-exchange.ts"
import type { HttpHost } from "./undecided-connection.ts"

export class HttpChain extends LiveFilterChain implements HttpHost, ExchangeEnvironment {
  readonly scheme: "http" | "https"
  /** No certificate came with these connections. */
  readonly forwardedClientCert = ""
  #translatesGrpcWeb = false
  /** Replaced whole by a reload; an exchange keeps the one it started with. */
  #routing: Routing | null = null

  constructor(chain: FilterChain, environment: ListenerEnvironment) {
    super(chain, environment)
    this.scheme = chain.tls === null ? "http" : "https"
  }

  override adopt(chain: FilterChain, clusters: readonly Cluster<HttpPool>[]): void {
    if (chain.kind !== "http") return
    this.#routing = { routes: chain.routes, clusters }
    this.#translatesGrpcWeb = chain.translatesGrpcWeb
  }

  override accepts(): boolean {
    return true
  }

  get routing(): Routing {
    // `adopt` comes before the first connection: anything else is a bug of ours.
    if (this.#routing === null) throw new Error("a filter chain was used before it had routes")
    return this.#routing
  }

  get limits(): HttpLimits {
    return this.environment.limits
  }

  get tracer(): Tracer | null {
    return this.environment.tracer
  }

  openExchange(stream: DownstreamStream): DownstreamEvents {
    return this.openExchangeFor(stream, this)
  }

  /** @param environment of the connection: this chain, or it and what is known of the client */
  openExchangeFor(stream: DownstreamStream, environment: ExchangeEnvironment): DownstreamEvents {
    if (!this.#translatesGrpcWeb) return new HttpExchange(stream, environment)
    return openTranslated(stream, (translated) => new HttpExchange(translated, environment))
  }

  protected override createConnection(
    serverName: string,
    alpnProtocol: string,
    verdict: ClientVerdict | null,
  ): DownstreamConnection {
    return openHttpConnection(this.#hostFor(verdict), serverName, alpnProtocol)
  }

  /** What a connection may do depends on who came with it; without a certificate the chain itself will do. */
  #hostFor(verdict: ClientVerdict | null): HttpHost {
    switch (verdict?.kind) {
      case "refused":
        return new RefusedClientHost(this, verdict.reason)
      case "accepted": {
        const serverUris = this.credentials?.serverUris ?? []
        return new KnownClientHost(this, forwardedClientCert(verdict.certificate, verdict.names, serverUris))
      }
      default:
        return this
    }
  }
}

/** The surroundings of one connection, taken from its chain. */
abstract class ConnectionHost implements HttpHost {
  protected readonly chain: HttpChain

  constructor(chain: HttpChain) {
    this.chain = chain
  }

  get limits(): HttpLimits {
    return this.chain.limits
  }

  get scheme(): "http" | "https" {
    return this.chain.scheme
  }

  get coarseNowMs(): number {
    return this.chain.coarseNowMs
  }

  get isDraining(): boolean {
    return this.chain.isDraining
  }

  get counters(): Counters {
    return this.chain.counters
  }

  get listenerStats(): ListenerStats {
    return this.chain.listenerStats
  }

  get accessLog(): AccessLogSink | null {
    return this.chain.accessLog
  }

  get tracer(): Tracer | null {
    return this.chain.tracer
  }

  get wheel(): TimerWheel {
    return this.chain.wheel
  }

  onConnectionClosed(connection: DownstreamConnection): void {
    this.chain.onConnectionClosed(connection)
  }

  abstract openExchange(stream: DownstreamStream): DownstreamEvents
}

/** A client whose certificate was accepted: upstreams learn of it. */
class KnownClientHost extends ConnectionHost implements ExchangeEnvironment {
  readonly forwardedClientCert: string

  constructor(chain: HttpChain, value: string) {
    super(chain)
    this.forwardedClientCert = value
  }

  get routing(): Routing {
    return this.chain.routing
  }

  override openExchange(stream: DownstreamStream): DownstreamEvents {
    return this.chain.openExchangeFor(stream, this)
  }
}

/** A client that was not accepted: it is told why, and nothing it sends is looked at. */
class RefusedClientHost extends ConnectionHost {
  readonly #reason: RefusalReason

  constructor(chain: HttpChain, reason: RefusalReason) {
    super(chain)
    this.#reason = reason
  }

  /** Its first answer is its last. */
  override get isDraining(): boolean {
    return true
  }

  override openExchange(stream: DownstreamStream): DownstreamEvents {
    return new RefusedExchange(stream, this.#reason, this)
  }
}
