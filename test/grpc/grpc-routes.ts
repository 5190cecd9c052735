/** Configurations with one gRPC service, by plain HTTP/2 on port 80 and by TLS on port 443. */
import type { IssuedCertificate } from "../../src/security/development-pki.ts"
import { GATEWAY_YAML, SERVICE_HOST, serviceYaml, virtualServiceYaml, yamlOf } from "../harness/routes-to.ts"
import { tlsSecretYaml } from "../harness/tls-routes.ts"

export const SERVER_NAME = "grpc.example"

/** A service whose port says that it speaks gRPC, so that the gateway speaks HTTP/2 to it (Istio semantics sheet 7.1). */
export function grpcServiceYaml(ports: readonly number[]): string {
  return serviceYaml(SERVICE_HOST, ports).replace("protocol: HTTP }", "protocol: GRPC }")
}

/** One rule for everything under `grpc.testing.TestService`. @param extra further lines of it */
export function grpcRuleYaml(extra = "retries: { attempts: 0 }"): string {
  return `- match: [{ uri: { prefix: /grpc.testing.TestService/ } }]\n  route: [{ destination: { host: ${SERVICE_HOST} } }]\n  ${extra}`
}

export function grpcRoutesTo(ports: readonly number[], extra?: string): string {
  return yamlOf(GATEWAY_YAML, grpcServiceYaml(ports), virtualServiceYaml("routes", ["*"], grpcRuleYaml(extra)))
}

/** The same, on both ports. */
export function grpcRoutesWithTls(port: number, certificate: IssuedCertificate): string {
  const tls = `
    - port: { number: 443, name: https, protocol: HTTPS }
      hosts: [${SERVER_NAME}]
      tls: { mode: SIMPLE, credentialName: edge }
`
  return yamlOf(
    GATEWAY_YAML.trimEnd() + tls,
    tlsSecretYaml("edge", certificate),
    grpcServiceYaml([port]),
    virtualServiceYaml("routes", ["*"], grpcRuleYaml()),
  )
}
