import { describe, expect, test } from "bun:test"
import {
  compileExample,
  compileRule,
  forwardOf,
  gateway,
  onlyRoute,
  redirectOf,
  routeNames,
  routesOf,
  toWebapp,
  virtualService,
} from "./example-configuration.ts"

describe("match blocks (Istio semantics sheet 2.3)", () => {
  test("each becomes a route in file order, named rule.match", () => {
    const routes = compileRule(`{name: r, match: [{name: m, uri: {exact: /a}}, {uri: {exact: /b}}], ${toWebapp}}`)
    expect(routes.map(({ name }) => name)).toEqual(["r.m", "r"])
  })

  test.each([
    { block: "port: 80", holds: true },
    { block: "port: 81", holds: false },
    { block: "gateways: [edge]", holds: true },
    { block: "gateways: [other/edge]", holds: false },
    { block: "sourceNamespace: default", holds: true },
    { block: "sourceNamespace: other", holds: false },
    { block: "sourceLabels: {app: edge}", holds: true },
    { block: "sourceLabels: {app: other}", holds: false },
    { block: "gateways: [edge], sourceLabels: {app: other}, sourceNamespace: other", holds: true },
  ])("a block with $block is kept: $holds", ({ block, holds }) => {
    const rules = [`{match: [{uri: {exact: /a}, ${block}}], ${toWebapp}}`, `{name: end, ${toWebapp}}`]
    const example = compileExample(gateway({ selector: "{app: edge}" }) + virtualService({ rules }))
    expect(routesOf(example)).toHaveLength(holds ? 2 : 1)
  })

  test("a block with static conditions only is a catch-all", () => {
    const rules = [`{name: first, match: [{port: 80}], ${toWebapp}}`, `{name: dead, ${toWebapp}}`]
    expect(routeNames(compileExample(gateway() + virtualService({ rules })))).toEqual(["first"])
  })

  test("one VirtualService has its own routes on each port", () => {
    const rules = [`{name: plain, match: [{port: 80}], ${toWebapp}}`, `{name: other, ${toWebapp}}`]
    const example = compileExample(
      gateway() + gateway({ name: "second", port: 81 }) + virtualService({ gateways: ["edge", "second"], rules }),
    )
    const chains = example.snapshot.listeners.flatMap(({ filterChains }) => filterChains)
    const names = chains.map((chain) => (chain.kind === "http" ? chain.routes.virtualHosts[0]?.routes[0]?.name : null))
    expect(names).toEqual(["plain", "other"])
  })
})

describe("match fields (Istio semantics sheet 2.4)", () => {
  const match = (block: string) => onlyRoute(compileRule(`{match: [{${block}}], ${toWebapp}}`)).match

  test("paths", () => {
    expect(match("uri: {exact: /A}").path).toEqual({ kind: "exact", value: "/A", ignoreCase: false })
    expect(match("uri: {prefix: ''}").path).toEqual({ kind: "prefix", value: "", ignoreCase: false })
    expect(match("uri: {prefix: /a}, ignoreUriCase: true").path).toEqual({
      kind: "prefix",
      value: "/a",
      ignoreCase: true,
    })
    expect(match("uri: {regex: '/a[0-9]+'}").path).toMatchObject({ kind: "regex", regex: { source: "/a[0-9]+" } })
    expect(match("method: {exact: GET}").path).toEqual({ kind: "any" })
  })

  test("a non-ASCII value is compared by its UTF-8 bytes", () => {
    expect(match('headers: {x: {exact: "é"}}').predicates).toEqual([
      { kind: "header", name: "x", matcher: { kind: "exact", value: "\u00c3\u00a9" }, invert: false },
    ])
  })

  test("header names are lower-cased; {} and regex * mean present; withoutHeaders inverts", () => {
    const block = 'headers: {X-A: {}, x-b: {regex: "*"}, ":path": {prefix: /p}}, withoutHeaders: {X-C: {exact: ""}}'
    expect(match(block).predicates).toEqual([
      { kind: "header", name: "x-a", matcher: { kind: "present" }, invert: false },
      { kind: "header", name: "x-b", matcher: { kind: "present" }, invert: false },
      { kind: "header", name: ":path", matcher: { kind: "prefix", value: "/p" }, invert: false },
      { kind: "header", name: "x-c", matcher: { kind: "exact", value: "" }, invert: true },
    ])
  })

  test("method, authority, scheme and query parameters", () => {
    const block = "queryParams: {q: {exact: '1'}}, scheme: {exact: http}, authority: {prefix: a.}, method: {exact: GET}"
    expect(match(block).predicates).toEqual([
      { kind: "method", matcher: { kind: "exact", value: "GET" } },
      { kind: "authority", matcher: { kind: "prefix", value: "a." } },
      { kind: "scheme", matcher: { kind: "exact", value: "http" } },
      { kind: "query", name: "q", matcher: { kind: "exact", value: "1" } },
    ])
  })

  test("a token claim never matches, its absence always does", () => {
    const claim = '"@request.auth.claims.group": {exact: admin}'
    const rules = [
      `{name: has, match: [{headers: {${claim}}}], ${toWebapp}}`,
      `{name: lacks, match: [{withoutHeaders: {${claim}}}], ${toWebapp}}`,
    ]
    const example = compileExample(gateway() + virtualService({ rules }))
    expect(routeNames(example)).toEqual(["lacks"])
    expect(example.findings.map((finding) => finding.slice(0, 13))).toEqual(["P3012 warning"])
  })
})

