/** The one place where a connection that will speak HTTP gets its codec. */
import { H1ServerConnection, type ServerConnectionHost } from "../http/h1/server-connection.ts"
import type { DownstreamConnection } from "./downstream-connection.ts"

type OpenConnection = (host: ServerConnectionHost, serverName: string) => DownstreamConnection

const openHttp1: OpenConnection = (host, serverName) => new H1ServerConnection(host, serverName)

/** By the ALPN protocol that names it. */
const codecs: ReadonlyMap<string, OpenConnection> = new Map([["http/1.1", openHttp1]])

/**
 * @param serverName SNI; "" without TLS
 * @param alpnProtocol as TLS agreed on it; "" = none, or no TLS: then it is HTTP/1.1
 */
export function openHttpConnection(
  host: ServerConnectionHost,
  serverName: string,
  alpnProtocol: string,
): DownstreamConnection {
  return (codecs.get(alpnProtocol) ?? openHttp1)(host, serverName)
}
