/** Writes Istio configuration of any size for the bench: one Gateway, one service with a known address, N VirtualServices. */

export interface GatewayPlan {
  /** The Gateway's port. */
  readonly port: number
  /** The service's only endpoint is 127.0.0.1 at this port. */
  readonly upstreamPort: number
  /** One VirtualService of two rules each. */
  readonly hosts: readonly string[]
  /** `tls` of an HTTPS server, YAML in flow style; absent = plain HTTP. */
  readonly tls?: string
  /** A rule in front of the two, YAML as an item of `http`; absent = none. */
  readonly firstRule?: string
}

/** Everything a rule can cost at once: three header matches, a rewrite, header operations, a timeout, the default retries. */
export const richRule = `    - name: rich
      match:
        - uri:
            prefix: /api/v1/
          headers:
            sec-fetch-mode:
              exact: cors
            cache-control:
              exact: no-cache
            accept-language:
              prefix: en
      rewrite:
        uri: /api/v2/
      timeout: 15s
      headers:
        request:
          set:
            x-tenant: bench
          add:
            x-zone: edge
          remove:
            - priority
        response:
          set:
            x-served-by: portcullis
          remove:
            - x-powered-by
      route:
        - destination:
            host: upstream.bench.internal
            port:
              number: 80
`

/** The YAML documents: per host, `/api/` goes to the upstream and everything else is a 404 of the gateway's own. */
export function virtualServiceDocuments({ port, upstreamPort, hosts, tls, firstRule = "" }: GatewayPlan): string {
  return [
    gateway(port, tls),
    upstream(upstreamPort),
    ...hosts.map((host, index) => virtualService(host, index, firstRule)),
  ].join("---\n")
}

function gateway(port: number, tls: string | undefined): string {
  return `apiVersion: networking.istio.io/v1
kind: Gateway
metadata:
  name: edge
spec:
  servers:
    - port:
        number: ${port}
        name: http
        protocol: ${tls === undefined ? "HTTP" : "HTTPS"}
      hosts:
        - "*"
${tls === undefined ? "" : `      tls: ${tls}\n`}`
}

function upstream(upstreamPort: number): string {
  return `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata:
  name: upstream
spec:
  hosts:
    - upstream.bench.internal
  resolution: STATIC
  ports:
    - number: 80
      name: http
      protocol: HTTP
      targetPort: ${upstreamPort}
  endpoints:
    - address: 127.0.0.1
`
}

function virtualService(host: string, index: number, firstRule: string): string {
  return `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: host-${index}
spec:
  hosts:
    - ${host}
  gateways:
    - edge
  http:
${firstRule}    - name: api
      match:
        - uri:
            prefix: /api/
      route:
        - destination:
            host: upstream.bench.internal
            port:
              number: 80
    - name: otherwise
      directResponse:
        status: 404
`
}