describe("destinations and weights (Istio semantics sheet 3.1)", () => {
  const destinations = (route: string) => forwardOf(onlyRoute(compileRule(`{route: [${route}]}`))).destinations

  test("a lone destination ignores its weight, 0 included", () => {
    expect(destinations("{destination: {host: webapp}, weight: 0}")).toMatchObject({
      entries: [{ clusterName: "outbound|80||webapp", weight: 1 }],
      totalWeight: 1,
    })
  })

  test("members of weight 0 are dropped, the others need not sum to 100", () => {
    const target = "destination: {host: webapp}"
    const { entries, totalWeight } = destinations(
      `{${target}, weight: 3}, {${target}, weight: 0}, {${target}, weight: 1}`,
    )
    expect(entries.map(({ weight }) => weight)).toEqual([3, 1])
    expect(totalWeight).toBe(4)
  })
})

describe("rewrite (Istio semantics sheet 3.2)", () => {
  const rewrite = (match: string, uri = "/v2") =>
    forwardOf(onlyRoute(compileRule(`{match: [{${match}}], rewrite: {uri: ${uri}}, ${toWebapp}}`))).pathRewrite

  test("what is replaced follows from the match", () => {
    expect(rewrite("uri: {prefix: /api}")).toEqual({ kind: "prefix", prefixLength: 4, replacement: "/v2" })
    expect(rewrite("uri: {exact: /api}")).toEqual({ kind: "full", replacement: "/v2" })
    expect(rewrite("uri: {regex: '/a.*'}")).toEqual({ kind: "full", replacement: "/v2" })
    expect(rewrite("method: {exact: GET}")).toEqual({ kind: "prefix", prefixLength: 1, replacement: "/v2" })
  })

  test("each match block of a rule has its own", () => {
    const routes = compileRule(`{match: [{uri: {prefix: /a}}, {uri: {exact: /bc}}], rewrite: {uri: /}, ${toWebapp}}`)
    expect(routes.map((route) => forwardOf(route).pathRewrite?.kind)).toEqual(["prefix", "full"])
  })

  test("uriRegexRewrite replaces every occurrence", () => {
    const rule = `{rewrite: {uriRegexRewrite: {match: "/(a+)", rewrite: '/\\1'}}, ${toWebapp}}`
    expect(forwardOf(onlyRoute(compileRule(rule))).pathRewrite).toMatchObject({
      kind: "regex",
      regex: { source: "/(a+)" },
      substitution: "/\\1",
    })
  })

  test("authority alone leaves the path as it is", () => {
    const action = forwardOf(onlyRoute(compileRule(`{rewrite: {authority: b.com}, ${toWebapp}}`)))
    expect(action.hostRewrite).toBe("b.com")
    expect(action.pathRewrite).toBeNull()
  })
})

describe("redirect (Istio semantics sheet 3.3)", () => {
  const redirect = (fields: string) => redirectOf(onlyRoute(compileRule(`{redirect: {${fields}}}`)))

  test("is 301 and changes only what it names", () => {
    expect(redirect("uri: /x")).toEqual({
      kind: "redirect",
      status: 301,
      scheme: null,
      authority: null,
      port: null,
      path: "/x",
      prefixRewrite: null,
    })
  })

  test.each([
    { fields: "port: 8443, scheme: https", port: 8443 },
    { fields: "port: 443, scheme: https", port: null },
    { fields: "port: 80", port: null },
    { fields: "port: 443", port: 443 },
    { fields: "derivePort: FROM_REQUEST_PORT, scheme: https", port: 80 },
    { fields: "derivePort: FROM_REQUEST_PORT, authority: b.com", port: null },
    { fields: "derivePort: FROM_PROTOCOL_DEFAULT, authority: b.com", port: null },
  ])("$fields gives port $port", ({ fields, port }) => {
    expect(redirect(fields).port).toBe(port)
  })

  test("a path without its slash gets one", () => {
    expect(redirect("uri: x").path).toBe("/x")
  })

  test("the status is the rule's", () => {
    expect(redirect("uri: /x, redirectCode: 308").status).toBe(308)
  })

  test("carries the rule's response operations", () => {
    const route = onlyRoute(compileRule("{redirect: {uri: /x}, headers: {response: {remove: [X-A]}}}"))
    expect(route.responseEdits?.remove).toEqual(["x-a"])
  })
})

describe("directResponse (Istio semantics sheet 3.4)", () => {
  test.each([
    { body: 'body: {string: "hé"}', bytes: [0x68, 0xc3, 0xa9] },
    { body: "body: {bytes: aGk=}", bytes: [0x68, 0x69] },
    { body: "", bytes: [] },
  ])("$body", ({ body, bytes }) => {
    const { action } = onlyRoute(compileRule(`{directResponse: {status: 503, ${body}}}`))
    expect(action).toEqual({ kind: "direct-response", status: 503, body: Uint8Array.from(bytes) })
  })
})

test("routes know their rule's place in the file, looked up when asked", () => {
  const [route] = compileRule(`{name: here, ${toWebapp}}`)
  expect(route?.location).toMatchObject({ file: "example.yaml", column: 5 })
  expect(route?.virtualService).toEqual({ namespace: "default", name: "site" })
})
