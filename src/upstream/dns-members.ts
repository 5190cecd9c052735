/**
 * Joins a cluster to DNS: from the endpoints its specification names and the addresses these names have right now to
 * the endpoints of the cluster (CONTRACT "Where a destination goes"; Istio semantics sheet 7.1).
 *
 * strict-dns: every address of every name. logical-dns: the first address of each name, for new connections.
 */
import type { EndpointSpec } from "../compile/snapshot.ts"
import type { Cluster } from "./cluster.ts"
import { type DnsOutcome, isDnsName } from "./dns.ts"
import type { DnsDiscovery, DnsSubscription } from "./dns-discovery.ts"
import type { ResolvedEndpoint } from "./endpoint.ts"
import type { EndpointPool } from "./endpoint-pool.ts"

interface Member {
  readonly spec: EndpointSpec
  /** null for an address that needs no look-up. */
  readonly subscription: DnsSubscription | null
}

export class DnsMembers<Pool extends EndpointPool> {
  private readonly cluster: Cluster<Pool>
  private readonly members: readonly Member[]
  private readonly isLogical: boolean
  private readonly onReady: () => void
  private hasPublished = false
  /** `isReady` as of the last outcome, so that `onReady` is called once. */
  private wasReady: boolean

  /**
   * Starts at once with what is known, without waiting for DNS.
   *
   * @param cluster already revised to the specification to follow.
   * @param onReady called at most once, when the last name had its first outcome; not when `isReady` from the start.
   */
  constructor(cluster: Cluster<Pool>, discovery: DnsDiscovery, onReady: () => void) {
    this.cluster = cluster
    this.onReady = onReady
    this.isLogical = cluster.spec.discovery.kind === "logical-dns"
    this.members = cluster.spec.discovery.endpoints.map((spec) => ({
      spec,
      subscription: isDnsName(spec.address)
        ? discovery.subscribe(spec.address, (outcome) => this.acceptOutcome(outcome))
        : null,
    }))
    this.wasReady = this.isReady
    this.publish()
  }

  /** Whether every name has had its first outcome. */
  get isReady(): boolean {
    return this.members.every((member) => member.subscription === null || member.subscription.hasOutcome)
  }

  stop(): void {
    for (const member of this.members) member.subscription?.stop()
  }

  private acceptOutcome(outcome: DnsOutcome): void {
    this.countOutcome(outcome)
    this.publish()
    if (this.wasReady || !this.isReady) return
    this.wasReady = true
    this.onReady()
  }

  private publish(): void {
    // A cluster that was revised in place keeps the endpoints it had until all its new names are known: a reload
    // must not cause a moment without endpoints.
    const isCarryingOver = !this.hasPublished && this.cluster.endpoints.length > 0
    if (isCarryingOver && !this.isReady) return
    this.hasPublished = true
    this.cluster.replaceEndpoints(this.members.flatMap((member) => this.resolvedEndpoints(member)))
  }

  private resolvedEndpoints(member: Member): readonly ResolvedEndpoint[] {
    const { spec, subscription } = member
    const port = spec.port
    if (subscription === null) return [{ address: spec.address, port, spec }]
    const addresses = this.isLogical ? subscription.addresses.slice(0, 1) : subscription.addresses
    return addresses.map((address) => ({ address, port, spec }))
  }

  private countOutcome(outcome: DnsOutcome): void {
    const stats = this.cluster.stats
    stats.updateAttempt++
    if (outcome.kind === "failed") stats.updateFailure++
    else stats.updateSuccess++
    if (outcome.kind === "answered" && outcome.addresses.length === 0) stats.updateEmpty++
  }
}
