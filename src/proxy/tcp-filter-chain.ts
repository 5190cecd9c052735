/** A live filter chain that forwards bytes: passthrough, terminated TLS without HTTP, or plain TCP. */
import type { FilterChain, TcpFilterChain } from "../compile/snapshot.ts"
import type { SocketOwner } from "../net/socket.ts"
import type { Cluster } from "../upstream/cluster.ts"
import type { HttpPool } from "../upstream/http-pool.ts"
import type { DownstreamConnection } from "./downstream-connection.ts"
import { type ListenerEnvironment, LiveFilterChain } from "./filter-chain.ts"
import { TcpProxy, type TcpProxyHost } from "./tcp-proxy.ts"

export class TcpChain extends LiveFilterChain implements TcpProxyHost {
  #chain: TcpFilterChain
  #clusters: readonly Cluster<HttpPool>[] = []

  constructor(chain: TcpFilterChain, environment: ListenerEnvironment) {
    super(chain, environment)
    this.#chain = chain
  }

  override adopt(chain: FilterChain, clusters: readonly Cluster<HttpPool>[]): void {
    if (chain.kind !== "tcp") return
    this.#chain = chain
    this.#clusters = clusters
  }

  override accepts(alpnProtocols: readonly string[]): boolean {
    const { requiredAlpnProtocols } = this.#chain
    return requiredAlpnProtocols.length === 0 || requiredAlpnProtocols.some((name) => alpnProtocols.includes(name))
  }

  get chain(): TcpFilterChain {
    return this.#chain
  }

  get clusters(): readonly Cluster<HttpPool>[] {
    return this.#clusters
  }

  get handlers(): Bun.SocketHandler<SocketOwner> {
    return this.environment.handlers
  }

  /** A client that is not accepted never gets here: its rejection is always `handshake`. */
  protected override createConnection(serverName: string): DownstreamConnection {
    return new TcpProxy(this, serverName)
  }
}
