/**
 * Keeps names resolved: each name once, however many clusters use it, again when its TTL is over (Istio semantics
 * sheet 7.1; Envoy: STRICT_DNS, LOGICAL_DNS with respect_dns_ttl).
 *
 * A look-up that fails changes nothing: the addresses stay those of the last answer, and it is tried again soon.
 *
 *   subscribe ──▶ WatchedName ──▶ queue (bounded) ──▶ resolve ──▶ outcome told to every subscriber
 *                     ▲                                              │
 *                     └──────────── after TTL or retry delay ◀───────┘
 */
import type { DnsOutcome, ResolveName } from "./dns.ts"
import type { Scheduler } from "./scheduler.ts"

/** Names answered with a shorter TTL are still asked for only this often. */
export const refreshMinMs = 1_000
/** Where the TTL is not known: the hosts file, getaddrinfo, a TTL of 0 (Envoy's default `dns_refresh_rate`). */
export const refreshDefaultMs = 5_000
/** A TTL above this is cut: a longer timer helps nobody, and 2^31 ms would fire at once. */
export const refreshMaxMs = 86_400_000
/** From a failed look-up to the next try. */
export const retryAfterFailureMs = 5_000
/** From the question to giving it up; both backends have their own, shorter timeouts. */
export const lookupTimeoutMs = 20_000
/** Look-ups at the same time. */
export const lookupsMax = 8

export interface DnsSubscription {
  /** Of the last answer; empty before the first one. */
  readonly addresses: readonly string[]
  /** Whether a first look-up has ended, well or not. */
  readonly hasOutcome: boolean
  stop(): void
}

export class DnsDiscovery {
  private readonly resolve: ResolveName
  private readonly scheduler: Scheduler
  /** By lower-cased name; only names with subscribers. */
  private readonly watchedNames = new Map<string, WatchedName>()
  private readonly queue: WatchedName[] = []
  private lookupsRunning = 0
  private isStopped = false

  constructor(resolve: ResolveName, scheduler: Scheduler) {
    this.resolve = resolve
    this.scheduler = scheduler
  }

  /**
   * @param name a DNS name; names that differ only in case are one.
   * @param onOutcome called after each look-up, even if nothing changed; never before `subscribe` returns.
   */
  subscribe(name: string, onOutcome: (outcome: DnsOutcome) => void): DnsSubscription {
    const nameLower = name.toLowerCase()
    let watched = this.watchedNames.get(nameLower)
    if (watched === undefined) {
      watched = new WatchedName(nameLower)
      this.watchedNames.set(nameLower, watched)
      this.enqueue(watched)
    }
    const subscription = new Subscription(watched, onOutcome, (one) => this.unsubscribe(one))
    watched.subscriptions.add(subscription)
    return subscription
  }

  /** Ends every watch; answers that arrive later are dropped. */
  stop(): void {
    this.isStopped = true
    for (const watched of this.watchedNames.values()) watched.cancelRefresh()
    this.watchedNames.clear()
    this.queue.length = 0
  }

  private unsubscribe(subscription: Subscription): void {
    const watched = subscription.watched
    watched.subscriptions.delete(subscription)
    if (watched.subscriptions.size > 0 || this.watchedNames.get(watched.name) !== watched) return
    watched.cancelRefresh()
    this.watchedNames.delete(watched.name)
  }

  private enqueue(watched: WatchedName): void {
    if (this.isStopped) return
    this.queue.push(watched)
    this.startLookups()
  }

  private startLookups(): void {
    while (this.lookupsRunning < lookupsMax) {
      const watched = this.queue.shift()
      if (watched === undefined) return
      if (this.isWatched(watched)) this.startLookup(watched)
    }
  }

  private startLookup(watched: WatchedName): void {
    this.lookupsRunning++
    let isOver = false
    const finish = (outcome: DnsOutcome): void => {
      if (isOver) return
      isOver = true
      cancelTimeout()
      this.lookupsRunning--
      if (this.isWatched(watched)) this.acceptOutcome(watched, outcome)
      this.startLookups()
    }
    const cancelTimeout = this.scheduler.after(lookupTimeoutMs, () => finish({ kind: "failed", reason: "TIMEOUT" }))
    this.resolve(watched.name).then(finish, (error: unknown) => finish({ kind: "failed", reason: String(error) }))
  }

  private acceptOutcome(watched: WatchedName, outcome: DnsOutcome): void {
    watched.hasOutcome = true
    if (outcome.kind === "answered") watched.addresses = outcome.addresses
    watched.scheduleRefresh(this.scheduler, delayUntilRefresh(outcome), () => this.enqueue(watched))
    // A copy: a subscriber may stop subscriptions, or subscribe, while it is told.
    for (const subscription of [...watched.subscriptions]) {
      if (watched.subscriptions.has(subscription)) subscription.onOutcome(outcome)
    }
  }

  private isWatched(watched: WatchedName): boolean {
    return this.watchedNames.get(watched.name) === watched
  }
}

class WatchedName {
  readonly name: string
  readonly subscriptions = new Set<Subscription>()
  addresses: readonly string[] = []
  hasOutcome = false
  private cancelScheduled: (() => void) | null = null

  constructor(name: string) {
    this.name = name
  }

  scheduleRefresh(scheduler: Scheduler, delayMs: number, run: () => void): void {
    this.cancelScheduled = scheduler.after(delayMs, run)
  }

  cancelRefresh(): void {
    this.cancelScheduled?.()
    this.cancelScheduled = null
  }
}

class Subscription implements DnsSubscription {
  readonly watched: WatchedName
  readonly onOutcome: (outcome: DnsOutcome) => void
  private readonly unsubscribe: (subscription: Subscription) => void

  constructor(
    watched: WatchedName,
    onOutcome: (outcome: DnsOutcome) => void,
    unsubscribe: (subscription: Subscription) => void,
  ) {
    this.watched = watched
    this.onOutcome = onOutcome
    this.unsubscribe = unsubscribe
  }

  get addresses(): readonly string[] {
    return this.watched.addresses
  }

  get hasOutcome(): boolean {
    return this.watched.hasOutcome
  }

  stop(): void {
    this.unsubscribe(this)
  }
}

function delayUntilRefresh(outcome: DnsOutcome): number {
  if (outcome.kind === "failed") return retryAfterFailureMs
  if (!(outcome.ttlMs > 0)) return refreshDefaultMs
  return Math.min(Math.max(outcome.ttlMs, refreshMinMs), refreshMaxMs)
}
