/**
 * A TCP service whose connections a test holds in its hand, and the configuration that forwards to such services.
 *
 * ```ts
 * await using service = TcpService.start()
 * await using gateway = await startGateway(tcpRoutesTo(service.port))
 * ```
 */
import { RawService } from "./raw-service.ts"
import { RawSocket } from "./raw-socket.ts"
import { yamlOf } from "./routes-to.ts"

export class TcpService extends RawService<RawSocket> {
  readonly #onConnection: (connection: RawSocket) => void

  /** @param onConnection before anything is received */
  static start(onConnection: (connection: RawSocket) => void = () => {}): TcpService {
    return new TcpService(onConnection)
  }

  private constructor(onConnection: (connection: RawSocket) => void) {
    super(false)
    this.#onConnection = onConnection
  }

  protected override createConnection(): RawSocket {
    return new RawSocket()
  }

  protected override onConnection(connection: RawSocket): void {
    this.#onConnection(connection)
  }
}

/** The Gateway's port that is forwarded. */
export const TCP_PORT = 3306

export const TCP_SERVICE_HOST = "database.example"

/** A Gateway with one TCP server. @param annotations YAML, flow style */
export function tcpGatewayYaml(annotations = "{}", protocol = "TCP"): string {
  return `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: edge, annotations: ${annotations} }
spec:
  servers:
    - port: { number: ${TCP_PORT}, name: database, protocol: ${protocol} }
      hosts: ["*"]
`
}

/** A service with these loopback ports. */
export function tcpServiceYaml(host: string, ports: readonly number[]): string {
  const endpoints = ports.map((port) => `{ address: 127.0.0.1, ports: { tcp: ${port} } }`)
  return `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: ${host.replaceAll(".", "-")} }
spec:
  hosts: [${host}]
  resolution: STATIC
  ports: [{ number: ${TCP_PORT}, name: tcp, protocol: TCP }]
  endpoints: [${endpoints.join(", ")}]
`
}

/** A VirtualService with one `tcp` rule. @param route YAML of the rule's destinations, flow style */
export function tcpVirtualServiceYaml(route = `[{ destination: { host: ${TCP_SERVICE_HOST} } }]`): string {
  return `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: database }
spec:
  hosts: ["*"]
  gateways: [edge]
  tcp:
    - route: ${route}
`
}

/** Every connection to port 3306 goes to these loopback ports. */
export function tcpRoutesTo(ports: number | readonly number[], annotations = "{}"): string {
  const list = typeof ports === "number" ? [ports] : ports
  return yamlOf(tcpGatewayYaml(annotations), tcpServiceYaml(TCP_SERVICE_HOST, list), tcpVirtualServiceYaml())
}
