import { describe, expect, test } from "bun:test"
import {
  compileExample,
  gateway,
  httpChain,
  routeNames,
  routesOf,
  toWebapp,
  virtualHost,
  virtualHostNames,
  virtualService,
} from "./example-configuration.ts"

const named = (name: string, match = ""): string =>
  `{name: ${name}, ${match === "" ? "" : `match: [${match}], `}${toWebapp}}`

describe("what binds a VirtualService (Istio semantics sheet 1.5)", () => {
  test("without gateways it is never served", () => {
    expect(virtualHostNames(compileExample(gateway() + virtualService({ gateways: [] })))).toEqual(["blackhole:80"])
    expect(virtualHostNames(compileExample(gateway() + virtualService({ gateways: ["mesh"] })))).toEqual([
      "blackhole:80",
    ])
  })

  test("a Gateway that does not exist is an error with the closest name", () => {
    const example = compileExample(gateway() + virtualService({ gateways: ["egde", "edge"] }))
    expect(example.findings).toEqual(["P3001 error VirtualService default/site spec.gateways[0]"])
    expect(example.diagnostics[0]?.hint).toBe('did you mean "default/edge"?')
    expect(virtualHostNames(example)).toEqual(["a.com:80"])
  })

  test("the narrower of two covering hosts becomes the domain", () => {
    const example = compileExample(
      gateway({ hosts: ["*.foo.com", "a.bar.com"] }) + virtualService({ hosts: ["X.foo.com", "*.bar.com"] }),
    )
    expect(virtualHost(example, "a.bar.com:80").domains).toEqual(["a.bar.com", "x.foo.com"])
  })

  test("a host that no server knows is a warning", () => {
    const example = compileExample(
      gateway({ hosts: ["*.foo.com"] }) + virtualService({ hosts: ["a.foo.com", "foo.com"] }),
    )
    expect(example.findings).toEqual(["P3002 warning VirtualService default/site spec.hosts[1]"])
    expect(virtualHostNames(example)).toEqual(["a.foo.com:80"])
  })

  test("a host met by any one Gateway is met", () => {
    const example = compileExample(
      gateway({ hosts: ["a.com"] }) +
        gateway({ name: "other", port: 81, hosts: ["b.com"] }) +
        virtualService({ hosts: ["a.com", "b.com"], gateways: ["edge", "other"] }),
    )
    expect(example.findings).toEqual([])
  })

  test("a short host never matches a request for it", () => {
    const example = compileExample(gateway() + virtualService({ hosts: ["reviews"] }))
    expect(httpChain(example).routes.hosts.find("reviews")).toBeNull()
    expect(httpChain(example).routes.hosts.find("reviews.default.svc.cluster.local")).not.toBeNull()
  })

  test.each([
    { host: "shop/a.com", served: ["shop"] },
    { host: "./a.com", served: ["default"] },
    { host: "*/a.com", served: ["default", "shop"] },
  ])("server host $host takes VirtualServices of $served", ({ host, served }) => {
    const example = compileExample(
      gateway({ hosts: [host] }) +
        virtualService({ name: "a", namespace: "default", rules: [named("default", "{uri: {exact: /a}}")] }) +
        virtualService({ name: "b", namespace: "shop", rules: [named("shop", "{uri: {exact: /b}}")] }),
    )
    expect(routeNames(example)).toEqual(served)
  })

  test.each([
    { exportTo: ["*"], isServed: true },
    { exportTo: ["."], isServed: false },
    { exportTo: ["default"], isServed: true },
    { exportTo: ["other"], isServed: false },
    { exportTo: ["~"], isServed: false },
    { exportTo: [".", "*"], isServed: true },
  ])("exportTo $exportTo seen from the Gateway's namespace", ({ exportTo, isServed }) => {
    const example = compileExample(gateway() + virtualService({ namespace: "shop", exportTo }))
    expect(virtualHostNames(example)).toEqual([isServed ? "a.com:80" : "blackhole:80"])
  })
})

