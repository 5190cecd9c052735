/**
 * Specifications and a pool to test clusters with: everything a test does not say has the default that Istio gives it.
 */
import { trafficPolicyDefault } from "../compile/cluster-policies.ts"
import type { ClusterSpec, EndpointSpec, Snapshot } from "../compile/snapshot.ts"
import type { ClusterDeps } from "./cluster.ts"
import type { Endpoint } from "./endpoint.ts"
import type { EndpointPool } from "./endpoint-pool.ts"
import { ManualScheduler } from "./manual-scheduler.ts"

/** A pool without connections that remembers what it was made for and how often it was told to close its idle ones. */
export class RecordingPool implements EndpointPool {
  readonly idleCount = 0
  readonly connectionCount = 0
  readonly spec: ClusterSpec
  closeIdleCalls = 0

  constructor(spec: ClusterSpec) {
    this.spec = spec
  }

  closeIdle(): void {
    this.closeIdleCalls++
  }
}

export function createRecordingPool(_endpoint: Endpoint<RecordingPool>, spec: ClusterSpec): RecordingPool {
  return new RecordingPool(spec)
}

/** A cluster's surroundings: time that stands still, health checks that are never answered. */
export function exampleDeps(
  seed: number,
  overrides: Partial<ClusterDeps<RecordingPool>> = {},
): ClusterDeps<RecordingPool> {
  return {
    createPool: createRecordingPool,
    scheduler: new ManualScheduler(),
    random: seededRandom(seed),
    probe: () => () => undefined,
    ...overrides,
  }
}

export function exampleEndpoint(address: string, overrides: Partial<EndpointSpec> = {}): EndpointSpec {
  return { address, port: 80, weight: 1, labels: {}, locality: "", priority: 0, localityShare: 0, ...overrides }
}

export function exampleCluster(overrides: Partial<ClusterSpec> = {}): ClusterSpec {
  return {
    ...trafficPolicyDefault,
    index: 0,
    name: "outbound|80||webapp.default.svc.cluster.local",
    host: "webapp.default.svc.cluster.local",
    port: 80,
    subset: "",
    discovery: { kind: "static", endpoints: [] },
    protocol: "http1",
    loadBalancer: "round-robin",
    healthCheck: null,
    destinationRule: null,
    location: null,
    ...overrides,
  }
}

/** A snapshot of these clusters, numbered as they come, and nothing else. */
export function exampleSnapshot(...clusters: readonly ClusterSpec[]): Snapshot {
  return {
    listeners: [],
    clusters: clusters.map((cluster, index) => ({ ...cluster, index })),
    virtualHostCount: 0,
    routeCount: 0,
  }
}

/** Numbers in [0, 1) that are the same in every run (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
