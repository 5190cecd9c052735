/** Rules, rewrites, header operations and weights as requests meet them (Istio semantics sheet 2 and 3). */
import { describe, expect, test } from "bun:test"
import { startGateway } from "../harness/gateway-under-test.ts"
import { exchangeOnce, RawClient } from "../harness/raw-client.ts"
import {
  GATEWAY_YAML,
  routesTo,
  rulesTo,
  SERVICE_HOST,
  serviceYaml,
  virtualServiceYaml,
  yamlOf,
} from "../harness/routes-to.ts"
import { answer, ScriptedUpstream } from "../harness/scripted-upstream.ts"

const ROUTE = `route: [{ destination: { host: ${SERVICE_HOST} } }]`

function get(path: string, ...lines: string[]): string {
  return `GET ${path} HTTP/1.1\r\nHost: a.example\r\n${lines.map((line) => `${line}\r\n`).join("")}\r\n`
}

describe("which rule", () => {
  test("the first rule that matches wins, in the order they are written (2.3)", async () => {
    await using upstream = ScriptedUpstream.start()
    const rules = `
- { name: exact, match: [{ uri: { exact: /a/b } }], ${ROUTE} }
- { name: header, match: [{ uri: { prefix: /a }, headers: { x-canary: { exact: "yes" } } }], ${ROUTE} }
- { name: query, match: [{ queryParams: { v: { exact: "2" } } }], ${ROUTE} }
- { name: regex, match: [{ uri: { regex: "/a/[0-9]+" } }], ${ROUTE} }
- { name: method, match: [{ method: { exact: DELETE } }], ${ROUTE} }
- { name: prefix, match: [{ uri: { prefix: /a } }], ${ROUTE} }
- { name: rest, ${ROUTE} }`
    await using gateway = await startGateway(rulesTo(upstream.port, rules))
    const requests: readonly (readonly [request: string, route: string])[] = [
      [get("/a/b"), "exact"],
      [get("/a/b", "X-Canary: yes"), "exact"],
      [get("/a/c", "X-Canary: yes"), "header"],
      [get("/a/c?v=2"), "query"],
      [get("/a/17"), "regex"],
      [get("/a/17x"), "prefix"],
      [get("/apple"), "prefix"],
      [get("/b").replace("GET", "DELETE"), "method"],
      [get("/x/../a/b"), "exact"],
      [get("/b"), "rest"],
    ]
    for (const [request] of requests) expect((await exchangeOnce(gateway.port(80), request)).status).toBe(200)
    expect(gateway.records.map(({ routeName }) => routeName)).toEqual(requests.map(([, route]) => route))
  })

  test("a host with rules of its own never falls back to the rules of * (2.2)", async () => {
    await using upstream = ScriptedUpstream.start()
    const yaml = yamlOf(
      routesTo(upstream.port),
      virtualServiceYaml("own", ["own.example"], `- { match: [{ uri: { prefix: /x } }], ${ROUTE} }`),
    )
    await using gateway = await startGateway(yaml)
    const status = async (host: string) =>
      (await exchangeOnce(gateway.port(80), get("/").replace("a.example", host))).status
    expect([await status("a.example"), await status("own.example")]).toEqual([200, 404])
  })
})

describe("rewrites (3.2)", () => {
  const rows: readonly (readonly [name: string, match: string, rewrite: string, sent: string, upstream: string])[] = [
    ["a prefix", "{ prefix: /api/ }", "{ uri: / }", "/api/x?q=/api/", "/x?q=/api/"],
    ["a prefix without its slash leaves two", "{ prefix: /api }", "{ uri: / }", "/api/x", "//x"],
    ["a prefix is text, not a segment", "{ prefix: /api }", "{ uri: /v2 }", "/apix", "/v2x"],
    ["an exact path", "{ exact: /a }", "{ uri: /b/c }", "/a?q", "/b/c?q"],
    ["a regex replaces the whole path", '{ regex: "/a/.*" }', "{ uri: /b }", "/a/x/y?q", "/b?q"],
    [
      "a regex rewrite replaces every occurrence",
      "{ prefix: / }",
      '{ uriRegexRewrite: { match: "/([a-z]+)-([a-z]+)", rewrite: "/\\\\2.\\\\1" } }',
      "/ab-cd/ef-gh?ij-kl",
      "/cd.ab/gh.ef?ij-kl",
    ],
  ]
  for (const [name, match, rewrite, sent, expected] of rows) {
    test(name, async () => {
      await using upstream = ScriptedUpstream.start()
      const rule = `- { match: [{ uri: ${match} }], rewrite: ${rewrite}, ${ROUTE} }`
      await using gateway = await startGateway(rulesTo(upstream.port, rule))
      expect((await exchangeOnce(gateway.port(80), get(sent, "X-Envoy-Original-Path: /mine"))).status).toBe(200)
      const { target, field } = await upstream.request(0)
      expect([target, field("x-envoy-original-path")]).toEqual([expected, sent])
      const { path, originalPath } = await gateway.record(0)
      expect([originalPath, path]).toEqual([sent, expected])
    })
  }

  test("the authority", async () => {
    await using upstream = ScriptedUpstream.start()
    await using gateway = await startGateway(
      rulesTo(upstream.port, `- { rewrite: { authority: b.example }, ${ROUTE} }`),
    )
    await exchangeOnce(gateway.port(80), get("/"))
    const { fields } = await upstream.request(0)
    const hosts = fields.filter(([name]) => name.toLowerCase() === "host")
    expect(hosts.map(([, value]) => value)).toEqual(["b.example"])
  })
})

