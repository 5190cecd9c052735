/** Plain TCP through the gateway (Istio semantics sheet 8.1): bytes, ends, failures, limits, and what is told of them. */
import { describe, expect, test } from "bun:test"
import { destinationRuleYaml } from "../harness/destination-rule.ts"
import { type GatewayUnderTest, startGateway } from "../harness/gateway-under-test.ts"
import { RawClient } from "../harness/raw-client.ts"
import { yamlOf } from "../harness/routes-to.ts"
import {
  TCP_PORT,
  TCP_SERVICE_HOST,
  TcpService,
  tcpGatewayYaml,
  tcpRoutesTo,
  tcpServiceYaml,
  tcpVirtualServiceYaml,
} from "../harness/tcp-service.ts"
import { waitUntil, waitUntilStill } from "../harness/wait-until.ts"

const CLUSTER = `outbound|${TCP_PORT}||${TCP_SERVICE_HOST}`

function connect(gateway: GatewayUnderTest): Promise<RawClient> {
  return RawClient.connect(gateway.port(TCP_PORT))
}

function withTcpPolicy(yaml: string, trafficPolicy: object): string {
  return yamlOf(yaml, destinationRuleYaml(trafficPolicy, TCP_SERVICE_HOST))
}

/** A port that nobody listens on. */
function closedPort(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } })
  const { port } = listener
  listener.stop(true)
  return port
}

function clusterOf(gateway: GatewayUnderTest) {
  const [cluster] = gateway.gateway.clusters
  if (cluster === undefined) throw new Error("there is no cluster")
  return cluster
}

describe("bytes", () => {
  test("go both ways untouched, and a service may speak first", async () => {
    await using service = TcpService.start((connection) => connection.send("220 hello\r\n"))
    await using gateway = await startGateway(tcpRoutesTo(service.port))
    using client = await connect(gateway)
    expect((await client.takeExactly(11)).toString()).toBe("220 hello\r\n")
    const binary = Uint8Array.from({ length: 256 }, (_, index) => index)
    client.send(binary)
    const atService = await service.connection()
    expect(new Uint8Array(await atService.takeExactly(256))).toEqual(binary)
  })

  test("FIN of the client goes on, and the service may still answer at length", async () => {
    await using service = TcpService.start()
    await using gateway = await startGateway(tcpRoutesTo(service.port))
    using client = await connect(gateway)
    client.send("select everything")
    client.halfClose()
    const atService = await service.connection()
    expect((await atService.untilClosed()).toString()).toBe("select everything")
    const answer = Buffer.alloc(3_000_000, "row ")
    atService.send(answer)
    atService.halfClose()
    expect((await client.untilClosed()).equals(answer)).toBe(true)
    await waitUntil(() => client.isClosed && atService.isClosed, "both connections closed")
  })

  test("FIN of the service goes on, and the client may still send", async () => {
    await using service = TcpService.start((connection) => connection.halfClose())
    await using gateway = await startGateway(tcpRoutesTo(service.port))
    using client = await connect(gateway)
    await client.until(() => client.hasEnded, "the service's FIN")
    expect(client.isClosed).toBe(false)
    client.send("last words")
    client.halfClose()
    const atService = await service.connection()
    expect((await atService.untilClosed()).toString()).toBe("last words")
    await waitUntil(() => client.isClosed && atService.isClosed, "both connections closed")
  })

  test.each([
    ["client", "service"],
    ["service", "client"],
  ])("a %s that sends without end is held back while the %s does not read", async (writer) => {
    await using service = TcpService.start((connection) => connection.pause())
    await using gateway = await startGateway(tcpRoutesTo(service.port))
    using client = await connect(gateway)
    client.pause()
    const atService = await service.connection()
    const [from, to] = writer === "client" ? [client, atService] : [atService, client]
    const total = 64 * 1024 * 1024
    from.send(Buffer.alloc(total, "x"))
    to.keepsBytes = false
    const passed = () => total - from.bytesUnsent
    await waitUntilStill(passed)
    // Kernel buffers on four socket ends and one read of the gateway's: far from everything.
    expect(passed()).toBeLessThan(total / 2)
    to.resume()
    await to.until(() => to.bytesReceived === total, "all of it")
  })

  test("what a client sends before its service is connected waits, in order, its FIN behind it", async () => {
    await using service = TcpService.start()
    await using gateway = await startGateway(tcpRoutesTo(service.port))
    const text = "x".repeat(300_000)
    using client = await connect(gateway)
    client.send(text)
    client.halfClose()
    const atService = await service.connection()
    expect((await atService.untilClosed()).toString()).toBe(text)
  })
})

