/**
 * The services that conformance cases route to, as real sockets and as the ServiceEntries that describe them:
 *
 *   one two three mirror   answer, and keep what they got
 *   gone                   refuses connections
 *   empty                  has no endpoint
 *   pair                   two endpoints: one that refuses, and `one`
 *   versions               subsets v1 (`one`), v2 (`two`), v3 (no endpoint)
 *   ports                  port 80 is `one`, port 8081 is `two`
 *   plain                  `one` behind ports that do not say they speak HTTP/1.1: 443 (https), 81 (tcp)
 */
import { serviceYaml, yamlOf } from "../harness/routes-to.ts"
import { ScriptedUpstream, type UpstreamExchange } from "../harness/scripted-upstream.ts"
import { type Answer, answerWith, SERVICES, type Service } from "./conformance-case.ts"

/** One service, with the answers that the running exchange wants of it. */
export class FixtureService implements AsyncDisposable {
  readonly name: Service
  readonly upstream: ScriptedUpstream
  readonly #answers: Answer[] = []

  constructor(name: Service) {
    this.name = name
    this.upstream = ScriptedUpstream.start((exchange) => this.#answer(exchange))
  }

  /** Forgets what was, and will answer this to the next requests. */
  prepare(answers: readonly Answer[]): void {
    this.upstream.requests.length = 0
    this.#answers.splice(0, Number.POSITIVE_INFINITY, ...answers)
  }

  #answer({ connection, request }: UpstreamExchange): void {
    const { bytes, thenCloses } = this.#answers.shift() ?? answerWith(200, request.method === "HEAD" ? "" : this.name)
    connection.send(bytes)
    if (thenCloses) connection.halfClose()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.upstream[Symbol.asyncDispose]()
  }
}

export class Fixture implements AsyncDisposable {
  readonly services: ReadonlyMap<Service, FixtureService> = new Map(
    SERVICES.map((name) => [name, new FixtureService(name)]),
  )

  port(name: Service): number {
    return this.service(name).upstream.port
  }

  service(name: Service): FixtureService {
    const service = this.services.get(name)
    if (service === undefined) throw new Error(`no service ${name}`)
    return service
  }

  /** Gateway, ServiceEntries and DestinationRule, as documents. */
  get yaml(): string {
    const refusing = refusingPort()
    const [one, two] = [this.port("one"), this.port("two")]
    return yamlOf(
      GATEWAY,
      ...SERVICES.map((name) => serviceYaml(`${name}.test`, [this.port(name)])),
      serviceYaml("gone.test", [refusing]),
      serviceYaml("empty.test", []),
      serviceYaml("pair.test", [refusing, one]),
      `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: ports }
spec:
  hosts: [ports.test]
  resolution: STATIC
  ports: [{ number: 80, name: http, protocol: HTTP }, { number: 8081, name: http-admin, protocol: HTTP }]
  endpoints: [{ address: 127.0.0.1, ports: { http: ${one}, http-admin: ${two} } }]`,
      `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: plain }
spec:
  hosts: [plain.test]
  resolution: STATIC
  ports: [{ number: 443, name: https, protocol: HTTPS }, { number: 81, name: other, protocol: TCP }]
  endpoints: [{ address: 127.0.0.1, ports: { https: ${one}, other: ${one} } }]`,
      `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: versions }
spec:
  hosts: [versions.test]
  resolution: STATIC
  ports: [{ number: 80, name: http, protocol: HTTP }]
  endpoints:
    - { address: 127.0.0.1, ports: { http: ${one} }, labels: { version: v1 } }
    - { address: 127.0.0.1, ports: { http: ${two} }, labels: { version: v2 } }`,
      `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: versions }
spec:
  host: versions.test
  subsets: [{ name: v1, labels: { version: v1 } }, { name: v2, labels: { version: v2 } }, { name: v3, labels: { version: v3 } }]`,
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const service of this.services.values()) await service[Symbol.asyncDispose]()
  }
}

/** Port 8080 is there for what depends on the Gateway's port number. */
const GATEWAY = `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: edge }
spec:
  servers:
    - port: { number: 80, name: http, protocol: HTTP }
      hosts: ["*"]
    - port: { number: 8080, name: http-8080, protocol: HTTP }
      hosts: ["*"]
`

/** A loopback port where nobody listens: one that was free a moment ago. */
export function refusingPort(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } })
  const { port } = listener
  listener.stop(true)
  return port
}