describe("header operations (3.10)", () => {
  test("on the request: remove, then set, then add; framing and hop fields stay the gateway's", async () => {
    await using upstream = ScriptedUpstream.start()
    const rules = `
- headers:
    request:
      remove: [x-gone, x-again]
      set: { x-set: new, x-path: "%REQ(:PATH)%", x-empty: "%REQ(x-none)%" }
      add: { x-again: back, x-more: second }
  rewrite: { uri: /new }
  match: [{ uri: { prefix: /old } }]
  ${ROUTE}`
    await using gateway = await startGateway(rulesTo(upstream.port, rules))
    const lines = ["X-Gone: 1", "x-gone: 2", "X-Set: a", "x-set: b", "X-Again: 1", "X-More: first", "X-Empty: stays"]
    expect((await exchangeOnce(gateway.port(80), get("/old/a", ...lines))).status).toBe(200)
    const { field } = await upstream.request(0)
    expect([field("x-gone"), field("x-set"), field("x-again"), field("x-more")]).toEqual([
      null,
      "new",
      "back",
      "first, second",
    ])
    // 3.2: header operations come before the rewrite. 3.10 (6): an empty value does nothing.
    expect([field("x-path"), field("x-empty")]).toEqual(["/old/a", "stays"])
  })

  test("on the response; server cannot be changed (9)", async () => {
    await using upstream = ScriptedUpstream.start(
      answer("HTTP/1.1 200 OK\r\nX-Gone: 1\r\nX-Set: a\r\nSet-Cookie: a=b\r\nContent-Length: 2\r\n\r\nok"),
    )
    const rules = `
- headers:
    response: { remove: [x-gone], set: { x-set: b, server: mine }, add: { set-cookie: c=d } }
  ${ROUTE}`
    await using gateway = await startGateway(rulesTo(upstream.port, rules))
    const { field, text } = await exchangeOnce(gateway.port(80), get("/"))
    expect([field("x-gone"), field("x-set"), field("set-cookie"), text]).toEqual([null, "b", "a=b, c=d", "ok"])
    expect(field("server")).toBe("portcullis")
  })

  test("a value that brings in what a client sent cannot break the head", async () => {
    await using upstream = ScriptedUpstream.start()
    const rules = `- { headers: { request: { set: { x-copy: "a %REQ(x-raw)% b" } } }, ${ROUTE} }`
    await using gateway = await startGateway(rulesTo(upstream.port, rules))
    await exchangeOnce(gateway.port(80), get("/", "X-Raw: \xe9: %0d%0aX-Evil: 1"))
    const { field } = await upstream.request(0)
    expect([field("x-copy"), field("x-evil")]).toEqual(["a \xe9: %0d%0aX-Evil: 1 b", null])
  })
})

describe("weights and balancing", () => {
  test("two destinations share by weight: 3000 draws of 1 in 4 are within six deviations (3.1)", async () => {
    await using quarter = ScriptedUpstream.start()
    await using rest = ScriptedUpstream.start()
    const yaml = yamlOf(
      GATEWAY_YAML,
      serviceYaml("quarter.example", [quarter.port]),
      serviceYaml("rest.example", [rest.port]),
      virtualServiceYaml(
        "routes",
        ["*"],
        "- route: [{ destination: { host: quarter.example }, weight: 1 }, { destination: { host: rest.example }, weight: 3 }]",
      ),
    )
    await using gateway = await startGateway(yaml)
    const count = 3_000
    using client = await RawClient.connect(gateway.port(80))
    client.send(get("/").repeat(count))
    for (let index = 0; index < count; index++) expect((await client.readResponse()).status).toBe(200)
    expect(quarter.requests.length + rest.requests.length).toBe(count)
    const deviation = Math.sqrt(count * 0.25 * 0.75)
    expect(Math.abs(quarter.requests.length - count * 0.25)).toBeLessThan(6 * deviation)
  })

  test("a weight of 0 beside others is never drawn (3.1)", async () => {
    await using never = ScriptedUpstream.start()
    await using always = ScriptedUpstream.start()
    const yaml = yamlOf(
      GATEWAY_YAML,
      serviceYaml("never.example", [never.port]),
      serviceYaml("always.example", [always.port]),
      virtualServiceYaml(
        "routes",
        ["*"],
        "- route: [{ destination: { host: never.example }, weight: 0 }, { destination: { host: always.example }, weight: 5 }]",
      ),
    )
    await using gateway = await startGateway(yaml)
    using client = await RawClient.connect(gateway.port(80))
    for (let index = 0; index < 50; index++) expect((await client.exchange(get("/"))).status).toBe(200)
    expect([never.requests.length, always.requests.length]).toEqual([0, 50])
  })

  test("least request, the default: an endpoint that hangs on one request gets no second one (6.3)", async () => {
    await using stuck = ScriptedUpstream.start({})
    await using quick = ScriptedUpstream.start()
    const yaml = yamlOf(
      GATEWAY_YAML,
      serviceYaml(SERVICE_HOST, [stuck.port, quick.port]),
      virtualServiceYaml("routes", ["*"], `- ${ROUTE}`),
    )
    await using gateway = await startGateway(yaml)
    using hanging = await RawClient.connect(gateway.port(80))
    while (stuck.requests.length === 0) {
      hanging.send(get("/"))
      await Promise.race([hanging.readHead(), stuck.request(0)])
      if (hanging.peek().length > 0) await hanging.readResponse()
    }
    using client = await RawClient.connect(gateway.port(80))
    const before = quick.requests.length
    for (let count = 0; count < 40; count++) expect((await client.exchange(get("/"))).status).toBe(200)
    expect([stuck.requests.length, quick.requests.length - before]).toEqual([1, 40])
  })
})
