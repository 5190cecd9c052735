import { describe, expect, test } from "bun:test"
import { compileExample, type Example, gateway } from "./example-configuration.ts"

interface TcpExample {
  readonly name?: string
  readonly namespace?: string
  readonly hosts?: readonly string[]
  readonly created?: string
  /** YAML of `spec.tcp`, flow style. */
  readonly tcp: string
}

function tcpService({ name = "db", namespace = "default", hosts = ["*"], created, tcp }: TcpExample): string {
  const time = created === undefined ? "" : `, creationTimestamp: "${created}"`
  return `
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ${name}, namespace: ${namespace}${time}}
spec:
  hosts: ${JSON.stringify(hosts)}
  gateways: [default/edge]
  tcp: ${tcp}
`
}

const tcpGateway = gateway({ protocol: "TCP", port: 3306 })

function to(host: string, weight = ""): string {
  return `{destination: {host: ${host}, port: {number: 1}}${weight}}`
}

/** Hosts and weights of the one chain, as `HOST=WEIGHT`; null = no listener. */
function targets(example: Example): readonly string[] | null {
  const chains = example.snapshot.listeners.flatMap(({ filterChains }) => filterChains)
  const [chain] = chains
  if (chain === undefined) return null
  if (chains.length !== 1 || chain.kind !== "tcp") throw new Error("not one TCP chain")
  return chain.clusters.entries.map(({ clusterName, weight }) => `${clusterName.split("|")[3]}=${weight}`)
}

function onlyChain(example: Example) {
  const [chain] = example.snapshot.listeners.flatMap(({ filterChains }) => filterChains)
  if (chain?.kind !== "tcp") throw new Error("no TCP chain")
  return chain
}