describe("one side that breaks off", () => {
  test("a client's reset closes the connection to the service, after what was sent before it", async () => {
    await using service = TcpService.start()
    await using gateway = await startGateway(tcpRoutesTo(service.port))
    const client = await connect(gateway)
    client.send("half a command")
    const atService = await service.connection()
    await atService.until(() => atService.bytesReceived === 14, "the bytes before the reset")
    client.close()
    await atService.until(() => atService.hasEnded || atService.isClosed, "the end")
    expect((await gateway.record(0)).responseCodeDetails).toBe("downstream_reset")
  })

  test("a service's reset closes the client's, after what was sent before it", async () => {
    await using service = TcpService.start((connection) => connection.send("-ERR max number of clients reached\r\n"))
    await using gateway = await startGateway(tcpRoutesTo(service.port))
    using client = await connect(gateway)
    const atService = await service.connection()
    await client.until(() => client.bytesReceived === 36, "the error message")
    atService.close()
    expect((await client.untilClosed()).toString()).toBe("-ERR max number of clients reached\r\n")
    expect((await gateway.record(0)).responseCodeDetails).toBe("upstream_reset")
  })
})

describe("nobody to serve it: accepted, then closed (Istio semantics sheet 8.1 (7))", () => {
  const failures: readonly (readonly [string, () => string, string, string])[] = [
    ["nothing listens", () => tcpRoutesTo(closedPort()), "UF,URX", "delayed connect error: Connection refused"],
    ["no endpoint", () => tcpRoutesTo([]), "UH", ""],
    ["no such service", () => yamlOf(tcpGatewayYaml(), tcpVirtualServiceYaml()), "NC", ""],
  ]
  test.each(failures)("%s", async (_name, yaml, flags, reason) => {
    await using gateway = await startGateway(yaml(), { acceptsErrors: true })
    using client = await connect(gateway)
    client.send("hello?")
    expect((await client.untilClosed()).length).toBe(0)
    const record = await gateway.record(0)
    expect([record.responseCode, record.responseFlags, record.upstreamTransportFailureReason]).toEqual([
      0,
      flags,
      reason,
    ])
    expect(record.upstreamCluster).toBe(CLUSTER)
    await waitUntil(() => gateway.counters.downstreamConnectionsActive === 0, "no connection left")
    expect(gateway.counters.downstreamTcpConnectionsActive).toBe(0)
  })

  test("a service that is not ready within connectTimeout, its TLS handshake included: UF", async () => {
    await using service = TcpService.start()
    const policy = { connectionPool: { tcp: { connectTimeout: "50ms" } }, tls: { mode: "SIMPLE" } }
    await using gateway = await startGateway(withTcpPolicy(tcpRoutesTo(service.port), policy))
    using client = await connect(gateway)
    await client.untilClosed()
    const record = await gateway.record(0)
    expect([record.responseFlags, record.upstreamTransportFailureReason]).toEqual(["UF,URX", "connection timeout"])
    expect(clusterOf(gateway).stats.upstreamCxConnectTimeout).toBe(1)
    const atService = await service.connection()
    await atService.until(() => atService.hasEnded || atService.isClosed, "the service's end")
  })

  test("outlier detection hears of failed connects: the endpoint is ejected, then UH", async () => {
    const outlierDetection = { consecutive5xxErrors: 2, interval: "1h", maxEjectionPercent: 100 }
    await using gateway = await startGateway(withTcpPolicy(tcpRoutesTo(closedPort()), { outlierDetection }))
    for (let attempt = 0; attempt < 3; attempt++) {
      using client = await connect(gateway)
      await client.untilClosed()
      await gateway.record(attempt)
    }
    expect(gateway.records.map(({ responseFlags }) => responseFlags)).toEqual(["UF,URX", "UF,URX", "UH"])
  })
})

