/** Configurations with one service that speaks HTTP/2 (Istio semantics sheet 7.1: the port's protocol says so). */
import { type GatewayUnderTest, startGateway } from "../harness/gateway-under-test.ts"
import { GATEWAY_YAML, SERVICE_HOST, serviceYaml, virtualServiceYaml, yamlOf } from "../harness/routes-to.ts"
import type { FrameUpstream } from "./frame-upstream.ts"

export const GET = "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"
export const POST = "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 4\r\n\r\nbody"

/** One service that speaks HTTP/2. @param extra further lines of the rule */
export function http2RoutesTo(port: number, extra = "", destinationRule = ""): string {
  const service = serviceYaml(SERVICE_HOST, [port]).replace("protocol: HTTP }", "protocol: HTTP2 }")
  const rule = `- route: [{ destination: { host: ${SERVICE_HOST} } }]\n  ${extra}`
  const documents = [GATEWAY_YAML, service, virtualServiceYaml("routes", ["*"], rule)]
  return yamlOf(...documents, ...(destinationRule === "" ? [] : [destinationRule]))
}

export function connectionPool(settings: string): string {
  return `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: pool }
spec:
  host: ${SERVICE_HOST}
  trafficPolicy: { connectionPool: ${settings} }
`
}

export const NO_RETRIES = "retries: { attempts: 0 }"

export async function gatewayTo(upstream: FrameUpstream, extra = NO_RETRIES): Promise<GatewayUnderTest> {
  return await startGateway(http2RoutesTo(upstream.port, extra))
}
