/** Configurations with TLS servers on port 443, and the Secrets they are served with. */
import type { IssuedCertificate } from "../../src/security/development-pki.ts"
import { SERVICE_HOST, serviceYaml, virtualServiceYaml, yamlOf } from "./routes-to.ts"

export interface TlsServerExample {
  readonly hosts: readonly string[]
  /** YAML of `tls`, flow style. */
  readonly tls: string
  /** Default: HTTPS. */
  readonly protocol?: string
  readonly name?: string
}

/** One Gateway, `edge`, with these servers on one port. @param annotations YAML, flow style */
export function tlsGatewayYaml(servers: readonly TlsServerExample[], annotations = "{}", port = 443): string {
  const lines = servers.map(
    ({ hosts, tls, protocol = "HTTPS", name }, index) => `
    - port: { number: ${port}, name: ${name ?? `server-${index}`}, protocol: ${protocol} }
      hosts: ${JSON.stringify(hosts)}
      tls: ${tls}`,
  )
  return `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: edge, annotations: ${annotations} }
spec:
  servers:${lines.join("")}
`
}

/** A Secret of these keys. */
export function secretYaml(name: string, data: Readonly<Record<string, string>>, namespace = "default"): string {
  const lines = Object.entries(data).map(([key, value]) => `  ${JSON.stringify(key)}: ${JSON.stringify(value)}`)
  return `
apiVersion: v1
kind: Secret
metadata: { name: ${name}, namespace: ${namespace} }
stringData:
${lines.join("\n")}
`
}

/** As kubernetes.io/tls, with the authority that client certificates are verified against where one is given. */
export function tlsSecretYaml(name: string, issued: IssuedCertificate, authorityPem = "", listsPem = ""): string {
  return secretYaml(name, {
    "tls.crt": issued.certificatePem,
    "tls.key": issued.privateKeyPem,
    ...(authorityPem === "" ? {} : { "ca.crt": authorityPem }),
    ...(listsPem === "" ? {} : { "ca.crl": listsPem }),
  })
}

/** Every HTTPS request of one host to a service on a loopback port. */
export function tlsRoutesTo(host: string, issued: IssuedCertificate, port: number): string {
  return yamlOf(
    tlsGatewayYaml([{ hosts: [host], tls: "{ mode: SIMPLE, credentialName: a }" }]),
    tlsSecretYaml("a", issued),
    serviceYaml(SERVICE_HOST, [port]),
    virtualServiceYaml("all", ["*"], `- route: [{ destination: { host: ${SERVICE_HOST} } }]`),
  )
}

/** A VirtualService whose only answer is its own name: what shows which virtual host a request reached. */
export function answeringYaml(name: string, hosts: readonly string[]): string {
  return `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${name} }
spec:
  hosts: ${JSON.stringify(hosts)}
  gateways: [edge]
  http:
    - directResponse: { status: 200, body: { string: ${name} } }
`
}
