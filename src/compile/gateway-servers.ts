/**
 * The servers of all Gateways, merged per (bind, port) as Istio merges them: the first taker of a port fixes its kind,
 * what does not fit is left out and reported (Istio semantics sheet 1.2, 1.3).
 * Source: Istio `pilot/pkg/model/gateway.go` (`mergeGateways`).
 */
import type { GatewayResource } from "../config/resources.ts"
import type { Server } from "./api-types.ts"
import type { FieldPath, Report } from "./report.ts"

/** `http` and `tcp` are plaintext; `tls` is HTTPS or TLS, terminated or passed through. */
export type ServerKind = "http" | "tcp" | "tls"

/** One entry of `servers[].hosts`, taken apart. */
export interface ServerHost {
  /** Lower-cased, without the namespace. */
  readonly host: string
  /** Only VirtualServices of this namespace; null = any. */
  readonly namespace: string | null
  readonly hostIndex: number
}

export interface GatewayServer {
  readonly gateway: GatewayResource
  readonly server: Server
  readonly serverIndex: number
  readonly kind: ServerKind
  readonly hosts: readonly ServerHost[]
}

/** What will be one listener: servers that share an address and a port. */
export interface ServerGroup {
  /** `bind` as listeners are named by; null = every address. */
  readonly bind: string | null
  /** Of the first server. */
  readonly declaredPort: number
  /** After the port map; 0 = any free one. */
  readonly boundPort: number
  /** In merging order, rejected ones left out. */
  readonly servers: readonly GatewayServer[]
}

interface OpenGroup extends ServerGroup {
  readonly servers: GatewayServer[]
  /** The plaintext kind that has taken the port, if any: nothing of another kind may follow. */
  plaintext: "http" | "tcp" | null
  /** Hosts of TLS servers, each to its first taker. */
  readonly tlsHosts: Map<string, GatewayServer>
}

/**
 * @param gateways in creation order.
 * @param portMap  the Gateway's port number to the port really bound.
 */
export function mergeServers(
  gateways: readonly GatewayResource[],
  portMap: ReadonlyMap<number, number>,
  report: Report,
): readonly ServerGroup[] {
  const groups = new Map<string, OpenGroup>()
  for (const gateway of gateways) {
    for (const [serverIndex, server] of (gateway.spec.servers ?? []).entries()) {
      const merged: GatewayServer = {
        gateway,
        server,
        serverIndex,
        kind: serverKind(server.port.protocol),
        hosts: parseServerHosts(server.hosts, gateway.metadata.namespace),
      }
      admit(merged, groupOf(groups, server, portMap), report)
    }
  }
  return [...groups.values()].filter((group) => group.servers.length > 0)
}

function groupOf(groups: Map<string, OpenGroup>, server: Server, portMap: ReadonlyMap<number, number>): OpenGroup {
  const bind = normalizeBind(server.bind)
  const declaredPort = server.port.number
  const boundPort = portMap.get(declaredPort) ?? declaredPort
  // Two ports that each ask for "any free port" are two ports.
  const key = `${bind ?? ""} ${boundPort === 0 ? `free-${declaredPort}` : boundPort}`
  const existing = groups.get(key)
  if (existing !== undefined) return existing
  const group: OpenGroup = {
    bind,
    declaredPort,
    boundPort,
    servers: [],
    plaintext: null,
    tlsHosts: new Map(),
  }
  groups.set(key, group)
  return group
}

function admit(merged: GatewayServer, group: OpenGroup, report: Report): void {
  const first = group.servers[0]
  if (group.plaintext !== null && first !== undefined && (group.plaintext === "tcp" || merged.kind !== "http")) {
    const taker = group.servers.find((other) => other.kind === group.plaintext) ?? first
    report.add({
      severity: "error",
      code: "P3003",
      resource: merged.gateway,
      path: serverPath(merged, "port"),
      message:
        `${describePort(merged)} conflicts with server ${taker.serverIndex} of Gateway ` +
        `${taker.gateway.metadata.namespace}/${taker.gateway.metadata.name}, which took the port for ` +
        `${taker.server.port.protocol.toUpperCase()} first: this server is left out`,
      hint: "use another port number, or another bind address",
    })
    return
  }
  if (merged.kind === "tls" && !admitTls(merged, group, report)) return
  if (merged.kind !== "tls") group.plaintext = merged.kind
  group.servers.push(merged)
}

/** TLS servers are told apart by SNI, so no host may be taken twice (the same text, not an overlap). */
function admitTls(merged: GatewayServer, group: OpenGroup, report: Report): boolean {
  for (const { host, namespace, hostIndex } of merged.hosts) {
    const taker = group.tlsHosts.get(`${namespace ?? "*"}/${host}`)
    if (taker === undefined) continue
    report.add({
      severity: "error",
      code: "P3004",
      resource: merged.gateway,
      path: [...serverPath(merged, "hosts"), hostIndex],
      message:
        `host "${host}" on ${describePort(merged)} is already taken by server ${taker.serverIndex} of Gateway ` +
        `${taker.gateway.metadata.namespace}/${taker.gateway.metadata.name}: this server is left out`,
    })
    return false
  }
  for (const { host, namespace } of merged.hosts) group.tlsHosts.set(`${namespace ?? "*"}/${host}`, merged)
  return true
}

function serverKind(protocol: string): ServerKind {
  switch (protocol.toUpperCase()) {
    case "HTTP":
    case "HTTP2":
    case "GRPC":
    case "GRPC-WEB":
      return "http"
    case "HTTPS":
    case "TLS":
      return "tls"
    default:
      return "tcp"
  }
}

function parseServerHosts(hosts: readonly string[], gatewayNamespace: string): readonly ServerHost[] {
  return hosts.map((text, hostIndex) => {
    const slash = text.indexOf("/")
    const written = slash < 0 ? "*" : text.slice(0, slash)
    const namespace = written === "*" ? null : written === "." ? gatewayNamespace : written
    return { host: text.slice(slash + 1).toLowerCase(), namespace, hostIndex }
  })
}

/** `unix:///run/x` and `unix://@name` become `unix:/run/x` and `unix:@name`; "" is a silent bind. */
function normalizeBind(bind: string | undefined): string | null {
  if (bind === undefined || bind === "") return null
  return bind.startsWith("unix://") ? `unix:${bind.slice("unix://".length)}` : bind
}

function serverPath(merged: GatewayServer, ...rest: readonly string[]): FieldPath {
  return ["spec", "servers", merged.serverIndex, ...rest]
}

function describePort(merged: GatewayServer): string {
  return `${merged.server.port.protocol.toUpperCase()} server on port ${merged.server.port.number}`
}
