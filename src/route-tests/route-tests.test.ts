import { describe, expect, test } from "bun:test"
import { snapshotOf } from "../explain/explain.fixture.ts"
import { readRouteTests } from "./read-route-tests.ts"
import { renderResults, resultsJunit } from "./render-results.ts"
import { type RouteTestResult, runRouteTests } from "./run-route-tests.ts"

const snapshot = snapshotOf(`
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: edge }
spec: { servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: ["*"] }] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: shop }
spec:
  hosts: [shop.example]
  gateways: [edge]
  http:
    - name: canary
      match: [{ headers: { x-release: { exact: canary } } }]
      timeout: 1500ms
      rewrite: { uri: /new }
      headers: { request: { set: { x-canary: "yes" }, remove: [cookie] } }
      route: [{ destination: { host: catalog, subset: next } }]
    - name: moved
      match: [{ uri: { exact: /old } }]
      redirect: { uri: /new, redirectCode: 302 }
    - route:
        - { destination: { host: catalog, subset: next }, weight: 25 }
        - { destination: { host: cart.example }, weight: 75 }
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: catalog }
spec:
  host: catalog
  subsets: [{ name: next }]
---
apiVersion: v1
kind: Service
metadata: { name: catalog }
spec: { ports: [{ name: http, port: 80 }] }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: catalog-1, labels: { kubernetes.io/service-name: catalog } }
addressType: IPv4
ports: [{ name: http, port: 8080 }]
endpoints: [{ addresses: [10.0.0.1] }]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: cart }
spec:
  hosts: [cart.example]
  resolution: STATIC
  ports: [{ number: 80, name: http, protocol: HTTP }]
  endpoints: [{ address: 10.0.0.2 }]
`)

/** @param request and expect in YAML flow form */
function run(request: string, expectation: string): RouteTestResult {
  const text = `tests:\n  - name: it\n    request: ${request}\n    expect: ${expectation}\n`
  const { value, diagnostics } = readRouteTests([{ path: "it.yaml", text }])
  expect(diagnostics).toEqual([])
  const [result] = runRouteTests(value, snapshot)
  if (result === undefined) throw new Error("no result")
  return result
}

describe("expectations that hold", () => {
  test.each([
    [
      "{ url: http://shop.example/old }",
      "{ rule: moved, virtualHost: 'shop.example:80', virtualService: default/shop }",
    ],
    [
      "{ url: http://shop.example/old }",
      "{ response: { status: 302, headers: { Location: http://shop.example/new } } }",
    ],
    ["{ url: http://shop.example/old }", "{ response: { body: '', headers: { x-none: null } } }"],
    ["{ url: http://other.example/ }", "{ response: { status: 404 } }"],
    ["{ url: http://shop.example:81/ }", "{ connection: closed }"],
    ["{ url: http://shop.example/ }", "{ rule: '', timeout: none }"],
    [
      "{ url: http://shop.example/ }",
      "{ destinations: [{ host: cart.example, weight: 75 }, { host: catalog, port: 80, subset: next, weight: 25 }] }",
    ],
    ["{ url: http://shop.example/, method: POST }", "{ upstream: { method: POST, path: /, host: shop.example } }"],
  ])("%s becomes %s", (request, expectation) => {
    expect(run(request, expectation)).toMatchObject({ passed: true, differences: [], reasons: [] })
  })

  test("a header chooses the rule; path, headers and timeout are what the service sees", () => {
    const expectation =
      "{ rule: canary, timeout: 1.5s, destination: { host: catalog.default.svc.cluster.local, subset: next }, " +
      "upstream: { path: '/newx?a=b', headers: { x-canary: 'yes', cookie: null } } }"
    const request = "{ url: 'http://shop.example/x?a=b', headers: { x-release: canary, cookie: a=b } }"
    expect(run(request, expectation).differences).toEqual([])
  })
})

