/**
 * One bound address and port: its sockets, and the filter chains that take its connections (Istio semantics sheet 1.2,
 * 1.10). A port of plain HTTP or TCP has one chain and asks nothing; every other one looks at what a client says first.
 */
import type { FilterChain, Listener } from "../compile/snapshot.ts"
import { closeSteered, steerAway } from "../net/hand-over.ts"
import { IpRanges } from "../net/ip-ranges.ts"
import type { ReusePortControl } from "../net/reuse-port-control.ts"
import type { SharedPorts } from "../net/shared-ports.ts"
import type { SocketOwner, TcpSocket } from "../net/socket.ts"
import { type BoundSocket, bindTcp } from "../net/tcp-listener.ts"
import { buildHostTable, type HostTable } from "../route/host-table.ts"
import { ListenerStats } from "../telemetry/listener-stats.ts"
import type { Cluster } from "../upstream/cluster.ts"
import type { HttpPool } from "../upstream/http-pool.ts"
import type { DownstreamConnection } from "./downstream-connection.ts"
import {
  filterChainKey,
  type ListenerEnvironment,
  type LiveFilterChain,
  type SharedEnvironment,
} from "./filter-chain.ts"
import { HttpChain } from "./http-filter-chain.ts"
import { InspectedConnection, type InspectingListener } from "./inspected-connection.ts"
import { ProxyHeaderConnection, type ProxyHeaderListener } from "./proxy-header-connection.ts"
import { TcpChain } from "./tcp-filter-chain.ts"

export class GatewayListener implements InspectingListener, ProxyHeaderListener {
  readonly name: string
  readonly environment: ListenerEnvironment
  #chains: ReadonlyMap<string, LiveFilterChain> = new Map()
  #chainOfServerName: HostTable<LiveFilterChain> = buildHostTable([])
  /** Takes every connection as it is; null = connections are inspected. */
  #only: LiveFilterChain | null = null
  /** Only these may connect, each connection behind a PROXY header; null = nobody announces anybody. */
  #proxies: IpRanges | null = null
  /** No longer in the snapshot, with connections that still finish. */
  readonly #leaving = new Set<LiveFilterChain>()
  /** Those without a filter chain yet. */
  readonly #inspected = new Set<DownstreamConnection>()
  readonly #sharedPorts: SharedPorts | null
  #sockets: readonly BoundSocket[] = []

  /** @param sharedPorts null = nobody else listens on its port */
  constructor(name: string, environment: SharedEnvironment, sharedPorts: SharedPorts | null) {
    this.name = name
    this.environment = { ...environment, listenerStats: new ListenerStats() }
    this.#sharedPorts = sharedPorts
  }

  get sockets(): readonly BoundSocket[] {
    return this.#sockets
  }

  /** Those in force. */
  get chains(): Iterable<LiveFilterChain> {
    return this.#chains.values()
  }

  /** Takes over the filter chains of a snapshot: those it has already keep their connections, vanished ones drain. */
  adopt(listener: Listener, clusters: readonly Cluster<HttpPool>[]): void {
    const next = new Map<string, LiveFilterChain>()
    for (const chain of listener.filterChains) {
      const key = filterChainKey(chain)
      // Two matches may forward to the same place: then one chain is as good as the other.
      const live = next.get(key) ?? this.#chains.get(key) ?? createChain(chain, this.environment)
      if (!next.has(key)) live.adopt(chain, clusters)
      next.set(key, live)
    }
    const entries = listener.filterChains.flatMap((chain) => {
      const live = next.get(filterChainKey(chain))
      return live === undefined ? [] : [{ domains: domainsOf(chain), value: live }]
    })
    const [only] = listener.filterChains
    const isInspecting = listener.filterChains.length > 1 || only?.tls !== null || only.serverNames.length > 0
    this.#proxies = listener.proxyProtocolFrom === null ? null : new IpRanges(listener.proxyProtocolFrom)
    const previous = this.#chains
    this.#chains = next
    this.#chainOfServerName = buildHostTable(entries)
    this.#only = isInspecting ? null : (entries[0]?.value ?? null)
    for (const [key, chain] of previous) if (!next.has(key)) this.#leave(chain)
  }

  /** The live chain of one of the adopted listener's chains. */
  chainOf(chain: FilterChain): LiveFilterChain | null {
    return this.#chains.get(filterChainKey(chain)) ?? null
  }

  #leave(chain: LiveFilterChain): void {
    this.#leaving.add(chain)
    chain.drain(() => this.#leaving.delete(chain))
  }