describe("several VirtualServices of one host (Istio semantics sheet 2.1)", () => {
  test("are joined oldest first, then by name", () => {
    const example = compileExample(
      gateway() +
        virtualService({ name: "a", created: "2026-02-01T00:00:00Z", rules: [named("young", "{uri: {exact: /1}}")] }) +
        virtualService({ name: "c", created: "2026-01-01T00:00:00Z", rules: [named("old-c", "{uri: {exact: /2}}")] }) +
        virtualService({ name: "b", created: "2026-01-01T00:00:00Z", rules: [named("old-b", "{uri: {exact: /3}}")] }),
    )
    expect(routeNames(example)).toEqual(["old-b", "old-c", "young"])
    expect(routesOf(example).map(({ index }) => index)).toEqual([0, 1, 2])
  })

  test("private ones come before those exported by name, public ones last", () => {
    const rule = (name: string): string[] => [named(name, "{uri: {exact: /x}}")]
    const example = compileExample(
      gateway() +
        virtualService({ name: "a", rules: rule("public") }) +
        virtualService({ name: "b", namespace: "shop", exportTo: ["default"], rules: rule("by-name") }) +
        virtualService({ name: "c", exportTo: ["."], rules: rule("private") }),
    )
    expect(routeNames(example)).toEqual(["private", "by-name", "public"])
  })

  test("catch-all routes sink to the end in their order", () => {
    const example = compileExample(
      gateway() +
        virtualService({ name: "a", rules: [named("all-a")] }) +
        virtualService({ name: "b", rules: [named("regex-b", "{uri: {regex: '.*'}}")] }) +
        virtualService({
          name: "c",
          rules: [named("exact", "{uri: {exact: /x}}"), named("get", "{method: {exact: GET}}")],
        }) +
        virtualService({ name: "d", rules: [named("slash", "{uri: {prefix: /}, ignoreUriCase: true}")] }),
    )
    expect(routeNames(example)).toEqual(["exact", "get", "all-a", "regex-b", "slash"])
  })

  test("inside one VirtualService generation stops at the first catch-all", () => {
    const example = compileExample(
      gateway() +
        virtualService({
          name: "a",
          rules: [named("first", "{uri: {exact: /x}}, {uri: {prefix: /}}, {uri: {exact: /y}}"), named("dead")],
        }),
    )
    expect(routeNames(example)).toEqual(["first", "first"])
  })

  test("a route object that has another place elsewhere keeps both places right", () => {
    const example = compileExample(
      gateway() +
        virtualService({ name: "a", hosts: ["a.com"], rules: [named("a", "{uri: {exact: /a}}")] }) +
        virtualService({ name: "b", hosts: ["a.com", "b.com"], rules: [named("b", "{uri: {exact: /b}}")] }),
    )
    expect(routesOf(example, "a.com:80").map(({ name, index }) => `${name} ${index}`)).toEqual(["a 0", "b 1"])
    expect(routesOf(example, "b.com:80").map(({ name, index }) => `${name} ${index}`)).toEqual(["b 0"])
  })

  test("a VirtualService whose rules all drop out makes no virtual host", () => {
    const example = compileExample(gateway() + virtualService({ rules: [named("other-port", "{port: 81}")] }))
    expect(virtualHostNames(example)).toEqual(["blackhole:80"])
  })
})

describe("folding (Istio semantics sheet 1.6)", () => {
  test("hosts of one VirtualService are one virtual host, named by the most specific", () => {
    const example = compileExample(gateway() + virtualService({ hosts: ["*.b.com", "a.com", "longer.com"] }))
    expect(virtualHostNames(example)).toEqual(["longer.com:80"])
    expect(virtualHost(example, "longer.com:80").domains).toEqual(["longer.com", "a.com", "*.b.com"])
    expect(example.snapshot.virtualHostCount).toBe(1)
    expect(example.snapshot.routeCount).toBe(1)
  })

  test("hosts that do not agree about TLS stay apart", () => {
    const example = compileExample(
      gateway({ hosts: ["a.com"], server: "tls: {httpsRedirect: true}" }) +
        gateway({ name: "other", hosts: ["b.com"] }) +
        virtualService({ hosts: ["a.com", "b.com"], gateways: ["edge", "other"] }),
    )
    expect(virtualHostNames(example)).toEqual(["a.com:80", "b.com:80"])
  })

  test("virtual hosts are sorted by name", () => {
    const example = compileExample(
      gateway() +
        ["c.com", "a.com", "*"].map((host, index) => virtualService({ name: `v${index}`, hosts: [host] })).join(""),
    )
    expect(virtualHostNames(example)).toEqual(["*:80", "a.com:80", "c.com:80"])
  })
})

describe("httpsRedirect (Istio semantics sheet 1.7)", () => {
  const server = "tls: {httpsRedirect: true}"

  test("holds for hosts with and without a VirtualService", () => {
    const example = compileExample(gateway({ hosts: ["a.com", "b.com"], server }) + virtualService())
    expect(virtualHost(example, "a.com:80")).toMatchObject({ requireTls: true, routes: [{ index: 0 }] })
    expect(virtualHost(example, "b.com:80")).toMatchObject({ requireTls: true, routes: [] })
  })

  test("is never undone by another server of the port", () => {
    const example = compileExample(
      gateway({ name: "a", hosts: ["a.com"], server }) +
        gateway({ name: "b", hosts: ["a.com"] }) +
        virtualService({ gateways: ["a", "b"] }),
    )
    expect(virtualHost(example, "a.com:80").requireTls).toBe(true)
  })

  test("does not answer for a namespaced host that nothing binds to", () => {
    expect(virtualHostNames(compileExample(gateway({ hosts: ["shop/a.com"], server })))).toEqual(["blackhole:80"])
  })
})
