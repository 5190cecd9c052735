/**
 * Three endpoints under load, of which one is killed, one hangs and one resets connections at random, all at once, again and
 * again in changing roles. Retries and outlier detection must keep it from the clients.
 *
 * Every request has the same route, with `retries` for everything. For POST that would ask for double deliveries, in Istio as
 * here; the VirtualService's annotation keeps it to what was never delivered.
 */
import { seededRandom } from "../../src/upstream/cluster-examples.ts"
import { destinationRuleYaml } from "../harness/destination-rule.ts"
import { startGateway } from "../harness/gateway-under-test.ts"
import { RawClient } from "../harness/raw-client.ts"
import { GATEWAY_YAML, SERVICE_HOST, serviceYaml, virtualServiceYaml, yamlOf } from "../harness/routes-to.ts"
import { ChaoticEndpoint } from "./chaotic-endpoint.ts"

export interface ChaosOptions {
  readonly clientCount: number
  readonly seed: number
  /** The roles move on by one endpoint from round to round. */
  readonly roundCount: number
  /** How long the faults of a round last. */
  readonly faultMs: number
  /** Before the first round and between rounds, without faults: long enough for the ejected to come back. */
  readonly quietMs: number
}

export interface ChaosReport {
  readonly safeRequests: number
  readonly safeFailures: number
  readonly unsafeRequests: number
  readonly unsafeFailures: number
  /** POSTs that reached an endpoint more than once. */
  readonly doubleDeliveries: number
  readonly retries: number
  readonly ejections: number
}

const rules = `
- route: [{ destination: { host: ${SERVICE_HOST} } }]
  retries: { attempts: 3, perTryTimeout: 500ms, retryOn: "connect-failure,reset,5xx" }
`.trim()

const annotations = { "portcullis.dev/retry-non-idempotent": "false" }

/** Every fifth request is a POST. */
const postEvery = 5

export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const random = seededRandom(options.seed)
  const deliveries = new Map<string, number>()
  const endpoints = [0, 1, 2].map(() => new ChaoticEndpoint(deliveries, random))
  const outlierDetection = {
    consecutive5xxErrors: 5,
    interval: "500ms",
    baseEjectionTime: "1s",
    maxEjectionPercent: 100,
  }
  const ports = endpoints.map(({ port }) => port)
  await using gateway = await startGateway(
    yamlOf(
      GATEWAY_YAML,
      serviceYaml(SERVICE_HOST, ports),
      virtualServiceYaml("routes", ["*"], rules, annotations),
      destinationRuleYaml({ outlierDetection, connectionPool: { tcp: { connectTimeout: "500ms" } } }),
    ),
    { accessLog: false },
  )
  const load = new Load(gateway.port(80))
  const clients = Array.from({ length: options.clientCount }, (_, client) => load.run(client))
  await inflictFaults(endpoints, options)
  load.isOver = true
  await Promise.all(clients)
  for (const endpoint of endpoints) endpoint.kill()
  const [cluster] = gateway.gateway.clusters
  return {
    ...load.counts,
    doubleDeliveries: [...deliveries].filter(([line, count]) => line.startsWith("POST") && count > 1).length,
    retries: cluster?.stats.upstreamRqRetry ?? 0,
    ejections: cluster?.stats.outlierDetectionEjectionsEnforcedTotal ?? 0,
  }
}

async function inflictFaults(endpoints: readonly ChaoticEndpoint[], options: ChaosOptions): Promise<void> {
  for (let round = 0; round < options.roundCount; round++) {
    for (const endpoint of endpoints) endpoint.revive()
    await Bun.sleep(options.quietMs)
    for (const [index, endpoint] of endpoints.entries()) {
      const role = (index + round) % endpoints.length
      if (role === 0) endpoint.kill()
      else endpoint.mood = role === 1 ? "hanging" : "resetting"
    }
    await Bun.sleep(options.faultMs)
  }
}

class Load {
  readonly counts = { safeRequests: 0, safeFailures: 0, unsafeRequests: 0, unsafeFailures: 0 }
  isOver = false
  readonly #port: number

  constructor(port: number) {
    this.#port = port
  }

  /** One client, one request at a time. */
  async run(client: number): Promise<void> {
    let connection = await RawClient.connect(this.#port)
    for (let number = 0; !this.isOver; number++) {
      const isPost = number % postEvery === 0
      const line = `${isPost ? "POST" : "GET"} /${client}/${number} HTTP/1.1`
      const length = isPost ? "Content-Length: 0\r\n" : ""
      const { status } = await connection.exchange(`${line}\r\nHost: a.example\r\n${length}\r\n`)
      this.#count(isPost, status)
      if (!connection.hasEnded && !connection.isClosed) continue
      connection.close()
      connection = await RawClient.connect(this.#port)
    }
    connection.close()
  }

  #count(isPost: boolean, status: number): void {
    const { counts } = this
    if (isPost) {
      counts.unsafeRequests++
      if (status !== 200) counts.unsafeFailures++
    } else {
      counts.safeRequests++
      if (status !== 200) counts.safeFailures++
    }
  }
}