describe("limits of the cluster (Istio semantics sheet 6.5)", () => {
  test("maxConnections counts forwarded connections: one more is closed with UO", async () => {
    await using service = TcpService.start()
    const policy = { connectionPool: { tcp: { maxConnections: 2 } } }
    await using gateway = await startGateway(withTcpPolicy(tcpRoutesTo(service.port), policy))
    using first = await connect(gateway)
    using second = await connect(gateway)
    await service.connection(1)
    using third = await connect(gateway)
    await third.untilClosed()
    expect((await gateway.record(0)).responseFlags).toBe("UO")
    expect(clusterOf(gateway).stats.upstreamCxOverflow).toBe(1)
    second.close()
    await waitUntil(() => clusterOf(gateway).stats.upstreamCxActive === 1, "the second has gone")
    using fourth = await connect(gateway)
    fourth.send("hi")
    expect((await (await service.connection(2)).takeExactly(2)).toString()).toBe("hi")
    first.close()
  })

  test("idleTimeout closes what nothing moves on", async () => {
    await using service = TcpService.start()
    const policy = { connectionPool: { tcp: { idleTimeout: "1s" } } }
    await using gateway = await startGateway(withTcpPolicy(tcpRoutesTo(service.port), policy))
    using client = await connect(gateway)
    const atService = await service.connection()
    await client.untilClosed()
    await atService.until(() => atService.hasEnded || atService.isClosed, "the service's end")
    expect((await gateway.record(0)).responseCodeDetails).toBe("tcp_session_idle_timeout")
    expect(gateway.counters.tcpIdleTimeouts).toBe(1)
  })

  test("maxConnectionDuration ends a connection however busy it is: DT", async () => {
    await using service = TcpService.start((connection) => connection.send("tick"))
    const policy = { connectionPool: { tcp: { maxConnectionDuration: "1s" } } }
    await using gateway = await startGateway(withTcpPolicy(tcpRoutesTo(service.port), policy))
    using client = await connect(gateway)
    await client.untilClosed()
    const record = await gateway.record(0)
    expect([record.responseFlags, record.responseCodeDetails]).toEqual(["DT", "max_connection_duration_reached"])
  })
})

describe("the choice of an endpoint", () => {
  test("least request counts open connections: they spread evenly", async () => {
    await using left = TcpService.start()
    await using right = TcpService.start()
    await using gateway = await startGateway(tcpRoutesTo([left.port, right.port]))
    const clients: RawClient[] = []
    for (let index = 1; index <= 20; index++) {
      clients.push(await connect(gateway))
      await waitUntil(() => left.connections.length + right.connections.length === index, "the next connection")
      // Two endpoints, both looked at: the emptier one is always found.
      expect(Math.abs(left.connections.length - right.connections.length)).toBeLessThanOrEqual(1)
    }
    for (const client of clients) client.close()
    await waitUntil(() => clusterOf(gateway).stats.upstreamRqActive === 0, "none is active")
  })

  test("with a source-IP hash all connections of a client go to one endpoint", async () => {
    const services = [TcpService.start(), TcpService.start(), TcpService.start(), TcpService.start()]
    const policy = { loadBalancer: { consistentHash: { useSourceIp: true } } }
    await using gateway = await startGateway(withTcpPolicy(tcpRoutesTo(services.map(({ port }) => port)), policy))
    const count = () => services.reduce((sum, { connections }) => sum + connections.length, 0)
    for (let index = 1; index <= 12; index++) {
      using _client = await connect(gateway)
      await waitUntil(() => count() === index, "the next connection")
    }
    expect(services.filter(({ connections }) => connections.length > 0)).toHaveLength(1)
    for (const service of services) await service[Symbol.asyncDispose]()
  })

  test("weights are drawn per connection, weight 0 never (Istio semantics sheet 8.1 (4))", async () => {
    await using often = TcpService.start()
    await using never = TcpService.start()
    const route =
      "[{ destination: { host: often.example }, weight: 100 }, { destination: { host: never.example }, weight: 0 }]"
    await using gateway = await startGateway(
      yamlOf(
        tcpGatewayYaml(),
        tcpServiceYaml("often.example", [often.port]),
        tcpServiceYaml("never.example", [never.port]),
        tcpVirtualServiceYaml(route),
      ),
    )
    for (let index = 0; index < 10; index++) {
      using _client = await connect(gateway)
      await often.connection(index)
    }
    expect(never.connections).toHaveLength(0)
  })
})

