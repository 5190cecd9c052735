/**
 * Which endpoints a cluster uses right now, and how it balances over them: by priority and health, then by locality, then
 * by the balancer (Istio semantics sheet 6.3, 6.4; Envoy: LoadBalancerBase, "Priority levels", "Panic threshold").
 *
 * Made anew whenever membership or health changes; picking only reads.
 */
import type { Balancer } from "./balancers/balancer.ts"
import { type BalancerSettings, createBalancer } from "./balancers/create-balancer.ts"
import type { HashedCandidate } from "./balancers/ring-hash.ts"

/** Envoy's overprovisioning factor: a level is full as long as 1/1.4 of it is healthy. */
const overprovisioningPercent = 140

export interface SelectableEndpoint extends HashedCandidate {
  readonly health: { readonly isHealthy: boolean }
  readonly spec: { readonly priority: number; readonly localityShare: number; readonly locality: string }
}

export interface SelectionSettings extends BalancerSettings {
  readonly panicThresholdPercent: number
}

interface Level<Candidate> {
  readonly endpoints: readonly Candidate[]
  readonly healthy: readonly Candidate[]
  /** 0-100, the overprovisioning factor included. */
  readonly availability: number
}

/** Candidates with a share of the whole, in the order they are drawn in. */
interface Share<Candidate extends HashedCandidate> {
  readonly balancer: Balancer<Candidate>
  /** Of all shares up to and including this one; the last is 1. */
  readonly upTo: number
}

export class EndpointSelection<Candidate extends SelectableEndpoint> {
  /** Whether unhealthy endpoints are used because too few are left. */
  readonly isInPanic: boolean
  /** Usable endpoints, in order; a retry looks here for one that was not tried. */
  readonly usable: readonly Candidate[]
  private readonly random: () => number
  /** The only one, in nearly every cluster. */
  private readonly single: Balancer<Candidate> | null
  private readonly shares: readonly Share<Candidate>[]

  constructor(settings: SelectionSettings, endpoints: readonly Candidate[], random: () => number) {
    this.random = random
    const levels = levelsOf(endpoints)
    const loads = loadsOf(levels, settings.panicThresholdPercent)
    this.isInPanic = loads.some(({ isInPanic }) => isInPanic)
    const shares: Share<Candidate>[] = []
    const usable: Candidate[] = []
    let upTo = 0
    for (const [index, { load, isInPanic }] of loads.entries()) {
      const level = levels[index]
      if (level === undefined) continue
      const candidates = isInPanic ? level.endpoints : level.healthy
      usable.push(...candidates)
      if (load === 0) continue
      for (const { candidates: part, share } of byLocality(level, candidates)) {
        upTo += load * share
        shares.push({ balancer: createBalancer(settings, part, random), upTo })
      }
    }
    this.usable = usable
    this.shares = shares.map(({ balancer, upTo: sum }) => ({ balancer, upTo: sum / upTo }))
    this.single = this.shares.length === 1 ? (this.shares[0]?.balancer ?? null) : null
  }

  /** @param hash see `Balancer.pick`. @returns null when no endpoint may be used. */
  pick(hash: number): Candidate | null {
    if (this.single !== null) return this.single.pick(hash)
    const drawn = hash < 0 ? this.random() : spread(hash)
    for (const { balancer, upTo } of this.shares) if (drawn < upTo) return balancer.pick(hash)
    return null
  }
}

/** A number in [0, 1) of a hash, independent of the bits that the balancers behind it look at first. */
function spread(hash: number): number {
  return (Math.imul(hash ^ (hash >>> 16), 0x45d9f3b) >>> 0) / 4_294_967_296
}

function levelsOf<Candidate extends SelectableEndpoint>(endpoints: readonly Candidate[]): readonly Level<Candidate>[] {
  const byPriority = new Map<number, Candidate[]>()
  for (const endpoint of endpoints) {
    const known = byPriority.get(endpoint.spec.priority)
    if (known === undefined) byPriority.set(endpoint.spec.priority, [endpoint])
    else known.push(endpoint)
  }
  return [...byPriority.entries()]
    .sort(([left], [right]) => left - right)
    .map(([, members]) => {
      const healthy = members.filter(({ health }) => health.isHealthy)
      return { endpoints: members, healthy, availability: availabilityOf(healthy.length, members.length) }
    })
}

function availabilityOf(healthyCount: number, count: number): number {
  return Math.min(100, Math.floor((overprovisioningPercent * healthyCount) / count))
}

interface LevelLoad {
  /** Its part of the traffic; the parts need not sum to anything particular. */
  readonly load: number
  readonly isInPanic: boolean
}

/** Lower priorities first, each as much as it can take. Together they are taken to be whole as soon as they can be. */
function loadsOf(levels: readonly Level<unknown>[], panicThresholdPercent: number): readonly LevelLoad[] {
  const availabilityTotal = Math.min(
    100,
    levels.reduce((sum, { availability }) => sum + availability, 0),
  )
  const panics = levels.map(
    ({ healthy, endpoints }) =>
      availabilityTotal < 100 && (100 * healthy.length) / endpoints.length < panicThresholdPercent,
  )
  // When every level is in panic health says nothing any more: each gets what its size is worth.
  if (panics.length > 0 && panics.every((isInPanic) => isInPanic)) {
    return levels.map(({ endpoints }) => ({ load: endpoints.length, isInPanic: true }))
  }
  let remaining = 100
  return levels.map(({ availability }, index) => {
    const wanted = availabilityTotal === 0 ? 0 : (availability * 100) / availabilityTotal
    const load = Math.min(remaining, wanted)
    remaining -= load
    return { load, isInPanic: panics[index] ?? false }
  })
}

interface LocalityPart<Candidate> {
  readonly candidates: readonly Candidate[]
  readonly share: number
}

/** One part, unless localities have shares of their own; then each counts as much as its share and its health allow. */
function byLocality<Candidate extends SelectableEndpoint>(
  level: Level<Candidate>,
  candidates: readonly Candidate[],
): readonly LocalityPart<Candidate>[] {
  if (!level.endpoints.some(({ spec }) => spec.localityShare > 0)) return [{ candidates, share: 1 }]
  const parts: LocalityPart<Candidate>[] = []
  for (const [locality, members] of Map.groupBy(candidates, ({ spec }) => spec.locality)) {
    const count = level.endpoints.filter(({ spec }) => spec.locality === locality).length
    const share = (members[0]?.spec.localityShare ?? 0) * availabilityOf(members.length, count)
    if (share > 0) parts.push({ candidates: members, share })
  }
  const total = parts.reduce((sum, { share }) => sum + share, 0)
  return parts.map(({ candidates: members, share }) => ({ candidates: members, share: share / total }))
}
