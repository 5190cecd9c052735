/** Tracing as an operator has it: a process with `--tracing-otlp`, a collector, and what the service hears. */
import { describe, expect, test } from "bun:test"
import { GatewayProcessUnderTest } from "../harness/gateway-process.ts"
import { exchangeOnce } from "../harness/raw-client.ts"
import { rulesTo } from "../harness/routes-to.ts"
import { ScriptedUpstream } from "../harness/scripted-upstream.ts"
import { attributesOf, SpanCollector } from "../harness/span-collector.ts"
import { waitUntil } from "../harness/wait-until.ts"

const rules = `
- match: [{ uri: { exact: /direct } }]
  directResponse: { status: 503 }
- match: [{ uri: { prefix: /shop } }]
  rewrite: { uri: /v2 }
  route: [{ destination: { host: service.example } }]
- match: [{ uri: { regex: "/r[0-9]+" } }]
  route:
    - { destination: { host: service.example }, weight: 50 }
    - { destination: { host: service.example }, weight: 50 }
- route: [{ destination: { host: service.example } }]
`

const TRACE = "0af7651916cd43dd8448eb211c80319c"
const PARENT = "b7ad6b7169203331"
/** OpenTelemetry `Status.StatusCode`. */
const STATUS_UNSET = 0

/** Runs a gateway over these requests, one after the other, and stops it: what the service heard, and what was exported. */
async function traced(flags: readonly string[], requests: readonly string[]) {
  await using collector = new SpanCollector()
  await using upstream = ScriptedUpstream.start()
  await using gateway = await GatewayProcessUnderTest.start(rulesTo(upstream.port, rules), [
    "--tracing-otlp",
    collector.url,
    ...flags,
  ])
  const heard: Record<string, string>[] = []
  for (const head of requests) {
    await exchangeOnce(gateway.ports.http, `${head}Host: shop.example:8080\r\n\r\n`)
  }
  for (const { fields } of upstream.requests) {
    heard.push(Object.fromEntries(fields.map(([name, value]) => [name.toLowerCase(), value])))
  }
  const { code, stdout } = await gateway.stop()
  expect(code).toBe(0)
  return { collector, heard, stdout, spans: collector.spans }
}

test("a trace begins at the gateway: one span, which the service has as its parent, flushed at the end of the process", async () => {
  const startedUnixMs = Date.now()
  const { collector, spans, heard, stdout } = await traced(
    ["--tracing-sampling", "100", "--access-log-format", "%REQ(X-REQUEST-ID)%"],
    ["POST /shop/1?q=2 HTTP/1.1\r\nUser-Agent: caf\xc3\xa9\r\nContent-Length: 0\r\n"],
  )
  expect(collector.paths).toEqual(["POST /v1/traces"])
  const [resource] = collector.requests[0]?.resourceSpans ?? []
  expect(attributesOf(resource?.resource ?? { attributes: [] })).toMatchObject({ "service.name": "portcullis" })
  expect(spans).toHaveLength(1)
  const [span] = spans
  if (span === undefined) throw new Error("no span")
  expect(span.traceId).toMatch(/^[0-9a-f]{32}$/)
  expect(span.parentSpanId).toBeUndefined()
  expect(span.kind).toBe(3)
  expect(span.status).toEqual({ code: STATUS_UNSET })
  expect(heard[0]).toMatchObject({
    traceparent: `00-${span.traceId}-${span.spanId}-01`,
    "x-envoy-decorator-operation": "service.example:80/shop*",
  })
  const [startMs, endMs] = [span.startTimeUnixNano, span.endTimeUnixNano].map((text) =>
    Number(BigInt(text) / 1_000_000n),
  )
  expect(startMs).toBeGreaterThanOrEqual(startedUnixMs)
  expect(endMs).toBeGreaterThanOrEqual(startMs ?? 0)
  expect(endMs).toBeLessThanOrEqual(Date.now() + 1)
  expect(attributesOf(span)).toMatchObject({
    "http.request.method": "POST",
    "url.full": "http://shop.example:8080/shop/1?q=2",
    "server.address": "shop.example",
    "client.address": "127.0.0.1",
    "network.protocol.version": "1.1",
    "user_agent.original": "café",
    "http.response.status_code": 200,
    upstream_cluster: "outbound|80||service.example",
    "guid:x-request-id": stdout.trim(),
  })
})

