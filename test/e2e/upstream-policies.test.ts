/** Consistent hashing, outlier detection, health checks and PROXY protocol over real sockets (sheet 6.3, 6.6). */
import { describe, expect, test } from "bun:test"
import { destinationRuleYaml, withPolicy } from "../harness/destination-rule.ts"
import { startGateway } from "../harness/gateway-under-test.ts"
import { exchangeOnce, RawClient } from "../harness/raw-client.ts"
import { GATEWAY_YAML, routesTo, SERVICE_HOST, serviceYaml, virtualServiceYaml, yamlOf } from "../harness/routes-to.ts"
import { answer, ScriptedUpstream } from "../harness/scripted-upstream.ts"
import { waitUntil } from "../harness/wait-until.ts"

/** Every request to a service with these endpoints. */
function routesToAll(upstreams: readonly ScriptedUpstream[], trafficPolicy: object, extra = ""): string {
  const rules = `- route: [{ destination: { host: ${SERVICE_HOST} } }]\n${extra}`
  const ports = upstreams.map(({ port }) => port)
  return yamlOf(
    GATEWAY_YAML,
    serviceYaml(SERVICE_HOST, ports),
    virtualServiceYaml("routes", ["*"], rules),
    destinationRuleYaml(trafficPolicy),
  )
}

/** Upstreams that answer their own number. */
function startNumbered(count: number): readonly ScriptedUpstream[] {
  return Array.from({ length: count }, (_, index) =>
    ScriptedUpstream.start(answer(`HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n${index}`)),
  )
}

function get(path: string, fields = ""): string {
  return `GET ${path} HTTP/1.1\r\nHost: a.example\r\n${fields}\r\n`
}

describe("consistentHash", () => {
  test.each([
    ["a header", { httpHeaderName: "x-user" }, (user: string) => get("/", `X-User: ${user}\r\n`)],
    ["a query parameter", { httpQueryParameterName: "user" }, (user: string) => get(`/?a=1&user=${user}`)],
    ["a cookie", { httpCookie: { name: "s" } }, (user: string) => get("/", `Cookie: a=1; s=${user}\r\n`)],
    [
      "maglev",
      { httpHeaderName: "x-user", maglev: { tableSize: 1009 } },
      (user: string) => get("/", `x-user: ${user}\r\n`),
    ],
  ])("by %s: each user stays with one endpoint, users are spread", async (_name, consistentHash, requestOf) => {
    await using stack = new AsyncDisposableStack()
    const upstreams = startNumbered(4).map((upstream) => stack.use(upstream))
    const gateway = stack.use(await startGateway(routesToAll(upstreams, { loadBalancer: { consistentHash } })))
    const seen = new Set<string>()
    for (let user = 0; user < 24; user++) {
      const answers = new Set<string>()
      for (let request = 0; request < 3; request++) {
        answers.add((await exchangeOnce(gateway.port(80), requestOf(`user-${user}`))).text)
      }
      expect(answers.size).toBe(1)
      for (const each of answers) seen.add(each)
    }
    expect(seen.size).toBe(4)
  })

  test("useSourceIp: one client, one endpoint", async () => {
    await using stack = new AsyncDisposableStack()
    const upstreams = startNumbered(4).map((upstream) => stack.use(upstream))
    const policy = { loadBalancer: { consistentHash: { useSourceIp: true } } }
    const gateway = stack.use(await startGateway(routesToAll(upstreams, policy)))
    const answers = new Set<string>()
    for (let request = 0; request < 12; request++) answers.add((await exchangeOnce(gateway.port(80), get("/"))).text)
    expect(answers.size).toBe(1)
  })

  test("a cookie with a ttl is made for a client without one, and leads back to the same endpoint", async () => {
    await using stack = new AsyncDisposableStack()
    const upstreams = startNumbered(4).map((upstream) => stack.use(upstream))
    const httpCookie = { name: "s", ttl: "60s", path: "/" }
    const gateway = stack.use(
      await startGateway(routesToAll(upstreams, { loadBalancer: { consistentHash: { httpCookie } } })),
    )
    for (let client = 0; client < 8; client++) {
      const first = await exchangeOnce(gateway.port(80), get("/"))
      const setCookie = first.field("set-cookie") ?? ""
      expect(setCookie).toMatch(/^s="[0-9a-f]+"; Max-Age=60; Path=\/; HttpOnly$/)
      const again = await exchangeOnce(gateway.port(80), get("/", `Cookie: ${setCookie.split(";")[0]}\r\n`))
      expect([again.text, again.field("set-cookie")]).toEqual([first.text, null])
    }
  })

  test("without a ttl no cookie is made, and the choice is random", async () => {
    await using stack = new AsyncDisposableStack()
    const upstreams = startNumbered(2).map((upstream) => stack.use(upstream))
    const policy = { loadBalancer: { consistentHash: { httpCookie: { name: "s" } } } }
    const gateway = stack.use(await startGateway(routesToAll(upstreams, policy)))
    const answers = new Set<string>()
    // One endpoint alone 40 times: once in 2^39.
    for (let request = 0; request < 40; request++) {
      const { text, field } = await exchangeOnce(gateway.port(80), get("/"))
      expect(field("set-cookie")).toBeNull()
      answers.add(text)
    }
    expect(answers.size).toBe(2)
  })
})

