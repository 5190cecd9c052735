/** What goes upstream: everything the client sent, byte for byte, but for what Istio semantics sheet 4.1 lists. */
import { describe, expect, test } from "bun:test"
import { networkInterfaces } from "node:os"
import { startGateway } from "../harness/gateway-under-test.ts"
import { exchangeOnce, RawClient } from "../harness/raw-client.ts"
import { routesTo } from "../harness/routes-to.ts"
import { ScriptedUpstream, type UpstreamRequest } from "../harness/scripted-upstream.ts"

const hasIpv6 = Object.values(networkInterfaces()).some((addresses) =>
  addresses?.some(({ address }) => address === "::1"),
)
const UUID_V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

/** Sends one request and shows what the service got of it. */
async function upstreamRequestOf(request: string): Promise<UpstreamRequest> {
  await using upstream = ScriptedUpstream.start()
  await using gateway = await startGateway(routesTo(upstream.port))
  expect((await exchangeOnce(gateway.port(80), request)).status).toBe(200)
  return await upstream.request(0)
}

/** A GET of `/` with these lines beside Host. */
function get(...lines: string[]): string {
  return `GET / HTTP/1.1\r\nHost: a.example\r\n${lines.map((line) => `${line}\r\n`).join("")}\r\n`
}

describe("what is valid goes upstream byte for byte", () => {
  test("order, case, spelling and repeats of the fields, and bytes over 0x7f", async () => {
    const lines = [
      "hOsT: a.example",
      "X-B: 1",
      "x-a:2",
      "X-B:  3 ",
      "Cookie: a=b; c=d",
      "COOKIE: e=f",
      "X-Raw: \x80\xff",
    ]
    const head = `GET /a HTTP/1.1\r\n${lines.join("\r\n")}\r\n`
    const { rawText } = await upstreamRequestOf(`${head}\r\n`)
    expect(rawText).toStartWith(head)
  })

  test("and what the gateway says comes after it, in one known form", async () => {
    const { rawText, field } = await upstreamRequestOf(get("X: y"))
    const id = field("x-request-id")
    expect(rawText).toBe(
      "GET / HTTP/1.1\r\nHost: a.example\r\nX: y\r\nx-forwarded-for: 127.0.0.1\r\nx-forwarded-proto: http\r\n" +
        `x-envoy-external-address: 127.0.0.1\r\nx-request-id: ${id}\r\nx-envoy-attempt-count: 1\r\n\r\n`,
    )
  })

  test("the body, whatever its bytes", async () => {
    const body = Buffer.from(Array.from({ length: 512 }, (_, index) => index % 256)).toString("latin1")
    const request = `POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 512\r\n\r\n${body}`
    expect((await upstreamRequestOf(request)).body.toString("latin1")).toBe(body)
  })

  test("a method that nobody knows, in its case", async () => {
    const { startLine } = await upstreamRequestOf("pUrGe /x HTTP/1.1\r\nHost: a.example\r\n\r\n")
    expect(startLine).toBe("pUrGe /x HTTP/1.1")
  })

  const targets: readonly (readonly [sent: string, upstream: string])[] = [
    ["/a/./b/../c", "/a/c"],
    ["/../a", "/a"],
    ["/%7Euser/%41", "/~user/A"],
    ["/a%2Fb%2fc", "/a%2Fb%2fc"],
    ["/a//b", "/a//b"],
    ["/a\\b", "/a/b"],
    ["/a?b=/../c&d=%41", "/a?b=/../c&d=%41"],
    ["/a#fragment", "/a"],
    ["/\xe9", "/%E9"],
    ["http://a.example/b/../c?d", "/c?d"],
    ["http://a.example", "/"],
    ["http://a.example?b", "/?b"],
  ]
  for (const [sent, upstream] of targets) {
    test(`the path is normalised (Istio semantics sheet 2.5): ${JSON.stringify(sent)}`, async () => {
      const { target } = await upstreamRequestOf(`GET ${sent} HTTP/1.1\r\nHost: a.example\r\n\r\n`)
      expect(target).toBe(upstream)
    })
  }

  test("9112 3.2.2: the host of an absolute target replaces Host", async () => {
    const { field, fields } = await upstreamRequestOf("GET http://b.example:81/ HTTP/1.1\r\nHost: a.example\r\n\r\n")
    expect(field("host")).toBe("b.example:81")
    expect(fields.filter(([name]) => name.toLowerCase() === "host")).toHaveLength(1)
  })
})

