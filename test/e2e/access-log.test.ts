/** The access log of a real process, read back field by field as a log shipper would (Istio semantics sheet 9.2). */
import { expect, test } from "bun:test"
import { mkdir, readFile, rename } from "node:fs/promises"
import { join } from "node:path"
import { GatewayProcessUnderTest } from "../harness/gateway-process.ts"
import { startGateway } from "../harness/gateway-under-test.ts"
import { exchangeOnce, RawClient } from "../harness/raw-client.ts"
import { routesTo, rulesTo, serviceYaml, yamlOf } from "../harness/routes-to.ts"
import { ScriptedUpstream } from "../harness/scripted-upstream.ts"
import { waitUntil } from "../harness/wait-until.ts"

const rules = `
- name: shop
  match: [{ name: cart, uri: { prefix: /cart } }]
  rewrite: { uri: /v2/cart }
  route: [{ destination: { host: service.example } }]
- match: [{ uri: { exact: /gone } }]
  route: [{ destination: { host: gone.example } }]
- match: [{ uri: { exact: /direct } }]
  directResponse: { status: 418, body: { string: teapot } }
`

/** `gone.example` has no endpoints. */
const configuration = (upstreamPort: number) => yamlOf(rulesTo(upstreamPort, rules), serviceYaml("gone.example", []))

/** What the requests below are, and what must be said of each. Ports and times are filled in by the test. */
interface Served {
  /** stdout of the process. */
  readonly log: string
  readonly gatewayPort: number
  readonly upstreamPort: number
  readonly startedUnixMs: number
  readonly endedUnixMs: number
  /** As the service heard it. */
  readonly requestId: string
}

async function serve(format: string): Promise<Served> {
  await using upstream = ScriptedUpstream.start()
  await using gateway = await GatewayProcessUnderTest.start(configuration(upstream.port), [
    "--access-log-format",
    format,
  ])
  const startedUnixMs = Date.now()
  const { http } = gateway.ports
  const body = "Content-Length: 5\r\n\r\nhello"
  const agent = 'User-Agent: a "quoted" \\ caf\xc3\xa9\r\n'
  await exchangeOnce(
    http,
    Buffer.from(`POST /cart/7?x=%22 HTTP/1.1\r\nHost: shop.example\r\n${agent}${body}`, "latin1"),
  )
  await exchangeOnce(http, "GET /direct HTTP/1.1\r\nHost: shop.example\r\n\r\n")
  await exchangeOnce(http, "GET /nowhere HTTP/1.1\r\nHost: shop.example\r\n\r\n")
  await exchangeOnce(http, "GET /gone HTTP/1.1\r\nHost: shop.example\r\n\r\n")
  const requestId = upstream.requests[0]?.field("x-request-id") ?? ""
  const { code, stdout } = await gateway.stop()
  expect(code).toBe(0)
  const [gatewayPort, upstreamPort] = [http, upstream.port]
  return { log: stdout, gatewayPort, upstreamPort, startedUnixMs, endedUnixMs: Date.now(), requestId }
}

function expectTime(text: unknown, { startedUnixMs, endedUnixMs }: Served): void {
  expect(text).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  const unixMs = Date.parse(String(text))
  expect(unixMs).toBeGreaterThanOrEqual(startedUnixMs - 1)
  expect(unixMs).toBeLessThanOrEqual(endedUnixMs)
}

const address = (port: number) => `127.0.0.1:${port}`
const anyAddress = expect.stringMatching(/^127\.0\.0\.1:\d+$/)
const anyUuid = expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
const someMs = expect.stringMatching(/^\d+$/)

