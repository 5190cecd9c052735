/**
 * Where gRPC-Web is translated to gRPC: on ports of protocol GRPC-WEB, as in Istio (semantics sheet 1.1), and, because an
 * HTTPS server has no such protocol, on all servers of a Gateway with the annotation
 *
 *   portcullis.dev/grpc-web: "true"
 */
import type { GatewayServer } from "./gateway-servers.ts"
import type { Report } from "./report.ts"

export const grpcWebAnnotation = "portcullis.dev/grpc-web"

/** @param servers of one filter chain: what one of them asks for they all get, for they share their connections */
export function translatesGrpcWeb(servers: readonly GatewayServer[], report: Report): boolean {
  let isOn = false
  for (const { server, gateway } of servers) {
    const text = gateway.metadata.annotations[grpcWebAnnotation] ?? "false"
    if (text === "true" || server.port.protocol.toUpperCase() === "GRPC-WEB") isOn = true
    if (text === "true" || text === "false") continue
    report.add({
      severity: "error",
      code: "P3025",
      resource: gateway,
      path: ["metadata", "annotations", grpcWebAnnotation],
      message: `\`${grpcWebAnnotation}\` is neither "true" nor "false"`,
    })
  }
  return isOn
}