describe("Istio semantics sheet 4.1: what a client says of itself is not believed", () => {
  test("x-forwarded-for: the peer is appended without a space, values in front stay as they are", async () => {
    const { field, fields } = await upstreamRequestOf(get("X-Forwarded-For: 1.2.3.4, 5.6.7.8", "x-forwarded-for: junk"))
    expect(field("x-forwarded-for")).toBe("1.2.3.4, 5.6.7.8,junk,127.0.0.1")
    expect(fields.filter(([name]) => name.toLowerCase() === "x-forwarded-for")).toHaveLength(1)
  })

  const ipv6Reason = hasIpv6 ? "" : " [skipped: no IPv6 loopback address]"
  test.skipIf(!hasIpv6)(`clients over IPv6 and IPv4 are named by their own addresses${ipv6Reason}`, async () => {
    await using upstream = ScriptedUpstream.start()
    await using gateway = await startGateway(routesTo(upstream.port), { bindAddresses: ["0.0.0.0", "::"] })
    for (const address of ["::1", "127.0.0.1"]) {
      using client = await RawClient.connect(gateway.port(80), address)
      expect((await client.exchange(get())).status).toBe(200)
    }
    expect(upstream.requests.map(({ field }) => field("x-forwarded-for"))).toEqual(["::1", "127.0.0.1"])
    expect((await gateway.record(0)).downstreamRemoteAddress).toMatch(/^\[::1\]:\d+$/)
    expect((await gateway.record(1)).downstreamRemoteAddress).toMatch(/^127\.0\.0\.1:\d+$/)
  })

  test("x-forwarded-proto is overwritten", async () => {
    expect((await upstreamRequestOf(get("X-Forwarded-Proto: https"))).field("x-forwarded-proto")).toBe("http")
  })

  test("x-request-id is replaced by a fresh UUIDv4", async () => {
    const { field } = await upstreamRequestOf(get("X-Request-Id: mine"))
    expect(field("x-request-id")).toMatch(UUID_V4)
  })

  test("x-envoy-external-address, -internal and -attempt-count are the gateway's", async () => {
    const sent = get("X-Envoy-External-Address: 9.9.9.9", "x-envoy-internal: true", "x-envoy-attempt-count: 7")
    const { field } = await upstreamRequestOf(sent)
    expect(field("x-envoy-external-address")).toBe("127.0.0.1")
    expect(field("x-envoy-internal")).toBeNull()
    expect(field("x-envoy-attempt-count")).toBe("1")
  })

  const control =
    "retry-on retry-grpc-on max-retries upstream-alt-stat-name upstream-rq-timeout-ms upstream-rq-per-try-timeout-ms " +
    "upstream-rq-timeout-alt-response expected-rq-timeout-ms force-trace ip-tags retriable-status-codes " +
    "retriable-header-names original-url decorator-operation downstream-service-cluster downstream-service-node " +
    "hedge-on-per-try-timeout peer-metadata peer-metadata-id original-path"
  test("control fields are stripped", async () => {
    const names = control.split(" ").map((name) => `X-Envoy-${name}`)
    const { field } = await upstreamRequestOf(get(...names.map((name) => `${name}: 1`), "X-Envoy-Unknown: kept"))
    expect(names.map((name) => [name, field(name)])).toEqual(names.map((name) => [name, null]))
    expect(field("x-envoy-unknown")).toBe("kept")
  })

  test("4.2: x-forwarded-client-cert is removed where there is no client certificate", async () => {
    const { rawText } = await upstreamRequestOf(
      get("X-Forwarded-Client-Cert: Hash=abc", "x-forwarded-client-cert: By=x"),
    )
    expect(rawText.toLowerCase()).not.toContain("x-forwarded-client-cert")
  })

  test("x-forwarded-host and -port are neither added nor touched", async () => {
    const { field } = await upstreamRequestOf(get("X-Forwarded-Port: 1"))
    expect([field("x-forwarded-host"), field("x-forwarded-port")]).toEqual([null, "1"])
  })
})

describe("9110 7.6.1: what describes one hop ends at it", () => {
  test("Connection, Keep-Alive, Proxy-Connection, Transfer-Encoding, HTTP2-Settings, and what Connection names", async () => {
    const connection = ["Connection: keep-alive, X-Hop", "connection: x-other-hop"]
    const hop = ["Keep-Alive: timeout=5", "Proxy-Connection: keep-alive", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"]
    const { field } = await upstreamRequestOf(get(...connection, ...hop, "X-Hop: 1", "x-oTHER-hop: 2", "X-End: 3"))
    const names = ["connection", "keep-alive", "proxy-connection", "http2-settings", "x-hop", "x-other-hop", "x-end"]
    expect(names.map(field)).toEqual([null, null, null, null, null, null, "3"])
  })

  test("TE goes on only as trailers, and then as a field of this hop", async () => {
    for (const [sent, te] of [
      ["trailers", "trailers"],
      ["gzip;q=0.5, trailers", "trailers"],
      ["Trailers", "trailers"],
      ["gzip", null],
    ] as const) {
      const { field } = await upstreamRequestOf(get("Connection: TE", `TE: ${sent}`))
      expect([field("te"), field("connection")]).toEqual([te, te === null ? null : "TE"])
    }
  })

  test("Istio semantics sheet 4.4: an h2c upgrade is ignored, the request is served as HTTP/1.1", async () => {
    const upgrade = ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"]
    const { field } = await upstreamRequestOf(get(...upgrade))
    expect([field("upgrade"), field("connection"), field("http2-settings")]).toEqual([null, null, null])
  })

  test("Upgrade without Connection: upgrade asks for nothing and is removed", async () => {
    const { field } = await upstreamRequestOf(get("Upgrade: websocket"))
    expect([field("upgrade"), field("connection")]).toEqual([null, null])
  })
})
