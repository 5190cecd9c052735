/** The one place where a connection that will speak HTTP gets its codec. */
import type { DownstreamConnection } from "./downstream-connection.ts"
import { MeteredHttp1Connection, MeteredHttp2Connection } from "./metered-connections.ts"
import { type HttpHost, UndecidedConnection } from "./undecided-connection.ts"

type OpenConnection = (host: HttpHost, serverName: string) => DownstreamConnection

const openUndecided: OpenConnection = (host, serverName) => new UndecidedConnection(host, serverName)

/** By the ALPN protocol that names it. */
const codecs: ReadonlyMap<string, OpenConnection> = new Map<string, OpenConnection>([
  ["http/1.1", (host, serverName) => new MeteredHttp1Connection(host, serverName)],
  ["h2", (host, serverName) => new MeteredHttp2Connection(host, serverName)],
])

/**
 * @param serverName SNI; "" without TLS
 * @param alpnProtocol as TLS agreed on it; "" = none, or no TLS: then the first bytes tell (Istio semantics sheet 1.9)
 */
export function openHttpConnection(host: HttpHost, serverName: string, alpnProtocol: string): DownstreamConnection {
  return (codecs.get(alpnProtocol) ?? openUndecided)(host, serverName)
}