  /** @returns why it cannot listen, as text; "" = it does. What could be bound is closed by `drain`. */
  bind(addresses: readonly string[], port: number): string {
    const { sockets, failure } = bindTcp(addresses, port, {
      handlers: this.environment.handlers,
      accept: (socket) => this.#accept(socket),
      sharedPorts: this.#sharedPorts,
    })
    this.#sockets = sockets
    return failure === "" ? "" : `listener ${this.name}: ${failure}`
  }

  #accept(socket: TcpSocket): SocketOwner | null {
    const { counters, limits, listenerStats } = this.environment
    if (counters.downstreamConnectionsActive >= limits.downstreamConnectionsMax) {
      counters.downstreamConnectionsOverflow++
      listenerStats.connectionsOverflow++
      socket.terminate()
      return null
    }
    if (this.#proxies !== null && !this.#proxies.has(socket.remoteAddress)) {
      counters.proxyHeaderSourcesRefused++
      socket.terminate()
      return null
    }
    counters.downstreamConnectionsTotal++
    counters.downstreamConnectionsActive++
    listenerStats.connectionsTotal++
    listenerStats.connectionsActive++
    if (this.#proxies === null) return this.#openNext()
    const announcing = new ProxyHeaderConnection(this)
    this.#inspected.add(announcing)
    return announcing
  }

  openAnnounced(connection: ProxyHeaderConnection): DownstreamConnection {
    this.#inspected.delete(connection)
    return this.#openNext()
  }

  #openNext(): DownstreamConnection {
    if (this.#only !== null) return this.#only.openPlain("")
    const connection = new InspectedConnection(this)
    this.#inspected.add(connection)
    return connection
  }

  findChain(serverName: string): LiveFilterChain | null {
    return this.#chainOfServerName.find(serverName)
  }

  onHandedOver(connection: InspectedConnection): void {
    this.#inspected.delete(connection)
  }

  onConnectionClosed(connection: DownstreamConnection): void {
    if (!this.#inspected.delete(connection)) return
    this.environment.counters.downstreamConnectionsActive--
    this.environment.listenerStats.connectionsActive--
  }

  get isEmpty(): boolean {
    return this.#sockets.length === 0 && this.#inspected.size === 0 && this.#all.every((chain) => chain.isEmpty)
  }

  /** No exchange and no forwarded connection is under way. */
  get isIdle(): boolean {
    return this.#all.every((chain) => chain.isIdle)
  }

  get #all(): readonly LiveFilterChain[] {
    return [...this.#chains.values(), ...this.#leaving]
  }

  checkTimeouts(nowMs: number): void {
    for (const chain of this.#chains.values()) chain.checkTimeouts(nowMs)
    for (const chain of this.#leaving) chain.checkTimeouts(nowMs)
  }

  /**
   * Accepts nothing more; what is under way may finish, and ends its connection. A port that is shared is first handed
   * over: until then connections are accepted, each for one answer.
   */
  drain(): void {
    const control = this.#control
    if (control === null) {
      this.#stopListening()
      for (const connection of this.#inspected) connection.drain()
    } else {
      // Whoever has just been accepted, and is still at its handshake, has been nowhere else.
      void this.#handOver(control)
    }
    for (const chain of this.#chains.values()) chain.drain(() => {})
  }

  async #handOver(control: ReusePortControl): Promise<void> {
    const sockets = this.#sockets
    for (const socket of sockets) socket.release()
    await Promise.all(sockets.map((socket) => steerAway(socket, control)))
    this.#stopListening()
  }

  /** null = there is nobody to hand over to. */
  get #control(): ReusePortControl | null {
    return this.#sockets.some(({ isShared }) => isShared) ? (this.#sharedPorts?.control ?? null) : null
  }

  #stopListening(): void {
    const control = this.#control
    for (const socket of this.#sockets) {
      if (control === null) socket.stop()
      else closeSteered(socket, control)
    }
    this.#sockets = []
  }

  /** Cuts every connection. */
  terminate(): void {
    this.#stopListening()
    for (const connection of this.#inspected) connection.terminate()
    for (const chain of this.#all) chain.terminate()
  }
}

function createChain(chain: FilterChain, environment: ListenerEnvironment): LiveFilterChain {
  switch (chain.kind) {
    case "http":
      return new HttpChain(chain, environment)
    case "tcp":
      return new TcpChain(chain, environment)
  }
}

function domainsOf({ serverNames }: FilterChain): readonly string[] {
  return serverNames.length === 0 ? ["*"] : serverNames
}
