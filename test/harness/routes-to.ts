/**
 * The configurations that most tests need: one Gateway on port 80, a ServiceEntry per upstream on the loopback address,
 * and VirtualServices to them. Written as Istio users write them; a test that needs more writes its own YAML.
 */

export const GATEWAY_YAML = `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: edge }
spec:
  servers:
    - port: { number: 80, name: http, protocol: HTTP }
      hosts: ["*"]
`

/** @param rules YAML of `spec.http`: a list, at any indentation of its own */
export function virtualServiceYaml(
  name: string,
  hosts: readonly string[],
  rules: string,
  annotations: Readonly<Record<string, string>> = {},
): string {
  return `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${name}, annotations: ${JSON.stringify(annotations)} }
spec:
  hosts: ${JSON.stringify(hosts)}
  gateways: [edge]
  http:
${indent(rules)}
`
}

/** A service with these loopback ports as its endpoints. An empty list is a service without endpoints. */
export function serviceYaml(host: string, ports: readonly number[]): string {
  const endpoints = ports.map((port) => `{ address: 127.0.0.1, ports: { http: ${port} } }`)
  return `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: ${host.replaceAll(".", "-")} }
spec:
  hosts: [${host}]
  resolution: STATIC
  ports: [{ number: 80, name: http, protocol: HTTP }]
  endpoints: [${endpoints.join(", ")}]
`
}

/** Documents as one text. */
export function yamlOf(...documents: readonly string[]): string {
  return documents.join("\n---\n")
}

/** The host of the service that `routesTo` makes. */
export const SERVICE_HOST = "service.example"

/**
 * Every request of every host to one service on a loopback port.
 * @param extra further lines of the one rule, for example `timeout: 1s`
 */
export function routesTo(port: number, extra = ""): string {
  return rulesTo(port, `- route: [{ destination: { host: ${SERVICE_HOST} } }]\n${indent(extra)}`)
}

/** These rules for every host, with `service.example` on a loopback port. */
export function rulesTo(port: number, rules: string): string {
  return yamlOf(GATEWAY_YAML, serviceYaml(SERVICE_HOST, [port]), virtualServiceYaml("routes", ["*"], rules))
}

function indent(text: string): string {
  return text.replace(/^(?=.)/gm, "  ")
}