describe("expectations that do not hold", () => {
  test.each([
    ["{ rule: canary }", "rule", "canary", "moved"],
    ["{ virtualHost: 'other:80' }", "virtualHost", "other:80", "shop.example:80"],
    ["{ response: { status: 301 } }", "response.status", "301", "302"],
    ["{ response: { headers: { location: null } } }", "response.headers.location", "absent", "http://shop.example/new"],
    ["{ response: { headers: { x-a: b } } }", "response.headers.x-a", "b", "absent"],
    ["{ response: { body: hello } }", "response.body", '"hello"', '""'],
    [
      "{ upstream: { path: / } }",
      "upstream",
      "a forwarded request",
      "the gateway answers 302 itself (direct_response)",
    ],
    ["{ destination: { host: catalog } }", "destination", "catalog", "none: the gateway answers 302 itself"],
    ["{ connection: closed }", "connection", "closed", "open"],
    ["{ timeout: 5s }", "timeout", "5s", "none"],
  ])("of a redirect, %s", (expectation, field, expected, actual) => {
    const { passed, differences } = run("{ url: http://shop.example/old }", expectation)
    expect([passed, differences]).toEqual([false, [{ field, expected, actual }]])
  })

  test("a destination without a subset is not one with a subset", () => {
    const { differences } = run(
      "{ url: http://shop.example/, headers: { x-release: canary } }",
      "{ destination: { host: catalog } }",
    )
    expect(differences[0]?.actual).toBe("catalog.default.svc.cluster.local:80 subset next")
  })

  test("one destination is expected, there are two: all are told with their shares", () => {
    const { differences } = run("{ url: http://shop.example/ }", "{ destination: { host: cart.example } }")
    expect(differences[0]?.actual).toBe("catalog.default.svc.cluster.local:80 subset next 25 %, cart.example:80 75 %")
  })

  test("the failure says why the expected rule was passed over, and what matched instead", () => {
    const result = run("{ url: http://shop.example/ }", "{ rule: canary }")
    expect(renderResults([result])).toBe(
      "FAIL  it  it.yaml:2\n      GET http://shop.example/\n      - rule: canary\n      + rule: an unnamed rule (test.yaml:23:7)\n" +
        "      canary was passed over: header x-release is absent  test.yaml:14:7\n" +
        "      an unnamed rule matches: every request  test.yaml:23:7\n",
    )
  })
})

describe("files", () => {
  test.each([
    ["", "this file holds no tests"],
    ["tests: []", "this file holds no tests"],
    ["tests:\n  - { name: a, request: { url: http://a/ }, expect: { rulle: x } }", "unknown field `rulle`"],
    ["tests:\n  - { name: a, request: { url: http://a/ }, expect: {} }", "nothing is expected"],
    ["tests:\n  - { name: a, request: { url: /a }, expect: { rule: x } }", '"/a" names no host'],
    [
      "tests:\n  - { name: a, request: { url: http://a/ }, expect: { timeout: 5 } }",
      "expected text, found the number 5",
    ],
    ["tests:\n  - { name: a, request: { url: http://a/ } }", "the field `expect` is required"],
    [
      "tests:\n  - { name: a, request: { url: http://a/, clientCertificate: a.pem }, expect: { rule: x } }",
      "a client certificate is shown in a TLS handshake, and this URL has none",
    ],
    [
      'tests:\n  - { name: a, request: { url: http://a/, headers: { "a b": x } }, expect: { rule: x } }',
      "`a b` is not the name of a header",
    ],
    ["tests: [", ""],
  ])("%j is an error", (text, message) => {
    const { value, diagnostics } = readRouteTests([{ path: "it.yaml", text }])
    expect(value).toEqual([])
    expect(diagnostics.map(({ severity }) => severity)).toEqual(["error"])
    expect(diagnostics[0]?.message).toContain(message)
  })
})

test("JUnit XML has one suite per file, and nothing in a test can break it", () => {
  const passed: RouteTestResult = {
    name: 'a "quoted" & <odd>\u0000 name',
    file: "a.yaml",
    line: 3,
    request: "GET http://a/",
    passed: true,
    differences: [],
    reasons: [],
  }
  const failed = { ...passed, name: "b", passed: false, differences: [{ field: "rule", expected: "x", actual: "y" }] }
  expect(resultsJunit([passed, failed])).toBe(`<?xml version="1.0" encoding="UTF-8"?>
<testsuites tests="2" failures="1" errors="0" skipped="0">
  <testsuite name="a.yaml" tests="2" failures="1" errors="0" skipped="0">
    <testcase name="a &quot;quoted&quot; &amp; &lt;odd&gt;\u{fffd} name" classname="a.yaml" file="a.yaml" line="3"/>
    <testcase name="b" classname="a.yaml" file="a.yaml" line="3">
      <failure type="difference" message="- rule: x">- rule: x&#10;+ rule: y</failure>
    </testcase>
  </testsuite>
</testsuites>
`)
})
