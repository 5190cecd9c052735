/** A live filter chain that forwards bytes: passthrough, terminated TLS without HTTP, or plain TCP. */
import type { FilterChain, TcpFilterChain } from "../compile/snapshot.ts"
import type { Cluster } from "../upstream/cluster.ts"
import type { HttpPool } from "../upstream/http-pool.ts"
import { UpstreamTransport } from "../upstream/transport.ts"
import type { DownstreamConnection } from "./downstream-connection.ts"
import { type ListenerEnvironment, LiveFilterChain } from "./filter-chain.ts"
import { type TcpDestination, TcpProxy, type TcpProxyHost } from "./tcp-proxy.ts"

export class TcpChain extends LiveFilterChain implements TcpProxyHost {
  #chain: TcpFilterChain
  /** By `ClusterSpec.index`; those of the present configuration, open connections keep what they began with. */
  #destinations: ReadonlyMap<number, TcpDestination> = new Map()

  constructor(chain: TcpFilterChain, environment: ListenerEnvironment) {
    super(chain, environment)
    this.#chain = chain
  }

  override adopt(chain: FilterChain, clusters: readonly Cluster<HttpPool>[]): void {
    if (chain.kind !== "tcp") return
    this.#chain = chain
    const destinations = new Map<number, TcpDestination>()
    for (const { clusterIndex } of chain.clusters.entries) {
      const cluster = clusters[clusterIndex]
      if (cluster === undefined || destinations.has(clusterIndex)) continue
      const transport = new UpstreamTransport(cluster.spec, this.environment.upstream, "tcp")
      destinations.set(clusterIndex, { cluster, transport })
    }
    this.#destinations = destinations
  }

  override accepts(alpnProtocols: readonly string[]): boolean {
    const { requiredAlpnProtocols } = this.#chain
    return requiredAlpnProtocols.length === 0 || requiredAlpnProtocols.some((name) => alpnProtocols.includes(name))
  }

  get chain(): TcpFilterChain {
    return this.#chain
  }

  destination(clusterIndex: number): TcpDestination | null {
    return this.#destinations.get(clusterIndex) ?? null
  }

  /** A client that is not accepted never gets here: its rejection is always `handshake`. */
  protected override createConnection(serverName: string): DownstreamConnection {
    return new TcpProxy(this, serverName)
  }
}
