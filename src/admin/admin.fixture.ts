/** A running gateway for tests of the admin interface: a small configuration, and a note of what was asked of it. */
import { trafficPolicyDefault } from "../compile/cluster-policies.ts"
import type { Route, Snapshot, VirtualHost } from "../compile/snapshot.ts"
import { buildHostTable } from "../route/host-table.ts"
import { buildPathTable } from "../route/path-table.ts"
import { Counters } from "../telemetry/counters.ts"
import { DestinationConnections } from "../telemetry/destination-connections.ts"
import { DestinationRequests } from "../telemetry/destination-requests.ts"
import { ListenerStats } from "../telemetry/listener-stats.ts"
import { createLog } from "../telemetry/log.ts"
import type { ClusterView, ReloadOutcome, RunningGateway, ServerState, TlsServerView } from "./running-gateway.ts"

const location = { file: "routes.yaml", line: 7, column: 5 }

export const sampleClusters: readonly ClusterView[] = [
  {
    spec: {
      ...trafficPolicyDefault,
      index: 0,
      name: "outbound|80||shop.default.svc.cluster.local",
      host: "shop.default.svc.cluster.local",
      port: 80,
      subset: "",
      discovery: { kind: "static", endpoints: [] },
      protocol: "http1",
      healthCheck: null,
      idleTimeoutMs: 60_000,
      destinationRule: null,
      location: null,
    },
    endpoints: [
      {
        address: "10.0.0.7",
        port: 8080,
        hostText: "10.0.0.7:8080",
        weight: 1,
        activeRequests: 2,
        requestsTotal: 30,
        requestErrors: 4,
        connectionsTotal: 5,
        connectFailures: 1,
        isDraining: false,
        health: { isHealthy: true, isEjected: false, flags: "healthy" },
        pool: { connectionCount: 3 },
      },
    ],
    requests: new DestinationRequests(),
    connections: new DestinationConnections(),
    stats: {
      snapshotStats: () => [
        { name: "membership_healthy", kind: "gauge", value: 1 },
        { name: "upstream_cx_connect_fail", kind: "counter", value: 1 },
        { name: "upstream_rq_total", kind: "counter", value: 30 },
      ],
    },
  },
]

function route(index: number, path: Route["match"]["path"], action: Route["action"]): Route {
  const virtualService = { namespace: "default", name: "shop" }
  const match = { path, predicates: [] }
  return { index, name: "", virtualService, location, match, action, requestEdits: null, responseEdits: null }
}

export function sampleSnapshot(listenerName = "0.0.0.0_8080"): Snapshot {
  const routes = [
    route(
      0,
      { kind: "prefix", value: "/api", ignoreCase: false },
      {
        kind: "forward",
        destinations: {
          entries: [
            {
              clusterName: "outbound|80||shop.default.svc.cluster.local",
              clusterIndex: 0,
              weight: 1,
              requestEdits: null,
              responseEdits: null,
              hostRewrite: null,
            },
          ],
          totalWeight: 1,
        },
        pathRewrite: null,
        hostRewrite: null,
        timeoutMs: 0,
        retry: null,
        fault: null,
        mirrors: [],
        cors: null,
      },
    ),
    route(1, { kind: "any" }, { kind: "direct-response", status: 200, body: new Uint8Array() }),
  ]
  const shop: VirtualHost = {
    name: "shop.example:80",
    domains: ["shop.example", "www.shop.example", "m.shop.example"],
    requireTls: false,
    routes,
    paths: buildPathTable(routes),
  }
  const local: VirtualHost = { ...shop, name: "localhost:80", domains: ["localhost"] }
  const virtualHosts = [local, shop]
  const hosts = buildHostTable(virtualHosts.map((host) => ({ domains: host.domains, value: host })))
  return {
    listeners: [
      {
        name: listenerName,
        bindAddress: null,
        declaredPort: 80,
        boundPort: 8080,
        proxyProtocolFrom: null,
        filterChains: [
          {
            kind: "http",
            translatesGrpcWeb: false,
            serverNames: [],
            gateways: [{ namespace: "default", name: "edge" }],
            location,
            tls: null,
            routes: { name: "http.8080", virtualHosts, hosts },
          },
        ],
      },
    ],
    clusters: sampleClusters.map((cluster) => cluster.spec),
    virtualHostCount: virtualHosts.length,
    routeCount: 4,
  }
}

export const sampleTlsServers: readonly TlsServerView[] = [
  {
    listener: "0.0.0.0_8443",
    gateway: "edge.default",
    serverNames: ["shop.example"],
    mode: "mutual",
    isServing: true,
    problem: "",
    certificates: [
      {
        origin: "certs/shop-cert",
        use: "server",
        subject: "CN=shop.example",
        subjectAltNames: ["shop.example"],
        serialNumber: "0a1b",
        validFromUnixMs: Date.UTC(2026, 0, 1),
        validToUnixMs: Date.UTC(2027, 0, 1),
        certificatePem: "shop's certificate\n",
      },
    ],
  },
  {
    listener: "0.0.0.0_8443",
    gateway: "edge.default",
    serverNames: [],
    mode: "simple",
    isServing: false,
    problem: 'there is no secret "lost"',
    certificates: [],
  },
]

function sampleListenerStats(): ListenerStats {
  const stats = new ListenerStats()
  stats.connectionsTotal = 7
  stats.connectionsActive = 2
  for (const status of [200, 200, 404, 503, 0]) {
    stats.startRequest()
    stats.finishRequest(status)
  }
  return stats
}

export class FakeGateway implements RunningGateway {
  readonly version = "1.2.3"
  readonly startedAtUnixMs = Date.now()
  state: ServerState = "LIVE"
  isReady = true
  readonly commandLineOptions = { file: "routes.yaml" }
  readonly snapshot = sampleSnapshot()
  readonly boundListeners = [
    { name: "0.0.0.0_8080", address: "0.0.0.0", port: 8080 },
    { name: "::_8080", address: "::", port: 8080 },
  ]
  readonly listenerStats = [{ name: "0.0.0.0_8080", stats: sampleListenerStats() }]
  readonly clusters = sampleClusters
  readonly tlsServers: readonly TlsServerView[] = sampleTlsServers
  readonly counters = new Counters()
  readonly log = createLog({ level: "info", format: "text", write: () => {} })
  lastReload: ReloadOutcome | null = null
  reloadOutcome: ReloadOutcome = { atUnixMs: 1_767_323_045_678, ok: true, isInForce: true, problems: "" }
  readonly calls: string[] = []
  readonly quitCalled = Promise.withResolvers<void>()

  async reload(): Promise<ReloadOutcome> {
    this.calls.push("reload")
    this.lastReload = this.reloadOutcome
    return this.reloadOutcome
  }

  failHealthcheck(): void {
    this.calls.push("failHealthcheck")
  }

  passHealthcheck(): void {
    this.calls.push("passHealthcheck")
  }

  quit(): void {
    this.calls.push("quit")
    this.quitCalled.resolve()
  }
}