test("the span is named after the rule's operation (Istio semantics sheet 4.1)", async () => {
  const get = (path: string) => `GET ${path} HTTP/1.1\r\n`
  const { spans } = await traced(
    ["--tracing-sampling", "100"],
    ["/direct", "/shop", "/r7", "/else"].map((path) => get(path)),
  )
  expect(spans.map(({ name }) => name)).toEqual([
    "routes:80/direct",
    "service.example:80/shop*",
    "routes:80/r[0-9]+",
    "service.example:80/*",
  ])
  const [direct] = spans
  expect(direct?.status).toEqual({ code: 2 })
  expect(attributesOf(direct ?? { attributes: [] })["error.type"]).toBe("503")
})

test("a client's trace goes on, with its tracestate and its decision (W3C Trace Context)", async () => {
  const head = (flags: string) =>
    `GET / HTTP/1.1\r\ntraceparent: 00-${TRACE}-${PARENT}-${flags}\r\ntracestate: a=1\r\ntracestate: b=2\r\n`
  const { spans, heard } = await traced(["--tracing-sampling", "0"], [head("01"), head("00")])
  expect(spans).toHaveLength(1)
  expect(spans[0]).toMatchObject({ traceId: TRACE, parentSpanId: PARENT, traceState: "a=1,b=2" })
  expect(heard[0]?.["traceparent"]).toBe(`00-${TRACE}-${spans[0]?.spanId}-01`)
  expect(heard[1]?.["traceparent"]).toMatch(new RegExp(`^00-${TRACE}-[0-9a-f]{16}-00$`))
  expect(heard[1]?.["traceparent"]).not.toContain(PARENT)
})

test("a malformed traceparent begins a new trace and takes its tracestate with it", async () => {
  const head = `GET / HTTP/1.1\r\ntraceparent: 00-${TRACE}-${"0".repeat(16)}-01\r\ntracestate: a=1\r\n`
  const { spans, heard } = await traced(["--tracing-sampling", "100"], [head])
  expect(spans[0]?.traceId).not.toBe(TRACE)
  expect(spans[0]?.parentSpanId).toBeUndefined()
  expect(heard[0]).not.toHaveProperty("tracestate")
})

test("B3 goes on in the notation it came in, and as traceparent", async () => {
  const single = `GET / HTTP/1.1\r\nb3: ${TRACE}-${PARENT}-1\r\n`
  const several = `GET / HTTP/1.1\r\nX-B3-TraceId: ${PARENT}\r\nX-B3-SpanId: ${PARENT}\r\nX-B3-Sampled: 1\r\n`
  const { spans, heard } = await traced(["--tracing-sampling", "0"], [single, several])
  const [first, second] = spans
  expect(first).toMatchObject({ traceId: TRACE, parentSpanId: PARENT })
  expect(heard[0]).toMatchObject({
    b3: `${TRACE}-${first?.spanId}-1-${PARENT}`,
    traceparent: `00-${TRACE}-${first?.spanId}-01`,
  })
  const long = `${"0".repeat(16)}${PARENT}`
  expect(second).toMatchObject({ traceId: long, parentSpanId: PARENT })
  expect(heard[1]).toMatchObject({
    "x-b3-traceid": long,
    "x-b3-spanid": second?.spanId,
    "x-b3-parentspanid": PARENT,
    "x-b3-sampled": "1",
    traceparent: `00-${long}-${second?.spanId}-01`,
  })
})