test("json: every key of Istio's format, numbers as numbers, what is not known as null", async () => {
  const served = await serve("json")
  const lines: Record<string, unknown>[] = served.log
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line))
  expect(lines).toHaveLength(4)
  for (const line of lines) {
    expect(Object.keys(line)).toEqual(Object.keys(line).toSorted())
    expectTime(line["start_time"], served)
  }
  const common = {
    authority: "shop.example",
    protocol: "HTTP/1.1",
    downstream_local_address: address(served.gatewayPort),
    downstream_remote_address: anyAddress,
    x_forwarded_for: "127.0.0.1",
    requested_server_name: null,
    connection_termination_details: null,
    upstream_transport_failure_reason: null,
    duration: expect.any(Number),
    start_time: expect.any(String),
  }
  const unanswered = {
    upstream_host: null,
    upstream_local_address: null,
    upstream_service_time: null,
    user_agent: null,
  }
  expect(lines[0]).toEqual({
    ...common,
    method: "POST",
    path: "/cart/7?x=%22",
    bytes_received: 5,
    bytes_sent: 2,
    response_code: 200,
    response_code_details: "via_upstream",
    response_flags: null,
    route_name: "shop.cart",
    request_id: served.requestId,
    user_agent: 'a "quoted" \\ café',
    upstream_cluster: "outbound|80||service.example",
    upstream_host: address(served.upstreamPort),
    upstream_local_address: anyAddress,
    upstream_service_time: someMs,
  })
  expect(lines[1]).toMatchObject({
    ...common,
    ...unanswered,
    request_id: anyUuid,
    path: "/direct",
    response_code: 418,
    response_code_details: "direct_response",
    response_flags: null,
    bytes_sent: 6,
    upstream_cluster: null,
  })
  expect(lines[2]).toMatchObject({
    ...unanswered,
    response_code: 404,
    response_flags: "NR",
    response_code_details: "route_not_found",
    route_name: null,
  })
  expect(lines[3]).toMatchObject({
    ...unanswered,
    response_code: 503,
    response_flags: "UH",
    response_code_details: "no_healthy_upstream",
    upstream_cluster: "outbound|80||gone.example",
  })
})

const quoted = '"([^"]*)"'
const bare = "(\\S+)"
const textLine = new RegExp(
  `^\\[${bare}\\] "${bare} ${bare} ${bare}" ${bare} ${bare} ${bare} ${bare} ${quoted} ${bare} ${bare} ${bare} ${bare} ` +
    `${quoted} ${quoted} ${quoted} ${quoted} ${quoted} ${bare} ${bare} ${bare} ${bare} ${bare} ${bare}$`,
)

test("text: Istio's line, field by field; quotes and bytes beyond ASCII cannot break it", async () => {
  const served = await serve("text")
  const lines = served.log.trimEnd().split("\n")
  const [first = [], direct = [], missing = [], gone = []] = lines.map(
    (line) => textLine.exec(line)?.slice(1) ?? [line],
  )
  expectTime(first[0], served)
  expect(first.slice(1)).toEqual([
    "POST",
    "/cart/7?x=%22",
    "HTTP/1.1",
    "200",
    "-",
    "via_upstream",
    "-",
    "-",
    "5",
    "2",
    someMs,
    someMs,
    "127.0.0.1",
    "a \\x22quoted\\x22 \\x5C caf\\xC3\\xA9",
    served.requestId,
    "shop.example",
    address(served.upstreamPort),
    "outbound|80||service.example",
    anyAddress,
    address(served.gatewayPort),
    anyAddress,
    "-",
    "shop.cart",
  ])
  expect(direct.slice(1, 7)).toEqual(["GET", "/direct", "HTTP/1.1", "418", "-", "direct_response"])
  expect(missing.slice(1, 7)).toEqual(["GET", "/nowhere", "HTTP/1.1", "404", "NR", "route_not_found"])
  expect(gone.slice(1, 7)).toEqual(["GET", "/gone", "HTTP/1.1", "503", "UH", "no_healthy_upstream"])
})

test("a format string: headers of both directions, fallbacks, and values cut to a length", async () => {
  const served = await serve(
    "%REQ(:PATH)%|%REQ(X-ENVOY-ORIGINAL-PATH?:PATH):8%|%RESP(SERVER)%|%REQ(X-NONE?USER-AGENT):1%|%RESPONSE_CODE%|%BYTES_SENT%",
  )
  expect(served.log.split("\n")).toEqual([
    "/v2/cart/7?x=%22|/cart/7?|portcullis|a|200|2",
    "/direct|/direct|portcullis|-|418|6",
    "/nowhere|/nowhere|portcullis|-|404|0",
    "/gone|/gone|portcullis|-|503|19",
    "",
  ])
})