describe("outlierDetection", () => {
  const ejecting = { consecutive5xxErrors: 2, maxEjectionPercent: 100, interval: "10s", baseEjectionTime: "30s" }

  test("an endpoint that answers 500 is out after two, and the rest serve", async () => {
    await using stack = new AsyncDisposableStack()
    const bad = stack.use(ScriptedUpstream.start(answer("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n")))
    const [good] = startNumbered(1).map((upstream) => stack.use(upstream))
    if (good === undefined) throw new Error("one was started")
    const policy = { loadBalancer: { simple: "ROUND_ROBIN" }, outlierDetection: ejecting }
    const gateway = stack.use(await startGateway(routesToAll([bad, good], policy)))
    const statuses: number[] = []
    for (let request = 0; request < 20; request++) {
      statuses.push((await exchangeOnce(gateway.port(80), get("/"))).status)
    }
    expect(statuses.filter((status) => status === 500)).toHaveLength(2)
    expect(bad.requests).toHaveLength(2)
    const [cluster] = gateway.gateway.clusters
    expect(cluster?.endpoints.map(({ health }) => health.flags)).toEqual(["/failed_outlier_check", "healthy"])
    expect(cluster?.stats.outlierDetectionEjectionsActive).toBe(1)
  })

  test("connect failures count; all ejected is 503 UH, no healthy upstream", async () => {
    await using stack = new AsyncDisposableStack()
    const gone = ScriptedUpstream.start()
    gone.stop()
    const policy = { outlierDetection: { ...ejecting, consecutive5xxErrors: 1 } }
    const gateway = stack.use(await startGateway(routesToAll([gone], policy, "  retries: { attempts: 0 }")))
    const first = await exchangeOnce(gateway.port(80), get("/"))
    const second = await exchangeOnce(gateway.port(80), get("/"))
    expect([first.status, second.status, second.text]).toEqual([503, 503, "no healthy upstream"])
    expect((await gateway.record(1)).responseFlags).toBe("UH")
  })

  test("gRPC: the status of a trailers-only response counts, as HTTP's", async () => {
    await using stack = new AsyncDisposableStack()
    const fields = "Content-Type: application/grpc\r\nContent-Length: 0\r\n"
    const bad = stack.use(ScriptedUpstream.start(answer(`HTTP/1.1 200 OK\r\n${fields}grpc-status: 14\r\n\r\n`)))
    const good = stack.use(ScriptedUpstream.start(answer(`HTTP/1.1 200 OK\r\n${fields}grpc-status: 5\r\n\r\n`)))
    const policy = { loadBalancer: { simple: "ROUND_ROBIN" }, outlierDetection: ejecting }
    const gateway = stack.use(await startGateway(routesToAll([bad, good], policy, "  retries: { attempts: 0 }")))
    for (let call = 0; call < 10; call++) {
      await exchangeOnce(gateway.port(80), get("/", "Content-Type: application/grpc\r\n"))
    }
    expect([bad.requests.length, good.requests.length]).toEqual([2, 8])
  })

  test("a stale connection, closed by the service between two requests, is no error of the endpoint's", async () => {
    await using upstream = ScriptedUpstream.start(answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
    await using gateway = await startGateway(
      withPolicy(routesTo(upstream.port), { outlierDetection: { ...ejecting, consecutive5xxErrors: 1 } }),
    )
    for (let request = 0; request < 3; request++) {
      expect((await exchangeOnce(gateway.port(80), get("/"))).status).toBe(200)
      upstream.connections.at(-1)?.close()
    }
    const [cluster] = gateway.gateway.clusters
    expect(cluster?.stats.outlierDetectionEjectionsEnforcedTotal).toBe(0)
  })
})

test("health checks: an endpoint that fails its first check gets no requests", async () => {
  await using stack = new AsyncDisposableStack()
  const ill = stack.use(ScriptedUpstream.start(answer("HTTP/1.1 503 Ill\r\nContent-Length: 0\r\n\r\n")))
  const [well] = startNumbered(1).map((upstream) => stack.use(upstream))
  if (well === undefined) throw new Error("one was started")
  const service = serviceYaml(SERVICE_HOST, [ill.port, well.port]).replace(
    "metadata: {",
    'metadata: { annotations: { portcullis.dev/health-check: "path=/healthz?a interval=100s" },',
  )
  const rules = `- route: [{ destination: { host: ${SERVICE_HOST} } }]`
  const gateway = stack.use(
    await startGateway(yamlOf(GATEWAY_YAML, service, virtualServiceYaml("routes", ["*"], rules))),
  )
  const [cluster] = gateway.gateway.clusters
  await waitUntil(() => cluster?.stats.healthCheckAttempt === 2, "both are asked")
  await waitUntil(() => cluster?.stats.membershipHealthy === 1 && cluster.stats.healthCheckSuccess === 1, "one is out")
  expect(ill.requests.map(({ target, rawText }) => [target, rawText])).toEqual([
    ["/healthz?a", `GET /healthz?a HTTP/1.1\r\nhost: ${SERVICE_HOST}\r\nuser-agent: portcullis-health-check\r\n\r\n`],
  ])
  for (let request = 0; request < 10; request++) {
    expect((await exchangeOnce(gateway.port(80), get("/"))).status).toBe(200)
  }
  expect(ill.requests).toHaveLength(1)
})

describe("proxyProtocol", () => {
  test("version 1 opens each connection, which serves one client only", async () => {
    await using upstream = ScriptedUpstream.start({
      onConnection: (connection) => {
        connection.readsRequests = false
      },
    })
    await using gateway = await startGateway(
      withPolicy(routesTo(upstream.port, "retries: { attempts: 0 }"), { proxyProtocol: { version: "V1" } }),
    )
    using one = await RawClient.connect(gateway.port(80))
    using other = await RawClient.connect(gateway.port(80))
    one.send(get("/one"))
    other.send(get("/other"))
    for (const index of [0, 1]) {
      const connection = await upstream.connection(index)
      await waitUntil(() => connection.peek().includes("\r\n\r\n"), "a request")
      const [header = "", startLine = ""] = connection.peek().toString("latin1").split("\r\n")
      expect(header).toMatch(new RegExp(`^PROXY TCP4 127\\.0\\.0\\.1 127\\.0\\.0\\.1 \\d+ ${gateway.port(80)}$`))
      expect(startLine).toMatch(/^GET \/(one|other) HTTP\/1\.1$/)
      connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    }
    expect((await one.readResponse()).status).toBe(200)
    expect((await other.readResponse()).status).toBe(200)
    one.send(get("/again"))
    const connection = await upstream.connection(0)
    const both = [connection, await upstream.connection(1)]
    await waitUntil(() => both.some((each) => each.peek().includes("/again")), "the second request")
    expect(upstream.connections).toHaveLength(2)
    const reused = both.find((each) => each.peek().includes("/again"))
    expect(reused?.peek().toString("latin1")).toContain("GET /one ")
    // Only the first request has the header before it.
    expect(reused?.peek().toString("latin1").split("PROXY ")).toHaveLength(2)
  })

  test("version 2 is binary", async () => {
    await using upstream = ScriptedUpstream.start({
      onConnection: (connection) => {
        connection.readsRequests = false
      },
    })
    await using gateway = await startGateway(withPolicy(routesTo(upstream.port), { proxyProtocol: { version: "V2" } }))
    using client = await RawClient.connect(gateway.port(80))
    client.send(get("/"))
    const connection = await upstream.connection(0)
    await waitUntil(() => connection.peek().includes("\r\n\r\nGET") || connection.peek().includes("GET /"), "a request")
    expect(connection.peek().subarray(0, 24).toString("hex")).toBe("0d0a0d0a000d0a515549540a2111000c7f0000017f000001")
    expect(connection.peek().subarray(28, 34).toString()).toBe("GET / ")
  })
})

test("PASSTHROUGH has nowhere to go at a gateway: 503 UH (sheet 6.3)", async () => {
  await using upstream = ScriptedUpstream.start()
  await using gateway = await startGateway(
    withPolicy(routesTo(upstream.port), { loadBalancer: { simple: "PASSTHROUGH" } }),
  )
  const { status, text } = await exchangeOnce(gateway.port(80), get("/"))
  expect([status, text]).toEqual([503, "no healthy upstream"])
  expect(upstream.connections).toEqual([])
})
