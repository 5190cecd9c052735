/** The one place where a connection that will speak HTTP gets its codec. */
import { H1ServerConnection } from "../http/h1/server-connection.ts"
import { Http2ServerConnection } from "../http/h2/server-connection.ts"
import type { DownstreamConnection } from "./downstream-connection.ts"
import { type HttpHost, UndecidedConnection } from "./undecided-connection.ts"

type OpenConnection = (host: HttpHost, serverName: string) => DownstreamConnection

const openUndecided: OpenConnection = (host, serverName) => new UndecidedConnection(host, serverName)

/** By the ALPN protocol that names it. */
const codecs: ReadonlyMap<string, OpenConnection> = new Map<string, OpenConnection>([
  ["http/1.1", (host, serverName) => new H1ServerConnection(host, serverName)],
  ["h2", (host, serverName) => new Http2ServerConnection(host, serverName)],
])

/**
 * @param serverName SNI; "" without TLS
 * @param alpnProtocol as TLS agreed on it; "" = none, or no TLS: then the first bytes tell (Istio semantics sheet 1.9)
 */
export function openHttpConnection(host: HttpHost, serverName: string, alpnProtocol: string): DownstreamConnection {
  return (codecs.get(alpnProtocol) ?? openUndecided)(host, serverName)
}
