/**
 * The live clusters of the gateway: from a snapshot's specifications to clusters with endpoints, handed over from one
 * snapshot to the next by name, so that a reload keeps connections, counters and DNS answers (Envoy: ClusterManager).
 *
 * `adopt` gives a new array each time; an exchange keeps the one it started with. Clusters that a new snapshot no
 * longer names drain, but old arrays go on working.
 */
import type { ClusterSpec, Snapshot } from "../compile/snapshot.ts"
import { Cluster, type ClusterDeps } from "./cluster.ts"
import type { ResolveName } from "./dns.ts"
import { DnsDiscovery } from "./dns-discovery.ts"
import { DnsMembers } from "./dns-members.ts"
import type { EndpointPool } from "./endpoint-pool.ts"

export interface ClusterManagerDeps<Pool extends EndpointPool> extends ClusterDeps<Pool> {
  readonly resolve: ResolveName
}

interface LiveCluster<Pool extends EndpointPool> {
  readonly cluster: Cluster<Pool>
  /** null for a static cluster. */
  readonly members: DnsMembers<Pool> | null
}

export class ClusterManager<Pool extends EndpointPool> {
  private readonly deps: ClusterManagerDeps<Pool>
  private readonly discovery: DnsDiscovery
  /** By `ClusterSpec.name`. */
  private live: ReadonlyMap<string, LiveCluster<Pool>> = new Map()
  /** Clusters of the current snapshot with a name that DNS has said nothing about yet. */
  private readonly unready = new Set<Cluster<Pool>>()
  private readonly onAllReady = new Set<() => void>()

  constructor(deps: ClusterManagerDeps<Pool>) {
    this.deps = deps
    this.discovery = new DnsDiscovery(deps.resolve, deps.scheduler)
  }

  /**
   * Makes the live clusters those of `snapshot`. A cluster whose name stays is the same object, revised in place:
   * endpoints that stay keep their pools and counters.
   *
   * @returns indexed by `ClusterSpec.index`; never changed afterwards.
   */
  adopt(snapshot: Snapshot): readonly Cluster<Pool>[] {
    const steps = this.adopting(snapshot)
    for (;;) {
      const step = steps.next()
      if (step.done === true) return step.value
    }
  }

  /**
   * The same in steps of one cluster each: thousands of them are not a pause for those who are being served. Between
   * steps each cluster is the old one or the revised one; which ones there are changes when all are adopted. One at a
   * time.
   */
  *adopting(snapshot: Snapshot): Generator<void, readonly Cluster<Pool>[]> {
    const previous = this.live
    const next = new Map<string, LiveCluster<Pool>>()
    const clusters: Cluster<Pool>[] = []
    for (const spec of snapshot.clusters) {
      yield
      const adopted = this.adoptCluster(spec, previous.get(spec.name) ?? null)
      next.set(spec.name, adopted)
      clusters.push(adopted.cluster)
    }
    this.live = next
    for (const [name, dropped] of previous) {
      yield
      if (next.has(name)) continue
      this.unready.delete(dropped.cluster)
      dropped.members?.stop()
      dropped.cluster.drain()
    }
    this.announceReadiness()
    return clusters
  }

  /** The clusters of the current snapshot, for the admin pages. */
  clusters(): readonly Cluster<Pool>[] {
    return Array.from(this.live.values(), (live) => live.cluster)
  }

  /**
   * Resolves as soon as every DNS name of the current snapshot was answered once or failed once, and in any case after
   * `deadlineMs`, counted from the call. Never rejects: a name without an answer is served as 503 UH, not waited for.
   */
  warm(deadlineMs: number): Promise<void> {
    if (this.unready.size === 0) return Promise.resolve()
    return new Promise((resolve) => {
      const finish = (): void => {
        cancelDeadline()
        this.onAllReady.delete(finish)
        resolve()
      }
      const cancelDeadline = this.deps.scheduler.after(deadlineMs, finish)
      this.onAllReady.add(finish)
    })
  }

  /** Ends DNS and drains every cluster. Exchanges under way may finish. */
  stop(): void {
    this.discovery.stop()
    for (const { cluster } of this.live.values()) cluster.drain()
    this.unready.clear()
    this.announceReadiness()
  }

  private adoptCluster(spec: ClusterSpec, previous: LiveCluster<Pool> | null): LiveCluster<Pool> {
    const cluster = previous?.cluster ?? new Cluster(spec, this.deps)
    if (previous !== null) cluster.revise(spec)
    const members = this.follow(cluster)
    // After the new ones began: a name that both want stays watched, and its answer is not asked for again.
    previous?.members?.stop()
    return { cluster, members }
  }

  /** Gives the cluster its endpoints, now and, with DNS, from now on. */
  private follow(cluster: Cluster<Pool>): DnsMembers<Pool> | null {
    this.unready.delete(cluster)
    const discovery = cluster.spec.discovery
    if (discovery.kind === "static") {
      cluster.replaceEndpoints(
        discovery.endpoints.map((endpoint) => ({ address: endpoint.address, port: endpoint.port, spec: endpoint })),
      )
      return null
    }
    const members = new DnsMembers(cluster, this.discovery, () => {
      this.unready.delete(cluster)
      this.announceReadiness()
    })
    if (!members.isReady) this.unready.add(cluster)
    return members
  }

  private announceReadiness(): void {
    if (this.unready.size > 0) return
    for (const finish of [...this.onAllReady]) finish()
  }
}