describe("what is told of a connection", () => {
  test("one access log line as Envoy's for TCP, and Istio's counters", async () => {
    await using service = TcpService.start()
    await using gateway = await startGateway(tcpRoutesTo(service.port))
    const client = await connect(gateway)
    client.send("12345")
    const atService = await service.connection()
    await atService.takeExactly(5)
    atService.send("1234567")
    await client.takeExactly(7)
    const { connections } = clusterOf(gateway)
    // Bytes count while the connection is open.
    expect({ ...connections }).toEqual({ opened: 1, closed: 0, receivedBytes: 5, sentBytes: 7 })
    expect(gateway.counters.downstreamTcpConnectionsActive).toBe(1)
    client.halfClose()
    atService.halfClose()
    const record = await gateway.record(0)
    expect(record).toMatchObject({
      method: "",
      path: "",
      protocol: "",
      responseCode: 0,
      responseFlags: "",
      bytesReceived: 5,
      bytesSent: 7,
      upstreamCluster: CLUSTER,
      upstreamHost: `127.0.0.1:${service.port}`,
      downstreamLocalAddress: `127.0.0.1:${gateway.port(TCP_PORT)}`,
      requestedServerName: "",
    })
    expect(record.upstreamLocalAddress).toMatch(/^127\.0\.0\.1:\d+$/)
    expect(record.downstreamRemoteAddress).toMatch(/^127\.0\.0\.1:\d+$/)
    expect({ ...connections }).toEqual({ opened: 1, closed: 1, receivedBytes: 5, sentBytes: 7 })
    expect(gateway.counters.downstreamTcpConnectionsActive).toBe(0)
    client.close()
  })
})

describe("reload and drain", () => {
  test("an endpoint that vanishes keeps its connections; new ones go elsewhere", async () => {
    await using before = TcpService.start()
    await using after = TcpService.start()
    await using gateway = await startGateway(tcpRoutesTo(before.port))
    using open = await connect(gateway)
    const atBefore = await before.connection()
    await gateway.apply(tcpRoutesTo(after.port))
    using next = await connect(gateway)
    next.send("new")
    expect((await (await after.connection()).takeExactly(3)).toString()).toBe("new")
    open.send("old")
    expect((await atBefore.takeExactly(3)).toString()).toBe("old")
    expect(before.connections).toHaveLength(1)
  })

  test("a port that vanishes accepts nothing more, its connections live on", async () => {
    await using service = TcpService.start()
    await using gateway = await startGateway(tcpRoutesTo(service.port))
    const port = gateway.port(TCP_PORT)
    using open = await connect(gateway)
    const atService = await service.connection()
    await gateway.apply(yamlOf(tcpServiceYaml(TCP_SERVICE_HOST, [service.port])))
    await expect(RawClient.connect(port)).rejects.toThrow()
    open.send("still here")
    expect((await atService.takeExactly(10)).toString()).toBe("still here")
  })

  test("a drain waits for connections that end, and cuts those that do not at its limit", async () => {
    await using service = TcpService.start()
    await using gateway = await startGateway(tcpRoutesTo(service.port))
    using ending = await connect(gateway)
    const atEnding = await service.connection(0)
    using staying = await connect(gateway)
    const atStaying = await service.connection(1)
    const drained = gateway.drain(300)
    ending.send("bye")
    expect((await atEnding.takeExactly(3)).toString()).toBe("bye")
    ending.halfClose()
    atEnding.halfClose()
    await ending.untilClosed()
    expect(staying.hasEnded || staying.isClosed).toBe(false)
    await drained
    await staying.untilClosed()
    await atStaying.until(() => atStaying.hasEnded || atStaying.isClosed, "the service's end")
  })
})

test("a service that does not read what a client left behind is given up, and nothing of it stays", async () => {
  await using service = TcpService.start((connection) => connection.pause())
  const policy = { connectionPool: { tcp: { idleTimeout: "1s" } } }
  await using gateway = await startGateway(withTcpPolicy(tcpRoutesTo(service.port), policy))
  const client = await connect(gateway)
  await service.connection()
  client.send(Buffer.alloc(32 * 1024 * 1024))
  await waitUntilStill(() => 32 * 1024 * 1024 - client.bytesUnsent)
  client.close()
  await waitUntil(() => gateway.counters.downstreamConnectionsActive === 0, "the connection is given up")
  expect(clusterOf(gateway).stats.upstreamCxActive).toBe(0)
})