test("nothing is recorded with a sampling of 0, and the service is told so", async () => {
  const { spans, heard } = await traced(["--tracing-sampling", "0"], ["GET / HTTP/1.1\r\n"])
  expect(spans).toEqual([])
  expect(heard[0]?.["traceparent"]).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/)
})

/** The digit of `x-request-id` that says why a request is recorded. */
const reasonOf = (requestId: string | number | undefined) => String(requestId ?? "").charAt(14)

describe("the decision is in x-request-id (Envoy pack_trace_reason; Istio semantics sheet 9.4)", () => {
  const get = (...lines: readonly string[]) => `GET / HTTP/1.1\r\n${lines.map((line) => `${line}\r\n`).join("")}`
  const sampled = (flags: string) => `traceparent: 00-${TRACE}-${PARENT}-${flags}`

  test("9 when it was drawn, and the span has the id that the service has", async () => {
    const { heard, spans } = await traced(["--tracing-sampling", "100"], [get("X-Request-Id: mine")])
    const requestId = heard[0]?.["x-request-id"]
    expect(requestId).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-9[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(attributesOf(spans[0] ?? { attributes: [] })["guid:x-request-id"]).toBe(requestId ?? "")
  })

  test("4 when it is not recorded", async () => {
    const { heard } = await traced(["--tracing-sampling", "0"], [get()])
    expect(reasonOf(heard[0]?.["x-request-id"])).toBe("4")
  })

  test("what the client's own trace says goes before what would be drawn", async () => {
    const { heard, spans } = await traced(["--tracing-sampling", "0"], [get(sampled("01"))])
    expect([reasonOf(heard[0]?.["x-request-id"]), spans.length]).toEqual(["9", 1])
    const unwanted = await traced(["--tracing-sampling", "100"], [get(sampled("00"))])
    expect([reasonOf(unwanted.heard[0]?.["x-request-id"]), unwanted.spans.length]).toEqual(["4", 0])
  })

  test("b for x-client-trace-id, which has a request recorded, goes on to the service and is in the span", async () => {
    const { heard, spans } = await traced(["--tracing-sampling", "0"], [get("X-Client-Trace-Id: from-the-app")])
    expect([reasonOf(heard[0]?.["x-request-id"]), heard[0]?.["x-client-trace-id"]]).toEqual(["b", "from-the-app"])
    expect(spans.map((span) => attributesOf(span)["guid:x-client-trace-id"])).toEqual(["from-the-app"])
    expect(heard[0]?.["traceparent"]).toBe(`00-${spans[0]?.traceId}-${spans[0]?.spanId}-01`)
  })

  test("x-client-trace-id does not overrule a trace that its client does not record", async () => {
    const { heard, spans } = await traced(["--tracing-sampling", "0"], [get(sampled("00"), "X-Client-Trace-Id: a")])
    expect([reasonOf(heard[0]?.["x-request-id"]), spans.length]).toEqual(["4", 0])
  })

  test("x-envoy-force-trace is not for clients", async () => {
    const { heard, spans } = await traced(["--tracing-sampling", "0"], [get("X-Envoy-Force-Trace: true")])
    expect([reasonOf(heard[0]?.["x-request-id"]), spans.length]).toEqual(["4", 0])
    expect(heard[0]).not.toHaveProperty("x-envoy-force-trace")
  })
})

describe("requests that the gateway answers itself", () => {
  test("have a span, whether no host, no rule or no protocol was theirs", async () => {
    const yaml = rulesTo(1, "- match: [{ uri: { exact: /only } }]\n  directResponse: { status: 200 }")
    await using collector = new SpanCollector()
    await using gateway = await GatewayProcessUnderTest.start(
      yaml.replace('hosts: ["*"]\n  gateways', "hosts: [known.example]\n  gateways"),
      ["--tracing-otlp", collector.url, "--tracing-sampling", "100"],
    )
    const requests = [
      "GET /a HTTP/1.1\r\nHost: unknown.example\r\n\r\n",
      "GET /b HTTP/1.1\r\nHost: known.example\r\n\r\n",
      "GET /c HTTP/1.1\r\nHost: known.example\r\nBad : field\r\n\r\n",
      "GET /d HTTP/1.0\r\n\r\n",
      "\x01\r\n\r\n",
      `GET /e HTTP/1.1\r\nHost: known.example\r\nX: ${"x".repeat(100_000)}\r\n\r\n`,
    ]
    for (const request of requests) await exchangeOnce(gateway.ports.http, request)
    await gateway.stop()
    const told = collector.spans.map((span) => {
      const attributes = attributesOf(span)
      return [span.name, attributes["http.response.status_code"], attributes["url.full"] ?? null]
    })
    expect(told).toEqual([
      ["ingress", 404, "http://unknown.example/a"],
      ["ingress", 404, "http://known.example/b"],
      ["ingress", 400, null],
      ["ingress", 426, null],
      ["ingress", 400, null],
      ["ingress", 431, null],
    ])
    expect(collector.spans.every(({ status }) => status?.code === STATUS_UNSET)).toBe(true)
  })
})

test("without --tracing-otlp the client's fields go through as they came", async () => {
  await using upstream = ScriptedUpstream.start()
  await using gateway = await GatewayProcessUnderTest.start(rulesTo(upstream.port, rules))
  await exchangeOnce(gateway.ports.http, `GET / HTTP/1.1\r\nHost: a\r\ntraceparent: 00-${TRACE}-${PARENT}-01\r\n\r\n`)
  const names = upstream.requests[0]?.fields.map(([name]) => name.toLowerCase()) ?? []
  expect(upstream.requests[0]?.fields).toContainEqual(["traceparent", `00-${TRACE}-${PARENT}-01`])
  expect(names).not.toContain("x-envoy-decorator-operation")
})

test("--tracing-otlp-headers go to the collector, and are shown nowhere else", async () => {
  const secret = "s3cret-token"
  await using collector = new SpanCollector()
  await using gateway = await GatewayProcessUnderTest.start(rulesTo(1, rules), [
    "--tracing-otlp",
    collector.url,
    "--tracing-otlp-headers",
    `Authorization=Bearer%20${secret},x-tenant=shop`,
    "--tracing-sampling",
    "100",
    "--log-level",
    "debug",
  ])
  await exchangeOnce(gateway.ports.http, "GET /direct HTTP/1.1\r\nHost: a\r\n\r\n")
  const pages = ["/", "/server_info", "/config_dump", "/stats", "/stats/prometheus", "/clusters", "/listeners"]
  const shown = await Promise.all(pages.map((page) => gateway.admin(page)))
  const { code, stdout, stderr } = await gateway.stop()
  expect(code).toBe(0)
  expect(collector.fields).toMatchObject([
    { authorization: `Bearer ${secret}`, "x-tenant": "shop", "content-type": "application/json" },
  ])
  expect([...shown, stdout, stderr].filter((text) => text.includes(secret))).toEqual([])
})

test("a collector that is not there costs spans, counted, and no requests", async () => {
  await using upstream = ScriptedUpstream.start()
  await using gateway = await GatewayProcessUnderTest.start(rulesTo(upstream.port, rules), [
    "--tracing-otlp",
    "http://127.0.0.1:1",
    "--tracing-sampling",
    "100",
  ])
  // A whole batch, so that it is sent at once.
  const port = gateway.ports.http
  const get = () => exchangeOnce(port, "GET /direct HTTP/1.1\r\nHost: a\r\n\r\n")
  for (let done = 0; done < 512; done += 32) await Promise.all(Array.from({ length: 32 }, get))
  await gateway.command.waitFor(/warn {2}spans are not taken url=http:\/\/127\.0\.0\.1:1\/v1\/traces/)
  await waitUntil(async () => (await gateway.admin("/ready")) === "LIVE\n", "a live gateway")
  expect((await gateway.stop()).code).toBe(0)
})