test("rotations by rename and SIGUSR1 under load lose no line and write none twice", async () => {
  await using gateway = await GatewayProcessUnderTest.start(configuration(1), [
    "--access-log",
    "access.log",
    "--access-log-format",
    "%REQ(:PATH)%",
  ])
  const log = join(gateway.folder, "access.log")
  let sent = 0
  let isOver = false
  const clients = Array.from({ length: 4 }, async () => {
    using client = await RawClient.connect(gateway.ports.http)
    while (!isOver) {
      await client.exchange(`GET /direct?n=${sent++} HTTP/1.1\r\nHost: a\r\n\r\n`)
    }
  })
  for (let rotation = 1; rotation <= 3; rotation++) {
    const until = sent + 500
    await waitUntil(() => sent >= until, "requests between two rotations")
    await rename(log, `${log}.${rotation}`)
    gateway.command.kill("SIGUSR1")
    await waitUntil(() => Bun.file(log).exists(), "a new log")
  }
  isOver = true
  await Promise.all(clients)
  expect((await gateway.stop()).code).toBe(0)
  const files = await Promise.all([`${log}.1`, `${log}.2`, `${log}.3`, log].map((path) => readFile(path, "utf8")))
  const numbers = files.flatMap((text) =>
    [...text.matchAll(/^\/direct\?n=(\d+)$/gm)].map(([, number]) => Number(number)),
  )
  expect(files.join("").split("\n").length - 1).toBe(sent)
  expect(numbers.toSorted((a, b) => a - b)).toEqual(Array.from({ length: sent }, (_, index) => index))
})

test("a path that cannot be opened anew is said, and the old file is written on", async () => {
  await using gateway = await GatewayProcessUnderTest.start(configuration(1), [
    "--access-log",
    "access.log",
    "--access-log-format",
    "%REQ(:PATH)%",
  ])
  const log = join(gateway.folder, "access.log")
  await rename(log, `${log}.1`)
  await mkdir(log)
  gateway.command.kill("SIGUSR1")
  await gateway.command.waitFor(
    /error access log not reopened, still writing to the old file reason="?cannot open access\.log: EISDIR/,
  )
  await exchangeOnce(gateway.ports.http, "GET /direct HTTP/1.1\r\nHost: a\r\n\r\n")
  expect((await gateway.stop()).code).toBe(0)
  expect(await readFile(`${log}.1`, "utf8")).toBe("/direct\n")
})

test("how often a request was sent, and how its time was spent", async () => {
  let answered = 0
  const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
  await using upstream = ScriptedUpstream.start(async ({ connection }) => {
    answered++
    if (answered < 3) return connection.send("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
    await Bun.sleep(20)
    connection.send(ok)
    await Bun.sleep(20)
    connection.send("ok")
  })
  const retries = "retries: { attempts: 2, retryOn: 5xx, backoff: 1ms }"
  await using gateway = await startGateway(routesTo(upstream.port, retries))
  const client = await RawClient.connect(gateway.port(80))
  client.send("POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 4\r\n\r\nbo")
  await Bun.sleep(20)
  client.send("dy")
  expect((await client.readResponse()).status).toBe(200)
  client.close()
  const { upstreamAttempts, requestDurationMs, responseDurationMs, durationMs } = await gateway.record(0)
  expect(upstreamAttempts).toBe(3)
  expect(requestDurationMs).toBeGreaterThan(0)
  expect(responseDurationMs).toBeGreaterThan(requestDurationMs)
  expect(durationMs).toBeGreaterThan(responseDurationMs)
})

test("what was answered here was sent nowhere, and no service has a time in it", async () => {
  await using gateway = await startGateway(rulesTo(1, "- directResponse: { status: 200 }"))
  expect((await exchangeOnce(gateway.port(80), "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")).status).toBe(200)
  const { upstreamAttempts, requestDurationMs, responseDurationMs } = await gateway.record(0)
  expect([upstreamAttempts, requestDurationMs, responseDurationMs]).toEqual([0, -1, -1])
})

test("a rule's name that is not ASCII is its UTF-8 bytes: in both formats, and in a field", async () => {
  const named = `
- name: "café 日"
  headers: { response: { set: { x-rule: "%ROUTE_NAME%" } } }
  directResponse: { status: 204 }
`
  const logged = async (format: string) => {
    await using gateway = await GatewayProcessUnderTest.start(rulesTo(1, named), ["--access-log-format", format])
    const response = await exchangeOnce(gateway.ports.http, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    expect(response.field("x-rule")).toBe(Buffer.from("café 日").toString("latin1"))
    return (await gateway.stop()).stdout
  }
  expect(await logged("text")).toEndWith(" caf\\xC3\\xA9 \\xE6\\x97\\xA5\n")
  expect(JSON.parse(await logged("json"))).toMatchObject({ route_name: "café 日" })
})