describe("the tcp rule of a server (Istio semantics sheet 8.1)", () => {
  test.each(["TCP", "MONGO", "mysql", "REDIS"])("protocol %s is TCP", (protocol) => {
    const yaml = gateway({ protocol, port: 3306 }) + tcpService({ tcp: `[{route: [${to("a.com")}]}]` })
    expect(targets(compileExample(yaml))).toEqual(["a.com=1"])
  })

  test("TLS with termination takes tcp rules too", () => {
    const tls = "tls: {mode: SIMPLE, credentialName: c}"
    const yaml =
      gateway({ protocol: "TLS", port: 3306, server: tls }) + tcpService({ tcp: `[{route: [${to("a.com")}]}]` })
    expect(onlyChain(compileExample(yaml))).toMatchObject({ kind: "tcp", tls: { mode: "simple" }, serverNames: [] })
  })

  test("the first VirtualService with a fitting rule wins, by creation time, whole", () => {
    const young = tcpService({ name: "a", created: "2026-02-01T00:00:00Z", tcp: `[{route: [${to("young.com")}]}]` })
    const old = tcpService({
      name: "b",
      created: "2026-01-01T00:00:00Z",
      tcp: `[{match: [{port: 1}], route: [${to("other.com")}]}, {route: [${to("old.com")}]}]`,
    })
    expect(targets(compileExample(tcpGateway + young + old))).toEqual(["old.com=1"])
  })

  test("a VirtualService whose rules do not fit leaves the port to the next", () => {
    const first = tcpService({ name: "a", tcp: `[{match: [{port: 1}], route: [${to("first.com")}]}]` })
    const second = tcpService({ name: "b", tcp: `[{route: [${to("second.com")}]}]` })
    expect(targets(compileExample(tcpGateway + first + second))).toEqual(["second.com=1"])
  })

  test.each([
    ["{port: 3306}", true],
    ["{port: 3307}", false],
    ["{gateways: [edge]}", true],
    ["{gateways: [default/edge], port: 3306}", true],
    ["{gateways: [other]}", false],
    ["{port: 3307}, {port: 3306}", true],
    [
      "{destinationSubnets: [192.0.2.0/24], sourceLabels: {app: x}, sourceNamespace: y, sourceSubnet: 10.0.0.0/8}",
      true,
    ],
  ])("match [%s] fits: %p", (match, fits) => {
    const yaml = tcpGateway + tcpService({ tcp: `[{match: [${match}], route: [${to("a.com")}]}]` })
    expect(targets(compileExample(yaml))).toEqual(fits ? ["a.com=1"] : null)
  })

  test("the declared port counts, not the one really bound", () => {
    const yaml = tcpGateway + tcpService({ tcp: `[{match: [{port: 3306}], route: [${to("a.com")}]}]` })
    expect(targets(compileExample(yaml, { portMap: new Map([[3306, 13306]]) }))).toEqual(["a.com=1"])
  })

  test("hosts must overlap, the namespace of the server's host counts", () => {
    const server = gateway({ protocol: "TCP", port: 3306, hosts: ["team/*.db.com"] })
    const rule = `[{route: [${to("a.com")}]}]`
    const found = (example: Omit<TcpExample, "tcp">) =>
      targets(compileExample(server + tcpService({ ...example, tcp: rule })))
    expect(found({ namespace: "team", hosts: ["x.db.com"] })).toEqual(["a.com=1"])
    expect(found({ namespace: "team", hosts: ["*.com"] })).toEqual(["a.com=1"])
    expect(found({ namespace: "team", hosts: ["db.org"] })).toBeNull()
    expect(found({ namespace: "default", hosts: ["x.db.com"] })).toBeNull()
  })

  test("weights stay, those of 0 are dropped, a single destination needs none", () => {
    const route = [to("a.com", ", weight: 80"), to("b.com", ", weight: 20"), to("c.com", ", weight: 0")].join()
    expect(targets(compileExample(tcpGateway + tcpService({ tcp: `[{route: [${route}]}]` })))).toEqual([
      "a.com=80",
      "b.com=20",
    ])
  })

  test("nothing fits: the port is not opened, and a warning says why", () => {
    const example = compileExample(tcpGateway)
    expect(example.snapshot.listeners).toEqual([])
    expect(example.findings).toEqual(["P3017 warning Gateway default/edge spec.servers[0]"])
  })

  test("of two TCP servers on one port the second is rejected (sheet 8.1 (8))", () => {
    const yaml =
      gateway({ name: "edge", protocol: "TCP", port: 3306 }) +
      gateway({ name: "late", protocol: "MYSQL", port: 3306 }) +
      tcpService({ tcp: `[{route: [${to("a.com")}]}]` })
    const example = compileExample(yaml)
    expect(example.findings).toContain("P3003 error Gateway default/late spec.servers[0].port")
    expect(targets(example)).toEqual(["a.com=1"])
  })

  test("two TCP servers on different binds are two listeners", () => {
    const bound = (name: string, bind: string) =>
      gateway({ name, protocol: "TCP", port: 3306, server: `bind: ${bind}` })
    const service = tcpService({ tcp: `[{route: [${to("a.com")}]}]` }).replace(
      "[default/edge]",
      "[default/edge, default/other]",
    )
    const example = compileExample(bound("edge", "127.0.0.1") + bound("other", "127.0.0.2") + service)
    expect(example.snapshot.listeners.map(({ name }) => name)).toEqual(["127.0.0.1_3306", "127.0.0.2_3306"])
  })

  test("a destination that nothing defines stays in the chain: its connections are closed with NC", () => {
    const example = compileExample(tcpGateway + tcpService({ tcp: `[{route: [${to("a.com")}]}]` }), {
      dnsFallback: false,
    })
    expect(onlyChain(example).clusters.entries).toMatchObject([{ clusterName: "outbound|1||a.com", clusterIndex: -1 }])
    expect(onlyChain(example).idleTimeoutMs).toBe(3_600_000)
  })
})

describe("timeouts of the first destination (Istio semantics sheet 8.1 (6), 6.5)", () => {
  function timeouts(connectionPool: string) {
    const rule = `
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: a}
spec: {host: a.com, trafficPolicy: {connectionPool: ${connectionPool}}}
`
    const route = [to("a.com", ", weight: 1"), to("b.com", ", weight: 99")].join()
    const { idleTimeoutMs, maxConnectionDurationMs } = onlyChain(
      compileExample(tcpGateway + tcpService({ tcp: `[{route: [${route}]}]` }) + rule),
    )
    return [idleTimeoutMs, maxConnectionDurationMs]
  }

  test.each([
    ["{}", [3_600_000, 0]],
    ["{tcp: {idleTimeout: 5m}}", [300_000, 0]],
    ["{tcp: {idleTimeout: 0s}}", [0, 0]],
    ["{tcp: {maxConnectionDuration: 10s}}", [3_600_000, 10_000]],
    // What is said of HTTP is said of HTTP.
    ["{http: {idleTimeout: 1s}}", [3_600_000, 0]],
    ["{http: {idleTimeout: 1s}, tcp: {idleTimeout: 2s}}", [2_000, 0]],
  ])("connectionPool: %s", (connectionPool, expected) => {
    expect(timeouts(connectionPool)).toEqual(expected)
  })
})
